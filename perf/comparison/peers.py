# ===----------------------------------------------------------------------===#
# Quartermaster: what a peer of a comparison is, and the two with a master
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""Debian's Postfix and our master with our daemons, each in a directory of its own.

A peer has those of these end points that it serves: `anvil_socket`, `anvil_port`, `log_socket` with `log_file`,
`echo_port`, `http_port`, `udp_port`, `smtpd_port`; the others are None. Postfix and ours get the same main.cf and
master.cf but for the directories and the echo, HTTP and UDP services, which only ours has.
"""

import grp
import os
import pwd
import random
import socket
import subprocess
import time

from . import processes, stopping
from .processes import Failure

DEBIAN_DAEMONS = "/usr/lib/postfix/sbin"

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {queue}
data_directory = {root}/data
daemon_directory = {daemons}
command_directory = /usr/sbin
mail_owner = {owner}
setgid_group = {group}
myhostname = comparison.example
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
local_recipient_maps =
smtpd_peername_lookup = no
append_dot_mydomain = no
default_transport = discard
maillog_file = {root}/log/maillog
maillog_file_prefixes = {root}
"""

# The postlog line keeps Postfix's own log out of the system's, and is a workload itself.
MASTER_CF = """\
anvil                  unix        -  -  n  -  1    anvil
127.0.0.1:{anvil}      inet        n  -  n  -  1    anvil
postlog                unix-dgram  n  -  n  -  1    postlogd
"""

SMTPD_LINE = """\
127.0.0.1:{smtpd}      inet        n  -  n  -  100  smtpd
"""

# The way of a mail from smtpd on; it ends in Debian's discard, which takes it as delivered.
MAIL_LINES = """\
cleanup                unix        n  -  n  -  0    cleanup
qmgr                   unix        n  -  n  300  1  qmgr
rewrite                unix        -  -  n  -  -    trivial-rewrite
bounce                 unix        -  -  n  -  0    bounce
defer                  unix        -  -  n  -  0    bounce
trace                  unix        -  -  n  -  0    bounce
discard                unix        -  -  n  -  -    discard
"""
MAIL_PROGRAMS = ["smtpd", "cleanup", "qmgr", "trivial-rewrite", "bounce", "discard"]
MAIL_QUEUES = ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "saved", "trace"]

# The limit of 100 clients a process would measure process starts instead.
ECHO_LINE = """\
127.0.0.1:{echo}       inet        n  -  n  -  1    echo -o max_use=100000000
"""

HTTP_LINE = """\
127.0.0.1:{http}       inet        n  -  n  -  1    http-answer -o max_use=100000000
"""


UDP_LINE = """\
127.0.0.1:{udp}        udp         n  -  n  -  1    datagram-echo -o max_use=100000000
"""


def mail_accounts() -> tuple[str, str]:
    """Postfix's account and group; where it is not installed, two that every system has."""
    try:
        return pwd.getpwnam("postfix").pw_name, grp.getgrnam("postdrop").gr_name
    except KeyError:
        return "daemon", "mail"


def free_ports(count: int) -> list[int]:
    """`count` loopback ports that are free now, below those the kernel hands to the clients of a storm."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as range_file:
        lowest_of_clients = int(range_file.read().split()[0])
    ports = []
    for port in random.sample(range(10_000, max(11_000, lowest_of_clients)), 500):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
        if len(ports) == count:
            return ports
    raise Failure(f"no {count} free ports on loopback")


def greeting_from(address: str | tuple[str, int], seconds: float = 10) -> bytes:
    """Connects, retrying until a server listens, and returns the first bytes the server says."""
    deadline = time.monotonic() + seconds
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    while True:
        client = socket.socket(family, socket.SOCK_STREAM)
        client.settimeout(max(0.1, deadline - time.monotonic()))
        try:
            client.connect(address)
            return client.recv(256)
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > deadline:
                raise Failure(f"nothing listens at {address} after {seconds:g} s") from None
            time.sleep(0.02)
        except TimeoutError:
            raise Failure(f"no greeting from {address} after {seconds:g} s") from None
        finally:
            client.close()


class Peer:
    """What the workloads see of a peer: its end points, its processes, and what it has to say."""

    name = ""
    anvil_socket: str | None = None
    anvil_port: int | None = None
    log_socket: str | None = None
    log_file: str | None = None
    echo_port: int | None = None
    http_port: int | None = None
    udp_port: int | None = None
    smtpd_port: int | None = None
    # Where its mail waits, when it can deliver some.
    queue: str | None = None

    def __init__(self, root: str):
        self.root = root
        self.sessions: list[subprocess.Popen[bytes]] = []
        os.makedirs(root, mode=0o755)

    def start(self) -> None:
        raise NotImplementedError

    def launch(self, command: list[str]) -> None:
        """Starts one process that `stop` will end."""
        with stopping.held_back():
            self.sessions.append(processes.start_session(command, f"{self.root}/output"))

    def stop(self) -> None:
        with stopping.held_back():
            while self.sessions:
                processes.end_session(self.sessions.pop())

    def master(self) -> int | None:
        """The pid of the process above the daemons, or None."""
        return None

    def daemons(self) -> list[int]:
        """The pids of the processes that serve."""
        return [pid for each in self.sessions for pid in processes.session_members(each.pid) if pid != self.master()]

    def worker(self, service: str) -> int:
        """The one process that serves the service of that name."""
        raise NotImplementedError

    def queued(self) -> int:
        """Mails that have not been delivered."""
        places = [f"{self.queue}/{name}" for name in ("maildrop", "incoming", "active", "deferred")]
        return sum(len(files) for place in places for _, _, files in os.walk(place))

    def said(self) -> str:
        """The last words of the peer, for a report of a failure."""
        words = [f"ended with status {each.poll()}" for each in self.sessions if each.poll() is not None]
        for path in filter(None, (f"{self.root}/output", self.log_file)):
            try:
                with open(path, encoding="utf-8", errors="replace") as text:
                    words += [line.strip() for line in text.readlines()[-4:] if len(line) < 500]
            except FileNotFoundError:
                pass
        return " | ".join(words)

    def _check_greeting(self) -> None:
        places: list[str | tuple[str, int]] = []
        if self.anvil_socket:
            places.append(self.anvil_socket)
        if self.anvil_port:
            places.append(("127.0.0.1", self.anvil_port))
        for address in places:
            greeting = greeting_from(address)
            if greeting != b"protocol=anvil_protocol\n\n":
                raise Failure(f"{self.name}: anvil at {address} greets with {greeting!r}")


class MasterPeer(Peer):
    """A master with anvil, postlogd and, where it is installed, Debian's smtpd in a queue directory of its own."""

    def __init__(self, root: str, name: str, master: str, daemons: str, queue: str | None = None):
        """`queue`: a directory for the queue, in memory; without one no mail is delivered."""
        super().__init__(root)
        self.name, self._master, self.queue = name, master, queue
        place = queue or f"{root}/queue"
        self.anvil_port, smtpd_port, echo_port, http_port, udp_port = free_ports(5)
        self.anvil_socket = f"{place}/private/anvil"
        self.log_socket = f"{place}/public/postlog"
        self.log_file = f"{root}/log/maillog"
        lines = MASTER_CF
        if os.path.exists(f"{daemons}/smtpd"):
            lines, self.smtpd_port = lines + SMTPD_LINE, smtpd_port
        if queue:
            lines += MAIL_LINES
        if os.path.exists(f"{daemons}/echo"):
            lines, self.echo_port = lines + ECHO_LINE, echo_port
        if os.path.exists(f"{daemons}/http-answer"):
            lines, self.http_port = lines + HTTP_LINE, http_port
        if os.path.exists(f"{daemons}/datagram-echo"):
            lines, self.udp_port = lines + UDP_LINE, udp_port
        self._make_directories(place)
        owner, group = mail_accounts()
        with open(f"{root}/etc/main.cf", "w", encoding="ascii") as file:
            file.write(MAIN_CF.format(root=root, queue=place, daemons=daemons, owner=owner, group=group))
        with open(f"{root}/etc/master.cf", "w", encoding="ascii") as file:
            ports = {"anvil": self.anvil_port, "smtpd": smtpd_port, "echo": echo_port, "http": http_port}
            file.write(lines.format(udp=udp_port, **ports))

    def _make_directories(self, queue: str) -> None:
        owner, group = mail_accounts()
        user_id, group_id = pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid
        for directory, uid, gid, mode in (
            (f"{self.root}/etc", 0, 0, 0o755),
            (f"{self.root}/log", 0, 0, 0o755),
            (f"{self.root}/data", user_id, pwd.getpwnam(owner).pw_gid, 0o700),
            (queue, 0, 0, 0o755),
            (f"{queue}/pid", 0, 0, 0o755),
            (f"{queue}/private", user_id, 0, 0o700),
            (f"{queue}/public", user_id, group_id, 0o710),
            (f"{queue}/maildrop", user_id, group_id, 0o730),
            *((f"{queue}/{name}", user_id, 0, 0o700) for name in MAIL_QUEUES),
        ):
            os.mkdir(directory)
            os.chown(directory, uid, gid)
            os.chmod(directory, mode)

    def start(self) -> None:
        self.launch([self._master, "-c", f"{self.root}/etc", "-s"])
        self._check_greeting()

    def master(self) -> int | None:
        return self.sessions[0].pid if self.sessions else None

    def worker(self, service: str) -> int:
        for pid in self.daemons():
            arguments = processes.arguments_of(pid) or [""]
            # A service that is named like its program gets no -n; anvil on TCP is named by its address.
            named = arguments[arguments.index("-n") + 1] if "-n" in arguments else os.path.basename(arguments[0])
            if named == service:
                return pid
        raise Failure(f"{self.name}: no worker of {service}")


class EchoPeer(MasterPeer):
    """Our master with one service: an echo that is written for another skeleton, as `kind` says."""

    def __init__(self, root: str, products: str, kind: str):
        daemons = f"{root}-daemons"
        os.mkdir(daemons)
        echo = "echo" if kind == "stream" else f"{kind}-echo"
        for program, product in (("master", "master"), ("postlogd", "postlogd"), ("echo", echo)):
            if not os.path.exists(f"{products}/{product}"):
                raise Failure(f"{products}/{product} does not exist: build it, or leave {kind} out with --peers")
            os.symlink(f"{products}/{product}", f"{daemons}/{program}")
        super().__init__(root, f"ours, {kind}", f"{daemons}/master", daemons)
        self.anvil_socket = self.anvil_port = self.log_socket = None

    def start(self) -> None:
        super().start()
        processes.wait_until(lambda: processes.listens(self.echo_port or 0), 10, f"{self.name}: the echo's port")

    def worker(self, service: str) -> int:
        return super().worker(f"127.0.0.1:{self.echo_port}")


def has_mail_programs() -> bool:
    return all(os.path.exists(f"{DEBIAN_DAEMONS}/{program}") for program in MAIL_PROGRAMS)


def postfix_peer(root: str, queue: str | None = None) -> MasterPeer:
    return MasterPeer(root, "Postfix", f"{DEBIAN_DAEMONS}/master", DEBIAN_DAEMONS, queue)


def our_peer(root: str, products: str, queue: str | None = None, name: str = "ours") -> MasterPeer:
    """Ours: a daemon directory that holds our programs and, where they are installed, Debian's for mail."""
    daemons = f"{root}-daemons"
    os.mkdir(daemons)
    for program in ("master", "anvil", "postlogd", "echo"):
        if not os.path.exists(f"{products}/{program}"):
            raise Failure(f"{products}/{program} does not exist: build it, or leave ours out with --peers")
        os.symlink(f"{products}/{program}", f"{daemons}/{program}")
    # Programs of an earlier commit may have none.
    for program in ("http-answer", "datagram-echo"):
        if os.path.exists(f"{products}/{program}"):
            os.symlink(f"{products}/{program}", f"{daemons}/{program}")
    for program in MAIL_PROGRAMS:
        if os.path.exists(f"{DEBIAN_DAEMONS}/{program}"):
            os.symlink(f"{DEBIAN_DAEMONS}/{program}", f"{daemons}/{program}")
    return MasterPeer(root, name, f"{daemons}/master", daemons, queue)
