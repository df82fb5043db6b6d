# ===----------------------------------------------------------------------===#
# Quartermaster: what was changed for each target, with the pictures before and after
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""The words are written by hand in changes.md beside this file; pictures and figures are perf/flamegraph's."""

import json
import os
from typing import Any

from . import text
from .results import Results, Spread
from .targets import TARGETS

WORDS = f"{os.path.dirname(os.path.realpath(__file__))}/changes.md"
# Below the directory of the page.
PLACE = "flamegraphs/targets"
INDEX = f"{PLACE}/targets.json"
KINDS = {"before": "before", "after": "after", "diff": "difference", "postfix": "Postfix"}

Pictures = dict[str, Any]


def load_pictures(directory: str) -> Pictures:
    """What `perf/flamegraph --targets` wrote there; empty when it did not."""
    try:
        with open(f"{directory}/{INDEX}", encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def words() -> dict[str, str]:
    """By the key of a target: the paragraph below its heading, `## key`."""
    found: dict[str, str] = {}
    with open(WORDS, encoding="utf-8") as file:
        for part in file.read().split("\n## ")[1:]:
            key, _, paragraph = part.partition("\n")
            found[key.strip()] = " ".join(paragraph.split())
    return found


def median(side: dict[str, Any], field: str) -> float | None:
    spread = Spread.of(side.get(field) or [])
    return spread.median if spread else None


def cost(side: dict[str, Any] | None) -> str:
    """What one side of a target took, in the unit of the target."""
    if not side:
        return text.NONE
    for field, unit, digits in (("cpu_us", "µs", 2), ("seconds", "s", 2), ("private_kb", "kB", 0)):
        value = median(side, field)
        if value is not None:
            return f"{value:.{digits}f} {unit}"
    return text.NONE


def _links(target: dict[str, Any]) -> str:
    made = target.get("pictures", {})
    links = [f"[{words}]({PLACE}/{made[kind]})" for kind, words in KINDS.items() if kind in made]
    return ", ".join(links) or text.NONE


def section(results: Results, pictures: Pictures) -> list[str]:
    keys = list(dict.fromkeys(target.what for target in TARGETS if results.peers_of(target.what)))
    if not keys:
        return []
    said, drawn = words(), pictures.get("targets", {})
    rows = []
    for key in (key for key in keys if key in said or key in drawn):
        target = drawn.get(key, {})
        sides = target.get("sides", {})
        costs = [cost(sides.get(side)) for side in ("before", "after")]
        rows.append([key, said.get(key, text.NONE), _links(target), *costs])
    if not rows:
        return []
    lines = ["", "## What was changed", ""]
    if drawn:
        lines += [f"Flame graphs of `{pictures['before']}` and `{pictures['after']}` under the same work, drawn by"]
        lines += [f"`{pictures['circumstances']['command']}` on {pictures['circumstances']['date']}. Costs are CPU of"]
        lines += ["worker and master for an operation, seconds until all are greeted, or private memory: medians of"]
        lines += ["runs by turns, without a recording beside them.", ""]
    return lines + text.table(["Target", "What was changed", "Pictures", "Before", "After"], rows)
