# ===----------------------------------------------------------------------===#
# Quartermaster: a peer of the comparison, with more services, for one measurement
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Starts a master in a directory of its own and takes everything away at the end, whatever happened meanwhile."""

import os
import resource
import shutil
import tempfile
import time
from collections.abc import Iterable

from comparison import peers, processes, stopping
from comparison.processes import Failure


class Scratch:
    """A directory below /tmp and the peers in it, both gone after the `with` block."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.peers: list[peers.Peer] = []
        self.directory = ""

    def __enter__(self) -> "Scratch":
        self.directory = tempfile.mkdtemp(prefix=f"qm-{self.name}-", dir="/tmp")
        os.chmod(self.directory, 0o755)
        return self

    def __exit__(self, *_: object) -> None:
        # A second ^C must not leave processes behind.
        with stopping.held_back():
            for peer in self.peers:
                peer.stop()
            shutil.rmtree(self.directory, ignore_errors=True)

    def ours(self, products: str, name: str = "ours", lines: Iterable[str] = ()) -> peers.MasterPeer:
        """Our master with our daemons, not started yet; `lines` are added to its master.cf."""
        return self._add(peers.our_peer(f"{self.directory}/{name}", os.path.realpath(products)), lines)

    def postfix(self, name: str = "postfix", lines: Iterable[str] = ()) -> peers.MasterPeer:
        """Debian's Postfix, not started yet."""
        return self._add(peers.postfix_peer(f"{self.directory}/{name}"), lines)

    def _add(self, peer: peers.MasterPeer, lines: Iterable[str]) -> peers.MasterPeer:
        self.peers.append(peer)
        append_lines(peer, lines)
        return peer


def append_lines(peer: peers.Peer, lines: Iterable[str]) -> None:
    with open(f"{peer.root}/etc/master.cf", "a", encoding="ascii") as file:
        file.writelines(f"{line}\n" for line in lines)


def install(peer: peers.MasterPeer, program: str) -> None:
    """Puts one more program into the daemon directory of our peer."""
    os.symlink(os.path.realpath(program), f"{peer.root}-daemons/{os.path.basename(program)}")


def start(peer: peers.Peer) -> float:
    """Starts the peer; returns the seconds until its services answer."""
    began = time.monotonic()
    try:
        peer.start()
    except Failure as failure:
        raise Failure(f"{failure}; {peer.said()}") from None
    return time.monotonic() - began


def raise_descriptor_limit(wanted: int) -> int:
    """For us and for everything started from here on; returns what is allowed, which may be less."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), max(hard, wanted)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def settle(pids: list[int], quiet: float = 0.2, limit: float = 20) -> None:
    """Waits until these processes have used no processor time for `quiet` seconds."""
    deadline, last, since = time.monotonic() + limit, -1.0, time.monotonic()
    while time.monotonic() - since < quiet:
        now = sum(processes.cpu_seconds(pid) for pid in pids)
        if now != last:
            last, since = now, time.monotonic()
        if time.monotonic() > deadline:
            raise Failure(f"processes {pids} are still busy after {limit:g} s")
        time.sleep(0.02)
