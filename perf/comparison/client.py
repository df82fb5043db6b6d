# ===----------------------------------------------------------------------===#
# Quartermaster: runs the load program and reads what it counted
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

import dataclasses
import json
import math
import resource
import subprocess
from typing import Any

from .processes import Failure


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What bench-accept counted in one run, and the processor time it took itself."""

    rate: float
    opened: int
    answered: int
    refused: int
    failed: dict[str, int]
    p50_us: float
    p99_us: float
    cpu_seconds: float = 0.0

    @property
    def unaccounted(self) -> int:
        return self.opened - self.answered - self.refused - sum(self.failed.values())


def _percentile(phase: dict[str, Any], level: float) -> float:
    """In microseconds, of the buckets that a phase is written as."""
    wanted = max(1, math.ceil(level / 100 * sum(count for _, count in phase["buckets"])))
    seen = 0
    for nanoseconds, count in phase["buckets"]:
        seen += count
        if seen >= wanted:
            return min(nanoseconds, phase["maximum"]) / 1000
    return 0.0


def _of_record(record: dict[str, Any]) -> Outcome:
    """Of a record as docs/bench-accept.schema.json has it: one run, as nobody here asks for more."""
    run = record["runs"][0]
    ledger = run["ledger"]
    total = next((phase for phase in run["phases"] if phase["name"] == "total"), {"buckets": [], "maximum": 0})
    return Outcome(
        rate=ledger["answered"] / run["seconds"] if run["seconds"] else 0.0,
        opened=ledger["opened"],
        answered=ledger["answered"],
        refused=ledger["refused"],
        failed=ledger["failed"],
        p50_us=_percentile(total, 50),
        p99_us=_percentile(total, 99),
    )


def _own_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(bench: str, arguments: list[str], seconds: float, who: str) -> Outcome:
    """Runs `bench arguments… --json -`; a `Failure` when it does not end within `seconds` or prints no result."""
    before = _own_seconds()
    try:
        done = subprocess.run(
            [bench] + arguments + ["--json", "-"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"{who}: the load program did not end within {seconds:g} s") from None
    try:
        counted = json.loads(done.stdout)
        outcome = _of_record(counted)
    except (ValueError, KeyError, IndexError):
        raise Failure(f"{who}: load program, status {done.returncode}: {done.stderr.strip()[-300:]}") from None
    return dataclasses.replace(outcome, cpu_seconds=_own_seconds() - before)
