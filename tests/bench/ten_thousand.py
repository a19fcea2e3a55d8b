#!/usr/bin/env python3
"""Ten thousand clients at once, a process each: are they all there, and what do they need?"""
import processes
from bench import ROSTERD, Server, ask, by_size
from hold import Hold

CLIENTS = by_size(10000, 2000, 60)


def measure(name, _what, options):
    clients = options["clients"]
    before = processes.available_kib()
    with Server(name, clients) as server, Hold(server, clients, flight=32) as hold:
        used = before - processes.available_kib()
        seconds = hold.start["seconds"]
        end = hold.finish()
        return {"connected": end["connected"], "agree": end["agree"], "connect_s": seconds, "refused": hold.start["refused"],
                "memory_gib": used / 2**20, "bad": end["bad"] + (end["agree"] != 1)}


ask("ten_thousand", {f"{CLIENTS} clients": ("hold", {"clients": CLIENTS})}, (ROSTERD,),
    ("connected", "agree", "connect_s", "memory_gib"), measure)
