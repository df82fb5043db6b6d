# ===----------------------------------------------------------------------===#
# Quartermaster: what stands in the way of a target that was missed
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Nothing here is typed in: everything is computed from the runs and from the profiles that perf/flamegraph folded."""

import statistics
from collections.abc import Iterator

from . import changes, text
from .changes import Pictures
from .duties import NAME as DUTIES
from .results import Results, Run, Spread
from .targets import TARGETS, Target
from .workloads import COLD_CLIENTS

PEERS = ["Postfix", "bare", DUTIES, "ours"]
# Parts of the profile below this share of the time are summed up.
SMALLEST_SHARE = 0.02
# And mappings below so many kilobytes.
SMALLEST_MAPPING = 16


def _missed(results: Results) -> list[Target]:
    found = []
    for target in TARGETS:
        value = Spread.of(target.values(results))
        if value is not None and not target.is_met(value.median):
            found.append(target)
    return found


def _median(results: Results, load: str, field: str, peer: str, of: str) -> float | None:
    spread = Spread.of(results.ratios(load, field, peer, of))
    return spread.median if spread else None


# MARK: rates and processor time


def _runs(results: Results, load: str, peer: str) -> list[Run]:
    return [run for run in results.runs if (run.load, run.peer) == (load, peer)]


def _busy(runs: list[Run], field: str) -> str:
    """Processors in use on average: time for an operation, times operations a second."""
    spread = Spread.of(getattr(run, field) * run.rate / 1e6 for run in runs)
    return f"{spread.median:.2f}" if spread else text.NONE


def _busy_rows(results: Results, load: str) -> Iterator[list[str]]:
    for peer in (peer for peer in PEERS if peer in results.peers_of(load)):
        runs = _runs(results, load, peer)
        kernel = Spread.of(1 - run.user_share for run in runs)
        row = [peer, text.rate(results, load, peer, with_spread=False)]
        row += [_busy(runs, field) for field in ("daemon_us", "master_us", "server_us", "client_us")]
        yield row + [f"{kernel.median * 100:.0f} %" if kernel else text.NONE, text.processor(results, load, peer)]


def _limits(results: Results, target: Target) -> Iterator[str]:
    """What the bare loops reach of the same target."""
    for peer in ("bare", DUTIES):
        value = _median(results, target.what, target.field, peer, target.of) if peer != target.of else None
        if value is None:
            continue
        verdict = "which meets it" if target.is_met(value) else "which does not meet it either"
        name = "The bare loop" if peer == "bare" else "The bare loop with the duties"
        yield f"- {name} has {value:.2f} × {target.of}, {verdict}."
    own = _median(results, target.what, target.field, "ours", DUTIES)
    if own is not None:
        yield f"- Ours has {own:.2f} × the bare loop with the duties."
    cost = _median(results, target.what, "server_us", target.of, "ours")
    if target.field == "rate" and cost is not None:
        theirs, ours = (_runs(results, target.what, peer) for peer in (target.of, "ours"))
        other = "the bare loop" if target.of == "bare" else target.of
        used = [f"{_busy(runs, 'server_us')} + {_busy(runs, 'client_us')}" for runs in (theirs, ours)]
        yield (
            f"- An operation takes {other} {cost:.2f} × the processor time that it takes ours. The rate also depends on"
            f" how much works at once: {other} and its client use {used[0]} processors, ours and its client {used[1]}."
        )


def _share_rows(pictures: Pictures, key: str) -> tuple[list[str], list[list[str]]]:
    """Where the processor time of the worker goes: of each side, µs for an operation by system call."""
    sides = pictures.get("targets", {}).get(key, {}).get("sides", {})
    chosen = {name: side for name, side in sides.items() if side.get("shares") and side.get("worker_us")}
    if not chosen:
        return [], []
    names: dict[str, float] = {}
    for side in chosen.values():
        for name, share in side["shares"].items():
            names[name] = max(names.get(name, 0.0), share)
    shown = sorted((name for name in names if names[name] >= SMALLEST_SHARE), key=lambda name: -names[name])

    def row(words: str, share_of: dict[str, float]) -> list[str]:
        cells = [f"{share_of[name] * (changes.median(side, 'worker_us') or 0):.2f}" for name, side in chosen.items()]
        return [words, *cells]

    rows = [row(name, {side: chosen[side]["shares"].get(name, 0.0) for side in chosen}) for name in shown]
    rest = {name: 1.0 - sum(side["shares"].get(part, 0.0) for part in shown) for name, side in chosen.items()}
    return list(chosen), [*rows, row("everything else", rest), row("**all**", dict.fromkeys(chosen, 1.0))]


def _load_lines(results: Results, pictures: Pictures, targets: list[Target]) -> list[str]:
    load = targets[0].what
    heads = ["Peer", "rate", "worker busy", "master busy", "both", "client busy", "in the kernel", "CPU an operation"]
    lines = ["Processors in use (1 is one of them, all the time), and what each operation takes:", ""]
    lines += text.table(heads, _busy_rows(results, load))
    for target in targets:
        lines += ["", f"Of the target {target.words}:", "", *_limits(results, target)]
    sides, rows = _share_rows(pictures, load)
    if rows:
        lines += ["", "Processor time of the worker for an operation, in µs, by what it was in, from the profiles"]
        lines += [f"({', '.join(sides)}); `user` is the program itself and its libraries:", ""]
        lines += text.table(["In", *sides], rows)
    return lines


# MARK: memory


def _memory_lines(results: Results, pictures: Pictures, targets: list[Target]) -> list[str]:
    lines = []
    limit = next((target for target in targets if target.field == "private_kb"), None)
    for peer in PEERS:
        if peer in results.peers_of("memory"):
            lines.append(f"- {peer}: {text.memory(results, peer)}")
    sides = pictures.get("targets", {}).get("memory", {}).get("sides", {})
    chosen = {name: side["mappings"] for name, side in sides.items() if side.get("mappings")}
    if chosen and limit:
        largest = {part: max(each.get(part, 0) for each in chosen.values()) for each in chosen.values() for part in each}
        shown = sorted((part for part in largest if largest[part] >= SMALLEST_MAPPING), key=lambda part: -largest[part])
        rows = [[part, *(str(each.get(part, 0)) for each in chosen.values())] for part in shown]
        rest = [sum(size for part, size in each.items() if part not in shown) for each in chosen.values()]
        rows.append(["everything else", *map(str, rest)])
        rows.append(["**all**", *(str(sum(each.values())) for each in chosen.values())])
        lines += ["", "Private memory that was written to, in kB, by mapping:", ""]
        lines += text.table(["Mapping", *chosen], rows)
    return lines


# MARK: cold starts


def _cold_lines(results: Results, _: Pictures, targets: list[Target]) -> list[str]:
    processors = results.circumstances.get("processors") or 1
    rows, least = [], {}
    for peer in results.peers_of("cold"):
        samples = [each for each in results.cold if each.peer == peer and each.server_seconds > 0]
        if not samples:
            continue
        columns = zip(*((each.daemon_seconds, each.master_seconds, each.seconds) for each in samples))
        daemons, master, seconds = (statistics.median(column) for column in columns)
        least[peer] = (daemons + master) / processors
        rows.append([peer, f"{seconds:.2f} s", f"{daemons * 1000 / COLD_CLIENTS:.1f} ms",
                     f"{master * 1000 / COLD_CLIENTS:.2f} ms", f"{least[peer]:.2f} s",
                     f"{least[peer] / seconds * 100:.0f} %"])
    if not rows:
        return ["The processor time of these starts was not measured in this run."]
    heads = ["Peer", "all greeted after", "a daemon's CPU", "master's CPU for one", "least possible", "of the time"]
    lines = [f"A start is mostly the work of Debian's `smtpd` itself, on {processors} processors, which the clients"]
    lines += ["share. The least possible time is all that CPU divided by the processors, with nothing lost:", ""]
    lines += text.table(heads, rows)
    postfix = results.spread("cold", "Postfix", "seconds")
    target = targets[0]
    if "ours" in least and postfix:
        value = least["ours"] / postfix.median
        verdict = "meets" if target.is_met(value) else "does not meet"
        lines += ["", f"- Without a moment lost ours would have {value:.2f} × Postfix, which {verdict} {target.words}."]
    return lines


def section(results: Results, pictures: Pictures) -> list[str]:
    missed = _missed(results)
    if not missed:
        return []
    lines = ["", "## What stands in the way"]
    for what in dict.fromkeys(target.what for target in missed):
        targets = [target for target in missed if target.what == what]
        makers = {"memory": _memory_lines, "cold": _cold_lines}
        lines += ["", f"### {what}: {', '.join(target.words for target in targets)}", ""]
        lines += makers.get(what, _load_lines)(results, pictures, targets)
    return lines
