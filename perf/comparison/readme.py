# ===----------------------------------------------------------------------===#
# Quartermaster: the figures in the README
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Between two comments the README is ours: written from the results, never by hand."""

from collections.abc import Iterator

from . import text
from .processes import Failure
from .results import Results

BEGIN = "<!-- Written by perf/compare from perf/results/compare.json. Do not edit. -->"
END = "<!-- End of what perf/compare wrote. -->"

RATES = [
    ("kept", "anvil request on a kept connection, 50 clients"),
    ("storm", "connect, greeting, request, reply, close on a UNIX socket"),
    ("tcp", "the same on loopback TCP"),
    ("datagrams", "log lines into postlogd"),
]
GETS = [
    ("get", "connect, GET, three bytes, close on loopback TCP"),
    ("get-kept", "GET on a kept TCP connection"),
]
ECHOES = [
    ("echo", "connect, line, echo, close on loopback TCP"),
    ("echo-kept", "line and echo on a kept TCP connection"),
]
PEERS = ["Postfix", "bare", "ours"]


def _processor_sum(results: Results, load: str, peer: str) -> str:
    spread = results.spread(load, peer, "server_us")
    return f"{spread.median:.1f} µs" if spread else text.NONE


def _ratios(results: Results, what: str, field: str) -> list[str]:
    return [text.ratio(results, what, field, "ours", of, with_spread=False) for of in ("Postfix", "bare")]


def _rows(results: Results) -> Iterator[list[str]]:
    for load, title in RATES:
        if results.peers_of(load):
            cells = [text.rate(results, load, peer, with_spread=False) for peer in PEERS]
            yield [title] + cells + _ratios(results, load, "rate")
        if load == "tcp":
            yield from _tcp_rows(results)
    if results.memory:
        cells = [text.memory(results, peer) for peer in PEERS]
        yield ["resident (private) memory of an idle anvil"] + cells + _ratios(results, "memory", "resident_kb")
    if results.cold:
        cells = [text.cold(results, peer).partition(" (")[0] for peer in PEERS]
        yield ["80 clients at once on a cold `smtpd`, all greeted"] + cells + _ratios(results, "cold", "seconds")
    if results.peers_of("mail"):
        cells = [text.rate(results, "mail", peer, with_spread=False) for peer in PEERS]
        yield ["whole mails: Debian's smtpd, cleanup, qmgr, discard"] + cells + _ratios(results, "mail", "rate")
        cells = [_processor_sum(results, "mail", peer) for peer in PEERS]
        yield ["– their CPU, daemons and master"] + cells + _ratios(results, "mail", "server_us")
    if results.peers_of("mixed"):
        cells = [text.latency(results, "mixed", peer).partition(" (")[0] for peer in PEERS]
        yield ["p99 of a kept request while 50 clients storm"] + cells + _ratios(results, "mixed", "p99_us")


def _tcp_rows(results: Results) -> Iterator[list[str]]:
    """What a connection costs, where the kernel's share is the largest."""
    if results.peers_of("tcp"):
        cells = [_processor_sum(results, "tcp", peer) for peer in PEERS]
        yield ["– its CPU, daemon and master"] + cells + _ratios(results, "tcp", "server_us")
    if results.calls:
        cells = [text.calls(results, "tcp", peer) for peer in PEERS]
        yield ["– its system calls, daemon + master"] + cells + [text.NONE, text.NONE]


def _side_rows(results: Results, loads: list[tuple[str, str]], beside: str) -> Iterator[list[str]]:
    """Ours beside a server that is not Postfix."""
    for load, title in loads:
        cells = [text.rate(results, load, peer, with_spread=False) for peer in ("bare", beside, "ours")]
        yield [title] + cells + [text.ratio(results, load, "rate", "ours", beside, with_spread=False)]
        cells = [_processor_sum(results, load, peer) for peer in ("bare", beside, "ours")]
        yield ["– its CPU"] + cells + [text.ratio(results, load, "server_us", "ours", beside, with_spread=False)]


def block(results: Results) -> str:
    """What stands between the comments."""
    facts = results.circumstances
    changed = " with local changes" if facts["local_changes"] else ""
    postfix = f"Postfix {facts['versions'].get('Postfix', '')}".strip()
    lines = [
        "`perf/compare` runs the same work against Debian's Postfix, bare libevent loops in C, an echo server on",
        "SwiftNIO, nginx, and our programs, by turns on one machine. From",
        f"[perf/results/compare.md](perf/results/compare.md): medians of {facts['rounds']} rounds,"
        f" {facts['processors']} processors,",
        f"the clients on the same machine, Linux {facts['kernel'].split()[1]}, commit {facts['commit']}{changed}.",
        "",
        *text.table(["Work", postfix, "bare loop in C", "ours", "to Postfix", "to bare loop"], _rows(results)),
    ]
    for kind, loads, beside in (("Echo", ECHOES, "SwiftNIO"), ("HTTP", GETS, "nginx")):
        if any(beside in results.peers_of(load) for load, _ in loads):
            name = f"{beside} {facts['versions'].get(beside, '')}".strip()
            heads = [kind, "bare loop in C", name, "ours", f"to {beside}"]
            lines += ["", *text.table(heads, _side_rows(results, loads, beside))]
    return "\n".join(lines) + "\n"


def rewrite(path: str, results: Results) -> None:
    """Replaces what stands between the two comments of the file."""
    with open(path, encoding="utf-8") as file:
        whole = file.read()
    before, begin, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Failure(f"{path}: the two comments that enclose the figures are not there; the file is left as it is")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n\n{block(results)}\n{END}{after}")
