# ===----------------------------------------------------------------------===#
# Quartermaster: instructions for one operation: what a duty costs, without noise
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""The bare loop, the same with one duty after the other, and our anvil, each below valgrind's callgrind, with a number
of operations and with twice that number: the difference belongs to the operations. Instructions of the kernel are not
counted. Under valgrind a server is slow, so that every wake-up has as many clients to serve as there are."""

import glob
import os
import shutil
import subprocess
from collections.abc import Iterator

from . import building, workloads
from .peers import EchoPeer, MasterPeer, Peer, free_ports, our_peer
from .processes import Failure, listens, wait_until
from .results import Instructions
from .workloads import Load

LOADS = ["kept", "storm"]
# Of the echo in its several ways.
ECHO_LOADS = ["echo-kept", "echo"]
# In the order in which bare-duties takes them.
DUTIES = ["parse", "table", "reply", "state", "status", "limits"]
OPERATIONS = 2000


def missing() -> str:
    """What has to be installed; empty when nothing."""
    packages = {"valgrind": "valgrind", "strip": "binutils"}
    lacking = [package for program, package in packages.items() if not shutil.which(program)]
    return f"not installed: apt-get install {' '.join(lacking)}" if lacking else ""


def _callgrind(output: str) -> list[str]:
    return ["valgrind", "--tool=callgrind", "--quiet", "--vgdb=no", f"--callgrind-out-file={output}/count.%p"]


class _BareEcho(Peer):
    """The bare echo below callgrind."""

    name = "bare"

    def __init__(self, root: str, output: str):
        super().__init__(root)
        self._output = output
        self.echo_port = self._port = free_ports(1)[0]

    def start(self) -> None:
        program = f"{building.ensure_bare()}/bare-echo"
        self.launch([*_callgrind(self._output), program, f"tcp:127.0.0.1:{self._port}"])
        wait_until(lambda: listens(self._port), 20, "bare-echo below valgrind")


class _Bare(Peer):
    """One of the bare loops below callgrind."""

    def __init__(self, root: str, name: str, command: list[str], output: str):
        super().__init__(root)
        self.name, self._command, self._output = name, command, output
        self.anvil_socket = f"{root}/anvil"

    def start(self) -> None:
        path = f"{self.root}/anvil"
        if os.path.exists(path):
            os.unlink(path)
        self.launch(_callgrind(self._output) + self._command + [f"unix:{path}"])
        wait_until(lambda: os.path.exists(path), 20, f"{self._command[0]} below valgrind")


def _below(peer: MasterPeer, program: str, output: str) -> MasterPeer:
    """The peer, with a script in the place of one program, and no other service. This valgrind cannot read the newest
    debug information."""
    script, stripped = f"{peer.root}-daemons/{program}", f"{peer.root}-stripped"
    os.mkdir(stripped)
    original = os.path.realpath(script)
    subprocess.run(["strip", "--strip-debug", "-o", f"{stripped}/{program}", original], check=True, timeout=60)
    os.unlink(script)
    with open(script, "w", encoding="ascii") as file:
        file.write(f"#!/bin/sh\nexec {' '.join(_callgrind(output))} {stripped}/{program} \"$@\"\n")
    os.chmod(script, 0o755)
    # As root: callgrind makes its file at the start and opens it again at the end.
    with open(f"{peer.root}/etc/master.cf", "r+", encoding="ascii") as file:
        lines = [line.split() for line in file.read().splitlines()]
        file.seek(0)
        file.writelines(" ".join(words[:3] + ["n"] + words[4:]) + "\n" for words in lines if words[7] == program)
        file.truncate()
    return peer


class Subject:
    """One program that is counted."""

    def __init__(self, peer: Peer, step: str, of: str, output: str):
        self.peer, self.step, self._of, self._output = peer, step, of, output

    def _total(self, bench: str, load: Load, operations: int) -> tuple[int, int]:
        """(instructions of the worker, operations) of one life."""
        try:
            self.peer.start()
            outcome = workloads.run_client(bench, load, self.peer, ["--count", str(operations)], 120)
        finally:
            self.peer.stop()
        # The process that did the work has executed the most; others are idle anvils and readers of reports.
        paths = glob.glob(f"{self._output}/count.*")
        most = max((_instructions(path) for path in paths), default=0)
        for path in paths:
            os.unlink(path)
        if not most:
            raise Failure(f"valgrind has counted nothing; {self.peer.said()}")
        return most, outcome.answered

    def count(self, bench: str, load: Load) -> Instructions:
        once, few = self._total(bench, load, OPERATIONS)
        twice, many = self._total(bench, load, 2 * OPERATIONS)
        return Instructions(load.key, self._of, self.step, (twice - once) / (many - few))


def _instructions(path: str) -> int:
    with open(path, encoding="utf-8", errors="replace") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("totals:"))


def subjects(directory: str, products: str, peers: list[Peer]) -> Iterator[Subject]:
    """Those of the peers that take part, one after the other, none started."""
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    names = {peer.name for peer in peers}

    def bare(number: int, step: str, command: list[str], of: str) -> Subject:
        label = f"{of}, {step}" if step else of
        return Subject(_Bare(f"{directory}/bare-{number}", label, command, directory), step, of, directory)

    if "bare" in names:
        yield bare(0, "", [f"{building.ensure_bare()}/bare-anvil"], "bare")
    if "bare + duties" in names:
        for number, duty in enumerate(DUTIES, 1):
            command = [f"{building.ensure_bare()}/bare-duties", "--duties", ",".join(DUTIES[:number])]
            yield bare(number, duty, command, "bare + duties")
    if "ours" in names:
        peer = our_peer(f"{directory}/ours", os.path.realpath(products))
        yield Subject(_below(peer, "anvil", directory), "", "ours", directory)


def echo_subjects(directory: str, products: str, peers: list[Peer]) -> Iterator[Subject]:
    """The same for the echo in its several ways. SwiftNIO's are not among them: this valgrind cannot read Swift's
    shared libraries."""
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    names = {peer.name for peer in peers}
    products = os.path.realpath(products)
    if "bare" in names:
        yield Subject(_BareEcho(f"{directory}/bare", directory), "", "bare", directory)
    for kind in ("stream", "event", "async"):
        name = "ours" if kind == "stream" else f"ours, {kind}"
        if name in names:
            peer = EchoPeer(f"{directory}/{kind}", products, kind)
            yield Subject(_below(peer, "echo", directory), "", name, directory)
