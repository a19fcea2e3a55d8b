#!/usr/bin/env python3
"""Coming and going: clients a second that connect, get their first metadata and leave."""
from bench import LOOP, ROSTERD, WS, ask, by_size

ask("churn",
    {"32 at once": ("churn", {"clients": by_size(132, 132, 10), "flight": by_size(32, 32, 4),
                              "ms": by_size(2000, 1000, 200)})},
    (ROSTERD, LOOP, WS), ("rate", "server_us_each", "load_cpu_share"))
