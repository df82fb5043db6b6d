# ===----------------------------------------------------------------------===#
# Quartermaster: slopes, plots and tables of what grows with something
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#

import dataclasses
import math
import shutil
import subprocess

from comparison.processes import Failure


@dataclasses.dataclass
class Curve:
    """A cost against a number. `limit` is the largest slope that is all right: all along where the cost has to be
    constant, else at the upper end."""

    title: str
    what: str  # of what there are `number`s
    unit: str
    points: list[tuple[int, float]]
    limit: float
    is_constant: bool = False

    @property
    def slope(self) -> float | None:
        """Of the straight line through all logarithms: 0 is constant, 1 is proportional."""
        return self._slope(self.points)

    @property
    def end_slope(self) -> float | None:
        """Of the last two points, where the fixed cost does not hide what grows."""
        return self._slope(self.points[-2:])

    @staticmethod
    def _slope(points: list[tuple[int, float]]) -> float | None:
        usable = [(math.log(number), math.log(cost)) for number, cost in points if number > 0 and cost > 0]
        if len(usable) < 2:
            return None
        middle_x = sum(x for x, _ in usable) / len(usable)
        middle_y = sum(y for _, y in usable) / len(usable)
        width = sum((x - middle_x) ** 2 for x, _ in usable)
        return sum((x - middle_x) * (y - middle_y) for x, y in usable) / width if width else None

    @property
    def judged(self) -> float | None:
        return self.slope if self.is_constant else self.end_slope

    @property
    def is_over(self) -> bool:
        return self.judged is not None and self.judged > self.limit

    @property
    def verdict(self) -> str:
        if self.judged is None:
            return "not measured"
        return f"**over {self.limit}**" if self.is_over else f"at most {self.limit}: met"


def signed(slope: float | None) -> str:
    return "–" if slope is None else f"{slope:+.2f}"


def short(value: float) -> str:
    """Three digits are what these measurements carry."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 3)}f}"


COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999"]


def plot(path: str, where: str, panels: list[tuple[str, str, list[Curve]]]) -> None:
    """One log-log panel for each (title, what the x axis counts, curves); `where` it was measured stands above all."""
    if not shutil.which("gnuplot"):
        raise Failure("no plot: gnuplot is not installed: apt-get install gnuplot-nox")
    lines = [
        "set encoding utf8",
        f"set terminal svg size 1120,{340 * len(panels)} font 'sans-serif,13' background '#ffffff'",
        f"set output '{path}'",
        f"set multiplot layout {len(panels)},1 title \"{where}\" noenhanced",
        "set logscale xy", "set grid lc rgb '#dddddd'", "set border 3", "set tics nomirror",
        "set key at graph 1.03, graph 1.0 left top vertical Left reverse samplen 2",
        "set format x '%.0s%c'", "set format y '%g'", "set ylabel 'in the unit of the curve'",
        # The same for all panels, however long their names are.
        "set lmargin at screen 0.08", "set rmargin at screen 0.52",
    ]
    for number, (title, axis, curves) in enumerate(panels):
        parts = []
        for index, curve in enumerate(curves):
            name = f"$p{number}c{index}"
            # What costs nothing has no place on a logarithmic axis.
            lines += [f"{name} << END", *(f"{x} {y:g}" for x, y in curve.points if y > 0), "END"]
            slope = f", slope {signed(curve.slope)}"
            label = f"{curve.title} [{curve.unit}]{slope}"
            colour = COLOURS[index % len(COLOURS)]
            parts.append(f"{name} using 1:2 with linespoints pt 7 ps 0.6 lw 2 lc rgb '{colour}' title \"{label}\"")
        lines += [f'set title "{title}"', f'set xlabel "{axis}"', "plot " + ", \\\n  ".join(parts)]
    done = subprocess.run(["gnuplot"], input="\n".join(lines) + "\nunset multiplot\n", capture_output=True, text=True,
                          timeout=60, check=False)
    if done.returncode != 0:
        raise Failure(f"gnuplot: {done.stderr.strip()[-300:]}")
