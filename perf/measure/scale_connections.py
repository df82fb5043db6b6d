# ===----------------------------------------------------------------------===#
# Quartermaster: cost against the number of idle connections of a worker
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

import statistics
import time
from typing import Any

from comparison import peers, processes, workloads
from comparison.processes import Failure

from . import command, holding, stage
from .usage import memory

LEVELS = [1, 10, 100, 1000, 5000, 10000, 20000]
ROUNDS = 3
SECONDS = 1.0
# Beside the connections: the load's clients, the listener, and the low numbers that a worker leaves to libraries.
SPARE_FILES = 400


def measure(products: str) -> list[dict[str, Any]]:
    """One row a level, medians of some rounds; a worker of echo serves 50 clients while others hold a connection."""
    rounds, levels = [], _levels()
    for number in range(ROUNDS):
        command.say(f"idle connections, round {number + 1} of {ROUNDS}")
        rounds.append(_ladder(products, levels))
    rows = []
    for same in zip(*rounds):
        rows.append({name: statistics.median(row[name] for row in same) for name in same[0]})
        command.say(f"{rows[-1]['connections']} connections: {rows[-1]}")
    return rows


def _levels() -> list[int]:
    """The levels that the limit of open files allows."""
    most = stage.raise_descriptor_limit(LEVELS[-1] + SPARE_FILES) - SPARE_FILES
    if most >= LEVELS[-1]:
        return LEVELS
    command.say(f"{most + SPARE_FILES} open files are allowed here, so {most} connections are the most (ulimit -Hn)")
    return [level for level in LEVELS if level < most] + [most]


def _ladder(products: str, levels: list[int]) -> list[dict[str, Any]]:
    rows = []
    load = workloads.load_named("echo-kept")
    with stage.Scratch("scale") as scratch, holding.Held() as held:
        peer = scratch.ours(products)
        stage.start(peer)
        workloads.run_client(f"{products}/bench-accept", load, peer, ["--count", "20000"], 30)
        worker = peer.worker(f"127.0.0.1:{peer.echo_port}")
        empty = memory(worker).private, *holding.kernel_slab_kilobytes()
        for level in levels:
            _hold(held, level, peer, worker)
            stage.settle([worker])
            private, slab, epoll = memory(worker).private, *holding.kernel_slab_kilobytes()
            before = processes.cpu_seconds(worker)
            outcome = workloads.run_client(
                f"{products}/bench-accept", load, peer, ["--duration", str(SECONDS)], 60
            )
            spent = processes.cpu_seconds(worker) - before
            rows.append({
                "connections": level,
                "request_us": spent * 1e6 / outcome.answered,
                "rate": outcome.rate,
                "p99_us": outcome.p99_us,
                "user_bytes": (private - empty[0]) * 1024 / level,
                "kernel_bytes": _one_end(slab - empty[1], epoll - empty[2]) * 1024 / level,
            })
    return rows


def _one_end(slab: int, epoll: int) -> float:
    """Both ends are on this machine, but only the worker's is registered with an epoll."""
    return max(0.0, (slab - epoll) / 2 + epoll)


def _hold(held: holding.Held, level: int, peer: peers.Peer, worker: int) -> None:
    assert peer.echo_port is not None
    while len(held.clients) < level:
        held.connect(("127.0.0.1", peer.echo_port))
    # The last one has been accepted when it is answered.
    held.clients[-1].sendall(b"x")
    if held.clients[-1].recv(1) != b"x":
        raise Failure(f"{level} connections: the last one gets no answer; {peer.said()}")
    time.sleep(0.1)
    if peer.worker(f"127.0.0.1:{peer.echo_port}") != worker:
        raise Failure("the worker ended and another one took over: the figures would be of two processes")
