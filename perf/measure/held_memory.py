# ===----------------------------------------------------------------------===#
# Quartermaster: what an idle connection takes from the memory of a worker, for each kind of service
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""One worker that echoes, on a UNIX socket, and clients that stay: those that have said nothing, then the same after a
request each, and as many others after all of them have left."""

import time
from collections.abc import Callable
from typing import Any

from comparison import processes
from comparison.processes import Failure

from . import command, holding, stage
from .usage import memory

KINDS = {"stream": "echo", "event": "event-echo", "async": "async-echo"}
LEVELS = [1000, 10_000, 50_000]
# Beside the connections: the listener, the log, and the low numbers that a worker leaves to libraries.
SPARE_FILES = 400
SERVICE = "held"


def levels() -> list[int]:
    """Those that the limit of open files allows."""
    most = stage.raise_descriptor_limit(LEVELS[-1] + SPARE_FILES) - SPARE_FILES
    return [level for level in LEVELS if level <= most] or [most]


def measure(products: str, kind: str, wanted: list[int]) -> list[dict[str, Any]]:
    """One row a level, each in a worker of its own."""
    return [_measure(products, kind, level) for level in wanted]


def _measure(products: str, kind: str, level: int) -> dict[str, Any]:
    program = KINDS[kind]
    with stage.Scratch("held") as scratch:
        peer = scratch.ours(products, lines=[f"{SERVICE} unix - - n - 1 {program} -m 1000000000"])
        if program != "echo":
            stage.install(peer, f"{products}/{program}")
        stage.start(peer)
        path = f"{peer.root}/queue/private/{SERVICE}"
        with holding.Held() as held:
            _ask(held.connect(path))
            worker = _worker(peer.daemons())
            stage.settle([worker])
        empty = memory(worker).dirty

        def bytes_each() -> float:
            stage.settle([worker])
            return (memory(worker).dirty - empty) * 1024 / level

        row: dict[str, Any] = {"kind": kind, "connections": level}
        for name in ["first", "again"]:
            with holding.Held() as held:
                arrival = _spent(worker, lambda: _hold(held, path, level))
                row[f"{name}_silent_bytes"] = bytes_each()
                request = _spent(worker, lambda: _ask_all(held))
                row[f"{name}_asked_bytes"] = bytes_each()
                row[f"{name}_arrival_us"] = arrival * 1e6 / level
                row[f"{name}_request_us"] = request * 1e6 / level
            stage.settle([worker])
            row[f"{name}_left_bytes"] = bytes_each()
        if _worker(peer.daemons()) != worker:
            raise Failure("the worker ended and another one took over: the figures would be of two processes")
        return row


def _spent(worker: int, deed: Callable[[], None]) -> float:
    """Seconds of processor time."""
    before = processes.cpu_seconds(worker)
    deed()
    stage.settle([worker])
    return processes.cpu_seconds(worker) - before


def _hold(held: holding.Held, path: str, level: int) -> None:
    while len(held.clients) < level:
        _connect(held, path)
    # The last one has been accepted when it is answered.
    _ask(held.clients[-1])
    time.sleep(0.1)


def _connect(held: holding.Held, path: str) -> None:
    """A UNIX socket whose queue is full says so at once."""
    deadline = time.monotonic() + 20
    while True:
        try:
            held.connect(path)
            return
        except BlockingIOError:
            held.clients.pop().close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.001)


def _ask(client: Any) -> None:
    client.sendall(b"x")
    if client.recv(1) != b"x":
        raise Failure("a client gets no answer")


def _ask_all(held: holding.Held) -> None:
    for client in held.clients:
        _ask(client)


def _worker(pids: list[int] | set[int]) -> int:
    for pid in pids:
        arguments = processes.arguments_of(pid)
        if "-n" in arguments and arguments[arguments.index("-n") + 1] == SERVICE:
            return pid
    raise Failure("there is no worker")


def page(results: dict[str, Any]) -> str:
    heads = ["Kind", "Connections", "bytes each, silent", "after a request each", "after all have left",
             "as many others, after a request each", "µs of processor to accept one", "and for a request"]
    rows = [
        [row["kind"], f"{row['connections']:,}"]
        + [f"{row[name]:,.0f}" for name in
           ["first_silent_bytes", "first_asked_bytes", "first_left_bytes", "again_asked_bytes"]]
        + [f"{row[name]:.1f}" for name in ["first_arrival_us", "first_request_us"]]
        for row in results["held"]
    ]
    return (
        "# Memory of idle connections\n\n"
        "A worker that echoes, on a UNIX socket: what it has written to beyond what it had before, divided by the"
        " number of connections. The kernel's part, sockets and their registrations, comes on top and is the same for"
        " each kind ([scale.md](scale.md)). A round of requests is one after the other, client by client.\n\n"
        f"{command.as_list(results['circumstances'])}\n{command.as_table(heads, rows)}"
    )
