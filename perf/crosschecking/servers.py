# ===----------------------------------------------------------------------===#
# Quartermaster: the servers that all load programs are let loose on
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Each is one process that works, on a processor of its own where there is one to spare, and most count themselves."""

import os
import re
import shutil
import struct
import subprocess
import urllib.request
from collections.abc import Callable

from comparison import building, processes, stopping
from comparison.peers import Peer, free_ports
from comparison.processes import Failure
from comparison.yardsticks import NginxPeer, nginx_program

from . import cases

SBIN = os.environ.get("PATH", "") + ":/usr/sbin"


def listens(port: int) -> bool:
    """Seen from /proc, so that no connection is made that would be counted."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in table)


class OneProcess(Peer):
    """A server that is one process, or one and what it starts."""

    def __init__(self, root: str, name: str):
        super().__init__(root)
        self.name = name
        (self.http_port,) = free_ports(1)

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        self.launch(self.command())
        processes.wait_until(lambda: listens(self.http_port or 0) or self.sessions[0].poll() is not None, 10,
                             f"{self.name} listens")
        if self.sessions[0].poll() is not None:
            raise Failure(f"{self.name} does not run: {self.said()}")

    def answers(self) -> int | None:
        """How many exchanges it has answered so far, as it counts them itself; None: it does not count."""
        return None


class Bare(OneProcess):
    def __init__(self, root: str):
        super().__init__(root, "bare-http")
        self._programs = building.ensure_bare()

    def command(self) -> list[str]:
        return [f"{self._programs}/bare-http", f"tcp:127.0.0.1:{self.http_port}"]


class Known(OneProcess):
    """known-http, with so many microseconds between two answers."""

    def __init__(self, root: str, interval: int):
        super().__init__(root, "known-http")
        self._interval, self._counts = interval, f"{root}/counts"
        self._program = _build_known()

    def command(self) -> list[str]:
        return [self._program, str(self._interval), self._counts, f"tcp:127.0.0.1:{self.http_port}"]

    def answers(self) -> int | None:
        with open(self._counts, "rb") as file:
            answers: int
            _, _, answers, odd = struct.unpack("4Q", file.read(32))
        if odd:
            raise Failure(f"known-http: {odd} reads were not one whole request")
        return answers


def _build_known() -> str:
    directory = f"{building.OUT}/crosscheck"
    done = subprocess.run(["make", "-s", "-C", os.path.dirname(os.path.realpath(__file__)), f"OUT={directory}"],
                          capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise Failure(f"known-http does not build: {done.stderr.strip()[-300:]}")
    return f"{directory}/known-http"


class Nginx(NginxPeer):
    """As in perf/compare, and asked for its count of requests at a place of its own."""

    def __init__(self, root: str):
        program = nginx_program()
        if not program:
            raise Failure("nginx is not installed: apt-get install nginx-light")
        super().__init__(root, program)
        self._asked = 0
        said = subprocess.run([program, "-V"], capture_output=True, text=True, timeout=20, check=False).stderr
        self._counts = "http_stub_status_module" in said
        if self._counts:
            path = f"{root}/nginx.conf"
            with open(path, encoding="ascii") as file:
                text = file.read()
            with open(path, "w", encoding="ascii") as file:
                file.write(text.replace("location / {", "location = /counts { stub_status; }\n        location / {"))

    def answers(self) -> int | None:
        if not self._counts:
            return None
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/counts", timeout=10) as reply:
            text = reply.read().decode()
        # The line below the names has what was accepted, handled and requested; our own questions are among them.
        self._asked += 1
        return int(re.findall(r"^ *\d+ +\d+ +(\d+) *$", text, re.MULTILINE)[0]) - self._asked


class Sink(OneProcess):
    """Postfix's smtp-sink, perhaps with a pause before it answers the end of a mail's envelope."""

    def __init__(self, root: str, delay: int = 0):
        super().__init__(root, "smtp-sink")
        self._program = shutil.which("smtp-sink", path=SBIN)
        self._delay = delay
        if not self._program:
            raise Failure("smtp-sink is not installed: apt-get install postfix")

    def command(self) -> list[str]:
        # As root it wants to be another user.
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        delay = ["-w", str(self._delay)] if self._delay else []
        words = [self._program or "", *user, "-c", "-m", "1000", *delay]
        return [*words, f"127.0.0.1:{self.http_port}", "1024"]

    def answers(self) -> int | None:
        """From the running counters, of which the last is at the end of the output."""
        with open(f"{self.root}/output", "rb") as file:
            file.seek(max(0, os.path.getsize(file.name) - 400))
            found = re.findall(rb"mesg= *(\d+)", file.read())
        return int(found[-1]) if found else 0


Server = Bare | Known | Nginx | Sink

SERVERS: dict[str, Callable[[str], Server]] = {
    "paced": lambda root: Known(root, cases.INTERVAL_US),
    "unpaced": lambda root: Known(root, 0),
    "bare": Bare,
    "nginx": Nginx,
    "sink": Sink,
    "slow-sink": lambda root: Sink(root, cases.SINK_DELAY_SECONDS),
}


def start(server: Server, processors: set[int]) -> None:
    with stopping.held_back():
        server.start()
    for pid in processes.session_members(server.sessions[0].pid):
        os.sched_setaffinity(pid, processors)


def spent(server: Server) -> float:
    """Processor seconds of all its processes so far."""
    master = server.master()
    return sum(processes.cpu_seconds(pid) for pid in server.daemons() + ([master] if master else []))
