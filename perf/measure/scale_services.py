# ===----------------------------------------------------------------------===#
# Quartermaster: cost against the number of services in master.cf
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

import os
import signal
import time
from typing import Any

from comparison import peers, processes
from comparison.processes import Failure

from . import command, holding, reporters, stage
from .usage import memory

LEVELS = [1, 10, 100, 300, 1000]


def _age(peer: peers.Peer) -> None:
    """master waits until a main.cf that was written a moment ago has settled; that is not what is measured."""
    then = time.time() - 60
    for name in ("main.cf", "master.cf"):
        os.utime(f"{peer.root}/etc/{name}", (then, then))


def measure(products: str) -> list[dict[str, Any]]:
    program = reporters.compile_program("reporter")
    rows = []
    for level in LEVELS:
        rows.append(_measure_one(products, program, level))
        command.say(f"{level} services: {rows[-1]}")
    return rows


def _measure_one(products: str, program: str, level: int) -> dict[str, Any]:
    with stage.Scratch("scale") as scratch, holding.Held() as held:
        lines = [f"s{number} unix - n n - 1 reporter" for number in range(level)]
        peer = scratch.ours(products, lines=lines)
        stage.install(peer, program)
        _age(peer)
        start_seconds = stage.start(peer)
        master = peer.master()
        assert master is not None
        stage.settle([master])
        start_cpu = processes.cpu_seconds(master)
        used = memory(master)
        open_files = len(os.listdir(f"/proc/{master}/fd"))
        reload_seconds, reload_cpu = _reload(peer, master, held)
        cost = reporters.report_cost(master, [held.greeted(f"{peer.root}/queue/private/s{level - 1}")])
        return {
            "services": level,
            "start_ms": start_seconds * 1e3,
            "start_cpu_ms": start_cpu * 1e3,
            "reload_ms": reload_seconds * 1e3,
            "reload_cpu_ms": reload_cpu * 1e3,
            "rss_kb": used.rss,
            "written_kb": used.dirty,
            "open_files": open_files,
            "report_us": cost.single,
            "report_in_burst_us": cost.burst,
        }


def _reload(peer: peers.Peer, master: int, held: holding.Held) -> tuple[float, float]:
    """(seconds until a service that came with the reload greets its first client, CPU seconds of master)."""
    stage.append_lines(peer, ["fresh unix - n n - 1 reporter"])
    _age(peer)
    address = f"{peer.root}/queue/private/fresh"
    before, began = processes.cpu_seconds(master), time.monotonic()
    os.kill(master, signal.SIGHUP)
    while not _answers(address, held):
        if time.monotonic() - began > 30:
            raise Failure(f"30 s after a reload the new service does not answer; {peer.said()}")
        time.sleep(0.0005)
    took = time.monotonic() - began
    stage.settle([master])
    return took, processes.cpu_seconds(master) - before


def _answers(address: str, held: holding.Held) -> bool:
    try:
        held.greeted(address)
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True
