# ===----------------------------------------------------------------------===#
# Quartermaster: every load program on every server, by turns
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

import dataclasses
import os
import time

from comparison.processes import Failure
from comparison.rounds import in_turn, say

from . import servers
from .cases import BENCH, SINK_DELAY_SECONDS, SINK_WAVES, Case
from .tools import Tools, find


@dataclasses.dataclass(frozen=True)
class Run:
    """One run; microseconds are of a processor, for one exchange, but for `median_us`, which is what was waited."""

    case: str
    tool: str
    round: int
    place: int
    answered: int
    failed: int
    rate: float
    median_us: float | None
    client_us: float
    server_us: float
    client_busy: float  # share of one processor
    server_busy: float
    counted: int | None  # what the server says it has answered


def processors() -> tuple[set[int], set[int]]:
    """(of the servers, of the load programs): one each, so that neither takes from the other."""
    allowed = sorted(os.sched_getaffinity(0))
    return ({allowed[0]}, {allowed[-1]})


class Schedule:
    """Runs the cases that were chosen; what cannot take part is named and left out, what fails becomes a remark."""

    def __init__(self, chosen: list[Case], tools: Tools, root: str, server_processors: set[int]):
        self.tools = tools
        self.runs: list[Run] = []
        self.skipped: list[str] = []
        self.remarks: list[str] = []
        self._root, self._processors = root, server_processors
        self._servers: dict[str, servers.Server] = {}
        self._mails: dict[str, int] = {}
        self._failed: set[tuple[str, str]] = set()
        self._missing: dict[str, str] = {}
        self._cases = [case for case in chosen if self._can(case)]

    def _can(self, case: Case) -> bool:
        """With at least one other program to compare with."""
        for tool in case.tools[1:]:
            try:
                find(tool)
            except Failure as failure:
                self._leave_out(tool, str(failure))
        if all(tool in self._missing for tool in case.tools[1:]):
            return False
        if case.server not in self._servers and case.server not in self._missing:
            try:
                self._servers[case.server] = servers.SERVERS[case.server](f"{self._root}/{case.server}")
            except Failure as failure:
                self._leave_out(case.server, str(failure))
        return case.server in self._servers

    def _leave_out(self, what: str, why: str) -> None:
        if what not in self._missing:
            self._missing[what] = why
            self.skipped.append(f"{what}: {why}")
            say(f"without {what}: {why}")

    def start(self) -> None:
        for server in self._servers.values():
            servers.start(server, self._processors)

    def stop(self) -> None:
        for server in self._servers.values():
            server.stop()

    def run(self, rounds: int) -> None:
        for case in self._cases:
            self._warm(case)
        for number in range(rounds):
            for case in self._cases:
                tools = [tool for tool in case.tools if tool not in self._missing]
                for place, tool in enumerate(in_turn(tools, number)):
                    self._try(case, tool, number + 1, place)

    def _warm(self, case: Case) -> None:
        """The server has served everything once; and how many mails make a run, where it is not a time."""
        say(f"{case.key}, warm-up")
        if case.is_known and case.is_mail:
            self._mails[case.key] = SINK_WAVES * case.clients // SINK_DELAY_SECONDS
            return
        port = self._servers[case.server].http_port or 0
        said, _ = self.tools.run(BENCH, case, port, 2000)
        self._mails[case.key] = max(round(said.answered / said.seconds * self.tools.seconds), 1000)

    def _try(self, case: Case, tool: str, number: int, place: int) -> None:
        if (case.key, tool) in self._failed:
            return
        say(f"{case.key}, round {number}, {tool}")
        try:
            self._measure(case, tool, number, place)
        except (Failure, OSError) as failure:
            self._failed.add((case.key, tool))
            self.remarks.append(f"{case.key}, {tool}: {failure}")
            say(f"failed: {failure}")

    def _measure(self, case: Case, tool: str, number: int, place: int) -> None:
        server = self._servers[case.server]
        before, answers = servers.spent(server), server.answers()
        said, ended = self.tools.run(tool, case, server.http_port or 0, self._mails[case.key])
        self._settle(server)
        spent, after = servers.spent(server) - before, server.answers()
        if said.answered == 0:
            raise Failure("no client was answered")
        self.runs.append(Run(
            case=case.key, tool=tool, round=number, place=place, answered=said.answered, failed=said.failed,
            rate=said.answered / said.seconds, median_us=said.median_us,
            client_us=ended.processor_seconds / said.answered * 1e6, server_us=spent / said.answered * 1e6,
            client_busy=ended.processor_seconds / ended.seconds, server_busy=spent / ended.seconds,
            counted=None if answers is None or after is None else after - answers,
        ))

    def _settle(self, server: servers.Server) -> None:
        """Until the server has dealt with what the program left behind."""
        last = -1.0
        deadline = time.monotonic() + 5
        while (now := servers.spent(server)) != last and time.monotonic() < deadline:
            last = now
            time.sleep(0.05)
