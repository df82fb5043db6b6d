# ===----------------------------------------------------------------------===#
# Quartermaster: where, when and of what something was measured
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

import json
import os
import platform
import subprocess
import time
from typing import Any


def _answer(command: list[str], directory: str = "/") -> str:
    """What the command says, on either stream; empty when it cannot be asked."""
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=20)
        return (done.stdout.strip() or done.stderr.strip()) if done.returncode == 0 else ""
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as information:
        for line in information:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _swift() -> str:
    words = _answer(["swift", "--version"]).split()
    return words[words.index("version") + 1] if "version" in words else ""


def _nio(resolved: str) -> str:
    """The version that SwiftPM noted when it built the echo server."""
    try:
        with open(resolved, encoding="utf-8") as file:
            pins = json.load(file)["pins"]
    except (OSError, ValueError, KeyError):
        return ""
    return next((pin["state"].get("version", "") for pin in pins if pin["identity"] == "swift-nio"), "")


def _versions(scratch: str) -> dict[str, str]:
    found = {
        "Postfix": _answer(["/usr/sbin/postconf", "-d", "-h", "mail_version"]),
        "nginx": _answer(["/usr/sbin/nginx", "-v"]).rpartition("/")[2],
        "SwiftNIO": _nio(f"{scratch}/nio-echo/Package.resolved"),
        "Swift": _swift(),
        "cc": _answer(["cc", "-dumpfullversion"]),
        "libevent": _answer(["dpkg-query", "-W", "-f", "${Version}", "libevent-dev"]),
    }
    return {name: version for name, version in found.items() if version}


def describe(repository: str, command: str) -> dict[str, Any]:
    # The results themselves, and the figures made of them, do not make the tree another one.
    apart = [":!perf/results", ":!README.md"]
    return {
        "machine": _processor(),
        "processors": os.cpu_count(),
        "memory_gib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "versions": _versions(f"{repository}/perf/out"),
        "commit": _answer(["git", "rev-parse", "--short=12", "HEAD"], repository) or "none",
        "local_changes": bool(_answer(["git", "status", "--porcelain", "--", "."] + apart, repository)),
        "command": command,
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def where(facts: dict[str, Any]) -> str:
    """Machine, date and commit in one line, for a plot."""
    changed = " with local changes" if facts["local_changes"] else ""
    return f"{facts['machine']}, {facts['processors']} processors; {facts['date']}; {facts['commit']}{changed}"


def lines(facts: dict[str, Any]) -> list[str]:
    """The same as a Markdown list."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return [
        f"- Machine: {facts['machine']}, {facts['processors']} processors, {facts['memory_gib']:.1f} GiB",
        f"- Kernel: {facts['kernel']}",
        f"- Versions: {versions}",
        f"- Commit: {facts['commit']}{' with local changes' if facts['local_changes'] else ''}",
        f"- Command: `{facts['command']}`",
        f"- Date: {facts['date']}",
    ]
