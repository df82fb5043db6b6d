# ===----------------------------------------------------------------------===#
# Quartermaster: what is measured when: the schedule of a comparison
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

import sys
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from . import instructions as counting
from . import workloads
from .peers import Peer
from .processes import Failure
from .results import Calls, Memory, Results
from .workloads import Load

# A peer, or whatever else takes turns.
Each = TypeVar("Each")


def say(text: str) -> None:
    print(f"-- {text}", file=sys.stderr, flush=True)


def in_turn(peers: list[Each], number: int) -> list[Each]:
    """Another one begins in every round; when all have begun once it goes the other way round, so that no one always
    follows the same neighbour."""
    if not peers:
        return []
    first, backwards = number % len(peers), number // len(peers) % 2
    order = peers[first:] + peers[:first]
    return order[::-1] if backwards else order


class Comparison:
    """Runs the parts that were chosen; what fails becomes a remark and leaves the rest alone."""

    def __init__(self, bench: str, directory: str, peers: list[Peer], results: Results, deadline: float):
        self.bench, self.directory, self.peers, self.results = bench, directory, peers, results
        self.deadline = time.monotonic() + deadline
        self._failed: set[tuple[str, str]] = set()

    def _try(self, part: str, peer: Peer, action: Callable[..., None], *arguments: object) -> None:
        """Does one step, unless the same part has failed with this peer before or the time is up."""
        if (part, peer.name) in self._failed:
            return
        what = f"{part}, {peer.name}"
        say(what)
        try:
            if time.monotonic() > self.deadline:
                raise Failure("left out, the deadline has passed")
            action(peer, *arguments)
        except (Failure, OSError) as failure:
            self._failed.add((part, peer.name))
            self.results.remarks.append(f"{what}: {failure}")
            say(f"failed: {failure}")

    def _start(self, peer: Peer) -> None:
        peer.stop()
        try:
            peer.start()
        except Failure as failure:
            raise Failure(f"{failure}; {peer.said()}") from None

    def _numbered(self, rounds: int, takes_part: Callable[[Peer], object]) -> Iterator[tuple[int, int, Peer]]:
        """(round, place in it, peer), the round counted from 1."""
        chosen = [peer for peer in self.peers if takes_part(peer)]
        for number in range(rounds):
            for place, peer in enumerate(in_turn(chosen, number)):
                yield number + 1, place, peer

    # The parts, in the order in which they are done.

    def cold(self, rounds: int) -> None:
        """Each start is a cold one; every process is gone before the next."""
        for number, _, peer in self._numbered(rounds, lambda peer: peer.smtpd_port):
            self._try("cold", peer, self._greet, number)
            peer.stop()

    def _greet(self, peer: Peer, number: int) -> None:
        self._start(peer)
        self.results.cold.append(workloads.measure_cold(self.bench, peer, number))

    def memory(self, rounds: int) -> None:
        """A young process every time."""
        for number, _, peer in self._numbered(rounds, lambda peer: peer.anvil_socket):
            self._try("memory", peer, self._weigh, number)
            peer.stop()

    def _weigh(self, peer: Peer, number: int) -> None:
        self._start(peer)
        self.results.memory.append(Memory(peer.name, number, *workloads.measure_memory(self.bench, peer)))

    def start(self) -> None:
        """Starts every peer; those that do not start are left out of what follows."""
        for peer in self.peers:
            self._try("start", peer, self._start)
        self.peers = [peer for peer in self.peers if ("start", peer.name) not in self._failed]

    def stop(self) -> None:
        for peer in self.peers:
            peer.stop()

    def loads(self, chosen: list[Load], rounds: int, seconds: float) -> None:
        """All workloads in each round, and in each workload all peers one after the other."""
        for number in range(rounds):
            for load in chosen:
                for place, peer in enumerate(in_turn([peer for peer in self.peers if load.place(peer)], number)):
                    self._try(load.key, peer, self._run, load, seconds, number + 1, place)

    def _run(self, peer: Peer, load: Load, seconds: float, number: int, place: int) -> None:
        run = workloads.measure(self.bench, load, peer, seconds, number, place)
        self.results.runs.append(run)
        what = f"{load.key}, {peer.name}, round {number}"
        if run.failed or run.refused:
            self.results.remarks.append(f"{what}: {run.failed} failed, {run.refused} refused")
        if run.lost:
            self.results.remarks.append(f"{what}: {run.lost} of {run.operations} lines are not in the log")

    def calls(self) -> None:
        for load in (load for load in workloads.LOADS if load.calls_of):
            for peer in (peer for peer in self.peers if load.place(peer)):
                self._try(f"system calls of {load.key}", peer, self._count, load)

    def _count(self, peer: Peer, load: Load) -> None:
        daemon, master = workloads.count_calls(self.bench, load, peer, self.directory)
        self.results.calls.append(Calls(load.key, peer.name, daemon, master))

    def instructions(self, products: str) -> None:
        """Of programs under valgrind, each started for itself."""
        for keys, subjects in ((counting.LOADS, counting.subjects), (counting.ECHO_LOADS, counting.echo_subjects)):
            for load in (workloads.load_named(key) for key in keys):
                for subject in subjects(f"{self.directory}/instructions", products, self.peers):
                    self._try(f"instructions of {load.key}", subject.peer, self._instructions, subject, load)

    def _instructions(self, _: Peer, subject: counting.Subject, load: Load) -> None:
        self.results.instructions.append(subject.count(self.bench, load))
