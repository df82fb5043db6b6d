# ===----------------------------------------------------------------------===#
# Quartermaster: the figures that docs/Scale.md rests on
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Puts what follows from a whole run between two marks of the page, so that the page never quotes an old run."""

import re
from typing import Any

from comparison.processes import Failure

from . import command
from .figures import Curve, short, signed
from .scale_report import curves

PAGE = f"{command.REPOSITORY}/docs/Scale.md"
BEGIN, END = "<!-- perf/scale: begin -->", "<!-- perf/scale: end -->"


def _million(value: float) -> str:
    return f"{value * 1e6 / 2**30:.1f} GiB"


def _row(results: dict[str, Any], part: str, **wanted: Any) -> dict[str, Any]:
    return next(row for row in results[part] if all(row[name] == value for name, value in wanted.items()))


def _slope(found: list[tuple[str, Curve]], part: str, title: str) -> str:
    curve = next(curve for of, curve in found if of == part and curve.title == title)
    return signed(curve.judged)


def _connections(results: dict[str, Any], found: list[tuple[str, Curve]]) -> list[list[str]]:
    first, last = results["connections"][0], results["connections"][-1]
    user, kernel = last["user_bytes"], last["kernel_bytes"]
    return [
        ["a request, beside 1 idle connection", f"{short(first['request_us'])} µs CPU", ""],
        [f"a request, beside {last['connections']:,} idle connections", f"{short(last['request_us'])} µs CPU",
         f"slope {_slope(found, 'connections', 'CPU of the worker for a request')}"],
        ["an idle connection in the worker", f"{user:.0f} bytes", f"a million: {_million(user)}"],
        ["an idle connection in the kernel, our end", f"{kernel:.0f} bytes", f"a million: {_million(kernel)}"],
    ]


def _master(results: dict[str, Any], found: list[tuple[str, Curve]]) -> list[list[str]]:
    last = results["processes"][-1]
    rows = []
    for column, what in (("report_us", "a report, one child after the other"),
                         ("report_in_burst_us", "a report, a thousand waiting")):
        rows.append([f"{what}, {last['processes']} children", f"{short(last[column])} µs CPU of master",
                     f"one core reads {1e6 / last[column] / 1e3:,.0f},000 a second"])
    rows[0][2] += f"; slope {_slope(found, 'processes', 'CPU of master for a report')}"
    rows.append([
        f"a fork, {last['processes']} children", f"{last['fork_us']:.0f} µs CPU of master",
        f"one core: {1e6 / last['fork_us']:,.0f} a second; one service, one by one: {last['forks_a_second']:,.0f};"
        f" slope {_slope(found, 'processes', 'CPU of master for a fork')}",
    ])
    services = results["services"][-1]
    rows.append([
        f"reload with {services['services']:,} services", f"{services['reload_ms']:.0f} ms",
        f"{services['reload_cpu_ms']:.0f} ms CPU; slope at the end {_slope(found, 'services', 'reload')}",
    ])
    rows.append([
        f"start with {services['services']:,} services", f"{services['start_ms']:.0f} ms",
        f"{services['rss_kb'] / 1024:.1f} MB resident, {services['open_files']:,} descriptors",
    ])
    return rows


def _acceptors(results: dict[str, Any]) -> list[list[str]]:
    names = {"shared": "one listener, all are woken", "exclusive": "one listener, one is woken (`EPOLLEXCLUSIVE`)",
             "shards": "a listener each (`SO_REUSEPORT`)"}
    most = max(row["processes"] for row in results["acceptors"])
    rows = []
    for strategy, title in names.items():
        row = _row(results, "acceptors", strategy=strategy, processes=most)
        rows.append([f"{title}, {most} processes", f"{short(row['connection_us'])} µs CPU a connection",
                     f"{short(row['switches'])} wake-ups a connection, p99 {row['p99_us'] / 1000:.1f} ms"])
    return rows


def block(results: dict[str, Any]) -> str:
    found = curves(results)
    rows = _connections(results, found) + _master(results, found) + _acceptors(results)
    facts = results["circumstances"]
    where = (f"`{facts['command']}` on {facts['machine']}, {facts['processors']} processors, {facts['kernel']},"
             f" commit {facts['commit']}{' with local changes' if facts['local_changes'] else ''}.")
    return f"{where}\n\n{command.as_table(['What', 'Cost', 'Hence'], rows)}"


def update(results: dict[str, Any]) -> None:
    with open(PAGE, encoding="utf-8") as file:
        text = file.read()
    if BEGIN not in text or END not in text:
        raise Failure(f"{PAGE} has no place for the figures: it needs the lines {BEGIN} and {END}")
    pattern = f"{re.escape(BEGIN)}.*?{re.escape(END)}"
    command.write(PAGE, re.sub(pattern, lambda _: f"{BEGIN}\n{block(results)}{END}", text, flags=re.DOTALL))
