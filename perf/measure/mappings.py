# ===----------------------------------------------------------------------===#
# Quartermaster: private memory by mapping, as stacks
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""What a process has written to (Anonymous), in kilobytes, by the mapping it is in."""

import os
from collections import Counter

from comparison import processes
from comparison.processes import Failure

from .folded import Folded

# Of a mapping of a file, by its permissions.
PARTS = {"r-xp": "code", "r--p": "constants", "rw-p": "data"}


def private(pid: int) -> Folded:
    """Stacks of (program, kind of mapping, mapping)."""
    program = os.path.basename((processes.arguments_of(pid) or ["?"])[0])
    found: Folded = Counter()
    place: tuple[str, str] = ("", "")
    last_file, last_end = "", ""
    try:
        with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as smaps:
            for line in smaps:
                words = line.split()
                if not words[0].endswith(":"):
                    start, _, end = words[0].partition("-")
                    name = words[5] if len(words) > 5 else ""
                    place = _place(name, words[1], last_file if start == last_end else "")
                    # What follows a file's data without a name is the rest of its variables.
                    last_file, last_end = (name if name.startswith("/") else ""), end
                elif words[0] == "Anonymous:" and int(words[1]):
                    found[(program, *place)] += int(words[1])
    except (FileNotFoundError, ProcessLookupError):
        raise Failure(f"process {pid} ended while its memory was looked at") from None
    return found


def _place(name: str, permissions: str, file_before: str) -> tuple[str, str]:
    if name.startswith("["):
        return "anonymous", name
    if name:
        return os.path.basename(name), PARTS.get(permissions, permissions)
    if file_before:
        return os.path.basename(file_before), "variables that begin as zero"
    return "anonymous", "[mmap]"

