# ===----------------------------------------------------------------------===#
# Quartermaster: the page of a comparison
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Everything a comparison measured, as one Markdown page: targets first, every single round last."""

from collections.abc import Iterator

from . import circumstances, duties, obstacles, text
from .building import BEFORE
from .plots import PLOTS
from .results import Results
from .targets import Target, targets_of
from .workloads import COLD_CLIENTS, ECHO_LOADS, HTTP_LOADS, LOADS, POSTFIX_LOADS, UDP_LOADS, Load

MAIN_PEERS = ["Postfix", "bare", "ours"]
ECHO_PEERS = ["bare", "SwiftNIO", "ours"]
ASYNC_PEERS = ["ours", "ours, event", "ours, async", "SwiftNIO", "SwiftNIO async", "SwiftNIO async, pool"]
HTTP_PEERS = ["bare", "nginx", "ours"]
UDP_PEERS = ["bare", "ours"]


def _verdicts(results: Results, targets: list[Target]) -> list[str]:
    if not targets:
        return [text.NONE, text.NONE]
    return [", ".join(each.words for each in targets), "; ".join(each.verdict(results) for each in targets)]


def _main_rows(results: Results) -> Iterator[list[str]]:
    for load in POSTFIX_LOADS:
        if load.key == "mixed" and results.peers_of(load.key):
            cells = [text.latency(results, load.key, peer) for peer in MAIN_PEERS]
            yield [f"{load.title}: p99"] + cells + _verdicts(results, targets_of(load.key, "p99_us"))
        elif results.peers_of(load.key):
            cells = [text.rate(results, load.key, peer) for peer in MAIN_PEERS]
            yield [load.title] + cells + _verdicts(results, targets_of(load.key, "rate", "lost"))
            cells = [text.processor(results, load.key, peer) for peer in MAIN_PEERS]
            title = "– CPU an operation, daemon + master"
            yield [title] + cells + _verdicts(results, targets_of(load.key, "server_us"))
    for load in LOADS:
        if any(each.load == load.key for each in results.calls):
            cells = [text.calls(results, load.key, peer) for peer in MAIN_PEERS]
            title = f"system calls: {load.calls_of}, daemon + master"
            yield [title] + cells + _verdicts(results, targets_of(load.key, "calls"))
    if results.memory:
        cells = [text.memory(results, peer) for peer in MAIN_PEERS]
        targets = targets_of("memory", "resident_kb", "private_kb")
        yield ["resident (private) memory of an idle anvil"] + cells + _verdicts(results, targets)
    if results.cold:
        cells = [text.cold(results, peer) for peer in MAIN_PEERS]
        title = f"{COLD_CLIENTS} clients at once on a cold `smtpd`, all greeted"
        yield [title] + cells + _verdicts(results, targets_of("cold", "seconds"))


def _side_rows(results: Results, loads: list[Load], peers: list[str], pair: tuple[str, str]) -> Iterator[list[str]]:
    """Servers that are not Postfix: what each does, and how `pair`'s first stands to its second."""
    for load in loads:
        if not any(peer in results.peers_of(load.key) for peer in peers):
            continue
        cells = [text.rate(results, load.key, peer) for peer in peers]
        yield [load.title] + cells + [text.ratio(results, load.key, "rate", *pair)]
        cells = [text.processor(results, load.key, peer) for peer in peers]
        yield ["– CPU an operation, worker + master"] + cells + [text.ratio(results, load.key, "server_us", *pair)]


def _side_tables(results: Results) -> list[str]:
    lines = []
    echo = list(_side_rows(results, ECHO_LOADS, ECHO_PEERS, ("ours", "SwiftNIO")))
    if echo:
        heads = ["Work", "bare loop", "SwiftNIO", "ours", "ours to SwiftNIO"]
        verdict = _verdicts(results, targets_of("echo", "server_us"))
        lines += ["", "## Echo, beside SwiftNIO", "", *text.table(heads, echo)]
        lines += ["", f"CPU of the echo storm, {verdict[0]}: {verdict[1]}"]
    lines += _async_table(results)
    http = list(_side_rows(results, HTTP_LOADS, HTTP_PEERS, ("ours", "nginx")))
    if http:
        heads = ["Work", "bare loop", "nginx", "ours", "ours to nginx"]
        lines += ["", "## HTTP, beside nginx", ""]
        lines += ["nginx answers with `return`; ours is `Benchmarks/http-answer`, a service on the skeleton under our"]
        lines += ["`master`. Both find and check each request, say what time it is and keep or close the connection as"]
        lines += ["the client wants; nginx logs nothing here. The bare loop takes one read for one request.", ""]
        lines += text.table(heads, http)
    udp = list(_side_rows(results, UDP_LOADS, UDP_PEERS, ("ours", "bare")))
    if udp:
        lines += ["", "## Datagrams that are answered", ""]
        lines += ["Ours is `Benchmarks/datagram-echo`, a datagram service under our `master`; the bare loop sends back"]
        lines += ["what it has received, a batch at a time. A datagram without its reply within a second is lost, and"]
        lines += ["that is a remark.", ""]
        lines += text.table(["Work", "bare loop", "ours", "ours to bare"], udp)
    return lines


def _async_table(results: Results) -> list[str]:
    if not any(results.peers_of(load.key) and "ours, async" in results.peers_of(load.key) for load in ECHO_LOADS):
        return []
    rows = list(_side_rows(results, ECHO_LOADS, ASYNC_PEERS, ("ours, async", "SwiftNIO async")))
    counts = list(_echo_counts(results))
    heads = ["Work", "stream", "event", "async", "SwiftNIO handler", "SwiftNIO async", "SwiftNIO async, pool"]
    return [
        "", "## Echo, written in other ways", "",
        "The same echo as a stream service, an event service and an async service under our `master`; and on SwiftNIO,",
        "as a handler in the channel, and as a task that reads and writes an async channel: with all tasks on the one",
        "event loop, which SwiftNIO has as an experiment, and on Swift's own pool of threads, as by default.", "",
        *text.table([*heads, "async to SwiftNIO async"], rows), *_below_counts(counts),
    ]


def _echo_counts(results: Results) -> Iterator[list[str]]:
    for load in ECHO_LOADS:
        counted = {each.peer: each.count for each in results.instructions if each.load == load.key}
        if counted:
            peers = ("bare", "ours", "ours, event", "ours, async")
            yield [load.title, *(f"{counted[peer]:,.0f}" if peer in counted else text.NONE for peer in peers)]


def _below_counts(rows: list[list[str]]) -> list[str]:
    if not rows:
        return []
    lines = ["", "Instructions in user space for one operation, counted by callgrind, with nothing of the kernel:", ""]
    return lines + text.table(["In the worker", "bare loop", "stream", "event", "async"], rows)


def _round_rows(results: Results) -> Iterator[list[str]]:
    for run in sorted(results.runs, key=lambda run: [load.key for load in LOADS].index(run.load)):
        yield [
            run.load, run.peer, f"{run.round}.{run.place + 1}", f"{run.rate:.0f}", f"{run.daemon_us:.2f}",
            f"{run.master_us:.2f}", f"{run.client_us:.2f}", f"{run.user_share * 100:.0f} %", f"{run.p50_us:g}",
            f"{run.p99_us:g}",
        ]


def _call_names(results: Results) -> Iterator[list[str]]:
    for each in results.calls:
        for process, names in (("daemon", each.daemon), ("master", each.master)):
            often = sorted(names.items(), key=lambda item: -item[1])
            if often:
                words = ", ".join(f"{name} {count:.2f}" for name, count in often if count >= 0.005)
                yield [each.load, each.peer, process, words]


def _method(results: Results) -> list[str]:
    facts = results.circumstances
    return [
        f"Medians of {facts['rounds']} rounds of {facts['seconds']:g} s, the peers by turns in changing order;",
        "smallest to largest in brackets. A ratio is made in each round, of runs that followed each other within",
        "seconds; the table has the median of the ratios, which need not be the ratio of the medians. CPU is what the",
        "servers' processes spent, divided by the operations the client counted; most of it is the kernel's on their",
        "behalf. A bare loop does not parse and has no master, no limits and no watchdog. System calls are counted",
        "under strace, which slows the server, so that more work waits at each wake-up than without it.",
    ]


def _before_and_after(results: Results) -> list[str]:
    """Ours beside our programs of earlier."""
    rows = []
    for load in LOADS:
        for field, title, show in (("rate", load.title, text.rate), ("server_us", "– its CPU", text.processor)):
            if BEFORE in results.peers_of(load.key):
                cells = [show(results, load.key, peer) for peer in (BEFORE, "ours")]
                rows.append([title, *cells, text.ratio(results, load.key, field, "ours", BEFORE)])
    for what, title, field, how in (("memory", "idle anvil", "private_kb", text.memory),
                                    ("cold", "cold start", "seconds", text.cold)):
        if BEFORE in results.peers_of(what):
            cells = [how(results, peer) for peer in (BEFORE, "ours")]
            rows.append([title, *cells, text.ratio(results, what, field, "ours", BEFORE)])
    heads = ["Work", "before", "now", "now to before"]
    return ["", "## Before and now", "", *text.table(heads, rows)] if rows else []


def render(results: Results, plots: list[str]) -> str:
    """The page; `plots` are the files that were drawn, relative to it."""
    lines = ["# Postfix, bare loops, SwiftNIO, nginx and ours", ""]
    lines += ["Written by `perf/compare`; do not edit. The figures as data: [compare.json](compare.json).", ""]
    lines += circumstances.lines(results.circumstances) + [""] + _method(results)
    rows = list(_main_rows(results))
    if rows:
        lines += ["", "## Beside Postfix", ""]
        lines += text.table(["Work", "Postfix", "bare loop", "ours", "target", "verdict"], rows)
    for path, title in ((path, PLOTS[path.rpartition("/")[2]]) for path in plots):
        lines += ["", f"![{title}]({path})"]
    if plots:
        lines += ["", "A bar ends at the median; the thin line on it goes from the smallest to the largest round."]
    lines += duties.section(results)
    lines += obstacles.section(results)
    lines += _before_and_after(results)
    lines += _side_tables(results)
    if results.skipped:
        lines += ["", "## Left out", ""] + [f"- {each}" for each in results.skipped]
    if results.remarks:
        lines += ["", "## What did not go as it should", ""] + [f"- {each}" for each in results.remarks]
    if results.runs:
        heads = ["workload", "peer", "round.place", "operations/s", "daemon µs", "master µs", "client µs"]
        heads += ["user share", "client p50 µs", "client p99 µs"]
        lines += ["", "## Every round", ""] + text.table(heads, _round_rows(results))
    if results.calls:
        heads = ["workload", "peer", "process", "calls an operation"]
        lines += ["", "## System calls by name", ""] + text.table(heads, _call_names(results))
    return "\n".join(lines) + "\n"
