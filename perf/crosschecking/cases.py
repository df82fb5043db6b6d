# ===----------------------------------------------------------------------===#
# Quartermaster: what is compared: which load programs on which server
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

import dataclasses

BENCH = "bench-accept"

HTTP_CLIENTS = 50
# known-http answers one request in so many microseconds.
INTERVAL_US = 400
# smtp-sink knows whole seconds only, and lets everybody wait for that long. Few sessions, which all come back at once:
# what they cost is then a small part of that second.
SINK_DELAY_SECONDS = 1
SINK_WAVES = 4
DELAYED_SESSIONS = 10
MAIL_SESSIONS = 50
MAIL_SIZE = 120


@dataclasses.dataclass(frozen=True)
class Case:
    key: str
    title: str
    server: str  # a key of servers.SERVERS
    tools: tuple[str, ...]
    clients: int
    is_kept: bool
    known_rate: float | None = None  # what everybody has to measure
    unit: str = "request"

    @property
    def is_mail(self) -> bool:
        return self.unit == "mail"

    @property
    def is_known(self) -> bool:
        return self.known_rate is not None

    @property
    def known_time_us(self) -> float | None:
        """How long a closed loop of so many clients takes for each exchange at that rate (Little's law)."""
        return self.clients / self.known_rate * 1e6 if self.known_rate else None


CASES = [
    Case("known-kept", "HTTP on kept connections", "paced", (BENCH, "wrk"), HTTP_CLIENTS, True, 1e6 / INTERVAL_US),
    Case("known-close", "HTTP, a connection for each request", "paced", (BENCH, "wrk", "ab"), HTTP_CLIENTS, False,
         1e6 / INTERVAL_US),
    Case("known-mail", "SMTP, a connection for each mail", "slow-sink", (BENCH, "smtp-source"), DELAYED_SESSIONS, False,
         DELAYED_SESSIONS / SINK_DELAY_SECONDS, "mail"),
    Case("bare-kept", "HTTP on kept connections, bare-http", "bare", (BENCH, "wrk"), HTTP_CLIENTS, True),
    Case("nginx-kept", "HTTP on kept connections, nginx", "nginx", (BENCH, "wrk"), HTTP_CLIENTS, True),
    Case("bare-close", "HTTP, a connection for each request, known-http without a pace", "unpaced",
         (BENCH, "wrk", "ab"), HTTP_CLIENTS, False),
    Case("nginx-close", "HTTP, a connection for each request, nginx", "nginx", (BENCH, "wrk", "ab"), HTTP_CLIENTS,
         False),
    Case("mail-kept", "SMTP, mail after mail on kept connections, smtp-sink", "sink", (BENCH, "smtp-source"),
         MAIL_SESSIONS, True, None, "mail"),
    Case("mail-close", "SMTP, a connection for each mail, smtp-sink", "sink", (BENCH, "smtp-source"), MAIL_SESSIONS,
         False, None, "mail"),
]
