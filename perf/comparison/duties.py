# ===----------------------------------------------------------------------===#
# Quartermaster: what the bare loop would pay for the same duties
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""The section of the page on `bare + duties`, the bare loop that parses, counts clients, reports and keeps limits."""

from collections.abc import Iterator

from . import instructions, text
from .results import Results
from .targets import DUTIES
from .workloads import LOADS, load_named

NAME = DUTIES
PEERS = ["bare", NAME, "ours"]
STEPS = {
    "": "the reads and writes alone",
    "parse": "+ finding the request in what was read",
    "table": "+ the table of clients: counts, rates, forgetting",
    "reply": "+ the figures in the reply",
    "state": "+ what a connection has counted, and half requests",
    "status": "+ reports to a master, once a turn",
    "limits": "+ limits, idle time, watchdog: all duties",
}

INTRODUCTION = [
    "`bare + duties` is the bare loop that does in plain C what anvil is for ([perf/bare/bare-duties.c]"
    "(../bare/bare-duties.c) says",
    "what, and what it still leaves out). What it takes more than the bare loop is the price of the duties; what ours",
    "takes more than it is the price of ours.",
]


def _rows(results: Results) -> Iterator[list[str]]:
    for load in LOADS:
        if NAME not in results.peers_of(load.key):
            continue
        cells = [text.rate(results, load.key, peer) for peer in PEERS]
        yield [load.title, *cells, *_ratios(results, load.key, "rate")]
        cells = [text.processor(results, load.key, peer) for peer in PEERS]
        yield ["– CPU an operation, worker + master", *cells, *_ratios(results, load.key, "server_us")]
        if results.calls_of(load.key, NAME):
            cells = [text.calls(results, load.key, peer) for peer in PEERS]
            yield ["– system calls, worker + master", *cells, text.NONE, text.NONE]
    if NAME in results.peers_of("memory"):
        cells = [text.memory(results, peer) for peer in PEERS]
        yield ["resident (private) memory, idle", *cells, *_ratios(results, "memory", "private_kb")]


def _ratios(results: Results, load: str, field: str) -> list[str]:
    return [text.ratio(results, load, field, NAME, "bare"), text.ratio(results, load, field, "ours", NAME)]


def _count(results: Results, load: str, peer: str, step: str) -> float | None:
    found = (each for each in results.instructions if (each.load, each.peer, each.step) == (load, peer, step))
    return next((each.count for each in found), None)


def _number(value: float | None) -> str:
    return text.NONE if value is None else f"{value:,.0f}"


def _difference(value: float | None, before: float | None) -> str:
    return text.NONE if value is None or before is None else f"{value - before:+,.0f}"


def _count_rows(results: Results, loads: list[str]) -> Iterator[list[str]]:
    before = dict.fromkeys(loads, None)
    for step, words in STEPS.items():
        row = [words]
        for load in loads:
            now = _count(results, load, NAME if step else "bare", step)
            row += [_number(now), _difference(now, before[load])]
            before[load] = now
        if any(cell != text.NONE for cell in row[1:]):
            yield row
    row = ["ours, all duties, beside the line above"]
    for load in loads:
        ours = _count(results, load, "ours", "")
        row += [_number(ours), _difference(ours, before[load])]
    yield row


def section(results: Results) -> list[str]:
    rows = list(_rows(results))
    loads = [key for key in instructions.LOADS if any(each.load == key for each in results.instructions)]
    if not rows and not loads:
        return []
    lines = ["", "## What the duties cost", "", *INTRODUCTION]
    if rows:
        heads = ["Work", "bare loop", NAME, "ours", f"{NAME} to bare", f"ours to {NAME}"]
        lines += ["", *text.table(heads, rows)]
    if loads:
        words = "; ".join(f"`{load}`: {load_named(load).title}" for load in loads)
        lines += ["", "Instructions in user space for one operation, counted by callgrind, with nothing of the kernel:"]
        lines += [f"{words}. Each line has one more duty; what it adds is beside it.", ""]
        heads = ["In the worker"]
        for load in loads:
            heads += [load, "more"]
        lines += text.table(heads, _count_rows(results, loads))
    return lines
