# ===----------------------------------------------------------------------===#
# Quartermaster: starts, ends and measures the processes of a comparison
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""A peer's first process leads a session of its own, so that everything it forks can be found, measured and ended.

Processes are ended one by one, by pid, and only when they belong to a session that was started here.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable

from . import stopping


class Failure(Exception):
    """Something that could not be measured; the text says what and why."""


def listens(port: int) -> bool:
    """Whether a server listens on that loopback port, seen from /proc so that no connection is made."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in table)


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Polls `condition` until it is true; a `Failure` that names `what` when it does not become true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds:g} s")
        time.sleep(0.01)


def start_session(command: list[str], output_path: str) -> subprocess.Popen[bytes]:
    """Starts `command` as the leader of a new session, its output in a file."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"}
    with open(output_path, "ab") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
        )


def _stat_fields(pid: int | str) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on (field 3), or None when the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def session_members(leader: int) -> list[int]:
    """The living processes of the session that `leader` leads, the leader included."""
    members = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = _stat_fields(entry)
            if fields and fields[0] != "Z" and int(fields[3]) == leader:
                members.append(int(entry))
    return sorted(members)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def end_session(process: subprocess.Popen[bytes]) -> None:
    """Ends the leader, then whatever is left of its session: SIGTERM first, SIGKILL when that does not help."""
    if process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            pass
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in session_members(process.pid):
            _signal(pid, number)
        deadline = time.monotonic() + 5
        while session_members(process.pid) and time.monotonic() < deadline:
            process.poll()
            time.sleep(0.02)
    process.wait(timeout=5)


def arguments_of(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as line:
            return line.read().decode(errors="replace").split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def cpu_seconds(pid: int) -> float:
    """On the processor, of one process with its threads, to the nanosecond."""
    total = 0
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as schedstat:
                total += int(schedstat.read().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return total / 1e9


def memory_kilobytes(pid: int) -> tuple[int, int]:
    """(resident, private) kilobytes of a process; private is what it has written to.

    That is Anonymous, not Private_Dirty: pages of a program that was built a moment ago and has not reached the disk
    count as dirty as well, and nobody has written to them here.
    """
    sizes = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        for line in rollup:
            words = line.split()
            if len(words) == 3 and words[2] == "kB":
                sizes[words[0].rstrip(":")] = int(words[1])
    return sizes["Rss"], sizes["Anonymous"]


def is_traced(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in status)
    except (FileNotFoundError, ProcessLookupError):
        return False


class CallCounter:
    """Counts the system calls of some processes with `strace -c -f -p` while the `with` block runs."""

    def __init__(self, pids: list[int], output_path: str):
        self.pids, self.output_path = pids, output_path
        self.calls: dict[str, int] = {}  # by name

    def __enter__(self) -> "CallCounter":
        command = ["strace", "-c", "-f", "-o", self.output_path]
        for pid in self.pids:
            command += ["-p", str(pid)]
        with stopping.held_back():
            # A session of its own: ^C at the terminal is for us, who detach it.
            self.tracer = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
            )
        try:
            wait_until(lambda: all(is_traced(pid) for pid in self.pids), 10, "strace attached")
        except BaseException:
            self._detach()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._detach()
        with open(self.output_path, encoding="utf-8") as summary:
            for line in summary:
                words = line.split()
                # The last column is the name; the one for errors, before it, may be empty.
                if len(words) >= 5 and words[3].isdigit() and words[-1] != "total":
                    self.calls[words[-1]] = int(words[3])

    def _detach(self) -> None:
        self.tracer.send_signal(signal.SIGINT)
        try:
            self.tracer.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.tracer.kill()
            self.tracer.wait(timeout=10)
