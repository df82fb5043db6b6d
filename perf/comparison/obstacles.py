# ===----------------------------------------------------------------------===#
# Quartermaster: what the others reach of a target that was missed
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

from . import text
from .results import Results, Spread
from .targets import DUTIES, TARGETS, Target


def _missed(target: Target, results: Results) -> bool:
    value = Spread.of(target.values(results))
    return value is not None and not target.is_met(value.median)


def _row(target: Target, results: Results) -> list[str]:
    def reached(peer: str) -> str:
        value = Spread.of(target.values(results, peer))
        return f"{value.median:.{target.decimals}f}" if value and peer != target.of else text.NONE

    return [f"{target.what}, {target.name}", target.words, *(reached(peer) for peer in ("ours", DUTIES, "bare"))]


def section(results: Results) -> list[str]:
    rows = [_row(target, results) for target in TARGETS if _missed(target, results)]
    if not rows:
        return []
    return [
        "", "## What was missed", "",
        "Where the bare loop, or the bare loop with the same duties, misses a target too, kernel and libevent leave no",
        "room for it on this machine.",
        "", *text.table(["Target", "limit", "ours", DUTIES, "bare loop"], rows),
    ]
