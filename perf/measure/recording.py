# ===----------------------------------------------------------------------===#
# Quartermaster: perf record around a piece of work, and what this machine can record
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""perf starts switched off, is switched on when it has attached, and ends when it is told to: nothing is a matter of
how long something takes."""

import os
import platform
import select
import subprocess

from comparison.processes import Failure

# Bytes of the stack that are copied with each sample. Debian's libraries have no frame pointers, so the stack has to be
# unwound by what the compiler wrote about it.
STACK_BYTES = 8192
# The registers of the first three arguments.
ARGUMENTS = {"x86_64": ("%di", "%si", "%dx"), "aarch64": ("%x0", "%x1", "%x2")}


class Machine:
    """What can be recorded here. `without` leaves something out, to see what is done then."""

    def __init__(self, without: list[str]) -> None:
        self.has_counter = "pmu" not in without and self._counts_cycles()
        self.has_tracepoints = "tracepoints" not in without and self._records("sched:sched_switch")
        self.has_probes = (
            "uprobes" not in without
            and self.has_tracepoints
            and platform.machine() in ARGUMENTS
            and os.path.exists("/sys/kernel/tracing/uprobe_events")
        )

    @staticmethod
    def _counts_cycles() -> bool:
        done = subprocess.run(["perf", "stat", "-e", "cycles", "true"], capture_output=True, text=True, check=False)
        return done.returncode == 0 and "<not" not in done.stderr

    @staticmethod
    def _records(event: str) -> bool:
        # perf mounts tracefs itself when the kernel has it.
        done = subprocess.run(["perf", "record", "-q", "-e", event, "-o", "/dev/null", "true"],
                              capture_output=True, check=False)
        return done.returncode == 0

    @property
    def clock(self) -> str:
        return "cycles" if self.has_counter else "cpu-clock"

    def remarks(self) -> dict[str, str]:
        """By the mode, what is not as it could be."""
        found = {}
        if not self.has_counter:
            found["on-cpu"] = (
                "no hardware counter here (a virtual machine?): cpu-clock, a timer, takes the samples; kernel code that"
                " runs with interrupts off is charged to the place that allows them again"
            )
        if not self.has_tracepoints:
            found["off-cpu"] = "no sched tracepoints here: /proc/<pid>/stack is sampled, so the stacks are the kernel's"
            found["wakeups"] = (
                "no sched tracepoints here (the kernel needs CONFIG_FTRACE and tracefs), and nothing else tells who"
                " wakes whom: refused; --mode off-cpu works by sampling"
            )
        if not self.has_probes:
            found["allocations"] = (
                "no uprobes here (CONFIG_UPROBE_EVENTS and tracefs; x86-64 or arm64): refused; for one program of your"
                " own use valgrind --tool=massif or heaptrack"
            )
        return found


class Recording:
    """perf record while the `with` block runs; the data are in `path` afterwards."""

    def __init__(self, path: str, what: list[str], stack_bytes: int = STACK_BYTES) -> None:
        self.path = path
        self.said = ""
        self._what = what
        self._stack_bytes = stack_bytes

    def __enter__(self) -> "Recording":
        told, self._tell = os.pipe()
        self._hear, answers = os.pipe()
        command = ["perf", "record", "-q", "-m", "4M", "--delay=-1", f"--control=fd:{told},{answers}",
                   "--call-graph", f"dwarf,{self._stack_bytes}", "-o", self.path, *self._what]
        self._perf = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, text=True, pass_fds=(told, answers),
                                      start_new_session=True)
        os.close(told)
        os.close(answers)
        try:
            self._command("enable")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._command("disable")
        finally:
            self._end()
        if kind is None and self._perf.returncode not in (0, -2, -15, 130, 143):
            raise Failure(f"perf record ended with status {self._perf.returncode}: {self.said.strip()[-300:]}")

    def _command(self, word: str) -> None:
        try:
            os.write(self._tell, f"{word}\n".encode())
        except BrokenPipeError:
            pass
        answered, _, _ = select.select([self._hear], [], [], 20)
        if not answered or not os.read(self._hear, 16):
            self._end()
            raise Failure(f"perf record does not {word}: {self.said.strip()[-300:] or 'no answer in 20 s'}")

    def _end(self) -> None:
        if self._perf.stderr is None or self._perf.stderr.closed:
            return
        # SIGINT lets perf write what it has.
        if self._perf.poll() is None:
            self._perf.send_signal(2)
        try:
            _, self.said = self._perf.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self._perf.kill()
            _, self.said = self._perf.communicate()
        os.close(self._tell)
        os.close(self._hear)


def _c_library(pid: int) -> str:
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        for line in maps:
            path = line.split()[-1]
            if os.path.basename(path).startswith("libc.so"):
                return path
    raise Failure(f"process {pid} does not use the C library as a shared one: its allocations cannot be probed")


class AllocationProbes:
    """Probes on malloc and its relatives; taken away at the end of the `with` block."""

    def __init__(self, pid: int) -> None:
        first, second, third = ARGUMENTS[platform.machine()]
        self.group = f"qm{os.getpid()}"
        self._library = _c_library(pid)
        self._probes = [
            f"malloc=malloc size={first}:u64",
            f"calloc=calloc count={first}:u64 size={second}:u64",
            f"realloc=realloc size={second}:u64",
            f"aligned_alloc=aligned_alloc size={second}:u64",
            f"posix_memalign=posix_memalign size={third}:u64",
        ]

    def __enter__(self) -> "AllocationProbes":
        command = ["perf", "probe", "-q", "-x", self._library]
        for probe in self._probes:
            command += ["--add", f"{self.group}:{probe}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            self.__exit__()
            raise Failure(f"perf probe on {self._library}: {done.stderr.strip()[-300:]}")
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["perf", "probe", "-q", "--del", f"{self.group}:*"], capture_output=True, timeout=60,
                       check=False)
