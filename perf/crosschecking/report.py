# ===----------------------------------------------------------------------===#
# Quartermaster: the page of the cross-check
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

from collections.abc import Iterator
from typing import Any

from comparison import circumstances, text
from comparison.results import Spread

from .cases import BENCH, CASES, INTERVAL_US, MAIL_SIZE, SINK_DELAY_SECONDS, Case
from .judging import FULL, NEAR, TRUSTED, Judge, disturbed, is_at_least_one, is_one
from .schedule import Run


def _range(spread: Spread | None, digits: int = 0, unit: str = "") -> str:
    if spread is None:
        return text.NONE
    return f"{spread.median:.{digits}f}{unit} ({spread.low:.{digits}f}–{spread.high:.{digits}f})"


def _ratio(spread: Spread | None) -> str:
    return f"{spread.median:.3f} ({spread.low:.3f}–{spread.high:.3f})" if spread else text.NONE


class Page:
    def __init__(self, facts: dict[str, Any], runs: list[Run], skipped: list[str], remarks: list[str]):
        self._facts, self._runs, self._skipped, self._remarks = facts, runs, skipped, remarks
        self._judge = Judge(runs)

    def _cases(self, is_known: bool) -> list[Case]:
        return [case for case in CASES if case.is_known == is_known and self._judge.tools(case)]

    def render(self) -> str:
        lines = ["# bench-accept beside wrk, ab and smtp-source", ""]
        lines += ["Written by `perf/crosscheck`; do not edit."]
        lines += ["The figures as data: [crosscheck.json](crosscheck.json).", ""]
        lines += circumstances.lines(self._facts) + [""] + self._method() + [""] + self._short()
        if self._cases(True):
            lines += ["", "## Servers whose rate is known", "", *self._known()]
        if self._cases(False):
            lines += ["", "## As fast as they can", "", *self._closed()]
        lines += ["", "## Who counted what", "", *self._counts()]
        for title, what in (("Left out", self._skipped), ("What did not go as it should", self._remarks)):
            if what:
                lines += ["", f"## {title}", ""] + [f"- {each}" for each in what]
        return "\n".join([*lines, "", "## Every round", "", *self._rounds()]) + "\n"

    def _method(self) -> list[str]:
        facts = self._facts
        servers, clients = (", ".join(map(str, facts[each])) for each in ("server_processors", "client_processors"))
        return [
            f"Medians of {facts['rounds']} rounds of {facts['seconds']} s, the programs by turns in changing order on",
            "the same server process; smallest to largest in brackets. A ratio is made in each round, bench-accept's",
            f"figure to the other's. The servers run on processor {servers}, the load programs on processor {clients},",
            "each with one thread. Two programs agree within noise when the ratios of the rounds lie on both sides of",
            f"1 and their median is within {NEAR * 100:.0f} % of it, or when the median is within",
            f"{TRUSTED * 100:.0f} %, which is how well the length of a run is known.",
        ]

    # What comes of it.

    def _short(self) -> list[str]:
        known = [verdict for case in self._cases(True) for tool in self._judge.pairs(case)
                 if (verdict := self._judge.rates(case, tool))]
        economies = [each for case in self._cases(False) if (each := self._judge.economy(case))]
        lines = []
        if known:
            good = sum(verdict.agrees for verdict in known)
            lines.append(f"- Where the server sets the rate, {good} of {len(known)} pairs agree within noise.")
        if economies:
            good = sum(is_at_least_one(ratio) for _, ratio in economies)
            lines.append(f"- For the same CPU bench-accept makes at least as many exchanges as the most economical of "
                         f"the others in {good} of {len(economies)} workloads.")
        paced, full = {case.key for case in CASES if case.is_known}, len(self._runs)
        full -= sum(run.case in paced for run in self._runs)
        if shared := disturbed(self._runs, paced):
            lines.append(f"- In {shared} of {full} runs at full speed neither the program nor the server had "
                         f"{FULL * 100:.0f} % of its processor: something else used the machine; the ratios spread.")
        wrong = len(self._remarks)
        fine = "- Nothing failed, and where a server counts, the programs' counts are its own."
        lines.append(f"- {wrong} remarks, below." if wrong else fine)
        return lines

    def _known(self) -> list[str]:
        lines = [
            f"`known-http` answers one request every {INTERVAL_US} µs, in the order in which they came, whatever the",
            "load program costs. In a closed loop each client then waits as many intervals as there are clients.",
            f"`smtp-sink -w {SINK_DELAY_SECONDS}` waits that many seconds before it answers DATA; what its clients do",
            "meanwhile comes on top. So the rate and the median time are known beforehand. `wrk` counts a request's",
            "time from its first byte, `ab` and bench-accept from the connect; smtp-source tells no times.", "",
        ]
        heads = ["Work", "program", "rate", "known", "median time", "known", "rate of bench-accept to it", "verdict"]
        return lines + text.table(heads, self._known_rows())

    def _known_rows(self) -> Iterator[list[str]]:
        for case in self._cases(True):
            for tool in self._judge.tools(case):
                verdict = self._judge.rates(case, tool) if tool != BENCH else None
                times = self._judge.spread(case, tool, lambda run: run.median_us and run.median_us / 1000)
                yield [
                    case.title, tool, _range(self._judge.spread(case, tool, lambda run: run.rate), 1, "/s"),
                    f"{case.known_rate:.0f}/s", _range(times, 2, " ms"), f"{(case.known_time_us or 0) / 1000:.0f} ms",
                    _ratio(verdict.ratio) if verdict else "", self._times(case, tool, verdict.words) if verdict else "",
                ]

    def _times(self, case: Case, tool: str, words: str) -> str:
        ratio = self._judge.ratio(case, tool, lambda run: run.median_us)
        if ratio is None:
            return words
        return f"{words}; times {'agree' if is_one(ratio) else 'differ'}: {ratio.median:.3f}"

    def _closed(self) -> list[str]:
        lines = [
            "Closed loops with nothing to wait for: whoever takes more of its processor for an exchange, the load",
            "program or the server, is the limit and sets the rate. Where it is the program, the rates say how much it",
            "costs, and the one that costs less reaches the higher rate; then the CPU is what there is to compare.",
            f"Mails have a text of {MAIL_SIZE} bytes; smtp-source says HELO where bench-accept says EHLO, else they",
            "say the same.", "",
        ]
        heads = ["Work", "program", "rate", "its CPU, µs", "busy", "server's CPU, µs", "busy"]
        heads += ["rate of bench-accept to it", "verdict"]
        lines += text.table(heads, self._closed_rows())
        lines += ["", "Exchanges for a second of the load program's CPU, beside the most economical of the others:", ""]
        heads = ["Work", "bench-accept", "the other", "", "ratio", "at least as many"]
        return lines + text.table(heads, self._economy_rows())

    def _closed_rows(self) -> Iterator[list[str]]:
        for case in self._cases(False):
            for tool in self._judge.tools(case):
                verdict = self._judge.rates(case, tool) if tool != BENCH else None
                spread = self._judge.spread
                yield [
                    case.title, tool, _range(spread(case, tool, lambda run: run.rate), 0, "/s"),
                    _range(spread(case, tool, lambda run: run.client_us), 1),
                    f"{self._median(case, tool, 'client_busy') * 100:.0f} %",
                    _range(spread(case, tool, lambda run: run.server_us), 1),
                    f"{self._median(case, tool, 'server_busy') * 100:.0f} %",
                    _ratio(verdict.ratio) if verdict else "", verdict.words if verdict else "",
                ]

    def _median(self, case: Case, tool: str, field: str) -> float:
        spread = self._judge.spread(case, tool, lambda run: getattr(run, field))
        return spread.median if spread else 0.0

    def _economy_rows(self) -> Iterator[list[str]]:
        for case in self._cases(False):
            if found := self._judge.economy(case):
                tool, ratio = found
                mine, other = (1e6 / self._median(case, each, "client_us") for each in (BENCH, tool))
                yield [case.title, f"{mine:.0f}", tool, f"{other:.0f}", _ratio(ratio),
                       "yes" if is_at_least_one(ratio) else "**no**"]

    def _counts(self) -> list[str]:
        lines = [
            "What a server answered beyond what the program counted, over all rounds. bench-accept finishes what it",
            "began; a program that stops in the middle leaves at most one answer to each client unread.", "",
        ]
        return lines + text.table(["Work", "program", "answers counted by the program", "by the server", "unread"],
                                  self._count_rows())

    def _count_rows(self) -> Iterator[list[str]]:
        for case in (case for case in CASES if self._judge.tools(case)):
            for tool in self._judge.tools(case):
                runs = [run for run in self._judge.of(case, tool) if run.counted is not None]
                if runs:
                    answered, counted = (sum(getattr(run, each) for run in runs) for each in ("answered", "counted"))
                    yield [case.title, tool, str(answered), str(counted), str(counted - answered)]

    def _rounds(self) -> list[str]:
        heads = ["case", "program", "round.place", "rate", "median ms", "its µs", "busy", "server's µs", "busy"]
        return text.table(heads, ([
            run.case, run.tool, f"{run.round}.{run.place + 1}", f"{run.rate:.1f}",
            f"{run.median_us / 1000:.3f}" if run.median_us else text.NONE, f"{run.client_us:.2f}",
            f"{run.client_busy * 100:.0f} %", f"{run.server_us:.2f}", f"{run.server_busy * 100:.0f} %",
        ] for run in sorted(self._runs, key=lambda run: [case.key for case in CASES].index(run.case))))
