# ===----------------------------------------------------------------------===#
# Quartermaster: the pictures of each target, before and after
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""For every target of perf/compare: the programs of before and of after by turns, under the target's work, each first
measured alone and then recorded; a picture of each, their difference, and the same of Postfix and the bare loops. The
page of perf/compare shows what is written here."""

import dataclasses
import json
import os
from collections.abc import Callable
from typing import Any

from comparison import building
from comparison.peers import Peer
from comparison.processes import Failure
from comparison.yardsticks import BarePeer, DutiesPeer

from . import command, drawing, flames, folded, mappings, recording, shares, stage
from .flames import Outcome, Wish

DIRECTORY = f"{command.RESULTS}/flamegraphs/targets"
INDEX = f"{DIRECTORY}/targets.json"

ROUNDS = 3
# Bytes of one picture, which is kept with the sources.
LARGEST = 150_000

WISHES = {
    "kept": Wish("on-cpu", "worker", "kept"),
    "storm": Wish("on-cpu", "worker", "storm"),
    "tcp": Wish("on-cpu", "worker", "tcp"),
    "datagrams": Wish("on-cpu", "worker", "datagrams"),
    "memory": Wish("memory", "worker", "storm"),
    "cold": Wish("on-cpu", "master", "cold"),
}
# Of Postfix everything can be seen; a bare loop has no master and starts nobody.
BESIDE = {
    "Postfix": list(WISHES),
    "bare": ["kept", "storm", "tcp", "datagrams", "memory"],
    "bare + duties": ["kept", "storm", "tcp", "memory"],
}
FILES = {"before": "before", "after": "after", "Postfix": "postfix"}

Maker = Callable[[stage.Scratch], Peer]


@dataclasses.dataclass
class Side:
    """Who is looked at, and what was found."""

    name: str
    make: Maker
    outcomes: list[Outcome] = dataclasses.field(default_factory=list)


def _ours(products: str) -> Maker:
    return lambda scratch: scratch.ours(products)


def _bare(kind: type[BarePeer] | type[DutiesPeer]) -> Maker:
    def make(scratch: stage.Scratch) -> Peer:
        peer = kind(f"{scratch.directory}/bare", building.ensure_bare())
        scratch.peers.append(peer)
        return peer

    return make


def _sides(target: str, before: str, after: str) -> tuple[list[Side], list[Side]]:
    """(ours, by turns; the others, once)."""
    makers = {"Postfix": lambda scratch: scratch.postfix(), "bare": _bare(BarePeer), "bare + duties": _bare(DutiesPeer)}
    others = [Side(name, make) for name, make in makers.items() if target in BESIDE[name]]
    return [Side("before", _ours(before)), Side("after", _ours(after))], others


def _record(target: str, machine: recording.Machine, side: Side, bench: str) -> None:
    wish = WISHES[target]
    command.say(f"{target}, {side.name}")
    side.outcomes.append(flames.record_peer(wish, machine, side.make, bench))


def _figures(wish: Wish, side: Side) -> dict[str, Any]:
    """What goes into the index, and from there onto the page."""
    whole = flames.merged(side.outcomes)
    if wish.mode == "memory":
        # Of one process each; they differ by a page or two.
        last = side.outcomes[-1].folded
        return {"private_kb": [sum(each.folded.values()) for each in side.outcomes], "mappings": mappings.by_name(last)}
    rounded = {name: round(share, 4) for name, share in shares.of(whole.folded).items()}
    samples = {"samples": sum(whole.folded.values()), "shares": rounded}
    if wish.workload == "cold":
        return {"seconds": [round(each.alone.seconds, 4) for each in side.outcomes]} | samples
    runs = [each.alone for each in side.outcomes]
    return {
        "cpu_us": [round(run.server_us, 3) for run in runs],
        "worker_us": [round(run.daemon_us, 3) for run in runs],
        "rate": [round(run.rate) for run in runs],
    } | samples


def _draw(target: str, machine: recording.Machine, sides: list[Side], names: dict[str, str]) -> dict[str, str]:
    """Returns the files by the kind of the picture."""
    wish, made = WISHES[target], {}
    for side in (side for side in sides if side.name in FILES):
        kind = FILES[side.name]
        made[kind] = f"{target}-{kind}.svg"
        whole = side.outcomes[-1] if wish.mode == "memory" else flames.merged(side.outcomes)
        title = f"{names.get(side.name, side.name)}: {flames.title(wish, machine, whole)}"
        drawing.draw(f"{DIRECTORY}/{made[kind]}", title, wish.unit(), flames.COLORS[wish.mode],
                     folded.lines(whole.folded), LARGEST)
    made["diff"] = f"{target}-diff.svg"
    _draw_difference(f"{DIRECTORY}/{made['diff']}", wish, sides, names)
    return made


def _draw_difference(path: str, wish: Wish, sides: list[Side], names: dict[str, str]) -> None:
    before, after = (flames.merged(side.outcomes) for side in sides[:2])
    # Equal cost for an operation gives no colour.
    scale = 1.0 if wish.mode == "memory" else after.operations / before.operations
    title = f"{wish.of} under {wish.workload}, {wish.mode}: {names['before']} to {names['after']}"
    drawing.draw(path, title, wish.unit(), "hot", folded.difference(before.folded, after.folded, scale), LARGEST)


def _target(target: str, machine: recording.Machine, before: str, after: str,
            names: dict[str, str]) -> dict[str, Any]:
    wish = WISHES[target]
    ours, others = _sides(target, before, after)
    bench = f"{after}/bench-accept"
    for number in range(ROUNDS):
        # Nobody is always the first.
        for side in ours[::-1] if number % 2 else ours:
            _record(target, machine, side, bench)
    shown = [*ours]
    for side in others:
        try:
            _record(target, machine, side, bench)
            shown.append(side)
        except Failure as failure:
            command.say(f"without {side.name}: {failure}")
    pictures = _draw(target, machine, shown, names)
    return {"of": wish.of, "mode": wish.mode, "pictures": pictures,
            "sides": {side.name: _figures(wish, side) for side in shown}}


def _known() -> dict[str, Any]:
    try:
        with open(INDEX, encoding="utf-8") as file:
            return json.load(file)["targets"]
    except (FileNotFoundError, KeyError, ValueError):
        return {}


def draw_all(machine: recording.Machine, before: tuple[str, str], after: tuple[str, str], only: list[str]) -> int:
    """`before` and `after`: (name, directory of the programs). Targets that are not among `only` stay as they are."""
    names = {"before": before[0], "after": after[0]}
    found = _known() if set(only) != set(WISHES) else {}
    failed = False
    for target in only:
        try:
            found[target] = _target(target, machine, before[1], after[1], names)
        except Failure as failure:
            failed = True
            command.say(f"failed: {target}: {failure}")
    index = {"circumstances": command.circumstances(), **names, "targets": found}
    command.write(INDEX, json.dumps(index, indent=1, ensure_ascii=False) + "\n")
    for name, target in found.items():
        for side, figures in target["sides"].items():
            kind = next(kind for kind in ("cpu_us", "seconds", "private_kb") if kind in figures)
            print(f"{name}, {side}, {kind}: {', '.join(f'{value:.4g}' for value in figures[kind])}")
    return 1 if failed else 0
