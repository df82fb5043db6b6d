# ===----------------------------------------------------------------------===#
# Quartermaster: what a report costs master
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""The program reporter, children of master that report as often as they are told to."""

import dataclasses
import socket
import subprocess

from comparison import processes
from comparison.processes import Failure

from . import command, stage

# Reports of one pair, and of one burst (see reporter.c).
PAIR, BURST = 2, 1000


def compile_program(name: str) -> str:
    """One of the small C programs here; returns where it is."""
    command.need({"cc": "gcc"})
    program = f"{command.OUT}/{name}"
    source = f"{command.PERF}/measure/{name}.c"
    subprocess.run(["mkdir", "-p", command.OUT], check=True)
    flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
    subprocess.run(["cc", *flags, "-o", program, source], check=True, timeout=60)
    return program


@dataclasses.dataclass
class ReportCost:
    """CPU microseconds of master for one report: when children report in turn, and when a thousand come at once."""

    single: float
    burst: float


def _order(clients: list[socket.socket], order: bytes, times: int) -> None:
    """Tells one child after the other; each has done it when it answers."""
    for index in range(times):
        client = clients[index % len(clients)]
        client.sendall(order)
        if client.recv(1) != order:
            raise Failure("a reporter ended in the middle of its work")


def report_cost(master: int, clients: list[socket.socket], pairs: int = 4000, bursts: int = 60) -> ReportCost:
    """`clients` are connected to reporters, one each."""

    def spent(order: bytes, times: int, reports: int) -> float:
        stage.settle([master])
        before = processes.cpu_seconds(master)
        _order(clients, order, times)
        stage.settle([master])
        return (processes.cpu_seconds(master) - before) * 1e6 / (times * reports)

    return ReportCost(single=spent(b"p", pairs, PAIR), burst=spent(b"b", bursts, BURST))
