# ===----------------------------------------------------------------------===#
# Quartermaster: what has to be reached, and whether it was
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""A verdict goes by the median of the ratios of all rounds. Where only the spread crosses the limit, it says so."""

import dataclasses

from .results import Results, Spread


@dataclasses.dataclass(frozen=True)
class Target:
    """`what` is the key of a load, `memory` or `cold`; `of` the peer that ours is divided by, empty for none."""

    what: str
    field: str
    sign: str
    limit: float
    of: str = ""
    unit: str = ""
    scale: float = 1.0  # what the field is divided by for that unit
    decimals: int = 2

    @property
    def words(self) -> str:
        return f"{self.sign} {self.limit:g}{self._measure}" if self.limit else f"no{self._measure}"

    @property
    def _measure(self) -> str:
        return f" × {self.of}" if self.of else self.unit

    @property
    def name(self) -> str:
        """What is looked at, in a word or two."""
        named = {"server_us": "CPU", "seconds": "time", "p99_us": "p99"}
        return named.get(self.field, self.field.removesuffix("_kb")) + (f" / {self.of}" if self.of else "")

    def values(self, results: Results, peer: str = "ours") -> list[float]:
        """One for each round, in the unit of the limit."""
        if self.field == "calls":
            counted = results.calls_of(self.what, peer)
            return [sum(counted.daemon.values())] if counted else []
        if self.of:
            return results.ratios(self.what, self.field, peer, self.of)
        return [getattr(each, self.field) / self.scale for each in results.samples(self.what, peer)]

    def is_met(self, value: float) -> bool:
        return value >= self.limit if self.sign == "≥" else value <= self.limit

    def score(self, value: float) -> float:
        """1 at the limit, more when better: what the plot of all targets shows."""
        return value / self.limit if self.sign == "≥" else self.limit / value

    def verdict(self, results: Results) -> str:
        value = Spread.of(self.values(results))
        if value is None:
            return f"{self._measure.strip()}: not measured"
        median, low, high = (f"{each:.{self.decimals}f}" for each in (value.median, value.low, value.high))
        words = f"{median}{self._measure}" + (f" ({low}–{high})" if high != low else "")
        if self.is_met(value.median):
            return words + (": met" if self._holds_everywhere(value) else ": met by the median, not in every round")
        # A limit of nothing is missed, not missed by so much.
        by = f" by {abs(value.median / self.limit - 1) * 100:.1f} %" if self.limit else ""
        return f"{words}: **missed{by}**"

    def _holds_everywhere(self, value: Spread) -> bool:
        return self.is_met(value.low) and self.is_met(value.high)


MEGABYTE = 1024.0  # in the kilobytes that /proc gives

DUTIES = "bare + duties"

TARGETS = [
    Target("kept", "rate", "≥", 5.0, "Postfix"),
    Target("kept", "rate", "≥", 0.95, DUTIES),
    Target("storm", "server_us", "≤", 0.4, "Postfix"),
    Target("storm", "rate", "≥", 2.3, "Postfix"),
    Target("storm", "rate", "≥", 0.95, DUTIES),
    Target("tcp", "server_us", "≤", 0.62, "Postfix"),
    Target("tcp", "server_us", "≤", 1.05, DUTIES),
    Target("datagrams", "rate", "≥", 10.0, "Postfix"),
    Target("datagrams", "lost", "≤", 0, unit=" lines lost", decimals=0),
    Target("mail", "rate", "≥", 1.1, "Postfix"),
    Target("mail", "server_us", "≤", 0.95, "Postfix"),
    Target("mixed", "p99_us", "≤", 1.5, "bare"),
    Target("echo", "server_us", "≤", 1.1, "bare"),
    Target("kept", "calls", "≤", 2.2, unit=" calls"),
    Target("tcp", "calls", "≤", 9.0, unit=" calls"),
    Target("datagrams", "calls", "≤", 0.3, unit=" calls"),
    Target("memory", "resident_kb", "≤", 4.4, unit=" MB", scale=MEGABYTE),
    Target("memory", "private_kb", "≤", 0.6, unit=" MB private", scale=MEGABYTE, decimals=3),
    Target("cold", "seconds", "≤", 0.6, "Postfix"),
]


def targets_of(what: str, *fields: str) -> list[Target]:
    return [target for target in TARGETS if target.what == what and target.field in fields]
