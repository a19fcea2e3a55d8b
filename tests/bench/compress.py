#!/usr/bin/env python3
"""What does compression save, and what does it cost?

500 clients that say of themselves what people do: name, colour, x, y; all of them move
in each round, so nothing of the roster can be kept.  The same server twice: none of its
clients negotiated permessage-deflate, or all.
"""
import os

from bench import ROSTERD, ask, by_size, run_load

LEVEL = 5


def measure(name, what, options):
    os.environ["ROSTERD_OPTIONS"] = f"--compress {LEVEL}"
    return run_load(name, what, options)


N = by_size(500, 300, 20)
MOVING = {"clients": N, "people": True, "rounds": by_size(10, 6, 2)}

ask("compress",
    {f"{case} {who} of {N} move": ("fanout", {**MOVING, "changers": count, **deflate})
     for who, count in (("10", 10), ("all", N))
     for case, deflate in (("plain,", {}), ("compressed,", {"deflate": True}))},
    (ROSTERD,), ("bytes_per_tick", "server_ms_per_tick", "ticker_ms_per_tick", "span_ms"), measure)
