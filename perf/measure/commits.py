# ===----------------------------------------------------------------------===#
# Quartermaster: the programs of a commit
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Builds a commit in a scratch worktree, so that nothing of the checkout is touched, and keeps the programs.

It is built as the commit says itself, so that what is compared is how they are installed."""

import os
import shutil
import subprocess
import sys
import tempfile

from comparison.processes import Failure

from . import command

PROGRAMS = ["master", "anvil", "postlogd", "echo", "bench-accept"]


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", command.REPOSITORY, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"git {' '.join(arguments)}: {done.stderr.strip()[-300:]}")
    return done.stdout.strip()


def products(name: str) -> tuple[str, str]:
    """(a short name, the directory with the programs) of a commit, or of a directory that has them already."""
    if os.path.isdir(name) and os.path.exists(f"{name}/master"):
        return os.path.basename(os.path.abspath(name).removesuffix("/.build/release")), os.path.realpath(name)
    commit = _git("rev-parse", "--verify", "--short=12", f"{name}^{{commit}}")
    kept = f"{command.OUT}/releases/{commit}"
    if not all(os.path.exists(f"{kept}/{program}") for program in PROGRAMS):
        _build(commit, kept)
    return commit, kept


def _build(commit: str, kept: str) -> None:
    command.say(f"building {commit} in a scratch worktree; this takes minutes")
    directory = tempfile.mkdtemp(prefix="qm-worktree-", dir="/tmp")
    tree = f"{directory}/tree"
    try:
        _git("worktree", "add", "--detach", tree, commit)
        build = ["scripts/release"]
        if not os.path.exists(f"{tree}/scripts/release"):
            # Of the time before that script.
            build = ["swift", "build", "-c", "release", "--static-swift-stdlib"]
        for program in PROGRAMS:
            subprocess.run([*build, "--product", program], cwd=tree, check=True, timeout=1800, stdout=sys.stderr)
        # Under its name there are all programs or none, whatever interrupts us.
        shutil.rmtree(f"{kept}.part", ignore_errors=True)
        os.makedirs(f"{kept}.part")
        for program in PROGRAMS:
            shutil.copy2(f"{tree}/.build/release/{program}", f"{kept}.part")
        shutil.rmtree(kept, ignore_errors=True)
        os.rename(f"{kept}.part", kept)
    finally:
        subprocess.run(["git", "-C", command.REPOSITORY, "worktree", "remove", "--force", tree],
                       capture_output=True, check=False)
        shutil.rmtree(directory, ignore_errors=True)
