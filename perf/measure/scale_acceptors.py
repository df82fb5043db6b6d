# ===----------------------------------------------------------------------===#
# Quartermaster: ways to share the accepting, against the number of processes
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""A simulation with a small C program: what 64 workers of a busy service do to the machine, by how they wait."""

import time
from typing import Any

from comparison import client, peers, processes, stopping
from comparison.processes import Failure

from . import command, reporters, stage

LEVELS = [1, 4, 16, 64]
STRATEGIES = ["shared", "exclusive", "shards"]
SECONDS = 1.0
CLIENTS = 16


def measure(products: str) -> list[dict[str, Any]]:
    program = reporters.compile_program("acceptors")
    rows = []
    for level in LEVELS:
        for strategy in STRATEGIES:
            rows.append(_measure_one(f"{products}/bench-accept", program, strategy, level))
            command.say(f"{strategy}, {level} processes: {rows[-1]}")
    return rows


def _measure_one(bench: str, program: str, strategy: str, level: int) -> dict[str, Any]:
    with stage.Scratch("scale") as scratch:
        port = peers.free_ports(1)[0]
        with stopping.held_back():
            command_line = [program, strategy, str(port), str(level)]
            session = processes.start_session(command_line, f"{scratch.directory}/output")
        try:
            processes.wait_until(lambda: len(processes.session_members(session.pid)) == level + 1, 10, "acceptors")
            # Forked is not waiting yet.
            time.sleep(0.1)
            return {"strategy": strategy, "processes": level, **_load(bench, port, session.pid)}
        finally:
            processes.end_session(session)


def _load(bench: str, port: int, leader: int) -> dict[str, float]:
    pids = processes.session_members(leader)
    cpu, switches = _spent(pids)
    arguments = ["storm", "--tcp", f"127.0.0.1:{port}", "--clients", str(CLIENTS), "--preset", "echo",
                 "--duration", str(SECONDS)]
    outcome = client.run(bench, arguments, SECONDS + 30, "acceptors")
    if not outcome.answered:
        raise Failure(f"acceptors: nobody was answered: {outcome}")
    cpu_after, switches_after = _spent(pids)
    return {
        "connection_us": (cpu_after - cpu) * 1e6 / outcome.answered,
        "switches": (switches_after - switches) / outcome.answered,
        "rate": outcome.rate,
        "p99_us": outcome.p99_us,
    }


def _spent(pids: list[int]) -> tuple[float, int]:
    """(CPU seconds, how often they went to sleep) of all; a wake-up for nothing ends in sleep again."""
    sleeps = 0
    for pid in pids:
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            sleeps += next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))
    return sum(processes.cpu_seconds(pid) for pid in pids), sleeps
