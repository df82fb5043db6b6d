# ===----------------------------------------------------------------------===#
# Quartermaster: the peers without a master of Postfix's kind: bare loops, SwiftNIO, nginx
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Each serves with one worker and one event loop, as the daemons they stand beside do."""

import os
import shutil

from .peers import Peer, free_ports
from .processes import listens, wait_until

# One worker, no access log, a queue of clients as long as the bare loop's, all waiting clients taken at a wake-up as
# the others do, and a connection that may stay for as many requests as it likes. Every path is below the scratch
# directory; the system's nginx service and its files are left alone.
NGINX_CONF = """\
daemon off;
worker_processes 1;
pid {root}/nginx.pid;
error_log {root}/output warn;
worker_rlimit_nofile 4096;
events {{
    worker_connections 2048;
    multi_accept on;
}}
http {{
    access_log off;
    default_type text/plain;
    keepalive_requests 1000000000;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            return 200 "ok\\n";
        }}
    }}
}}
"""


class BarePeer(Peer):
    """The bare libevent loops."""

    name = "bare"

    def __init__(self, root: str, programs: str):
        super().__init__(root)
        self._programs = programs
        self.anvil_port, self.echo_port, self.http_port = self._ports = free_ports(3)
        (self.udp_port,) = free_ports(1)
        self.anvil_socket, self.log_socket, self.log_file = f"{root}/anvil", f"{root}/postlog", f"{root}/maillog"

    def start(self) -> None:
        sockets = [f"{self.root}/anvil", f"{self.root}/postlog"]
        for path in sockets:
            if os.path.exists(path):
                os.unlink(path)
        for command in (
            ["bare-anvil", f"unix:{self.anvil_socket}"],
            ["bare-anvil", f"tcp:127.0.0.1:{self.anvil_port}"],
            ["bare-echo", f"tcp:127.0.0.1:{self.echo_port}"],
            ["bare-http", f"tcp:127.0.0.1:{self.http_port}"],
            ["bare-log", sockets[1], f"{self.root}/maillog"],
            ["bare-udp", str(self.udp_port)],
        ):
            self.launch([f"{self._programs}/{command[0]}"] + command[1:])
        self._check_greeting()
        wait_until(lambda: os.path.exists(sockets[1]), 10, "bare-log's socket")
        wait_until(lambda: all(listens(port) for port in self._ports), 10, "the bare loops' ports")

    def worker(self, service: str) -> int:
        served = ["anvil", f"127.0.0.1:{self.anvil_port}", f"127.0.0.1:{self.echo_port}",
                  f"127.0.0.1:{self.http_port}", "postlog"]
        return self.sessions[served.index(service)].pid


class DutiesPeer(Peer):
    """The bare loop of anvil that does anvil's duties as well; a process above it reads its reports."""

    name = "bare + duties"

    def __init__(self, root: str, programs: str):
        super().__init__(root)
        self._programs = programs
        (self.anvil_port,) = free_ports(1)
        self.anvil_socket = f"{root}/anvil"

    def start(self) -> None:
        path = f"{self.root}/anvil"
        if os.path.exists(path):
            os.unlink(path)
        ends = [f"unix:{path}", f"tcp:127.0.0.1:{self.anvil_port}"]
        self.launch([f"{self._programs}/bare-duties", *ends])
        self._check_greeting()

    def master(self) -> int | None:
        return self.sessions[0].pid if self.sessions else None

    def worker(self, service: str) -> int:
        return self.daemons()[0]


class NIOPeer(Peer):
    """An echo server on SwiftNIO."""

    def __init__(self, root: str, program: str, name: str = "SwiftNIO", options: list[str] | None = None):
        super().__init__(root)
        self.name, self._program, self._options = name, program, options or []
        self.echo_port = self._port = free_ports(1)[0]

    def start(self) -> None:
        self.launch([self._program, "127.0.0.1", str(self._port), *self._options])
        wait_until(lambda: listens(self._port), 10, "the SwiftNIO echo server's port")

    def worker(self, service: str) -> int:
        return self.sessions[0].pid


class NginxPeer(Peer):
    """nginx that answers every request itself, by `return`."""

    name = "nginx"

    def __init__(self, root: str, program: str):
        super().__init__(root)
        self._program = program
        self.http_port = self._port = free_ports(1)[0]
        with open(f"{root}/nginx.conf", "w", encoding="ascii") as file:
            file.write(NGINX_CONF.format(root=root, port=self.http_port))

    def start(self) -> None:
        self.launch([self._program, "-p", self.root, "-c", f"{self.root}/nginx.conf"])
        wait_until(lambda: listens(self._port) and bool(self.daemons()), 10, "nginx's port and worker")

    def master(self) -> int | None:
        return self.sessions[0].pid if self.sessions else None

    def worker(self, service: str) -> int:
        return self.daemons()[0]


def nginx_program() -> str | None:
    """Debian puts it where only root's PATH looks."""
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
