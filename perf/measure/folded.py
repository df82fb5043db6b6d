# ===----------------------------------------------------------------------===#
# Quartermaster: from samples to stacks with a weight
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""One function for each kind of flame graph; each returns how much of what belongs to each stack."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable

from .stacks import Sample

Stack = tuple[str, ...]
Folded = Counter[Stack]
Wanted = Callable[[Sample], bool]

_FIELD = re.compile(r"(\w+)=(\S+)")


def on_processor(samples: Iterable[Sample], wanted: Wanted) -> Folded:
    """Samples of the clock or the cycle counter."""
    found: Folded = Counter()
    for sample in samples:
        if sample.frames and wanted(sample):
            found[(sample.name, *sample.frames)] += 1
    return found


def off_processor(samples: Iterable[Sample], wanted: Wanted) -> Folded:
    """Microseconds from leaving the processor until the return, by the stack that left it.

    A process that was pushed aside was ready to run; its time is shown under a frame of its own."""
    found: Folded = Counter()
    left: dict[int, tuple[Stack, float]] = {}
    for sample in samples:
        if not wanted(sample):
            continue
        if sample.event == "sched:sched_switch":
            state = dict(_FIELD.findall(sample.text)).get("prev_state", "")
            # R and R+: runnable, that is, preempted.
            tail = ("(preempted)",) if state.startswith("R") else ()
            left[sample.tid] = ((sample.name, *sample.frames, *tail), sample.seconds)
        elif sample.event == "switch-in" and sample.tid in left:
            stack, since = left.pop(sample.tid)
            found[stack] += round((sample.seconds - since) * 1e6)
    return found


def wakeups(samples: Iterable[Sample], pids: set[int]) -> Folded:
    """How often somebody woke one of `pids`: the stack is that of who woke, the top is who was woken."""
    found: Folded = Counter()
    for sample in samples:
        fields = dict(_FIELD.findall(sample.text))
        if int(fields.get("pid", -1)) in pids:
            found[(*_cause(sample.name, sample.frames), f"(wakes {fields.get('comm', '?')})")] += 1
    return found


def _cause(name: str, frames: list[str]) -> list[str]:
    """An interrupt has nothing to do with what it interrupts."""
    for index, frame in enumerate(frames):
        if frame.startswith(("asm_sysvec_", "asm_common_interrupt")):
            return ["(interrupt)", *frames[index:]]
    return [name, *frames]


def allocations(samples: Iterable[Sample], wanted: Wanted, by_bytes: bool) -> Folded:
    """Calls of malloc and its relatives, or the bytes they asked for. perf prints the probe's fields in decimal."""
    found: Folded = Counter()
    for sample in samples:
        if not wanted(sample) or not sample.frames:
            continue
        fields = dict(_FIELD.findall(sample.text))
        asked = int(fields.get("size", "0"), 0) * int(fields.get("count", "1"), 0)
        found[(sample.name, *sample.frames)] += asked if by_bytes else 1
    return found


def readable(folded: Folded) -> tuple[Folded, str]:
    """The same with Swift's names as people write them, and a remark when that is impossible here."""
    program = shutil.which("swift-demangle")
    if not program:
        return folded, "swift-demangle is not on the PATH: Swift names stay as the linker has them"
    symbols = sorted({frame for stack in folded for frame in stack if frame.startswith("$s")})
    done = subprocess.run([program, "--simplified", "--compact"], input="\n".join(symbols) + "\n",
                          capture_output=True, text=True, timeout=60, check=True)
    names = dict(zip(symbols, done.stdout.splitlines()))
    made: Folded = Counter()
    for stack, weight in folded.items():
        made[tuple(names.get(frame, frame) for frame in stack)] += weight
    return made, ""


def _line(stack: Stack) -> str:
    return ";".join(frame.replace(";", ",") for frame in stack)


def lines(folded: Folded) -> str:
    return "".join(f"{_line(stack)} {weight}\n" for stack, weight in sorted(folded.items()) if weight)


def difference(before: Folded, after: Folded, scale: float) -> str:
    """Two weights a line; `scale` makes the first ones comparable with the second ones."""
    both = sorted(set(before) | set(after))
    return "".join(f"{_line(stack)} {round(before[stack] * scale)} {after[stack]}\n" for stack in both)
