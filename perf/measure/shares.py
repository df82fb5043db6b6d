# ===----------------------------------------------------------------------===#
# Quartermaster: where a profile's time is, in a few words
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Sums stacks up by the system call they are in; what is in none is the program's own time, or an interrupt's."""

import re
from collections import Counter

from .folded import Folded, Stack

# "__x64_sys_epoll_ctl_[k]"; where the compiler made a jump of its call, what it jumps to: "ksys_read_[k]",
# "__sys_accept4_[k]", "do_writev_[k]". The way into the kernel is none of these.
_CALL = re.compile(r"^(?:__(?:x64|ia32|arm64)_sys_|__(?:do_)?sys_|ksys_|do_sys_|do_(?!syscall|int80|el0))(\w+)_\[k\]$")
_INTERRUPT = ("asm_sysvec_", "asm_common_interrupt", "el0_interrupt", "el1_interrupt")
_FAULT = ("asm_exc_", "el0_da", "el1_abort")
_WAY_BACK = ("syscall_exit_", "exit_to_user_mode", "do_notify_resume")

RETURNING = "into the kernel and back"


def _where(stack: Stack) -> str:
    kernel = [frame for frame in stack if frame.endswith("_[k]")]
    if not kernel:
        return "user"
    for frame in kernel:
        if frame.startswith(_INTERRUPT):
            return "interrupts"
        if frame.startswith(_FAULT):
            return "page faults"
        if frame.startswith(_WAY_BACK):
            # A socket is taken apart when the call that closed it returns.
            return "close" if any(each.startswith("task_work_run") for each in kernel) else RETURNING
        if call := _CALL.match(frame):
            return call[1]
    return RETURNING


def of(folded: Folded) -> dict[str, float]:
    """The share of each, largest first."""
    total = sum(folded.values())
    found: Counter[str] = Counter()
    for stack, weight in folded.items():
        found[_where(stack)] += weight
    return {name: weight / total for name, weight in found.most_common()}
