# ===----------------------------------------------------------------------===#
# Quartermaster: a named workload that runs while something is watched
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""The workloads of perf/compare, beside a recording instead of alone."""

import os
import signal
import threading
import time

from comparison import client, peers, processes, stopping, workloads
from comparison.processes import Failure

# Those of the comparison that our programs serve.
LOADS = ["kept", "storm", "tcp", "datagrams", "echo", "echo-kept"]
COLD = "cold"
NAMES = [*LOADS, COLD]


def serving_pids(peer: peers.Peer, workload: str, of: str) -> set[int]:
    """The processes of the peer that `of` names: master, worker (whoever serves the workload), or a program."""
    if of == "master":
        master = peer.master()
        return {master} if master else set()
    if of == "worker":
        names = {"tcp": f"127.0.0.1:{peer.anvil_port}", "datagrams": "postlog"}
        names["echo"] = names["echo-kept"] = f"127.0.0.1:{peer.echo_port}"
        return {peer.worker(names.get(workload, "anvil"))}
    wanted = [pid for pid in peer.daemons() if _program(pid) == of]
    if not wanted:
        raise Failure(f"no process of {of} runs under the workload {workload}")
    return set(wanted)


def _program(pid: int) -> str:
    return ((processes.arguments_of(pid) or [""])[0]).rpartition("/")[2]


class Background:
    """bench-accept beside the `with` block. `ended` waits for it and returns what it counted."""

    def __init__(self, bench: str, peer: peers.Peer, workload: str, seconds: float) -> None:
        self.pid = 0
        self._bench, self._peer, self._load = bench, peer, workloads.load_named(workload)
        self._seconds = seconds
        self._thread = threading.Thread(target=self._run)
        self._outcome: client.Outcome | Failure | None = None

    def _run(self) -> None:
        try:
            amount = ["--duration", str(self._seconds)]
            self._outcome = workloads.run_client(self._bench, self._load, self._peer, amount, self._seconds + 30)
        except Failure as failure:
            self._outcome = failure

    def __enter__(self) -> "Background":
        workloads.run_client(self._bench, self._load, self._peer, ["--count", "500"], 30)
        with stopping.held_back():
            self._thread.start()
            processes.wait_until(lambda: self._find() > 0 or self._outcome is not None, 10, "bench-accept started")
        # Connected and past its first requests.
        time.sleep(0.3)
        return self

    def _find(self) -> int:
        """The pid of the load program: the child of the thread."""
        with open(f"/proc/self/task/{self._thread.native_id}/children", encoding="ascii") as children:
            self.pid = int((children.read().split() or ["0"])[0])
        return self.pid

    def __exit__(self, kind: object, *_: object) -> None:
        with stopping.held_back():
            if kind is not None and self._thread.is_alive() and self.pid:
                os.kill(self.pid, signal.SIGKILL)
            self._thread.join()

    def ended(self) -> client.Outcome:
        self._thread.join()
        if isinstance(self._outcome, client.Outcome):
            return self._outcome
        raise self._outcome or Failure("bench-accept said nothing")
