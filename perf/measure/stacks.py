# ===----------------------------------------------------------------------===#
# Quartermaster: reads what perf script prints
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Samples and switches of the processor, as values. Frames are from the outermost caller to the place itself."""

import dataclasses
import os
import re
import subprocess
from collections.abc import Iterable, Iterator

from comparison.processes import Failure

# "anvil 26070/26070  1230.728160: sched:sched_switch: prev_comm=…"; a name may hold blanks.
_HEAD = re.compile(r"^\s*(?P<name>.*?)\s+(?P<pid>-?\d+)/(?P<tid>-?\d+)\s+(?P<time>[\d.]+):\s+(?P<rest>.*)$")
# "	ffffffff821f8b58 __schedule ([kernel.kallsyms])"
_FRAME = re.compile(r"^\s+(?P<address>[0-9a-f]+) (?P<symbol>.*) \((?P<file>.*)\)$")
_UNKNOWN = "[unknown]"


@dataclasses.dataclass
class Sample:
    """One event of perf. `event` is "switch-in" or "switch-out" for the records that have no stack."""

    name: str
    pid: int
    tid: int
    seconds: float
    event: str
    text: str  # the fields of a tracepoint
    frames: list[str]


def script(data: str) -> list[str]:
    """The command that prints a recording in the form read here."""
    return ["perf", "script", "-i", data, "--no-inline", "--show-switch-events",
            "-F", "comm,pid,tid,time,event,trace,ip,sym,dso"]


def read(data: str) -> Iterator[Sample]:
    """All samples of a recording, in the order of time."""
    with subprocess.Popen(script(data), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          encoding="utf-8", errors="replace") as process:
        assert process.stdout is not None
        yield from parse(process.stdout)
    if process.returncode != 0:
        raise Failure(f"perf script ended with status {process.returncode} on {data}")


def parse(lines: Iterable[str]) -> Iterator[Sample]:
    current: Sample | None = None
    for line in lines:
        if frame := _FRAME.match(line):
            if current:
                current.frames.append(_shown(frame["symbol"], frame["file"]))
            continue
        if current:
            yield _finished(current)
            current = None
        if head := _HEAD.match(line):
            current = _begun(head)
    if current:
        yield _finished(current)


def _begun(head: re.Match[str]) -> Sample:
    rest = head["rest"].strip()
    if rest.startswith("PERF_RECORD_SWITCH"):
        event, text = ("switch-in" if " IN" in rest else "switch-out"), ""
    else:
        # Tracepoints are named "group:event:", others "event:".
        parts = re.match(r"(\S+?):(?:\s+(.*))?$", rest)
        event, text = (parts[1], parts[2] or "") if parts else (rest, "")
    return Sample(head["name"], int(head["pid"]), int(head["tid"]), float(head["time"]), event, text, [])


def _shown(symbol: str, file: str) -> str:
    """A frame without a name gets that of its file; without that, it is noise at the end of what was copied."""
    if file.startswith("[kernel") or file.endswith(".ko"):
        return f"{symbol}_[k]"
    if symbol != _UNKNOWN:
        return symbol
    return "" if file == _UNKNOWN else f"[{os.path.basename(file)}]"


def _finished(sample: Sample) -> Sample:
    sample.frames = [frame for frame in reversed(sample.frames) if frame]
    return sample
