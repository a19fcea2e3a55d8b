#!/usr/bin/env python3
"""How many clients a second can connect, and how long does each wait?

From connect(2) to the end of the answer 101, 32 under way at once.  The ticks go on
meanwhile, as they do: who is connected gets the roster twice a second.
"""
from bench import LOOP, ROSTERD, WS, ask, by_size

ask("connect",
    {f"{n} clients": ("connect", {"clients": n, "flight": 32}) for n in by_size((1000, 5000), (1000,), (40,))},
    (ROSTERD, LOOP, WS), ("rate", "p50_ms", "p99_ms", "server_us_each", "load_cpu_share"))
