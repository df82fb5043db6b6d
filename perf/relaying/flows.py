# ===----------------------------------------------------------------------===#
# Quartermaster: loads for a forwarder, and what they come to
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

import dataclasses
import json
import os
import statistics
import subprocess
import time
from typing import Any

from comparison import stopping
from comparison.processes import Failure
from measure import command

from .forwarders import Forwarder

# Until flow gives up, beyond the time of its load.
PATIENCE = 75


@dataclasses.dataclass(frozen=True)
class Load:
    key: str
    title: str
    mode: str
    connections: int
    size: int
    # What is counted, and the unit of the rate.
    counted: str
    unit: str
    # Of `counted`, what one processor microsecond is divided by.
    cost_unit: str
    # How much of the time of a run: each connection of a storm stays in the kernel's table for a minute.
    share: float = 1.0


LOADS = [
    Load("bulk", "16 connections, both directions", "both", 16, 65536, "bytes", "MB/s", "ms for 1 MB"),
    Load("one", "1 connection, from the server", "down", 1, 65536, "bytes", "MB/s", "ms for 1 MB"),
    Load("pingpong", "50 clients, 64 bytes there and back", "pingpong", 50, 64, "exchanges", "exchanges/s",
         "us an exchange"),
    Load("storm", "20 clients, a connection for each exchange", "storm", 20, 64, "connections", "connections/s",
         "us a connection", 0.4),
]


@dataclasses.dataclass(frozen=True)
class Outcome:
    rate: float
    # Processor time of the forwarder for one unit, as the load's `cost_unit` says; nan for nobody.
    cost: float
    p99_us: float


def compile_flow() -> str:
    command.need({"cc": "gcc"})
    program = f"{command.OUT}/flow"
    os.makedirs(command.OUT, exist_ok=True)
    flags = ["-std=c11", "-O3", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
    source = f"{command.PERF}/relaying/flow.c"
    subprocess.run(["cc", *flags, "-o", program, source], check=True, timeout=60)
    return program


def _read(text: str, errors: str, status: int, forwarder: Forwarder, load: str) -> dict[str, Any]:
    """The ledger. One that is not whole is a failure of the run, but for forwarders of others: there it is a remark."""
    who = forwarder.name
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if not lines:
        raise Failure(f"{who}, {load}: flow says nothing (status {status}): {errors.strip()[-300:]}")
    ledger: dict[str, Any] = json.loads(lines[-1])
    if status != 0 and forwarder.is_of_others:
        lost = sum(ledger["sent"]) - sum(ledger["received"])
        forwarder.remarks.append(f"{who}, {load}: {ledger['failures']} connections were reset, {lost:,} bytes lost")
        command.say(forwarder.remarks[-1])
    elif status != 0:
        raise Failure(f"{who}, {load}: not every byte came as it was sent: {ledger}; {errors.strip()[-300:]}")
    return ledger


def run(flow: str, forwarder: Forwarder, load: Load, seconds: float) -> Outcome:
    seconds *= load.share
    before = forwarder.cpu_seconds()
    arguments = [str(forwarder.port), str(forwarder.server_port), load.mode, str(load.connections), str(seconds)]
    done = subprocess.run([flow, *arguments, str(load.size)], capture_output=True, text=True,
                          timeout=seconds + PATIENCE)
    ledger = _read(done.stdout, done.stderr, done.returncode, forwarder, load.key)
    spent = forwarder.cpu_seconds() - before
    # The time of the forwarder is that of all that it carried, before and after the measured time as well.
    if load.counted == "bytes":
        carried = sum(ledger["received"])
        rate, cost = ledger["bytes"] / ledger["seconds"] / 1e6, spent * 1e3 / (carried / 1e6)
    else:
        carried = ledger["received"][1] / load.size
        rate, cost = ledger[load.counted] / ledger["seconds"], spent * 1e6 / carried
    return Outcome(rate, cost if forwarder.pids() else float("nan"), ledger["p99_us"])


@dataclasses.dataclass(frozen=True)
class Held:
    """What thousands of connections take while half of the clients read nothing."""

    connections: int
    slow: int
    # Memory of its own that the forwarder has written to, in kilobytes: before, and while it holds them.
    empty: float
    full: float
    # What the kernel holds for sockets of TCP, of everybody on this machine, in megabytes.
    kernel: float
    rate: float
    ledger: dict[str, Any]


def _kernel_megabytes() -> float:
    with open("/proc/net/sockstat", encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words[0] == "TCP:":
                return int(words[words.index("mem") + 1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0


def hold(flow: str, forwarder: Forwarder, connections: int, slow: int, seconds: float) -> Held:
    """The server writes as fast as it can to all; `slow` clients read only when we have looked."""
    empty = forwarder.private_kilobytes()
    arguments = [str(forwarder.port), str(forwarder.server_port), "slow", str(connections), str(seconds), "65536"]
    with stopping.held_back():
        process = subprocess.Popen([flow, *arguments, str(slow)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        line = process.stdout.readline()
        if line != "held\n":
            raise Failure(f"{forwarder.name}: flow does not hold {connections} connections: {process.communicate()}")
        # What was on its way has come to rest.
        time.sleep(0.5)
        full, kernel = forwarder.private_kilobytes(), _kernel_megabytes()
        text, errors = process.communicate("go\n", timeout=PATIENCE)
    finally:
        with stopping.held_back():
            if process.poll() is None:
                process.kill()
                process.wait()
    ledger = _read(text, errors, process.returncode, forwarder, "slow readers")
    return Held(connections, slow, empty, full, kernel, ledger["bytes"] / ledger["seconds"] / 1e6, ledger)


def median(outcomes: list[Outcome]) -> Outcome:
    return Outcome(*(statistics.median(column) for column in zip(*(dataclasses.astuple(each) for each in outcomes))))
