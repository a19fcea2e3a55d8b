#!/usr/bin/env python3
"""What does a tick cost the ticker, when few of many have changed something?

Ten of 5,000 clients.  cpu: of the ticker in all; work: without ringing the others.
"""
from bench import ROSTERD, ask, by_size

CLIENTS = by_size(5000, 1000, 40)

ask("ticker", {f"10 of {CLIENTS}": ("fanout", {"clients": CLIENTS, "changers": 10, "size": 10,
                                              "rounds": by_size(5, 3, 2)})},
    (ROSTERD,), ("ticker_ms_per_tick", "span_ms", "server_ms_per_tick"))
