# ===----------------------------------------------------------------------===#
# Quartermaster: runs the load program and reads what it counted
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

import dataclasses
import json
import subprocess
from typing import Any

from .processes import Failure


@dataclasses.dataclass(frozen=True)
class Server:
    """The CPU of the processes that were watched, in seconds: all of them, and those that were named alone."""

    seconds: float
    user_share: float
    named: dict[int, float]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What bench-accept counted in one run, and the processor time it took itself."""

    seconds: float
    opened: int
    answered: int
    refused: int
    failed: dict[str, int]
    p50_us: float
    p99_us: float
    cpu_seconds: float
    server: Server | None

    @property
    def rate(self) -> float:
        return self.answered / self.seconds if self.seconds else 0.0

    @property
    def unaccounted(self) -> int:
        return self.opened - self.answered - self.refused - sum(self.failed.values())


def _of_record(record: dict[str, Any]) -> Outcome:
    """Of a record as docs/bench-accept.schema.json has it: with one run, which is all that is asked for."""
    run = record["runs"][0]
    ledger, generator = run["ledger"], run["generator"]
    total: dict[str, Any] = next((each for each in run["phases"] if each["name"] == "total"), {})
    # Absent in what earlier commits' programs write, which flame graphs of a difference run.
    percentiles: dict[str, int] = total.get("percentiles", {})
    return Outcome(
        seconds=run["seconds"],
        opened=ledger["opened"],
        answered=ledger["answered"],
        refused=ledger["refused"],
        failed=ledger["failed"],
        p50_us=percentiles.get("p50", 0) / 1000,
        p99_us=percentiles.get("p99", 0) / 1000,
        cpu_seconds=generator["userSeconds"] + generator["systemSeconds"],
        server=_of_server(run["server"]) if "server" in run else None,
    )


def _of_server(server: dict[str, Any]) -> Server:
    seconds = server["userSeconds"] + server["systemSeconds"]
    named = {each["pid"]: each["cpuSeconds"] for each in server["named"]}
    return Server(seconds, server["userSeconds"] / seconds if seconds else 0.0, named)


def run(bench: str, arguments: list[str], seconds: float, who: str) -> Outcome:
    """Runs `bench arguments… --json -`; a `Failure` when it does not end within `seconds` or prints no result."""
    try:
        done = subprocess.run(
            [bench, *arguments, "--json", "-"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"{who}: the load program did not end within {seconds:g} s") from None
    try:
        return _of_record(json.loads(done.stdout))
    except (ValueError, KeyError, IndexError):
        raise Failure(f"{who}: load program, status {done.returncode}: {done.stderr.strip()[-300:]}") from None
