#!/usr/bin/env python3
"""How long does a tick take to reach everybody, and what does it cost?

Every client has a property of 50 characters, one changes; from the first byte at any
client to the last byte at the last one.
"""
from bench import LOOP, RAW, ROSTERD, WS, ask, by_size

ROUNDS = by_size(7, 5, 2)

ask("fanout",
    {f"{n} clients": ("fanout", {"clients": n, "rounds": ROUNDS}) for n in by_size((100, 1000), (100, 1000), (20,))},
    (ROSTERD, RAW, LOOP, WS), ("span_ms", "server_ms_per_tick", "load_ms_per_tick", "bytes_per_tick"))
