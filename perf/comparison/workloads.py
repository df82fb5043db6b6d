# ===----------------------------------------------------------------------===#
# Quartermaster: the workloads of the comparison and how one run is measured
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""One run is one client program against one peer: what the client counted, and what the servers spent meanwhile."""

import dataclasses
import selectors
import socket
import time
from collections.abc import Callable

from . import client, processes
from .client import Outcome
from .peers import Peer
from .processes import Failure
from .results import Cold, Run

COLD_CLIENTS = 80
# Before every run, so that the worker runs, its memory is there and the clock speed is up; counted nowhere.
WARM_UP_SECONDS = 0.3

Place = Callable[[Peer], list[str] | None]

GET = r"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
OK = r"HTTP/1.1 200 *\r\n\r\nok\n"


@dataclasses.dataclass(frozen=True)
class Load:
    """A workload for bench-accept. `place` picks the end point of a peer, or None where the peer has none."""

    key: str
    title: str
    mode: str
    options: list[str]
    place: Place
    counted: int = 0  # operations in the run under strace
    calls_of: str = ""  # what a system call count is divided by, in words; empty: not counted


def _unix(path: str | None) -> list[str] | None:
    return ["--unix", path] if path else None


def _tcp(port: int | None) -> list[str] | None:
    return ["--tcp", f"127.0.0.1:{port}"] if port else None


LOADS = [
    Load(
        "kept", "anvil request on a kept connection, 50 clients, UNIX socket", "kept",
        ["--clients", "50", "--preset", "anvil"], lambda peer: _unix(peer.anvil_socket), 10000, "kept request",
    ),
    Load(
        "storm", "connect, greeting, request, reply, close, 50 clients, UNIX socket", "storm",
        ["--clients", "50", "--preset", "anvil"], lambda peer: _unix(peer.anvil_socket),
    ),
    Load(
        "tcp", "the same on loopback TCP, 100 clients", "storm",
        ["--clients", "100", "--preset", "anvil"], lambda peer: _tcp(peer.anvil_port), 2000,
        "TCP connection with one request",
    ),
    Load(
        "datagrams", "120-byte datagrams into postlogd, two senders", "datagrams",
        ["--senders", "2", "--size", "120", "--preset", "postlog"], lambda peer: _unix(peer.log_socket), 10000,
        "datagram in a burst",
    ),
    Load(
        "echo", "echo: connect, line, echo, close on loopback TCP, 100 clients", "storm",
        ["--clients", "100", "--preset", "echo"], lambda peer: _tcp(peer.echo_port),
    ),
    Load(
        "echo-kept", "echo: line and echo on a kept TCP connection, 50 clients", "kept",
        ["--clients", "50", "--preset", "echo"], lambda peer: _tcp(peer.echo_port),
    ),
    Load(
        "get", "HTTP: connect, GET, three bytes, close on loopback TCP, 100 clients", "storm",
        ["--clients", "100", "--send", GET, "--expect", OK], lambda peer: _tcp(peer.http_port),
    ),
    Load(
        "get-kept", "HTTP: GET on a kept TCP connection, 50 clients", "kept",
        ["--clients", "50", "--send", GET, "--expect", OK], lambda peer: _tcp(peer.http_port),
    ),
]


def load_named(key: str) -> Load:
    return next(load for load in LOADS if load.key == key)


def run_client(bench: str, load: Load, peer: Peer, amount: list[str], seconds: float) -> Outcome:
    """Runs the load program against a peer, for an `amount` such as ["--count", "500"]."""
    place = load.place(peer)
    if place is None:
        raise Failure(f"{peer.name} has no end point for {load.key}")
    outcome = client.run(bench, [load.mode] + place + load.options + amount, seconds, f"{peer.name}, {load.key}")
    if not outcome.answered:
        raise Failure(f"{peer.name}, {load.key}: not one answer: {outcome}; {peer.said()}")
    return outcome


def _lines(path: str) -> int:
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def _lost_lines(peer: Peer, sent: int) -> int:
    """How many of the datagrams are not in the log, once it has stopped growing."""
    for _ in range(50):
        found = _lines(peer.log_file)
        if found >= sent:
            break
        time.sleep(0.02)
    return max(sent - found, 0)


def measure(bench: str, load: Load, peer: Peer, seconds: float, number: int, place: int) -> Run:
    """One run of `seconds` against one peer: the `place`th of round `number`."""
    run_client(bench, load, peer, ["--duration", str(WARM_UP_SECONDS)], 30)
    if load.mode == "datagrams":
        time.sleep(0.05)
        open(peer.log_file, "w", encoding="ascii").close()
    before = processes.spent(peer.daemons(), peer.master())
    outcome = run_client(bench, load, peer, ["--duration", str(seconds)], seconds + 30)
    # The last connections are being closed and the last lines written.
    time.sleep(0.05)
    after = processes.spent(peer.daemons(), peer.master())
    daemons, master = ([now - then for now, then in zip(*each)] for each in zip(after, before))
    sampled = daemons[1] + daemons[2] + master[1] + master[2]
    return Run(
        load=load.key,
        peer=peer.name,
        round=number,
        place=place,
        operations=outcome.answered,
        rate=outcome.rate,
        daemon_us=daemons[0] * 1e6 / outcome.answered,
        master_us=master[0] * 1e6 / outcome.answered,
        client_us=outcome.cpu_seconds * 1e6 / outcome.answered,
        user_share=(daemons[1] + master[1]) / sampled if sampled else 0.0,
        p50_us=outcome.p50_us,
        p99_us=outcome.p99_us,
        failed=sum(outcome.failed.values()) + abs(outcome.unaccounted),
        refused=outcome.refused,
        lost=_lost_lines(peer, outcome.answered) if load.mode == "datagrams" else 0,
    )


def count_calls(bench: str, load: Load, peer: Peer, directory: str) -> tuple[dict[str, float], dict[str, float]]:
    """System calls per operation, by name, from a short run of its own: (daemon, master)."""
    run_client(bench, load, peer, ["--count", "500"], 30)
    daemons = processes.CallCounter(peer.daemons(), f"{directory}/calls-daemon")
    amount = ["--count", str(load.counted)]
    master = None
    if peer.master():
        with daemons, processes.CallCounter([peer.master()], f"{directory}/calls-master") as master:
            outcome = run_client(bench, load, peer, amount, 90)
    else:
        with daemons:
            outcome = run_client(bench, load, peer, amount, 90)
    if not daemons.calls:
        raise Failure(f"{peer.name}, {load.key}: strace counted nothing")
    counted = (daemons.calls, master.calls if master else {})
    return tuple({name: count / outcome.answered for name, count in calls.items()} for calls in counted)


def measure_memory(bench: str, peer: Peer) -> tuple[int, int]:
    """(resident, private) kilobytes of anvil's worker after a few requests, idle for a moment."""
    run_client(bench, load_named("storm"), peer, ["--count", "100"], 30)
    time.sleep(0.3)
    return processes.memory_kilobytes(peer.worker("anvil"))


def _await_greetings(peer: Peer, waiting: selectors.BaseSelector, deadline: float) -> None:
    left = COLD_CLIENTS
    while left:
        ready = waiting.select(deadline - time.monotonic())
        if not ready:
            raise Failure(f"{peer.name}, cold: {left} of {COLD_CLIENTS} not greeted after 30 s; {peer.said()}")
        for key, _ in ready:
            try:
                greeting = key.fileobj.recv(256)
            except OSError as error:
                raise Failure(f"{peer.name}, cold: {error}; {peer.said()}") from None
            if not greeting.startswith(b"220"):
                raise Failure(f"{peer.name}, cold: greeted with {greeting!r}; {peer.said()}")
            waiting.unregister(key.fileobj)
            left -= 1


def greet_all_cold(peer: Peer) -> float:
    """Seconds until 80 clients at once are greeted by a service without a process; they all stay until the end."""
    clients = []
    waiting = selectors.DefaultSelector()
    began = time.monotonic()
    try:
        for _ in range(COLD_CLIENTS):
            new_client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            clients.append(new_client)
            new_client.setblocking(False)
            new_client.connect_ex(("127.0.0.1", peer.smtpd_port))
            waiting.register(new_client, selectors.EVENT_READ)
        _await_greetings(peer, waiting, began + 30)
        return time.monotonic() - began
    finally:
        waiting.close()
        for each in clients:
            each.close()


def measure_cold(peer: Peer, number: int) -> Cold:
    """One cold start. A process of Postfix's kind that has just started stays, so nobody's time is lost."""
    before = processes.spent(peer.daemons(), peer.master())
    seconds = greet_all_cold(peer)
    after = processes.spent(peer.daemons(), peer.master())
    daemons, master = (now[0] - then[0] for now, then in zip(after, before))
    return Cold(peer.name, number, seconds, max(daemons, 0.0), max(master, 0.0))
