# ===----------------------------------------------------------------------===#
# Quartermaster: the workloads of the comparison and how one run is measured
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""One run is one client program against one peer: what the client counted, and what the servers spent meanwhile."""

import contextlib
import dataclasses
import subprocess
import time
from collections.abc import Callable, Iterator

from . import client, processes, stopping
from .client import Outcome
from .peers import Peer
from .processes import Failure
from .results import Cold, Run

COLD_CLIENTS = 80
# Before every run, so that the worker runs, its memory is there and the clock speed is up; counted nowhere.
WARM_UP_SECONDS = 0.3
# A mail takes a hundred times as long as a request, and its processes stay for a hundred clients only.
MAIL_WARM_UP_SECONDS = 1.0
SHORTEST_MAIL_SECONDS = 10.0
# How long the queue may take to become empty behind the last mail.
DELIVERY_SECONDS = 60

Place = Callable[[Peer], list[str] | None]


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


def _udp(port: int | None) -> list[str] | None:
    return ["--udp", f"127.0.0.1:{port}"] if port else None


def _http(port: int | None) -> list[str] | None:
    return [f"http://127.0.0.1:{port}/"] if port else None


# Beside Postfix, the bare loop and each other.
POSTFIX_LOADS = [
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
        "mail", "whole mails: smtpd, cleanup, qmgr, discard, 20 clients, a queue in memory", "storm",
        ["--clients", "20", "--preset", "smtp", "--size", "1000"],
        lambda peer: _tcp(peer.smtpd_port if peer.queue else None),
    ),
    Load(
        "mixed", "anvil request on one of 10 kept connections, 1000 a second, while 50 clients storm", "kept",
        ["--clients", "10", "--preset", "anvil", "--rate", "1000"], lambda peer: _unix(peer.anvil_socket),
    ),
]
ECHO_LOADS = [
    Load(
        "echo", "echo: connect, line, echo, close on loopback TCP, 100 clients", "storm",
        ["--clients", "100", "--preset", "echo"], lambda peer: _tcp(peer.echo_port),
    ),
    Load(
        "echo-kept", "echo: line and echo on a kept TCP connection, 50 clients", "kept",
        ["--clients", "50", "--preset", "echo"], lambda peer: _tcp(peer.echo_port),
    ),
]
HTTP_LOADS = [
    Load(
        "get", "HTTP: connect, GET, three bytes, close on loopback TCP, 100 clients", "storm",
        ["--clients", "100", "--header", "Connection: keep-alive"], lambda peer: _http(peer.http_port),
    ),
    Load(
        "get-kept", "HTTP: GET on a kept TCP connection, 50 clients", "kept",
        ["--clients", "50"], lambda peer: _http(peer.http_port),
    ),
]
UDP_LOADS = [
    Load(
        "udp", "UDP: a datagram and its echo, 50 senders with one under way each", "datagrams",
        ["--senders", "50", "--preset", "echo"], lambda peer: _udp(peer.udp_port),
    ),
    Load(
        "udp-8", "the same, 4 senders with 8 under way each", "datagrams",
        ["--senders", "4", "--outstanding", "8", "--preset", "echo"], lambda peer: _udp(peer.udp_port),
    ),
]
LOADS = [*POSTFIX_LOADS, *ECHO_LOADS, *HTTP_LOADS, *UDP_LOADS]


def load_named(key: str) -> Load:
    return next(load for load in LOADS if load.key == key)


def run_client(bench: str, load: Load, peer: Peer, amount: list[str], seconds: float) -> Outcome:
    """Runs the load program against a peer, for an `amount` such as ["--count", "500"]."""
    place = load.place(peer)
    if place is None:
        raise Failure(f"{peer.name} has no end point for {load.key}")
    outcome = client.run(bench, [load.mode, *place, *load.options, *amount], seconds, f"{peer.name}, {load.key}")
    if not outcome.answered:
        raise Failure(f"{peer.name}, {load.key}: not one answer: {outcome}; {peer.said()}")
    return outcome


def _watched(peer: Peer) -> list[str]:
    """What bench-accept shall watch: master with its children, or those that serve."""
    master = peer.master()
    return [word for pid in ([master] if master else peer.daemons()) for word in ("--pid", str(pid))]


def _cpu_seconds(peer: Peer, outcome: Outcome) -> tuple[float, float]:
    """(daemons, master)."""
    if outcome.server is None:
        raise Failure(f"{peer.name}: the load program did not say what the server's processes used")
    master = peer.master()
    above = outcome.server.named.get(master, 0.0) if master else 0.0
    return max(outcome.server.seconds - above, 0.0), above


def _lines(path: str) -> int:
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def _lost_lines(log_file: str, sent: int) -> int:
    """How many of the datagrams are not in the log, once it has stopped growing."""
    for _ in range(50):
        found = _lines(log_file)
        if found >= sent:
            break
        time.sleep(0.02)
    return max(sent - found, 0)


@contextlib.contextmanager
def _storm_beside(bench: str, peer: Peer, seconds: float) -> Iterator[None]:
    """New connections without a pause while the block runs."""
    storm = load_named("storm")
    words = [bench, storm.mode, *(storm.place(peer) or []), *storm.options, "--duration", str(seconds), "--json", "-"]
    with stopping.held_back():
        other = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.2)
        yield
        if other.poll() is not None:
            raise Failure(f"{peer.name}, mixed: the storm was over too early")
    finally:
        with stopping.held_back():
            other.kill()
            other.wait()


def _deliver(peer: Peer) -> float:
    """Seconds until the queue is empty."""
    began = time.monotonic()
    processes.wait_until(lambda: not peer.queued(), DELIVERY_SECONDS, f"{peer.name}: every mail delivered")
    return time.monotonic() - began


def measure(bench: str, load: Load, peer: Peer, seconds: float, number: int, place: int) -> Run:
    """One run of `seconds` against one peer: the `place`th of round `number`."""
    is_mail = load.key == "mail"
    if is_mail:
        seconds = max(seconds, SHORTEST_MAIL_SECONDS)
    run_client(bench, load, peer, ["--duration", str(MAIL_WARM_UP_SECONDS if is_mail else WARM_UP_SECONDS)], 30)
    log_file = peer.log_file if load.key == "datagrams" else None
    if log_file:
        time.sleep(0.05)
        open(log_file, "w", encoding="ascii").close()
    if is_mail:
        _deliver(peer)
    beside = _storm_beside(bench, peer, seconds + 10) if load.key == "mixed" else contextlib.nullcontext()
    with beside:
        outcome = run_client(bench, load, peer, ["--duration", str(seconds), *_watched(peer)], seconds + 30)
    # A mail is done when it has been delivered, not when it was taken.
    extra = _deliver(peer) if is_mail else 0.0
    daemons, master = _cpu_seconds(peer, outcome)
    return Run(
        load=load.key,
        peer=peer.name,
        round=number,
        place=place,
        operations=outcome.answered,
        rate=outcome.answered / (outcome.seconds + extra),
        daemon_us=daemons * 1e6 / outcome.answered,
        master_us=master * 1e6 / outcome.answered,
        client_us=outcome.cpu_seconds * 1e6 / outcome.answered,
        user_share=outcome.server.user_share if outcome.server else 0.0,
        p50_us=outcome.p50_us,
        p99_us=outcome.p99_us,
        failed=sum(outcome.failed.values()) + abs(outcome.unaccounted),
        refused=outcome.refused,
        lost=_lost_lines(log_file, outcome.answered) if log_file else 0,
    )


def count_calls(bench: str, load: Load, peer: Peer, directory: str) -> tuple[dict[str, float], dict[str, float]]:
    """System calls per operation, by name, from a short run of its own: (daemon, master)."""
    run_client(bench, load, peer, ["--count", "500"], 30)
    daemons = processes.CallCounter(peer.daemons(), f"{directory}/calls-daemon")
    above = peer.master()
    master = processes.CallCounter([above], f"{directory}/calls-master") if above else None
    with daemons, master or contextlib.nullcontext():
        outcome = run_client(bench, load, peer, ["--count", str(load.counted)], 90)
    if not daemons.calls:
        raise Failure(f"{peer.name}, {load.key}: strace counted nothing")

    def each(calls: dict[str, int]) -> dict[str, float]:
        return {name: count / outcome.answered for name, count in calls.items()}

    return each(daemons.calls), each(master.calls if master else {})


def measure_memory(bench: str, peer: Peer) -> tuple[int, int]:
    """(resident, private) kilobytes of anvil's worker after a few requests, idle for a moment."""
    run_client(bench, load_named("storm"), peer, ["--count", "100"], 30)
    time.sleep(0.3)
    return processes.memory_kilobytes(peer.worker("anvil"))


def greet_all_cold(bench: str, peer: Peer) -> Outcome:
    """80 clients at once, greeted by a service without a process; they all stay until the end."""
    words = ["burst", *(_tcp(peer.smtpd_port) or []), "--clients", str(COLD_CLIENTS), "--timeout", "30s"]
    words += ["--expect-greeting", r"220*\r\n", *_watched(peer)]
    outcome = client.run(bench, words, 60, f"{peer.name}, cold")
    if outcome.answered != COLD_CLIENTS:
        raise Failure(f"{peer.name}, cold: {outcome.answered} of {COLD_CLIENTS} greeted: {outcome}; {peer.said()}")
    return outcome


def measure_cold(bench: str, peer: Peer, number: int) -> Cold:
    """One cold start. A process of Postfix's kind that has just started stays, so that its time is counted."""
    outcome = greet_all_cold(bench, peer)
    return Cold(peer.name, number, outcome.seconds, *_cpu_seconds(peer, outcome))
