#!/usr/bin/env python3
"""How many packets a second go from one client to another, and how long do they take?"""
from bench import LOOP, ROSTERD, WS, ask, by_size

MS = by_size(2000, 1000, 100)

ask("unicast", {
    "100 x 8": ("relay", {"clients": by_size(100, 100, 10), "flight": 8, "size": 156, "ms": MS}),
    "20 x 64": ("relay", {"clients": by_size(20, 20, 5), "flight": 64, "size": 200, "ms": MS}),
    "1 in flight": ("relay", {"clients": 2, "senders": 1, "flight": 1, "size": 156, "ms": MS}),
}, (ROSTERD, LOOP, WS), ("rate", "p50_us", "p99_us", "server_us_each", "load_cpu_share"))
