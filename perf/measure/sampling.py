# ===----------------------------------------------------------------------===#
# Quartermaster: where processes wait, without tracepoints
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Looks into /proc some hundred times a second. Coarse, kernel stacks only, but it needs no support of the kernel but
CONFIG_STACKTRACE."""

import threading
import time
from collections import Counter
from collections.abc import Callable

from .folded import Folded

INTERVAL = 0.004


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (OSError, ProcessLookupError):
        return ""


def _waiting(pid: int) -> tuple[str, ...] | None:
    """The stack of a process that is not on a processor."""
    head, _, rest = _read(f"/proc/{pid}/stat").rpartition(")")
    if not rest or rest.split()[0] == "R":
        return None
    # "[<0>] do_epoll_wait+0x4ed/0x700", innermost first
    frames = [line.split()[-1].partition("+")[0] + "_[k]" for line in _read(f"/proc/{pid}/stack").splitlines()]
    if not frames:
        frames = [_read(f"/proc/{pid}/wchan").strip("0") + "_[k]"]
    return (head.partition("(")[2], *reversed(frames))


class WaitSampler:
    """Samples the processes that `pids` names each time, while the `with` block runs; weights are microseconds."""

    def __init__(self, pids: Callable[[], set[int]]) -> None:
        self.found: Folded = Counter()
        self._pids = pids
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "WaitSampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        last = time.monotonic()
        while not self._over.wait(INTERVAL):
            now = time.monotonic()
            for pid in self._pids():
                if stack := _waiting(pid):
                    self.found[stack] += round((now - last) * 1e6)
            last = now
