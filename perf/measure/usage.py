# ===----------------------------------------------------------------------===#
# Quartermaster: the memory of a process, by kind
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

import dataclasses

from comparison.processes import Failure


@dataclasses.dataclass(frozen=True)
class Memory:
    """Kilobytes. `pss` counts a page that n processes share as one nth; `private` is what only this one has."""

    rss: float
    pss: float
    private: float
    dirty: float  # the part of `private` that has been written to
    tables: float  # the kernel's page tables for it


def _fields(path: str) -> dict[str, int]:
    found = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            words = line.split()
            if len(words) == 3 and words[2] == "kB":
                found[words[0].rstrip(":")] = int(words[1])
    return found


def memory(pid: int) -> Memory:
    try:
        map_sizes, status = _fields(f"/proc/{pid}/smaps_rollup"), _fields(f"/proc/{pid}/status")
    except (FileNotFoundError, ProcessLookupError):
        raise Failure(f"process {pid} ended while its memory was looked at") from None
    return Memory(
        rss=map_sizes["Rss"],
        pss=map_sizes["Pss"],
        private=map_sizes["Private_Clean"] + map_sizes["Private_Dirty"],
        dirty=map_sizes["Anonymous"],
        tables=status.get("VmPTE", 0),
    )


def mean(of: list[Memory]) -> Memory:
    return Memory(*(sum(column) / len(of) for column in zip(*(dataclasses.astuple(each) for each in of))))
