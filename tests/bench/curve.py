#!/usr/bin/env python3
"""How does the cost of a tick grow with the number of clients?

Traffic grows as N * N: everybody is told about everybody.  One run for each N.
"""
import bench
from bench import LOOP, RAW, ROSTERD, WS, ask, by_size

COUNTS = by_size((10, 30, 100, 300, 1000, 3000, 10000), (10, 100, 1000), (5, 20))
bench.RUNS = 1

ask("curve", {str(n): ("fanout", {"clients": n, "rounds": 3 if n >= 3000 else 5}) for n in COUNTS},
    (ROSTERD, RAW, LOOP, WS), ("span_ms", "server_ms_per_tick", "bytes_per_tick"))
