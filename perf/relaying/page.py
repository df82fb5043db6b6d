# ===----------------------------------------------------------------------===#
# Quartermaster: the page of perf/relay
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

import dataclasses
import math
import statistics

from measure import command

from .flows import LOADS, Held, Load, Outcome, median

OURS = "relay"


@dataclasses.dataclass
class Results:
    # By load and peer, one for each round.
    outcomes: dict[tuple[str, str], list[Outcome]] = dataclasses.field(default_factory=dict)
    # By peer, one for each round.
    held: dict[str, list[Held]] = dataclasses.field(default_factory=dict)


def _ratio(results: Results, load: Load, peer: str) -> str:
    """Ours beside the peer: the median of the rounds, the smallest and the largest."""
    if peer == OURS:
        return ""
    pairs = zip(results.outcomes[load.key, OURS], results.outcomes[load.key, peer])
    ratios = [ours.rate / other.rate for ours, other in pairs]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def _cost_ratio(results: Results, load: Load, peer: str) -> str:
    pairs = zip(results.outcomes[load.key, OURS], results.outcomes[load.key, peer])
    ratios = [ours.cost / other.cost for ours, other in pairs if not math.isnan(other.cost) and other.cost > 0]
    return f"{statistics.median(ratios):.2f}" if ratios and peer != OURS else ""


def _loads(results: Results, names: list[str]) -> str:
    heads = ["Load", "Through", "Rate", "relay is so many times as fast", "Processor time",
             "relay takes so many times as much", "99 % within"]
    rows = []
    for load in LOADS:
        for name in names:
            middle = median(results.outcomes[load.key, name])
            cost = "" if math.isnan(middle.cost) else f"{middle.cost:,.2f} {load.cost_unit}"
            latency = f"{middle.p99_us:,.0f} us" if middle.p99_us else ""
            rows.append([load.title, name, f"{middle.rate:,.0f} {load.unit}", _ratio(results, load, name), cost,
                         _cost_ratio(results, load, name), latency])
    return command.as_table(heads, rows)


def _holding(results: Results) -> str:
    heads = ["Through", "Connections", "of them not reading", "Memory before", "while held", "for a connection",
             "TCP memory of the kernel", "MB/s to the others", "Bytes sent", "received", "Sums"]
    rows = []
    for name, rounds in results.held.items():
        # Of the round in the middle, but for the rate, which is of all.
        held = sorted(rounds, key=lambda each: each.rate)[len(rounds) // 2]
        rates = [each.rate for each in rounds]
        spread = f"{held.rate:,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"
        sent, received = sum(held.ledger["sent"]), sum(held.ledger["received"])
        is_equal = all(each.ledger["sums_sent"] == each.ledger["sums_received"] for each in rounds)
        sums = "equal" if is_equal else "**differ**"
        each = (held.full - held.empty) / held.connections
        rows.append([name, f"{held.connections:,}", f"{held.slow:,}", f"{held.empty / 1024:.1f} MB",
                     f"{held.full / 1024:.1f} MB", f"{each:.1f} KB", f"{held.kernel:,.0f} MB", spread,
                     f"{sent:,}", f"{received:,}", sums])
    return command.as_table(heads, rows)


def page(results: Results, names: list[str], missing: list[str]) -> str:
    text = (
        "# relay beside HAProxy and socat\n\n"
        "The same loads through each forwarder, one process and one thread each (socat: a process for each connection),"
        " without splice(2), buffers of 16 KB; `nobody` is the load without a forwarder. The load, both ends of it, is"
        " one process, which compares every byte: on few processors it is what limits the rate, so the processor time"
        " of the forwarder says more. Medians of the rounds; a ratio is made of two runs of the same round.\n\n"
        f"{command.as_list(command.circumstances())}"
    )
    text += "".join(f"- {remark}\n" for remark in missing)
    text += f"\n{_loads(results, names)}"
    if results.held:
        text += (
            "\nMany connections at once: the server writes to all as fast as it can, and some of the clients read"
            " nothing until the memory has been looked at; then everything is read to its end. The load's sockets have"
            " buffers of 64 KB, so that the kernel's memory for TCP suffices. socat would need a process for each.\n\n"
            f"{_holding(results)}"
        )
    return text
