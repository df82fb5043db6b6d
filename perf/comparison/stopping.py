# ===----------------------------------------------------------------------===#
# Quartermaster: being stopped without leaving processes behind
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""A signal that ends the program becomes an exception, so that every `finally` runs.

Where a process is just being started or ended, the exception waits until its owner knows about it.
"""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)

_program = ""
_holders = 0
_pending: int | None = None


def _stop(number: int) -> None:
    why = "the time is up" if number == signal.SIGALRM else f"stopped by {signal.Signals(number).name}"
    raise SystemExit(f"{_program}: {why}; everything that was started has been ended")


def _arrived(number: int, _: FrameType | None) -> None:
    global _pending
    if _holders:
        _pending = number
    else:
        _stop(number)


def install(program: str) -> None:
    """From now on a signal raises SystemExit with a message that begins with `program`."""
    global _program
    _program = program
    for number in SIGNALS:
        signal.signal(number, _arrived)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Signals that arrive inside take effect at the end of the outermost such block."""
    global _holders, _pending
    _holders += 1
    try:
        yield
    finally:
        _holders -= 1
        if not _holders and _pending is not None:
            number, _pending = _pending, None
            _stop(number)
