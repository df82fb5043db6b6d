# ===----------------------------------------------------------------------===#
# Quartermaster: the plots of a comparison, by gnuplot
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Bars with the spread of all rounds, and every target with every round's distance from it."""

import os
import shutil
import statistics
import subprocess

from .circumstances import where
from .processes import Failure
from .results import Results, Spread
from .targets import TARGETS, Target
from .workloads import LOADS

# File names and what they show.
PLOTS = {
    "rates.svg": "Rates, the bare loop being 1",
    "cpu.svg": "CPU of the servers for one operation",
    "targets.svg": "Every target and every round",
}

# Told apart with any kind of colour vision.
COLOURS = {
    "Postfix": "#d55e00", "bare": "#999999", "bare + duties": "#56b4e9", "SwiftNIO": "#cc79a7", "nginx": "#e69f00",
    "before": "#009e73", "ours": "#0072b2",
}

HEAD = """\
set encoding utf8
set terminal svg size {width},{height} font 'sans-serif,13' background '#ffffff'
set output '{path}'
set title "{title}\\n{where}" noenhanced
set grid ytics back lt 1 lw 1 lc rgb '#dddddd'
set border 3
set tics nomirror
"""

BARS = """\
set style fill solid 1.0 noborder
set key outside right top
set yrange [0:*]
"""

Cell = Spread | None


def _bar_lines(columns: dict[str, dict[str, Cell]], loads: list[str]) -> list[str]:
    """The data and the plot command of grouped bars; `columns` by peer and load. Who does not take part in a workload
    takes no place in its group."""
    lines: list[str] = []
    points: dict[str, list[str]] = {peer: [] for peer in columns}
    for group, load in enumerate(loads):
        cells = [(peer, cell) for peer in columns if (cell := columns[peer].get(load))]
        for index, (peer, cell) in enumerate(cells):
            x = group + 0.2 * (index - (len(cells) - 1) / 2)
            points[peer].append(f"{x:g} {cell.median:g} {cell.low:g} {cell.high:g}")
    parts = []
    for index, peer in enumerate(columns):
        lines += [f"$peer{index} << END", *points[peer], "END"]
        parts.append(f"$peer{index} using 1:2:(0.18) with boxes lc rgb '{COLOURS[peer]}' title '{peer}'")
    for index in range(len(columns)):
        parts.append(f"$peer{index} using 1:3:(0):($4-$3) with vectors nohead lw 1.5 lc rgb '#222222' notitle")
    names = ", ".join(f'"{load}" {group}' for group, load in enumerate(loads))
    lines += [f"set xtics ({names})", f"set xrange [-0.6:{len(loads) - 0.4:g}]"]
    return lines + ["plot " + ", \\\n     ".join(parts)]


def _loads(results: Results) -> list[str]:
    return [load.key for load in LOADS if results.peers_of(load.key)]


def _rates(results: Results) -> str:
    loads = _loads(results)
    columns: dict[str, dict[str, Cell]] = {}
    for peer in COLOURS:
        ratios = {load: Spread.of(results.ratios(load, "rate", peer, "bare")) for load in loads}
        if any(ratios.values()):
            columns[peer] = ratios
    if not columns:
        return ""
    return BARS + "set ylabel 'operations a second, bare loop = 1'\n" + "\n".join(_bar_lines(columns, loads))


def _processor(results: Results) -> str:
    loads = _loads(results)
    columns: dict[str, dict[str, Cell]] = {}
    for peer in COLOURS:
        spreads = {load: results.spread(load, peer, "server_us") for load in loads}
        if any(spreads.values()):
            columns[peer] = spreads
    if not columns:
        return ""
    return BARS + "set ylabel 'µs for one operation, workers and master'\n" + "\n".join(_bar_lines(columns, loads))


def _scores(target: Target, results: Results) -> list[float]:
    """Of every round; a target of 0 has no distance and is not shown."""
    if not target.limit:
        return []
    return [target.score(value) for value in target.values(results) if value > 0]


def _targets(results: Results) -> str:
    scored = [(target, _scores(target, results)) for target in TARGETS]
    scored = [(target, scores) for target, scores in scored if scores]
    if not scored:
        return ""
    points = [f"{index} {score:g}" for index, (_, scores) in enumerate(scored) for score in scores]
    medians = [f"{index} {statistics.median(scores):g}" for index, (_, scores) in enumerate(scored)]
    names = ", ".join(f'"{target.what}: {target.name}" {index}' for index, (target, _) in enumerate(scored))
    return "\n".join([
        "set ylabel 'met from 1 upwards'",
        f"set xrange [-0.6:{len(scored) - 0.4}]",
        "set yrange [0:*]",
        f"set xtics ({names}) rotate by -40",
        "set key outside right top",
        "$rounds << END", *points, "END",
        "$medians << END", *medians, "END",
        "set arrow from graph 0, first 1 to graph 1, first 1 nohead lw 2 lc rgb '#d55e00'",
        "plot $rounds using 1:2 with points pt 7 ps 0.5 lc rgb '#56b4e9' title 'one round', \\",
        "     $medians using 1:2 with points pt 9 ps 1.2 lc rgb '#0072b2' title 'median'",
    ])


def draw(results: Results, directory: str) -> list[str]:
    """Draws what there are figures for into `directory`; returns the names of the files."""
    if not shutil.which("gnuplot"):
        raise Failure("no plots: gnuplot is not installed: apt-get install gnuplot-nox")
    os.makedirs(directory, exist_ok=True)
    drawn = []
    for name, body in (("rates.svg", _rates), ("cpu.svg", _processor), ("targets.svg", _targets)):
        script = body(results)
        if not script:
            continue
        head = HEAD.format(width=960, height=480, path=f"{directory}/{name}", title=PLOTS[name],
                           where=where(results.circumstances))
        done = subprocess.run(["gnuplot"], input=f"{head}{script}\n", capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise Failure(f"gnuplot, {name}: {done.stderr.strip()[-300:]}")
        drawn.append(name)
    return drawn
