# ===----------------------------------------------------------------------===#
# Quartermaster: one flame graph: who, under which work, seen how
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Starts our master, runs the work, records, folds, draws. Knows nothing of the command line."""

import contextlib
import dataclasses
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator

from comparison import peers, workloads
from comparison.circumstances import where
from comparison.processes import Failure

from . import background, command, drawing, folded, mappings, recording, sampling, stacks, stage

MODES = ["on-cpu", "off-cpu", "wakeups", "allocations", "memory"]
OF = ["worker", "master", "anvil", "postlogd", "echo", "smtpd", "bench-accept"]
COLORS = {"on-cpu": "hot", "off-cpu": "blue", "wakeups": "purple", "allocations": "green", "memory": "mem"}


@dataclasses.dataclass
class Wish:
    """What is to be seen."""

    mode: str = "on-cpu"
    of: str = "worker"
    workload: str = "kept"
    seconds: float = 3.0
    frequency: int = 997
    by_bytes: bool = False

    def name(self) -> str:
        return f"{self.workload}-{self.of}-{self.mode}"

    def unit(self) -> str:
        if self.mode == "allocations":
            return "bytes" if self.by_bytes else "calls"
        return {"on-cpu": "samples", "off-cpu": "microseconds", "wakeups": "wake-ups", "memory": "kB"}[self.mode]

    def check(self) -> None:
        if self.workload == background.COLD and self.of not in ("master", "smtpd", "worker"):
            raise Failure("the workload cold has master and smtpd, no other process: --of master or --of smtpd")
        if self.of == "smtpd" and self.workload != background.COLD:
            raise Failure(f"smtpd does not work under the workload {self.workload}: --workload cold")
        if self.mode == "memory" and (self.workload == background.COLD or self.of == "bench-accept"):
            raise Failure("memory is that of a process that has done its work: no --workload cold, not bench-accept")


@dataclasses.dataclass
class Outcome:
    """Stacks, and the operations that the client counted meanwhile (0: not counted)."""

    folded: folded.Folded
    operations: int


def record(wish: Wish, machine: recording.Machine, products: str) -> Outcome:
    """Of our programs."""
    bench = f"{products}/bench-accept"
    wish.check()
    if wish.mode == "wakeups" and not machine.has_tracepoints or (
        wish.mode == "allocations" and not machine.has_probes
    ):
        raise Failure(machine.remarks()[wish.mode])
    with stage.Scratch("flamegraph") as scratch:
        peer = scratch.ours(products)
        stage.start(peer)
        if wish.mode == "memory":
            return Outcome(_weigh(wish, peer, bench), 0)
        if wish.workload == background.COLD:
            found, operations = _record_cold(wish, machine, scratch, peer, bench)
        else:
            found, operations = _record_load(wish, machine, scratch, peer, bench)
    found, names = folded.readable(found)
    if names:
        command.say(names)
    return Outcome(found, operations)


def _weigh(wish: Wish, peer: peers.Peer, bench: str) -> folded.Folded:
    """After a little work, idle for a moment: as perf/compare weighs a worker."""
    workloads.run_client(bench, workloads.load_named(wish.workload), peer, ["--count", "100"], 30)
    time.sleep(0.3)
    found: folded.Folded = Counter()
    for pid in background.serving_pids(peer, wish.workload, wish.of):
        found += mappings.private(pid)
    return found


def _record_load(wish: Wish, machine: recording.Machine, scratch: stage.Scratch, peer: peers.Peer,
                 bench: str) -> tuple[folded.Folded, int]:
    # One second more than is recorded, so that the work lasts longer than the recording in any case.
    seconds = wish.seconds + 1
    with background.Background(bench, peer, wish.workload, seconds) as load:
        if wish.of == "bench-accept":
            pids = {load.pid}
        else:
            pids = background.serving_pids(peer, wish.workload, wish.of)
        with _recorder(wish, machine, scratch, pids, pids) as found:
            time.sleep(wish.seconds)
        counted = load.ended()
    # The recording is a part of the run.
    return found(), round(counted.answered * wish.seconds / seconds)


def _record_cold(wish: Wish, machine: recording.Machine, scratch: stage.Scratch,
                 peer: peers.Peer, bench: str) -> tuple[folded.Folded, int]:
    """80 clients at once on a service without a process: what is born belongs to the recording."""
    master = peer.master()
    assert master is not None

    def watched() -> set[int]:
        return {master} if wish.of == "master" else set(peer.daemons()) - known

    known = set(peer.daemons())
    # Everything is over in less than a second: more samples.
    quick = dataclasses.replace(wish, frequency=max(wish.frequency, 4999))
    with _recorder(quick, machine, scratch, {master}, watched) as found:
        workloads.greet_all_cold(bench, peer)
    return found(), workloads.COLD_CLIENTS


@contextlib.contextmanager
def _recorder(wish: Wish, machine: recording.Machine, scratch: stage.Scratch, attach: set[int],
              watched: set[int] | Callable[[], set[int]]) -> Iterator[Callable[[], folded.Folded]]:
    """Records while the `with` block runs; gives a function that returns the stacks afterwards.

    `watched` is what the graph is of; as a function it is asked at the end, when all of them have been born."""
    data = f"{scratch.directory}/perf.data"

    def chosen() -> set[int]:
        return watched() if callable(watched) else watched

    pids: set[int] = set()

    def wanted(sample: stacks.Sample) -> bool:
        return sample.pid in pids

    with contextlib.ExitStack() as everything:
        if wish.mode == "off-cpu" and not machine.has_tracepoints:
            sampler = everything.enter_context(sampling.WaitSampler(chosen))
            yield lambda: sampler.found
            return
        what = ["-p", ",".join(str(pid) for pid in sorted(attach))]
        if wish.mode == "on-cpu":
            what = ["-e", machine.clock, "-F", str(wish.frequency), *what]
        elif wish.mode == "off-cpu":
            what = ["-e", "sched:sched_switch", "--switch-events", *what]
        elif wish.mode == "wakeups":
            # Whoever wakes them may be anybody; the kernel drops the rest. Those that are not born yet have no number.
            what = ["-a", "-e", "sched:sched_waking"]
            if not callable(watched):
                what += ["--filter", "||".join(f"pid=={pid}" for pid in sorted(attach))]
        else:
            probes = everything.enter_context(recording.AllocationProbes(next(iter(attach))))
            what = ["-e", f"{probes.group}:*", *what]
        taken = everything.enter_context(recording.Recording(data, what))
        yield lambda: _fold(wish, data, pids, wanted)
        pids |= chosen()
    if "lost" in taken.said.lower():
        command.say(f"perf could not keep up: {taken.said.strip()[-200:]}")


def _fold(wish: Wish, data: str, pids: set[int], wanted: folded.Wanted) -> folded.Folded:
    samples = stacks.read(data)
    if wish.mode == "on-cpu":
        return folded.on_processor(samples, wanted)
    if wish.mode == "off-cpu":
        return folded.off_processor(samples, wanted)
    if wish.mode == "wakeups":
        return folded.wakeups(samples, pids)
    return folded.allocations(samples, wanted, wish.by_bytes)


def title(wish: Wish, machine: recording.Machine, outcome: Outcome) -> str:
    event = f", {machine.clock}" if wish.mode == "on-cpu" else ""
    total = sum(outcome.folded.values())
    return f"{wish.of} under {wish.workload}, {wish.mode}{event}: {total} {wish.unit()}"


def draw(path: str, wish: Wish, machine: recording.Machine, outcome: Outcome) -> None:
    """The picture, or, where nothing happened that could be drawn, a plain statement of that."""
    if not outcome.folded and wish.mode == "allocations":
        raise Failure(
            f"no allocation by {wish.of} in {wish.seconds:g} s of {wish.workload}, {outcome.operations} operations:"
            " nothing to draw (its start allocates: --workload cold)"
        )
    drawing.draw(path, title(wish, machine, outcome), where(command.circumstances()), wish.unit(), COLORS[wish.mode],
                 folded.lines(outcome.folded))
    command.say(f"written: {os.path.relpath(path)}")


def merged(outcomes: list[Outcome]) -> Outcome:
    total: folded.Folded = Counter()
    for outcome in outcomes:
        total += outcome.folded
    return Outcome(total, sum(each.operations for each in outcomes))
