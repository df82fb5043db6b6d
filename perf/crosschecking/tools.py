# ===----------------------------------------------------------------------===#
# Quartermaster: runs a load program and reads what it says it has done
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

import csv
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from comparison import stopping
from comparison.processes import Failure

from . import cases
from .cases import Case
from .servers import SBIN

PACKAGES = {"wrk": "wrk", "ab": "apache2-utils", "smtp-source": "postfix"}


@dataclasses.dataclass(frozen=True)
class Said:
    """What a program says of its own run."""

    answered: int
    failed: int
    seconds: float
    median_us: float | None


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a program came to its end, seen from outside."""

    output: str
    status: int
    seconds: float
    processor_seconds: float


def _run(command: list[str], processors: set[int], limit: float) -> Ended:
    """Runs the command on these processors; its own account of time comes from wait4(2)."""
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        with stopping.held_back():
            process = subprocess.Popen(["taskset", "-c", ",".join(map(str, sorted(processors))), *command],
                                       stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        killer = threading.Timer(limit, process.kill)
        killer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            killer.cancel()
        seconds = time.monotonic() - began
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode == -signal.SIGKILL:
        raise Failure(f"{command[0]} did not end within {limit:g} s")
    return Ended(text, process.returncode, seconds, usage.ru_utime + usage.ru_stime)


def find(tool: str) -> str:
    program = shutil.which(tool, path=SBIN)
    if not program:
        raise Failure(f"{tool} is not installed: apt-get install {PACKAGES[tool]}")
    return program


def versions() -> dict[str, str]:
    """Of those that tell; smtp-source is as old as Postfix."""
    found = {}
    for tool, option, pattern in (("wrk", "-v", r"^wrk (\S+)"), ("ab", "-V", r"Version (\S+)")):
        if program := shutil.which(tool, path=SBIN):
            said = subprocess.run([program, option], capture_output=True, text=True, timeout=20, check=False)
            if match := re.search(pattern, said.stdout + said.stderr):
                found[tool] = match[1]
    return found


@dataclasses.dataclass
class Tools:
    bench: str
    directory: str
    processors: set[int]
    seconds: int

    def run(self, tool: str, case: Case, port: int, mails: int) -> tuple[Said, Ended]:
        """`mails`: how many, where the amount is not a time."""
        runner = {cases.BENCH: self._bench, "wrk": self._wrk, "ab": self._ab, "smtp-source": self._smtp_source}[tool]
        return runner(case, port, mails)

    def _ended(self, command: list[str]) -> Ended:
        ended = _run(command, self.processors, 60 + 10 * self.seconds)
        if ended.status != 0:
            said = " ".join(ended.output.split())[-300:]
            raise Failure(f"{os.path.basename(command[0])}: status {ended.status}: {said}")
        return ended

    def _bench(self, case: Case, port: int, mails: int) -> tuple[Said, Ended]:
        words = ["kept" if case.is_kept else "storm", "--tcp", f"127.0.0.1:{port}", "--clients", str(case.clients)]
        words += ["--no-live", "--json", f"{self.directory}/record.json"]
        if case.is_mail:
            words += ["--preset", "smtp", "--size", str(cases.MAIL_SIZE), "--count", str(mails)]
            # As smtp-source does.
            words += [] if case.is_kept else ["--close", "rst"]
        else:
            words += ["--preset", "http", "--duration", str(self.seconds)]
        ended = self._ended([self.bench, *words])
        with open(f"{self.directory}/record.json", encoding="utf-8") as file:
            run = json.load(file)["runs"][0]
        ledger = run["ledger"]
        failed = ledger["refused"] + sum(ledger["failed"].values())
        total = next(phase for phase in run["phases"] if phase["name"] == "total")
        return Said(ledger["answered"], failed, run["seconds"], total["percentiles"].get("p50", 0) / 1000), ended

    def _wrk(self, case: Case, port: int, _: int) -> tuple[Said, Ended]:
        header = [] if case.is_kept else ["-H", "Connection: close"]
        command = [find("wrk"), "-t1", f"-c{case.clients}", f"-d{self.seconds}s", "--latency", *header]
        ended = self._ended([*command, f"http://127.0.0.1:{port}/"])
        text = ended.output
        answered = int(_found(r"(\d+) requests in", text, "wrk"))
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
        failed = sum(map(int, errors.groups())) if errors else 0
        wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        failed += int(wrong[1]) if wrong else 0
        middle = re.search(r"50%\s+([\d.]+)(us|ms|s)\b", text)
        median = float(middle[1]) * {"us": 1, "ms": 1e3, "s": 1e6}[middle[2]] if middle else None
        # It rounds the time to hundredths, the rate not.
        seconds = answered / float(_found(r"Requests/sec:\s+([\d.]+)", text, "wrk"))
        return Said(answered, failed, seconds, median), ended

    def _ab(self, case: Case, port: int, _: int) -> tuple[Said, Ended]:
        table = f"{self.directory}/ab.csv"
        # With -t alone it stops after 50,000.
        command = [find("ab"), "-q", "-c", str(case.clients), "-t", str(self.seconds), "-n", "1000000", "-e", table]
        ended = self._ended([*command, f"http://127.0.0.1:{port}/"])
        answered = int(_found(r"Complete requests:\s+(\d+)", ended.output, "ab"))
        failed = int(_found(r"Failed requests:\s+(\d+)", ended.output, "ab"))
        seconds = answered / float(_found(r"Requests per second:\s+([\d.]+)", ended.output, "ab"))
        with open(table, encoding="ascii", newline="") as file:
            median = next(float(row[1]) * 1e3 for row in csv.reader(file) if row[0] == "50")
        return Said(answered, failed, seconds, median), ended

    def _smtp_source(self, case: Case, port: int, mails: int) -> tuple[Said, Ended]:
        """It says nothing of itself, and ends with an error when anything goes wrong: so all were taken."""
        command = [find("smtp-source"), "-s", str(case.clients), "-m", str(mails), "-l", str(cases.MAIL_SIZE)]
        command += ["-M", "bench.invalid", "-f", "sender@bench.invalid", "-t", "recipient@localhost"]
        ended = self._ended([*command, *(["-d"] if case.is_kept else []), f"127.0.0.1:{port}"])
        return Said(mails, 0, ended.seconds, None), ended


def _found(pattern: str, text: str, who: str) -> str:
    match = re.search(pattern, text)
    if not match:
        raise Failure(f"{who} says something unknown: {' '.join(text.split())[-300:]}")
    return match[1]
