# ===----------------------------------------------------------------------===#
# Quartermaster: what every tool here does around its measurement
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Options that all tools have, the checks before, the circumstances that go into a result, and an orderly end."""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from comparison import building, stopping
from comparison.building import OUT as OUT
from comparison.building import PERF as PERF
from comparison.building import REPOSITORY as REPOSITORY
from comparison.circumstances import describe, lines
from comparison.processes import Failure

RESULTS = f"{PERF}/results"


def parser(description: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--products", default=f"{REPOSITORY}/.build/release", metavar="DIR",
                      help="our programs (default: .build/release)")
    made.add_argument("--no-build", action="store_true", help="take the programs as they are")
    return made


def say(text: str) -> None:
    print(f"-- {text}", file=sys.stderr, flush=True)


def need_root() -> None:
    if os.geteuid() != 0:
        raise Failure("needs root: it watches and traces processes of other users")


def need(programs: dict[str, str]) -> None:
    """`programs`: the name or path of each program and the Debian package it is in."""
    missing = {package for program, package in programs.items() if not shutil.which(program)}
    if missing:
        raise Failure(f"not installed: apt-get install {' '.join(sorted(missing))}")


def build(chosen: argparse.Namespace) -> None:
    """The release build that all results are about."""
    if not chosen.no_build:
        say("building")
    building.ensure_ours(chosen.products, chosen.no_build)


def circumstances() -> dict[str, Any]:
    """Without these a number is no result."""
    return describe(REPOSITORY, shlex.join([f"perf/{os.path.basename(sys.argv[0])}"] + sys.argv[1:]))


def as_list(facts: dict[str, Any]) -> str:
    return "".join(f"{line}\n" for line in lines(facts))


def as_table(heads: list[str], rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in [heads, ["---"] * len(heads), *rows])


def write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    say(f"written: {os.path.relpath(path)}")


def run(main: Callable[[], int]) -> None:
    """Runs a tool's `main`. Signals unwind it, so that what it started is ended; a failure is one line."""
    name = os.path.basename(sys.argv[0])
    stopping.install(name)
    try:
        status = main()
    except (Failure, OSError, subprocess.SubprocessError) as failure:
        sys.exit(f"{name}: {failure}")
    sys.exit(status)
