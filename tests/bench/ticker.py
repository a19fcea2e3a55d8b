#!/usr/bin/env python3
"""What does a tick cost the ticker, when few of many have changed something?

Ten of 5,000 clients.  work is the CPU time of looking, reading and rendering, as the
ticker counts it; ring is that of waking the others.
"""
import json
import os
import subprocess

from bench import ROOT, ROSTERD, TICK_MS, Server, ask, by_size, load_command

CLIENTS = by_size(5000, 1000, 40)


def counters():
    """The ticker's, by rosterd-dump."""
    done = subprocess.run([os.path.join(ROOT, "build", "rosterd-dump"), "--name", f"bench-{os.getpid()}",
                           "stats", "--json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["counters"]["ticker"]


def measure(name, what, options):
    options = {**options, "tick": TICK_MS, "marks": True}
    with Server(name, options["clients"]) as server:
        load = subprocess.Popen(load_command(server, what, options), stdout=subprocess.PIPE, text=True)
        marks = []
        for _ in range(2):
            if not load.stdout.readline():
                return None
            marks.append(counters())
        values = json.loads(load.stdout.readline())
        load.wait()
    snapshots = marks[1]["snapshots"] - marks[0]["snapshots"]
    for part in ("work", "ring"):
        spent = marks[1][f"tick_{part}_us"] - marks[0][f"tick_{part}_us"]
        values[f"{part}_ms_per_tick"] = spent / 1000 / max(snapshots, 1)
    return values


ask("ticker", {f"10 of {CLIENTS}": ("fanout", {"clients": CLIENTS, "changers": 10, "size": 10,
                                              "rounds": by_size(5, 3, 2)})},
    (ROSTERD,), ("work_ms_per_tick", "ring_ms_per_tick", "span_ms", "server_ms_per_tick"), measure)
