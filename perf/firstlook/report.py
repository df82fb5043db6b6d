# ===----------------------------------------------------------------------===#
# Quartermaster: the table of the comparison, its targets and its verdicts
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Turns what was measured into one Markdown table; a verdict is only given where every figure it needs exists."""

import os
import platform
import statistics
import subprocess
import time

from .workloads import COLD_CLIENTS, LOADS

PEERS = ("Postfix", "bare", "ours")

RATE_TARGETS = {"kept": (5.0, 0.9), "storm": (2.5, 0.9), "datagrams": (5.0, 0.9)}
PROCESSOR_TARGETS = {"tcp": (0.65, 1.1), "echo": (None, 1.1)}
CALL_TARGETS = {"kept": 3.2, "tcp": 9.0, "datagrams": 0.5}
MEMORY_TARGETS = (6.0, 0.6)
COLD_TARGET = 0.7


class Results:
    """Everything measured, by what it is and by the peer's name."""

    def __init__(self):
        self.runs = {}  # (load key, peer) -> [Run]
        self.calls = {}  # (load key, peer) -> (daemon, master), each by the name of the call
        self.memory = {}  # peer -> (resident kB, private kB)
        self.cold = {}  # peer -> [seconds]
        self.remarks = []

    def median(self, key, peer, field):
        runs = self.runs.get((key, peer))
        return statistics.median(getattr(run, field) for run in runs) if runs else None

    def processor(self, key, peer):
        """Median microseconds per operation, daemon and master together."""
        runs = self.runs.get((key, peer))
        return statistics.median(run.daemon + run.master for run in runs) if runs else None


def _ratio(numerator, denominator):
    return numerator / denominator if numerator is not None and denominator else None


def _verdict(checks):
    """`checks`: (value or None, limit or None, "≥" or "≤", words after the value)."""
    words, missed = [], False
    for value, limit, sign, unit in checks:
        if limit is None:
            continue
        if value is None:
            return "not measured"
        word = f"{value:.2f}{unit}"
        if (value < limit) if sign == "≥" else (value > limit):
            missed = True
            word += f" (**missed by {abs(value / limit - 1) * 100:.0f} %**)"
        words.append(word)
    if not words:
        return "–"
    return ", ".join(words) + ("" if missed else ": met")


def _kilo(rate):
    return f"{rate / 1000:.0f}" if rate >= 100_000 else f"{rate / 1000:.1f}"


def _rate_cell(results, key, peer):
    runs = results.runs.get((key, peer))
    if not runs:
        return "–"
    rates = [run.rate for run in runs]
    return f"{_kilo(statistics.median(rates))} k/s ({_kilo(min(rates))}–{_kilo(max(rates))})"


def _processor_cell(results, key, peer):
    if (key, peer) not in results.runs:
        return "–"
    master = results.median(key, peer, "master")
    return f"{results.median(key, peer, 'daemon'):.1f} µs" + (f" + {master:.1f}" if peer != "bare" else "")


def _load_rows(results):
    for load in LOADS:
        if not any((load.key, peer) in results.runs for peer in PEERS):
            continue
        rates = {peer: results.median(load.key, peer, "rate") for peer in PEERS}
        over_postfix, over_bare = RATE_TARGETS.get(load.key, (None, None))
        target = f"≥ {over_postfix:g} × Postfix, ≥ {over_bare:g} × bare" if over_postfix else "–"
        verdict = _verdict([
            (_ratio(rates["ours"], rates["Postfix"]), over_postfix, "≥", " × Postfix"),
            (_ratio(rates["ours"], rates["bare"]), over_bare, "≥", " × bare"),
        ])
        yield [load.title] + [_rate_cell(results, load.key, peer) for peer in PEERS] + [target, verdict]
        spent = {peer: results.processor(load.key, peer) for peer in PEERS}
        of_postfix, of_bare = PROCESSOR_TARGETS.get(load.key, (None, None))
        wanted = [f"≤ {limit:g} × {name}" for limit, name in ((of_postfix, "Postfix"), (of_bare, "bare")) if limit]
        verdict = _verdict([
            (_ratio(spent["ours"], spent["Postfix"]), of_postfix, "≤", " × Postfix"),
            (_ratio(spent["ours"], spent["bare"]), of_bare, "≤", " × bare"),
        ])
        cells = [_processor_cell(results, load.key, peer) for peer in PEERS]
        yield ["– CPU an operation, daemon + master"] + cells + [", ".join(wanted) or "–", verdict]


def _call_rows(results):
    for load in LOADS:
        if not any((load.key, peer) in results.calls for peer in PEERS):
            continue
        cells = []
        for peer in PEERS:
            calls = results.calls.get((load.key, peer))
            sums = [f"{sum(process.values()):.2f}" for process in calls or [] if process]
            cells.append(" + ".join(sums) or "–")
        limit = CALL_TARGETS[load.key]
        ours = results.calls.get((load.key, "ours"))
        verdict = _verdict([(sum(ours[0].values()) if ours else None, limit, "≤", "")])
        yield [f"system calls: {load.calls_of}, daemon + master"] + cells + [f"≤ {limit:g} in the daemon", verdict]


def _memory_row(results):
    cells = []
    for peer in PEERS:
        sizes = results.memory.get(peer)
        cells.append("–" if sizes is None else f"{sizes[0] / 1024:.1f} MB ({sizes[1] / 1024:.2f} MB)")
    resident, private = results.memory.get("ours", (None, None))
    verdict = _verdict([
        (_ratio(resident, 1024), MEMORY_TARGETS[0], "≤", " MB"),
        (_ratio(private, 1024), MEMORY_TARGETS[1], "≤", " MB private"),
    ])
    target = "≤ {:g} MB (≤ {:g} MB)".format(*MEMORY_TARGETS)
    return ["resident (private) memory of an idle anvil"] + cells + [target, verdict]


def _cold_row(results):
    middle = {peer: statistics.median(times) for peer, times in results.cold.items()}
    cells = []
    for peer in PEERS:
        times = results.cold.get(peer)
        cells.append(f"{middle[peer]:.2f} s ({min(times):.2f}–{max(times):.2f})" if times else "–")
    verdict = _verdict([(_ratio(middle.get("ours"), middle.get("Postfix")), COLD_TARGET, "≤", " × Postfix")])
    title = f"{COLD_CLIENTS} clients at once on a cold `smtpd`, all greeted"
    return [title] + cells + [f"≤ {COLD_TARGET:g} × Postfix (2 cores)", verdict]


def _round_rows(results):
    for (key, peer), runs in results.runs.items():
        for number, run in enumerate(runs, 1):
            yield [
                key, peer, str(number), f"{run.rate:.0f}", f"{run.daemon:.2f}", f"{run.master:.2f}",
                f"{run.user_share * 100:.0f} %", f"{run.slowest:g}",
            ]


def _name_rows(results):
    for (key, peer), calls in results.calls.items():
        for process, names in zip(("daemon", "master"), calls):
            often = sorted(names.items(), key=lambda item: -item[1])
            if often:
                yield [key, peer, process, ", ".join(f"{name} {count:.2f}" for name, count in often if count >= 0.005)]


def _markdown(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def _answer(command, directory):
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=20)
        return done.stdout.strip() if done.returncode == 0 else ""
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _processor_name():
    with open("/proc/cpuinfo", encoding="utf-8") as information:
        for line in information:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _circumstances(repository, command):
    commit = _answer(["git", "rev-parse", "--short=12", "HEAD"], repository) or "none"
    # The results themselves do not make the tree another one.
    changed = _answer(["git", "status", "--porcelain", "--", ".", ":!perf/results"], repository)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return [
        f"- Machine: {_processor_name()}, {os.cpu_count()} processors, {memory:.1f} GiB",
        f"- Kernel: {platform.system()} {platform.release()} {platform.machine()}",
        f"- Postfix: {_answer(['postconf', '-d', '-h', 'mail_version'], '/') or 'unknown'}",
        f"- Commit: {commit}{' with local changes' if changed else ''}",
        f"- Command: `{command}`",
        f"- Date: {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}",
    ]


def render(results, repository, command, rounds, seconds):
    """The whole report as Markdown."""
    rows = list(_load_rows(results)) + list(_call_rows(results))
    if results.memory:
        rows.append(_memory_row(results))
    if results.cold:
        rows.append(_cold_row(results))
    lines = ["# First look: Postfix, a bare loop and ours", ""]
    lines += _circumstances(repository, command)
    lines += [
        "",
        f"Medians of {rounds} rounds of {seconds:g} s (of twice the rounds for the cold start), the peers by turns;",
        "smallest to largest in brackets. CPU is what the servers' processes spent, divided by the operations the",
        "client counted; most of it is the kernel's on their behalf. A bare loop does not parse and has no master, no",
        "limits and no watchdog. System calls are counted under strace, which slows the server, so that more work",
        "waits at each wake-up than without it.",
        "",
    ]
    lines += _markdown(["Work", "Postfix", "bare loop", "ours", "target", "verdict"], rows)
    if results.remarks:
        lines += ["", "## What did not go as it should", ""] + [f"- {remark}" for remark in results.remarks]
    if results.runs:
        heads = ["workload", "peer", "round", "operations/s", "daemon µs", "master µs", "user share", "client p99 µs"]
        lines += ["", "## Every round", ""] + _markdown(heads, _round_rows(results))
    if results.calls:
        heads = ["workload", "peer", "process", "calls an operation"]
        lines += ["", "## System calls by name", ""] + _markdown(heads, _name_rows(results))
    return "\n".join(lines) + "\n"
