# ===----------------------------------------------------------------------===#
# Quartermaster: folded stacks as SVG
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
"""The drawing is done by flamegraph.pl, which Debian keeps with a Perl profiler."""

import html
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


def draw(path: str, title: str, where: str, unit: str, colors: str, folded: str) -> None:
    """`where` is what the picture was recorded on, of which commit and when: it stands below the title."""
    if not folded:
        raise Failure(f"nothing was recorded for \"{title}\"")
    picture = with_place(_picture(title, unit, colors, folded), where)
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(picture)


def with_place(picture: str, where: str) -> str:
    """flamegraph.pl has one line for a title, and leaves room for another one below it."""
    lines = picture.split("\n")
    try:
        place = next(number for number, line in enumerate(lines) if 'y="24"' in line and 'text-anchor="middle"' in line)
    except StopIteration:
        raise Failure("flamegraph.pl draws its title elsewhere than it did") from None
    text = html.escape(where)
    lines.insert(place + 1, '<text text-anchor="middle" x="600.00" y="40" font-size="12" font-family="Verdana"'
                            f' fill="rgb(90,90,90)"  >{text}</text>')
    return "\n".join(lines)


def _picture(title: str, unit: str, colors: str, folded: str) -> str:
    command = ["perl", program(), "--title", title, "--countname", unit, "--colors", colors, "--hash",
               "--minwidth", f"{NARROWEST:.2f}", "--nametype", "Function:"]
    done = subprocess.run(command, input=folded, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0 or "<svg" not in done.stdout:
        raise Failure(f"flamegraph.pl: {done.stderr.strip()[-300:]}")
    return done.stdout
