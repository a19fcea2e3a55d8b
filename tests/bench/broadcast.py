#!/usr/bin/env python3
"""How many packets a second are delivered when one client sends to all?"""
from bench import LOOP, ROSTERD, WS, ask, by_size

MS = by_size(2000, 1000, 100)

ask("broadcast", {
    "to 100": ("relay", {"clients": by_size(100, 100, 10), "senders": 1, "flight": 4, "size": 156,
                         "broadcast": True, "ms": MS}),
    "to 1000": ("relay", {"clients": by_size(1000, 1000, 20), "senders": 1, "flight": 2, "size": 156,
                          "broadcast": True, "ms": MS}),
}, (ROSTERD, LOOP, WS), ("rate", "p50_us", "p99_us", "server_us_each", "load_cpu_share"))
