#!/usr/bin/env python3
"""What do clients that do not read cost the others?

500 clients with properties of 500 characters (284 KB a tick for each), 50 of them stop
reading for some ticks and go on then.  Nobody may be lost, and all agree in the end.
"""
from bench import LOOP, ROSTERD, WS, ask, by_size

ask("slow",
    {"50 of 500": ("slow", {"clients": by_size(500, 300, 20), "slow": by_size(50, 30, 4), "size": 500,
                            "rounds": by_size(6, 4, 2)})},
    (ROSTERD, LOOP, WS), ("span_before_ms", "span_ms", "server_ms_per_tick", "lost"))
