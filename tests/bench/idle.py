#!/usr/bin/env python3
"""What do clients that are connected and quiet cost in CPU time?

Over one whole period of pings (20 s), in % of one core.
"""
import time

import processes
from bench import LOOP, ROSTERD, WS, Server, ask, by_size
from hold import Hold

CLIENTS = by_size(5000, 1000, 40)
SECONDS = by_size(20, 20, 1)


def measure(name, _what, options):
    with Server(name, options["clients"]) as server, Hold(server, options["clients"]) as hold:
        before = processes.all_running_ns(server.process.pid)
        begun = time.monotonic()
        time.sleep(SECONDS)
        spent = processes.all_running_ns(server.process.pid) - before
        passed = time.monotonic() - begun
        return {"cpu_percent": spent / 1e7 / passed, "bad": hold.finish()["bad"]}


ask("idle", {f"{CLIENTS} clients": ("hold", {"clients": CLIENTS})},
    (ROSTERD, LOOP, WS) if SECONDS > 1 else (ROSTERD,), ("cpu_percent",), measure)
