# ===----------------------------------------------------------------------===#
# Quartermaster: figures and tables as Markdown
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

from collections.abc import Iterable

from .results import Results, Spread

NONE = "–"


def table(heads: list[str], rows: Iterable[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def _thousands(value: float) -> str:
    if value < 1000:
        return f"{value / 1000:.3f}"
    return f"{value / 1000:.0f}" if value >= 100_000 else f"{value / 1000:.1f}"


def rate(results: Results, load: str, peer: str, with_spread: bool = True) -> str:
    spread = results.spread(load, peer, "rate")
    if spread is None:
        return NONE
    range_words = f" ({_thousands(spread.low)}–{_thousands(spread.high)})" if with_spread else ""
    return f"{_thousands(spread.median)} k/s{range_words}"


def processor(results: Results, load: str, peer: str) -> str:
    """Of the daemons, and of master where there is one."""
    daemon, master = (results.spread(load, peer, field) for field in ("daemon_us", "master_us"))
    if daemon is None or master is None:
        return NONE
    return f"{daemon.median:.1f} µs" + (f" + {master.median:.1f}" if master.median >= 0.05 else "")


def latency(results: Results, load: str, peer: str) -> str:
    """The 99th percentile."""
    spread = results.spread(load, peer, "p99_us")
    return f"{spread.median:.0f} µs ({spread.low:.0f}–{spread.high:.0f})" if spread else NONE


def memory(results: Results, peer: str) -> str:
    resident, private = (results.spread("memory", peer, field) for field in ("resident_kb", "private_kb"))
    if resident is None or private is None:
        return NONE
    return f"{resident.median / 1024:.1f} MB ({private.median / 1024:.2f} MB)"


def calls(results: Results, load: str, peer: str) -> str:
    counted = results.calls_of(load, peer)
    if counted is None:
        return NONE
    return " + ".join(f"{sum(each.values()):.2f}" for each in (counted.daemon, counted.master) if each)


def cold(results: Results, peer: str) -> str:
    spread = results.spread("cold", peer, "seconds")
    return f"{spread.median:.2f} s ({spread.low:.2f}–{spread.high:.2f})" if spread else NONE


def ratio(results: Results, what: str, field: str, peer: str, of: str, with_spread: bool = True) -> str:
    """The median over the rounds of what `peer` has for each one of the other."""
    spread = Spread.of(results.ratios(what, field, peer, of))
    if spread is None:
        return NONE
    return f"{spread.median:.2f} ×" + (f" ({spread.low:.2f}–{spread.high:.2f})" if with_spread else "")
