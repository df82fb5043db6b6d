# ===----------------------------------------------------------------------===#
# Quartermaster: whether two load programs agree, and if not, why not
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""A ratio is made of two runs of the same round. Two programs agree when the ratios of the rounds lie on both sides of
1 and their median is near it, or when the median is no further from 1 than the programs themselves can be trusted.
Where the ratios lie on both sides of 1 and their median is not near it, the machine was too restless to tell.

With six rounds, ratios that all lie on one side happen by chance once in 32 times."""

import dataclasses
from collections.abc import Callable

from comparison.results import Spread

from .cases import BENCH, Case
from .schedule import Run

# How long a run was is known to some milliseconds of two seconds, which include the start of the program.
TRUSTED = 0.01
# Noise that hides more than this hides too much.
NEAR = 0.05
# In a closed loop, one of the two has no processor left; else another program used the machine.
FULL = 0.9


@dataclasses.dataclass(frozen=True)
class Verdict:
    case: str
    tool: str  # the other one
    ratio: Spread  # of the rates, bench-accept's to the other's
    agrees: bool
    words: str


class Judge:
    def __init__(self, runs: list[Run]):
        self._runs = runs

    def of(self, case: Case, tool: str) -> list[Run]:
        return [run for run in self._runs if (run.case, run.tool) == (case.key, tool)]

    def tools(self, case: Case) -> list[str]:
        return [tool for tool in case.tools if self.of(case, tool)]

    def spread(self, case: Case, tool: str, figure: Callable[[Run], float | None]) -> Spread | None:
        return Spread.of(value for run in self.of(case, tool) if (value := figure(run)) is not None)

    def ratio(self, case: Case, tool: str, figure: Callable[[Run], float | None]) -> Spread | None:
        """bench-accept's figure to that of the other, round by round."""
        others = {run.round: figure(run) for run in self.of(case, tool)}
        pairs = [(figure(run), others.get(run.round)) for run in self.of(case, BENCH)]
        return Spread.of(mine / other for mine, other in pairs if mine and other)

    def pairs(self, case: Case) -> list[str]:
        return [tool for tool in self.tools(case) if tool != BENCH] if self.of(case, BENCH) else []

    def rates(self, case: Case, tool: str) -> Verdict | None:
        ratio = self.ratio(case, tool, lambda run: run.rate)
        if ratio is None:
            return None
        agrees = is_one(ratio)
        if agrees:
            words = "agrees within noise"
        elif ratio.low <= 1 <= ratio.high:
            words = "cannot be told: the rounds spread too widely"
        else:
            words = "differs" + self._reason(case, tool, ratio)
        return Verdict(case.key, tool, ratio, agrees, words)

    def _reason(self, case: Case, tool: str, ratio: Spread) -> str:
        """Who had no processor left says what was measured."""
        if case.is_known:
            return ", although the server set the rate: one of them is wrong"
        slower, faster = (tool, BENCH) if ratio.median > 1 else (BENCH, tool)
        costs, server = (self._median(case, slower, field) for field in ("client_us", "server_us"))
        mine, theirs = (self._median(case, faster, field) for field in ("client_us", "server_us"))
        # Each has a processor of its own, so the one that takes longer for an exchange is waited for.
        if costs > server:
            return (f": {slower} was the limit, not the server: {costs:.1f} µs of its processor for each {case.unit} "
                    f"against the server's {server:.1f}; {faster} takes {mine:.1f}")
        return (f": the server was the limit, at {theirs:.1f} µs a {case.unit} for {faster} "
                f"and {server:.1f} for {slower}")

    def _median(self, case: Case, tool: str, field: str) -> float:
        spread = self.spread(case, tool, lambda run: getattr(run, field))
        return spread.median if spread else 0.0

    def economy(self, case: Case) -> tuple[str, Spread] | None:
        """The most economical other program, and what bench-accept does for a second of processor to what that does."""
        others = [(self._median(case, tool, "client_us"), tool) for tool in self.pairs(case)]
        if not others:
            return None
        tool = min(others)[1]
        ratio = self.ratio(case, tool, lambda run: 1 / run.client_us if run.client_us else None)
        return (tool, ratio) if ratio else None


def disturbed(runs: list[Run], known: set[str]) -> int:
    """Runs at full speed in which neither program nor server had a processor to itself."""
    return sum(max(run.client_busy, run.server_busy) < FULL for run in runs if run.case not in known)


def is_one(ratio: Spread) -> bool:
    return abs(ratio.median - 1) <= (NEAR if ratio.low <= 1 <= ratio.high else TRUSTED)


def is_at_least_one(ratio: Spread) -> bool:
    return ratio.median >= 1 - TRUSTED


def miscounts(runs: list[Run], clients: dict[str, int]) -> list[str]:
    """Runs whose count is not the server's. A program that stops in the middle leaves an answer to each client unread;
    bench-accept finishes what it began."""
    found = []
    for run in runs:
        if run.failed:
            found.append(f"{run.case}, {run.tool}, round {run.round}: {run.failed} failed")
        if run.counted is None:
            continue
        unread = run.counted - run.answered
        if not 0 <= unread <= (0 if run.tool == BENCH else clients[run.case]):
            found.append(f"{run.case}, {run.tool}, round {run.round}: "
                         f"it counts {run.answered}, the server {run.counted}")
    return found
