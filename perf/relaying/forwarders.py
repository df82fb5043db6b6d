# ===----------------------------------------------------------------------===#
# Quartermaster: the forwarders that are compared
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Each listens on a port of loopback and passes connections on to another. All run as one process with one thread, but
for socat, which makes a process for each connection; `Direct` is the load with nobody in between."""

import os
import shutil
import socket
import subprocess
import time

from comparison import peers, processes, stopping
from comparison.processes import Failure
from measure import stage
from measure.usage import memory


class Forwarder:
    name = ""
    # Whether it can hold thousands of connections on a machine of this size.
    takes_thousands = True

    # Connections that there will be at once.
    most = 1000

    # Not ours to mend.
    is_of_others = False

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self.remarks: list[str] = []
        (self.port,) = peers.free_ports(1)

    def start(self, scratch: stage.Scratch) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        pass

    def pids(self) -> list[int]:
        """The processes that forward."""
        return []

    def cpu_seconds(self) -> float:
        return sum(processes.cpu_seconds(pid) for pid in self.pids())

    def private_kilobytes(self) -> float:
        """Memory that it has written to, in all its processes."""
        return sum(memory(pid).dirty for pid in self.pids())

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise Failure(f"{self.name} does not listen on port {self.port}") from None
                time.sleep(0.02)


class Direct(Forwarder):
    name = "nobody"

    def __init__(self, server_port: int) -> None:
        super().__init__(server_port)
        self.port = server_port

    def start(self, scratch: stage.Scratch) -> None:
        pass


class Ours(Forwarder):
    name = "relay"

    def __init__(self, server_port: int, products: str) -> None:
        super().__init__(server_port)
        self.products = products
        self.peer: peers.MasterPeer | None = None

    def start(self, scratch: stage.Scratch) -> None:
        line = f"127.0.0.1:{self.port} inet n - n - 1 relay -o relay_upstreams=127.0.0.1:{self.server_port}"
        self.peer = scratch.ours(self.products, lines=[f"{line} -o max_idle=1h"])
        stage.install(self.peer, f"{self.products}/relay")
        stage.start(self.peer)
        # The first client has master start the process.
        with socket.create_server(("127.0.0.1", self.server_port)) as server:
            server.settimeout(10)
            with socket.create_connection(("127.0.0.1", self.port), timeout=10):
                server.accept()[0].close()
        stage.settle(self.pids())

    def stop(self) -> None:
        if self.peer:
            self.peer.stop()

    def pids(self) -> list[int]:
        assert self.peer
        return [self.peer.worker(f"127.0.0.1:{self.port}")]


class Launched(Forwarder):
    """One that is a program of its own."""

    is_of_others = True
    leader: subprocess.Popen[bytes] | None = None

    def launch(self, scratch: stage.Scratch, command: list[str]) -> None:
        with stopping.held_back():
            self.leader = processes.start_session(command, f"{scratch.directory}/{self.name}.output")
        self._wait_until_it_listens()

    def stop(self) -> None:
        with stopping.held_back():
            if self.leader:
                processes.end_session(self.leader)
                self.leader = None

    def pids(self) -> list[int]:
        assert self.leader
        return processes.session_members(self.leader.pid)


HAPROXY = """\
global
    nbthread 1
    maxconn {most}
defaults
    mode tcp
    timeout connect 10s
    timeout client 1h
    timeout server 1h
frontend in
    bind 127.0.0.1:{port} backlog 4096
    default_backend out
backend out
    server one 127.0.0.1:{server_port}
"""


class HAProxy(Launched):
    name = "haproxy"

    def start(self, scratch: stage.Scratch) -> None:
        configuration = f"{scratch.directory}/haproxy.cfg"
        with open(configuration, "w", encoding="ascii") as file:
            file.write(HAPROXY.format(port=self.port, server_port=self.server_port, most=self.most))
        self.launch(scratch, ["haproxy", "-db", "-q", "-f", configuration])


class Socat(Launched):
    name = "socat"
    takes_thousands = False

    def start(self, scratch: stage.Scratch) -> None:
        listen = f"TCP-LISTEN:{self.port},bind=127.0.0.1,fork,reuseaddr,nodelay,backlog=4096"
        # The size of our buffers and of haproxy's, instead of 8 KB.
        self.launch(scratch, ["socat", "-b", "16384", listen, f"TCP:127.0.0.1:{self.server_port},nodelay"])

    def cpu_seconds(self) -> float:
        """Processes that have ended are in their parent's account once it has buried them."""
        assert self.leader
        with open(f"/proc/{self.leader.pid}/stat", encoding="ascii") as stat:
            words = stat.read().rpartition(")")[2].split()
        return super().cpu_seconds() + (int(words[13]) + int(words[14])) / os.sysconf("SC_CLK_TCK")


# Programs and the Debian packages they are in.
NEEDED = {"haproxy": "haproxy", "socat": "socat"}


def all_that_are_here(server_port: int, products: str) -> tuple[list[Forwarder], list[str]]:
    """Those that can take part, and a remark about each that cannot."""
    found: list[Forwarder] = [Direct(server_port), Ours(server_port, products)]
    missing = []
    for kind in (HAProxy, Socat):
        if shutil.which(kind.name):
            found.append(kind(server_port))
        else:
            missing.append(f"without {kind.name}: apt-get install {NEEDED[kind.name]}")
    return found, missing
