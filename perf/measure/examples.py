# ===----------------------------------------------------------------------===#
# Quartermaster: the flame graphs that are kept with the sources
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Draws all of perf/results/flamegraphs again, with a page that says what each shows and on what machine."""

import os

from comparison.processes import Failure

from . import command, flames, recording
from .flames import Wish

DIRECTORY = f"{command.RESULTS}/flamegraphs"

# One for each way of looking that a reader can learn from; what they find changes with every commit.
EXAMPLES = [
    (Wish("on-cpu", "worker", "kept"), "anvil answers 50 clients that stay"),
    (Wish("on-cpu", "master", "cold"), "master starts 80 processes"),
    (Wish("off-cpu", "worker", "storm"), "where anvil waits, and where it is pushed aside"),
    (Wish("wakeups", "worker", "storm"), "who wakes anvil"),
    (Wish("allocations", "worker", "kept"), "what anvil allocates for its requests"),
]


def draw_all(machine: recording.Machine, products: str) -> int:
    rows, failed = [], False
    for wish, shows in EXAMPLES:
        name = f"{wish.name()}.svg"
        try:
            outcome = flames.record(wish, machine, products)
            total = sum(outcome.folded.values())
            if total or wish.mode != "allocations":
                flames.draw(f"{DIRECTORY}/{name}", wish, machine, outcome)
                picture = f"[{wish.name()}]({name})"
            else:
                # An empty picture is a result: there is nothing to draw.
                _remove(f"{DIRECTORY}/{name}")
                picture = f"{wish.name()}: none"
            rows.append([picture, shows, f"{total} {wish.unit()}", str(outcome.operations)])
        except Failure as failure:
            failed = True
            command.say(f"failed: {failure}")
            rows.append([wish.name(), shows, f"failed: {failure}", "–"])
    command.write(f"{DIRECTORY}/README.md", _page(rows, machine.remarks()))
    return 1 if failed else 0


def _remove(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)


def _page(rows: list[list[str]], remarks: dict[str, str]) -> str:
    heads = ["Picture", "What it shows", "In it", "Operations meanwhile"]
    lacking = "".join(f"- {mode}: {remark}.\n" for mode, remark in remarks.items())
    return (
        "# Flame graphs\n\n"
        "How to read them: [docs/Flamegraphs.md](../../../docs/Flamegraphs.md). Open a picture by itself in a browser;"
        " a click zooms in.\n\n"
        f"{command.as_list(command.circumstances())}{lacking}\n{command.as_table(heads, rows)}"
    )
