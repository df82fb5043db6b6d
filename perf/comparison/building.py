# ===----------------------------------------------------------------------===#
# Quartermaster: builds the programs of a comparison and finds out which peers can take part
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable

from .peers import DEBIAN_DAEMONS, EchoPeer, Peer, has_mail_programs, our_peer, postfix_peer
from .processes import Failure
from .yardsticks import BarePeer, DutiesPeer, NginxPeer, NIOPeer, nginx_program

PERF = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
REPOSITORY = os.path.dirname(PERF)
# Whatever is built for measuring; not under version control.
OUT = f"{PERF}/out"

# Of every Linux; nothing that is written there is ever on a disk.
MEMORY = "/dev/shm"

# Our programs of earlier, as results and tables name them.
BEFORE = "before"

# What `--peers` calls them, in the order of the tables.
PEERS = ["postfix", "bare", "duties", "nio", "nio-async", "nio-async-pool", "nginx", "event", "async", "ours"]


def _run(command: list[str], seconds: float, what: str, directory: str = REPOSITORY) -> None:
    """A command whose output matters only when it fails."""
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=seconds)
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise Failure(f"{what}: {failure}") from None
    if done.returncode != 0:
        raise Failure(f"{what}: {(done.stderr or done.stdout).strip()[-500:]}")


def ensure_ours(products: str, without_building: bool) -> None:
    """Our programs, bench-accept among them."""
    if not without_building:
        # SwiftPM's progress goes to the terminal: this may take minutes.
        built = subprocess.run(["scripts/release"], cwd=REPOSITORY, timeout=1800, stdout=sys.stderr)
        if built.returncode != 0:
            raise Failure("our programs do not build; nothing was measured")
    if not os.access(f"{products}/master", os.X_OK):
        raise Failure(f"{products}/master does not exist: leave --no-build away, or name another place with --products")


def ensure_bare(directory: str = f"{OUT}/bare") -> str:
    """The bare loops; returns where they are."""
    if not shutil.which("make") or not shutil.which("cc"):
        raise Failure("make or cc is not installed: apt-get install make gcc libevent-dev")
    _run(["make", "-s", "-C", f"{PERF}/bare", f"OUT={directory}"], 120, "the bare loops do not build")
    return directory


def ensure_nio(without_building: bool) -> str:
    """The echo server on SwiftNIO, built from a copy, so that SwiftPM writes nothing beside the sources."""
    scratch = f"{OUT}/nio-echo"
    program = f"{scratch}/.build/release/nio-echo"
    if not without_building:
        shutil.copytree(f"{PERF}/nio-echo", scratch, dirs_exist_ok=True)
        command = ["swift", "build", "-c", "release", "--static-swift-stdlib", "--product", "nio-echo"]
        _run(command, 1200, "the SwiftNIO echo server does not build (it needs the network, once)", scratch)
    if not os.access(program, os.X_OK):
        raise Failure("the SwiftNIO echo server has not been built: leave --no-build away")
    return program


def ensure_nio_async(without_building: bool) -> str:
    """The same on SwiftNIO's async channels. SwiftNIO looks for a variable of Swift's runtime by its name, to have its
    loop run the tasks, and finds it in the shared library alone."""
    scratch = f"{OUT}/nio-async-echo"
    program = f"{scratch}/.build/release/nio-async-echo"
    if not without_building:
        shutil.copytree(f"{PERF}/nio-echo", scratch, dirs_exist_ok=True)
        command = ["swift", "build", "-c", "release", "--product", "nio-async-echo"]
        _run(command, 1200, "SwiftNIO's async echo server does not build (it needs the network, once)", scratch)
    if not os.access(program, os.X_OK):
        raise Failure("SwiftNIO's async echo server has not been built: leave --no-build away")
    return program


def _find_postfix() -> str:
    if not os.access(f"{DEBIAN_DAEMONS}/master", os.X_OK):
        raise Failure("Postfix is not installed: apt-get install postfix")
    return f"{DEBIAN_DAEMONS}/master"


def _find_nginx() -> str:
    program = nginx_program()
    if not program:
        raise Failure("nginx is not installed: apt-get install nginx-light")
    return program


class Queues:
    """Directories for queues in memory, one for each peer that delivers mail; gone after the `with` block."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._directory = ""
        self._say = say

    def __enter__(self) -> "Queues":
        if not has_mail_programs():
            self._say("without mail: Debian's Postfix is not installed: apt-get install postfix")
        elif os.access(MEMORY, os.W_OK) and os.path.ismount(MEMORY):
            self._directory = tempfile.mkdtemp(prefix="compare-", dir=MEMORY)
            os.chmod(self._directory, 0o755)
        else:
            self._say(f"without mail: {MEMORY} is no file system in memory, where the queue could be")
        return self

    def __exit__(self, *_: object) -> None:
        if self._directory:
            shutil.rmtree(self._directory, ignore_errors=True)

    def place(self, name: str) -> str | None:
        return f"{self._directory}/{name}" if self._directory else None


def make_peers(
    names: list[str], directory: str, queues: Queues, products: str, against: str | None, without_building: bool,
    say: Callable[[str], None],
) -> tuple[list[Peer], list[str]]:
    """The peers that can take part, not started yet, and why the others cannot. `against`: our programs of earlier."""

    def make(name: str) -> Peer:
        root = f"{directory}/{name}"
        match name:
            case "postfix":
                _find_postfix()
                return postfix_peer(root, queues.place(name))
            case "bare":
                return BarePeer(root, ensure_bare())
            case "duties":
                return DutiesPeer(root, ensure_bare())
            case "nio":
                return NIOPeer(root, ensure_nio(without_building))
            case "nio-async":
                return NIOPeer(root, ensure_nio_async(without_building), "SwiftNIO async", ["one-thread"])
            case "nio-async-pool":
                return NIOPeer(root, ensure_nio_async(without_building), "SwiftNIO async, pool")
            case "event" | "async":
                return EchoPeer(root, os.path.realpath(products), name)
            case "nginx":
                return NginxPeer(root, _find_nginx())
            case "before":
                return our_peer(root, os.path.realpath(against or ""), queues.place(name), BEFORE)
        return our_peer(root, os.path.realpath(products), queues.place(name))

    peers, skipped = [], []
    for name in [each for each in PEERS if each in names] + (["before"] if against else []):
        try:
            peers.append(make(name))
        except Failure as failure:
            skipped.append(f"{name}: {failure}")
            say(f"without {name}: {failure}")
    return peers, skipped
