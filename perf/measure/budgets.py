# ===----------------------------------------------------------------------===#
# Quartermaster: budgets of system calls, and what is spent
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""perf/results/syscalls.json has, for each workload and process, the most calls an operation may take: in all
("total"), by name, and for each name that is not mentioned ("others")."""

import dataclasses
import json
from typing import Any

from comparison import peers, workloads
from comparison.processes import Failure

from . import command

PATH = f"{command.RESULTS}/syscalls.json"
# Calls that are counted nowhere: they happen once, when strace stops a process in the middle of one.
BETWEEN = {"restart_syscall"}
# Operations under strace, enough to drown what happens once.
OPERATIONS = {"storm": 3000, "echo": 3000, "alone": 3000}

Table = dict[str, dict[str, dict[str, float]]]


@dataclasses.dataclass
class Check:
    """One line of the budget beside what was measured."""

    workload: str
    process: str
    call: str
    measured: float
    budget: float

    @property
    def is_over(self) -> bool:
        return self.measured > self.budget


def read() -> Table:
    with open(PATH, encoding="utf-8") as file:
        try:
            table: Table = json.load(file)["budgets"]
            return table
        except (ValueError, KeyError) as error:
            raise Failure(f"{PATH} is no table of budgets: {error!r}") from None


def _load(name: str) -> workloads.Load:
    if name == "alone":
        kept = workloads.load_named("kept")
        return dataclasses.replace(kept, key=name, options=["--clients", "1", "--preset", "anvil"],
                                   counted=OPERATIONS[name])
    load = workloads.load_named(name)
    return dataclasses.replace(load, counted=OPERATIONS.get(name, load.counted))


def measure(bench: str, peer: peers.Peer, name: str, directory: str) -> dict[str, dict[str, float]]:
    """Calls for an operation by process ("worker", "master") and name."""
    worker, master = workloads.count_calls(bench, _load(name), peer, directory)
    both = {"worker": worker, "master": master}
    return {process: {call: count for call, count in calls.items() if call not in BETWEEN}
            for process, calls in both.items()}


def compare(name: str, budget: dict[str, dict[str, float]], measured: dict[str, dict[str, float]]) -> list[Check]:
    checks = []
    for process, limits in budget.items():
        calls = measured[process]
        checks.append(Check(name, process, "total", sum(calls.values()), limits["total"]))
        for call in sorted(set(calls) | set(limits) - {"total", "others"}, key=lambda call: -calls.get(call, 0.0)):
            checks.append(Check(name, process, call, calls.get(call, 0.0), limits.get(call, limits["others"])))
    return checks


def _rows(checks: list[Check], worth: float) -> list[list[str]]:
    rows = []
    for check in checks:
        if check.call == "total" or check.is_over or check.measured >= worth:
            verdict = "**over**" if check.is_over else "met"
            name = f"**{check.call}**" if check.call == "total" else check.call
            rows.append([check.workload, check.process, name, f"{check.measured:.3f}", f"{check.budget:g}", verdict])
    return rows


HEADS = ["Workload", "Process", "Call", "For an operation", "Budget", ""]


def summary(checks: list[Check]) -> str:
    rows = [[word.replace("**", "") for word in row] for row in [HEADS, *_rows(checks, 0.01)]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    return "".join("  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() + "\n" for row in rows)


def page(checks: list[Check], circumstances: dict[str, Any]) -> str:
    return (
        "# System calls\n\n"
        "Counted with strace, for one operation of the workload; names under 0.01 are left out. The budgets are in"
        " [syscalls.json](syscalls.json); `perf/syscalls` fails when one is not met, also by a call that is not named"
        " there. `alone` is a kept request with one client: a wake-up and two reports for each request.\n\n"
        f"{command.as_list(circumstances)}\n{command.as_table(HEADS, _rows(checks, 0.01))}"
    )
