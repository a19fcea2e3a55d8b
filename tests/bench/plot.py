#!/usr/bin/env python3
"""Plots of a sitting, by gnuplot, as SVG beside the results."""
import os
import shutil
import subprocess

from bench import LOOP, RAW, RESULTS, ROSTERD, WS
from results import Medians

STYLE = """
set terminal svg size 720,440 font "sans-serif,13" background "white"
set output "{path}"
set title "{title}"
set xlabel "{x}"
set ylabel "{y}"
set logscale xy
set grid lc rgb "#dddddd"
set key left top
set style line 1 lc rgb "#c03020" lw 2.5 pt 7 ps 0.6
set style line 2 lc rgb "#555555" lw 1.5 pt 5 ps 0.5 dt 2
set style line 3 lc rgb "#2060a0" lw 1.5 pt 9 ps 0.6
set style line 4 lc rgb "#308040" lw 1.5 pt 11 ps 0.6
plot {plots}
"""


def block(name, points):
    return f"${name} << EOD\n" + "".join(f"{x} {y}\n" for x, y in points) + "EOD\n"


def curve(medians, value, title, y, path, scale=1):
    """A value of the question `curve` against N, a line for each server."""
    blocks, plots = "", []
    for number, server in enumerate((ROSTERD, RAW, LOOP, WS), 1):
        points = [(case, medians.get("curve", case, server, value)) for case in medians.cases("curve")]
        points = [(x, v * scale) for x, v in points if v]
        if points:
            blocks += block(f"d{number}", points)
            plots.append(f'$d{number} with linespoints ls {number} title "{server}"')
    if plots:
        script = blocks + STYLE.format(path=path, title=title, x="clients", y=y, plots=", ".join(plots))
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
        print(path)


def main():
    if shutil.which("gnuplot") is None:
        print("no plots: gnuplot is not installed (package gnuplot-nox)")
        return
    medians = Medians()
    curve(medians, "span_ms", "A tick: first byte at any client to last byte at the last", "ms",
          os.path.join(RESULTS, "tick-span.svg"))
    curve(medians, "server_ms_per_tick", "A tick: CPU time of the server", "ms",
          os.path.join(RESULTS, "tick-cpu.svg"))
    curve(medians, "bytes_per_tick", "A tick: bytes to all clients", "MB",
          os.path.join(RESULTS, "tick-bytes.svg"), 1e-6)


main()
