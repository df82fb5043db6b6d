# ===----------------------------------------------------------------------===#
# Quartermaster: folded stacks as SVG
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""The drawing is done by flamegraph.pl, which Debian keeps with a Perl profiler."""

import os
import shutil
import subprocess

from comparison.processes import Failure

# libdevel-nytprof-perl; then a copy that somebody has put on the PATH.
DEBIAN_PLACE = "/usr/share/perl5/Devel/NYTProf/flamegraph.pl"
# Narrower ones cannot be read, and make the file large.
NARROWEST = 0.4


def program() -> str:
    found = DEBIAN_PLACE if os.path.exists(DEBIAN_PLACE) else shutil.which("flamegraph.pl")
    if not found:
        raise Failure("flamegraph.pl is not installed: apt-get install libdevel-nytprof-perl")
    return found


def draw(path: str, title: str, unit: str, colors: str, folded: str) -> None:
    if not folded:
        raise Failure(f"nothing was recorded for \"{title}\"")
    picture = _picture(title, unit, colors, folded)
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(picture)


def _picture(title: str, unit: str, colors: str, folded: str) -> str:
    command = ["perl", program(), "--title", title, "--countname", unit, "--colors", colors, "--hash",
               "--minwidth", f"{NARROWEST:.2f}", "--nametype", "Function:"]
    done = subprocess.run(command, input=folded, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0 or "<svg" not in done.stdout:
        raise Failure(f"flamegraph.pl: {done.stderr.strip()[-300:]}")
    return done.stdout
