# ===----------------------------------------------------------------------===#
# Quartermaster: clients that stay, and what they cost the kernel
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

import socket

Address = str | tuple[str, int]

# Linux: the port is chosen at connect, so that each pair of addresses has a port range of its own.
IP_BIND_ADDRESS_NO_PORT = 24
CLIENTS_OF_AN_ADDRESS = 1000


class Held:
    """Connections that are open and say nothing; closed at the end of the `with` block."""

    def __init__(self) -> None:
        self.clients: list[socket.socket] = []

    def __enter__(self) -> "Held":
        return self

    def __exit__(self, *_: object) -> None:
        while self.clients:
            self.clients.pop().close()

    def connect(self, address: Address) -> socket.socket:
        """One more client. Those of TCP come from a new address of 127.0.0.0/8 after each thousand."""
        client = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET, socket.SOCK_STREAM)
        self.clients.append(client)
        client.settimeout(20)
        if not isinstance(address, str):
            block = len(self.clients) // CLIENTS_OF_AN_ADDRESS
            client.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            client.bind((f"127.1.{block // 250}.{block % 250 + 1}", 0))
        client.connect(address)
        return client

    def greeted(self, address: Address) -> socket.socket:
        """One more client, and it waits for the first byte from the other side."""
        client = self.connect(address)
        if not client.recv(1):
            raise ConnectionResetError(f"{address} hangs up without a word")
        return client


def kernel_slab_kilobytes() -> tuple[int, int]:
    """(all slabs, those of epoll) of the whole machine: what sockets and their registrations take from the kernel."""
    with open("/proc/meminfo", encoding="ascii") as file:
        total = next(int(line.split()[1]) for line in file if line.startswith("Slab:"))
    epoll = 0
    with open("/proc/slabinfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("eventpoll_"):
                _, active, _, size = line.split()[:4]
                epoll += int(active) * int(size)
    return total, epoll // 1024
