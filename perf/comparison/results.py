# ===----------------------------------------------------------------------===#
# Quartermaster: everything a comparison measured, as values and as JSON
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Flat lists of samples, each with its peer and round. Ratios are made of two peers' samples of the same round, which
were taken within seconds of each other, so that what slows the machine for a while slows both."""

import dataclasses
import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .processes import Failure

SCHEMA = 1


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a workload; times in microseconds, those of processors for one operation."""

    load: str
    peer: str
    round: int
    place: int  # the peer was the place-th of its round, from 0
    operations: int
    rate: float
    daemon_us: float
    master_us: float
    client_us: float
    user_share: float
    p50_us: float
    p99_us: float
    failed: int
    refused: int
    lost: int  # datagrams that did not become lines

    @property
    def server_us(self) -> float:
        return self.daemon_us + self.master_us


@dataclasses.dataclass(frozen=True)
class Calls:
    """System calls for one operation, by name."""

    load: str
    peer: str
    daemon: dict[str, float]
    master: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Memory:
    """Of an idle worker of anvil."""

    peer: str
    round: int
    resident_kb: int
    private_kb: int


@dataclasses.dataclass(frozen=True)
class Cold:
    """Until all clients of a cold smtpd were greeted."""

    peer: str
    round: int
    seconds: float
    # Of processors, meanwhile: the daemons' and master's.
    daemon_seconds: float = 0.0
    master_seconds: float = 0.0

    @property
    def server_seconds(self) -> float:
        return self.daemon_seconds + self.master_seconds


@dataclasses.dataclass(frozen=True)
class Instructions:
    """In user space, for one operation, counted. `step` is the duty that the bare loop does beyond those before it."""

    load: str
    peer: str
    step: str
    count: float


@dataclasses.dataclass(frozen=True)
class Spread:
    """The median of some values, the smallest and the largest."""

    median: float
    low: float
    high: float
    count: int

    @staticmethod
    def of(values: Iterable[float]) -> "Spread | None":
        listed = list(values)
        return Spread(statistics.median(listed), min(listed), max(listed), len(listed)) if listed else None


Sample = Run | Memory | Cold


@dataclasses.dataclass
class Results:
    circumstances: dict[str, Any] = dataclasses.field(default_factory=dict)
    runs: list[Run] = dataclasses.field(default_factory=list)
    calls: list[Calls] = dataclasses.field(default_factory=list)
    memory: list[Memory] = dataclasses.field(default_factory=list)
    cold: list[Cold] = dataclasses.field(default_factory=list)
    instructions: list[Instructions] = dataclasses.field(default_factory=list)
    skipped: list[str] = dataclasses.field(default_factory=list)  # what was left out, and why
    remarks: list[str] = dataclasses.field(default_factory=list)  # what did not go as it should

    def _all(self, what: str) -> Sequence[Sample]:
        if what == "memory":
            return self.memory
        return self.cold if what == "cold" else self.runs

    def samples(self, what: str, peer: str) -> list[Sample]:
        """`what` is the key of a load, or `memory`, or `cold`."""
        everything = self._all(what)
        return [each for each in everything if each.peer == peer and getattr(each, "load", what) == what]

    def spread(self, what: str, peer: str, field: str) -> Spread | None:
        return Spread.of(getattr(each, field) for each in self.samples(what, peer))

    def ratios(self, what: str, field: str, peer: str, of: str) -> list[float]:
        """One for each round that has both: `peer`'s figure by that `of` the other."""
        others = {each.round: getattr(each, field) for each in self.samples(what, of)}
        pairs = [(getattr(each, field), others.get(each.round)) for each in self.samples(what, peer)]
        return [mine / other for mine, other in pairs if other]

    def calls_of(self, load: str, peer: str) -> Calls | None:
        return next((each for each in self.calls if (each.load, each.peer) == (load, peer)), None)

    def peers_of(self, what: str) -> list[str]:
        everything = self._all(what)
        return list(dict.fromkeys(each.peer for each in everything if getattr(each, "load", what) == what))

    def save(self, path: str) -> None:
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"schema": SCHEMA} | _rounded(dataclasses.asdict(self)), file, indent=1, ensure_ascii=False)
            file.write("\n")


def _rounded(value: Any) -> Any:
    """Floats with six significant digits: no more were measured."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value


def load_results(path: str) -> Results:
    try:
        with open(path, encoding="utf-8") as file:
            stored = json.load(file)
    except FileNotFoundError:
        raise Failure(f"{path} does not exist: run perf/compare first") from None
    if stored.pop("schema", None) != SCHEMA:
        raise Failure(f"{path} was written by another version: run perf/compare again")
    kinds: dict[str, Callable[..., Any]] = {
        "runs": Run, "calls": Calls, "memory": Memory, "cold": Cold, "instructions": Instructions,
    }
    for name, kind in kinds.items():
        stored[name] = [kind(**each) for each in stored.get(name, [])]
    return Results(**stored)
