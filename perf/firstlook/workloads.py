# ===----------------------------------------------------------------------===#
# Quartermaster: the workloads of the comparison and how one run is measured
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""One run is one client program against one peer: what the client counted, and what the servers spent meanwhile."""

import dataclasses
import json
import selectors
import socket
import subprocess
import time

from . import processes
from .processes import Failure

COLD_CLIENTS = 80


@dataclasses.dataclass
class Load:
    """A workload for bench-accept. `place` picks the end point of a peer, or None where the peer has none."""

    key: str
    title: str
    mode: str
    options: list
    place: object
    counted: int  # operations in the run under strace
    calls_of: str = ""  # what a system call count is divided by, in words; empty: not counted


@dataclasses.dataclass
class Run:
    """The outcome of one run; times in microseconds per operation."""

    rate: float
    daemon: float
    master: float
    user_share: float
    slowest: float
    remarks: list


def _unix(path):
    return ["--unix", path]


def _tcp(port):
    return ["--tcp", f"127.0.0.1:{port}"] if port else None


LOADS = [
    Load(
        "kept", "anvil request on a kept connection, 50 clients, UNIX socket", "kept",
        ["--clients", "50", "--preset", "anvil"], lambda peer: _unix(peer.anvil_socket), 10000, "kept request",
    ),
    Load(
        "storm", "connect, greeting, request, reply, close, 50 clients, UNIX socket", "storm",
        ["--clients", "50", "--preset", "anvil"], lambda peer: _unix(peer.anvil_socket), 2000,
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
        ["--clients", "100", "--preset", "echo"], lambda peer: _tcp(peer.echo_port), 2000,
    ),
]


def run_client(bench, load, peer, amount, seconds):
    """Runs the load program and returns what it printed, as a dictionary."""
    command = [bench, load.mode] + load.place(peer) + load.options + amount + ["--json"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Failure(f"{peer.name}, {load.key}: the load program did not end within {seconds:g} s") from None
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Failure(f"{peer.name}, {load.key}: status {done.returncode}: {done.stderr.strip()[-300:]}") from None


def _operations(counted, load, peer):
    operations = counted["answered"] or counted["opened"]
    if not operations:
        raise Failure(f"{peer.name}, {load.key}: not one answer: {counted}; {peer.said()}")
    return operations


def _spent(pids, before):
    """Seconds (total, user, system) since `before`; a process that is new counts from its start."""
    total = [0.0, 0.0, 0.0]
    for pid in pids:
        for index, (now, then) in enumerate(zip(processes.cpu_seconds(pid), before.get(pid, (0.0, 0.0, 0.0)))):
            total[index] += now - then
    return total


def _lines(path):
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def measure(bench, load, peer, seconds):
    """One run of `seconds` against one peer."""
    run_client(bench, load, peer, ["--count", "500"], 30)
    if load.mode == "datagrams":
        time.sleep(0.05)
        open(peer.log_file, "w", encoding="ascii").close()
    above = [peer.master()] if peer.master() else []
    before = {pid: processes.cpu_seconds(pid) for pid in peer.daemons() + above}
    counted = run_client(bench, load, peer, ["--duration", str(seconds)], seconds + 30)
    time.sleep(0.05)
    daemons, master = _spent(peer.daemons(), before), _spent(above, before)
    operations = _operations(counted, load, peer)
    remarks = []
    if counted["failed"] or counted["refused"]:
        remarks.append(f"{peer.name}, {load.key}: {counted['failed']} failed, {counted['refused']} refused")
    if load.mode == "datagrams" and _lines(peer.log_file) < operations:
        remarks.append(f"{peer.name}, {load.key}: {operations} sent, {_lines(peer.log_file)} lines in the log")
    ticks = daemons[1] + daemons[2] + master[1] + master[2]
    return Run(
        rate=counted["rate"],
        daemon=daemons[0] * 1e6 / operations,
        master=master[0] * 1e6 / operations,
        user_share=(daemons[1] + master[1]) / ticks if ticks else 0.0,
        slowest=counted["percentiles_us"]["99"],
        remarks=remarks,
    )


def count_calls(bench, load, peer, directory):
    """System calls per operation, by name, from a short run of its own: (daemon, master)."""
    run_client(bench, load, peer, ["--count", "500"], 30)
    daemons = processes.CallCounter(peer.daemons(), f"{directory}/calls-daemon")
    if peer.master():
        with daemons, processes.CallCounter([peer.master()], f"{directory}/calls-master") as master:
            counted = run_client(bench, load, peer, ["--count", str(load.counted)], 90)
    else:
        master = None
        with daemons:
            counted = run_client(bench, load, peer, ["--count", str(load.counted)], 90)
    if not daemons.calls:
        raise Failure(f"{peer.name}, {load.key}: strace counted nothing")
    operations = _operations(counted, load, peer)
    return tuple(
        {name: count / operations for name, count in counter.calls.items()} if counter else {}
        for counter in (daemons, master)
    )


def measure_memory(bench, peer):
    """(resident, private) kilobytes of anvil's worker after a few requests, idle for a moment."""
    run_client(bench, LOADS[1], peer, ["--count", "100"], 30)
    time.sleep(0.3)
    return processes.memory_kilobytes(peer.worker("anvil"))


def greet_all_cold(peer):
    """Seconds until 80 clients at once are greeted by a service without a process; they all stay until the end."""
    clients = []
    waiting = selectors.DefaultSelector()
    began = time.monotonic()
    try:
        for _ in range(COLD_CLIENTS):
            client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", peer.smtpd_port))
            clients.append(client)
            waiting.register(client, selectors.EVENT_READ)
        left = COLD_CLIENTS
        while left:
            ready = waiting.select(began + 30 - time.monotonic())
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
        return time.monotonic() - began
    finally:
        waiting.close()
        for client in clients:
            client.close()
