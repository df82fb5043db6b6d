# ===----------------------------------------------------------------------===#
# Quartermaster: many workers at once, and their memory
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""A worker serves many clients, so one service would have one worker. Here every worker is a service of its own, and a
client that stays keeps it."""

import dataclasses
import os
from typing import Any

from comparison import peers, processes
from comparison.processes import Failure

from . import command, holding, stage, usage
from .usage import Memory

LEVELS = [1, 10, 100]
MOST = 500


@dataclasses.dataclass(frozen=True)
class Program:
    """A worker, under whose master, and what makes it work once."""

    name: str
    is_ours: bool
    request: bytes

    @property
    def title(self) -> str:
        return f"{'our' if self.is_ours else 'Postfix'} {self.name}"


ANVIL_REQUEST = b"request=connect\nident=perf:127.0.0.1\n\n"


def programs() -> list[Program]:
    ours = [Program("echo", True, b"one line\n"), Program("anvil", True, ANVIL_REQUEST)]
    if not os.path.exists(f"{peers.DEBIAN_DAEMONS}/master"):
        command.say("Postfix is not installed (apt-get install postfix): ours alone")
        return ours
    return [*ours, Program("anvil", False, ANVIL_REQUEST)]


def measure(products: str, program: Program, number: int) -> dict[str, Any]:
    """Means of all workers, and their sums; kilobytes."""
    with stage.Scratch("memory") as scratch, holding.Held() as held:
        lines = [f"w{index} unix - - n - 1 {program.name}" for index in range(number)]
        peer = scratch.ours(products, lines=lines) if program.is_ours else scratch.postfix(lines=lines)
        stage.start(peer)
        for index in range(number):
            _use(held, f"{peer.root}/queue/private/w{index}", program)
        stage.settle(peer.daemons())
        pids = [pid for pid in peer.daemons() if _is_one_of_ours(pid)]
        if len(pids) != number:
            raise Failure(f"{program.title}: {len(pids)} workers instead of {number}; {peer.said()}")
        each = usage.mean([usage.memory(pid) for pid in pids])
        master = peer.master()
        assert master is not None
        return {
            "program": program.title,
            "workers": number,
            "mean_kb": dataclasses.asdict(each),
            "sum_pss_kb": each.pss * number,
            "master_kb": dataclasses.asdict(usage.memory(master)),
        }


def _use(held: holding.Held, path: str, program: Program) -> None:
    """One request, so that the memory that a request needs is there."""
    client = held.connect(path)
    if program.name == "anvil":
        client.recv(256)
    client.sendall(program.request)
    if not client.recv(256):
        raise Failure(f"{program.title} at {path} gives no answer")


def _is_one_of_ours(pid: int) -> bool:
    arguments = processes.arguments_of(pid)
    name = arguments[arguments.index("-n") + 1] if "-n" in arguments else ""
    return name.startswith("w") and name[1:].isdigit()


def _cells(row: dict[str, Any]) -> list[str]:
    each, master = Memory(**row["mean_kb"]), Memory(**row["master_kb"])
    numbers = [each.rss, each.pss, each.private, each.dirty, each.tables, row["sum_pss_kb"], master.rss, master.dirty]
    return [row["program"], str(row["workers"])] + [f"{number:,.0f}" for number in numbers]


def page(results: dict[str, Any]) -> str:
    heads = ["Worker", "Number", "Rss", "Pss", "private", "of it written", "page tables", "Pss of all",
             "master Rss", "of it written"]
    rows = [_cells(row) for row in sorted(results["workers"], key=lambda row: row["program"])]
    return (
        "# Memory of workers\n\n"
        "Kilobytes; means of all workers after one request, each with one client that stays. Rss counts every page in"
        " each process, Pss a page that n processes share as one nth: the sum of Pss is what the machine has less."
        " Private but not written are pages of a file that no other process uses now: a lone worker's program code."
        " Page tables are the kernel's and come on top.\n\n"
        f"{command.as_list(results['circumstances'])}\n{command.as_table(heads, rows)}"
    )
