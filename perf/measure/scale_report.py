# ===----------------------------------------------------------------------===#
# Quartermaster: what perf/scale found, as a page and as a plot
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

from typing import Any

from comparison.circumstances import where

from . import command, figures
from .figures import Curve, short

# A slope that noise can make of a constant cost: 0.1 is a quarter more for each factor of ten.
NOISE = 0.1
# What is done for each of many things may be proportional to their number; a square would be 2.
PROPORTIONAL = 1.25

# Part, column, title, unit, limit of the slope: NOISE for what has to be constant.
CURVES = [
    ("connections", "request_us", "CPU of the worker for a request", "µs", NOISE),
    ("services", "start_ms", "start", "ms", PROPORTIONAL),
    ("services", "start_cpu_ms", "CPU of master until started", "ms", PROPORTIONAL),
    ("services", "reload_ms", "reload", "ms", PROPORTIONAL),
    ("services", "reload_cpu_ms", "CPU of master for a reload", "ms", PROPORTIONAL),
    ("services", "written_kb", "memory that master has written to", "kB", PROPORTIONAL),
    ("services", "report_us", "CPU of master for a report", "µs", NOISE),
    ("processes", "fork_us", "CPU of master for a fork", "µs", NOISE),
    ("processes", "report_us", "CPU of master for a report", "µs", NOISE),
    ("processes", "report_in_burst_us", "the same, a thousand at once", "µs", NOISE),
]

TITLES = {
    "connections": ("Idle connections of one worker, while 50 clients work with it", "idle connections"),
    "services": ("Services in master.cf", "services"),
    "processes": ("Processes of one service", "processes"),
    "acceptors": ("Three ways to share the accepting: CPU of all for a connection", "processes"),
}

# Column of the results, head of the table.
COLUMNS = {
    "connections": [
        ("request_us", "CPU a request, µs"), ("rate", "requests/s"), ("p99_us", "p99, µs"),
        ("user_bytes", "bytes each, worker"), ("kernel_bytes", "bytes each, kernel"),
    ],
    "services": [
        ("start_ms", "start, ms"), ("start_cpu_ms", "CPU, ms"), ("reload_ms", "reload, ms"),
        ("reload_cpu_ms", "CPU, ms"), ("rss_kb", "resident kB"), ("written_kb", "of it written kB"),
        ("open_files", "descriptors"), ("report_us", "CPU a report, µs"), ("report_in_burst_us", "in a burst, µs"),
    ],
    "processes": [
        ("fork_us", "CPU a fork, µs"), ("forks_a_second", "forks/s, one by one"), ("report_us", "CPU a report, µs"),
        ("report_in_burst_us", "in a burst, µs"),
    ],
    "acceptors": [
        ("strategy", "how"), ("connection_us", "CPU a connection, µs"), ("switches", "wake-ups a connection"),
        ("rate", "connections/s"), ("p99_us", "p99, µs"),
    ],
}

NOTES = {
    "connections": "Both ends are on this machine; the kernel's share is that of the worker's end (half of all slab"
    " memory, and what epoll keeps). The last lines count: memory comes in pages and slabs, and small numbers drown in"
    " them.",
    "services": "Start is until anvil on TCP greets, reload until a service that came with it greets its first client."
    " main.cf is not edited meanwhile. A report is TAKEN or AVAIL of one child.",
    "processes": "The children are `perf/measure/reporter.c`, which does nothing but report. A fork is all that master"
    " does for it: the wake-up, the spawn, the first report; the few forks of the first levels follow a pause and find"
    " cold caches. In turn: one child after the other reports AVAIL and TAKEN; in a burst: a thousand records in one"
    " write.",
    "acceptors": "`perf/measure/acceptors.c`: processes that accept, read, write and close, 16 clients at a time."
    " Wake-ups are counted by the sleeps that follow them; who finds the next client waiting does not sleep.",
}


def curves(results: dict[str, Any]) -> list[tuple[str, Curve]]:
    found = []
    for part, column, title, unit, limit in CURVES:
        if part in results:
            points = [(int(row[_number(part)]), float(row[column])) for row in results[part]]
            found.append((part, Curve(title, TITLES[part][1], unit, points, limit, is_constant=limit == NOISE)))
    for strategy in sorted({row["strategy"] for row in results.get("acceptors", [])}):
        rows = [row for row in results["acceptors"] if row["strategy"] == strategy]
        points = [(row["processes"], row["connection_us"]) for row in rows]
        found.append(("acceptors", Curve(strategy, "processes", "µs", points, PROPORTIONAL)))
    return found


def _number(part: str) -> str:
    return "processes" if part == "acceptors" else part


def grows(results: dict[str, Any]) -> bool:
    return any(curve.is_over for _, curve in curves(results))


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.0f}" if value >= 1000 else short(value)


def _table(part: str, rows: list[dict[str, Any]]) -> str:
    heads = [TITLES[part][1]] + [head for _, head in COLUMNS[part]]
    cells = [[f"{row[_number(part)]:,.0f}"] + [_cell(row[column]) for column, _ in COLUMNS[part]] for row in rows]
    return command.as_table(heads, cells)


def page(results: dict[str, Any]) -> str:
    text = f"# Scale\n\n{command.as_list(results['circumstances'])}\n"
    slopes = [
        [TITLES[part][1], curve.title, f"{short(curve.points[0][1])} to {short(curve.points[-1][1])} {curve.unit}",
         figures.signed(curve.slope), figures.signed(curve.end_slope), curve.verdict]
        for part, curve in curves(results)
    ]
    text += (
        "Slope of the logarithms: 0 is a cost that does not depend on the number, 1 one that is proportional to it. At"
        " the end: of the last two numbers, where what is fixed hides less of what grows. What has to be constant is"
        " judged by the whole line, the rest by its end.\n\n"
        + command.as_table(["Against", "Cost", "Smallest to largest number", "Slope", "at the end", "Limit"], slopes)
    )
    if set(TITLES) <= set(results):
        text += "\n![Costs against numbers, both logarithmic](scale.svg)\n"
    for part in TITLES:
        if part in results:
            text += f"\n## {TITLES[part][0]}\n\n{NOTES[part]}\n\n{_table(part, results[part])}"
    return text


def plot(results: dict[str, Any], path: str) -> None:
    panels = []
    for part, (title, axis) in TITLES.items():
        lines = [curve for of, curve in curves(results) if of == part]
        if lines:
            panels.append((title, axis, lines))
    figures.plot(path, where(results["circumstances"]), panels)
    command.say(f"written: {path}")
