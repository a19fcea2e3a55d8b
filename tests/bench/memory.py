#!/usr/bin/env python3
"""What does a client that is connected and quiet cost in memory?

MemAvailable is the difference that all of them make to the machine, kernel and the
generator's ends of the connections included; the rest is per process.

Then the same for fewer who say something of themselves, on a server that compresses:
none of them negotiated permessage-deflate, or all.
"""
import os
import statistics

import processes
from bench import LOOP, ROSTERD, Server, ask, by_size
from hold import Hold

CLIENTS = by_size(5000, 1000, 40)


def measure(name, _what, options):
    options = dict(options)
    clients = options.pop("clients")
    processes.settle()
    before = processes.available_kib()
    with Server(name, clients) as server, Hold(server, clients, **options) as hold:
        pids = [pid for pid in processes.children(server.process.pid)
                if "client" in processes.title(pid)]
        after = processes.available_kib()
        each = [processes.memory(pid) for pid in pids] or [processes.memory(server.process.pid)]
        share = clients if name != ROSTERD else 1
        values = {
            "available_kib": (before - after) / clients,
            "private_dirty_kib": statistics.mean(m[0] for m in each) / share,
            "pss_kib": statistics.mean(m[1] for m in each) / share,
            "page_tables_kib": statistics.mean(m[2] for m in each) / share,
            "bad": hold.finish()["bad"],
        }
    return values


ask("memory", {f"{CLIENTS} clients": ("hold", {"clients": CLIENTS})}, (ROSTERD, LOOP),
    ("private_dirty_kib", "pss_kib", "page_tables_kib", "available_kib"), measure)

os.environ["ROSTERD_OPTIONS"] = "--compress 5"
PEOPLE = {"clients": by_size(500, 500, 20), "people": True}
ask("memory_compressed",
    {f"{PEOPLE['clients']} {how}": ("hold", {**PEOPLE, **deflate})
     for how, deflate in (("plain", {}), ("compressed", {"deflate": True}))},
    (ROSTERD,), ("private_dirty_kib", "pss_kib"), measure)
