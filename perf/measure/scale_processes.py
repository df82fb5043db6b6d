# ===----------------------------------------------------------------------===#
# Quartermaster: cost against the number of processes of a service
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

import time
from typing import Any

from comparison import processes

from . import command, holding, reporters, stage

LEVELS = [1, 5, 20, 50, 100, 200, 500]
SERVICE = "held"
# The first forks of a master read its own pages in; they are made before, for another service.
WARM_UP = 20


def measure(products: str) -> list[dict[str, Any]]:
    """One row a level: CPU of master for a fork and for a report, while that many children live."""
    rows = []
    with stage.Scratch("scale") as scratch, holding.Held() as held:
        services = [f"{SERVICE} unix - n n - {LEVELS[-1]} reporter", f"warm unix - n n - {WARM_UP} reporter"]
        peer = scratch.ours(products, lines=services)
        stage.install(peer, reporters.compile_program("reporter"))
        stage.start(peer)
        master = peer.master()
        assert master is not None
        with holding.Held() as first:
            for _ in range(WARM_UP):
                first.greeted(f"{peer.root}/queue/private/warm")
        for level in LEVELS:
            more = level - len(held.clients)
            stage.settle([master])
            before, began = processes.cpu_seconds(master), time.monotonic()
            # One after the other: a busy child is asked for, born and greets before the next client comes.
            for _ in range(more):
                held.greeted(f"{peer.root}/queue/private/{SERVICE}")
            took = time.monotonic() - began
            stage.settle([master])
            forks = (processes.cpu_seconds(master) - before) * 1e6 / more
            cost = reporters.report_cost(master, held.clients)
            rows.append({
                "processes": level,
                "fork_us": forks,
                "forks_a_second": more / took,
                "report_us": cost.single,
                "report_in_burst_us": cost.burst,
            })
            command.say(f"{level} processes: {rows[-1]}")
    return rows
