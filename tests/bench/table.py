#!/usr/bin/env python3
"""The table: medians, ratios to the baselines of the same sitting, and what is wanted.

Written beside the results and printed.
"""
import os

from bench import LOOP, RAW, RESULTS, ROSTERD, WS
from results import Medians

SERVERS = (ROSTERD, RAW, LOOP, WS)

# Figure, question, case, value, unit; then what is wanted: (sign, limit, of whom or None).
WANTED = []
for n in (1000, 5000):
    WANTED += [
        (f"connect, {n}", "connect", f"{n} clients", "rate", "/s",
         ((">=", 2.2, WS), (">=", 0.35, LOOP))),
        (f"connect, {n}: p99", "connect", f"{n} clients", "p99_ms", "ms", (("<=", 40, None),)),
    ]
for n, span, cpu in ((1000, ((("<=", 1.2, RAW), ("<=", 1.0, LOOP), ("<=", 1.0, WS))), (("<=", 2.2, RAW),)),
                     (100, ((("<=", 8, RAW), ("<=", 1.0, WS))), (("<=", 1.0, WS),))):
    WANTED += [
        (f"fan-out to {n}: first byte to last complete", "fanout", f"{n} clients", "span_ms", "ms", span),
        (f"fan-out to {n}: server CPU a tick", "fanout", f"{n} clients", "server_ms_per_tick", "ms", cpu),
    ]
WANTED += [
    ("unicast, 100 clients, 8 in flight each", "unicast", "100 x 8", "rate", "/s", ((">=", 2.5, WS),)),
    ("unicast, 20 clients, 64 in flight each", "unicast", "20 x 64", "rate", "/s", ((">=", 6, WS),)),
    ("unicast, 1 in flight: p50", "unicast", "1 in flight", "p50_us", "us", (("<=", 1.3, WS),)),
    ("broadcast to 100, delivered", "broadcast", "to 100", "rate", "/s", ((">=", 2.0, WS),)),
    ("broadcast to 1000, delivered", "broadcast", "to 1000", "rate", "/s", ((">=", 1.0, WS),)),
    ("memory, 5000: private dirty a client", "memory", "5000 clients", "private_dirty_kib", "KiB",
     (("<=", 72, None),)),
    ("memory, 5000: of MemAvailable, a client", "memory", "5000 clients", "available_kib", "KiB",
     (("<=", 200, None),)),
    ("memory, 5000: page tables a client", "memory", "5000 clients", "page_tables_kib", "KiB", ()),
    ("idle CPU, 5000", "idle", "5000 clients", "cpu_percent", "%", (("<=", 1, None),)),
    ("ticker, 10 of 5000 changed: CPU a tick without ringing", "ticker", "10 of 5000",
     "work_ms_per_tick", "ms", (("<=", 5, None),)),
    ("churn, 32 at once", "churn", "32 at once", "rate", "/s", ()),
    ("50 of 500 do not read: span for the others", "slow", "50 of 500", "span_ms", "ms", ()),
    ("10000 clients: connected", "ten_thousand", "10000 clients", "connected", "", ((">=", 10000, None),)),
    ("10000 clients: all agree", "ten_thousand", "10000 clients", "agree", "", ((">=", 1, None),)),
    ("10000 clients: memory in all", "ten_thousand", "10000 clients", "memory_gib", "GiB", (("<=", 2.5, None),)),
]


def number(value, unit):
    if value is None:
        return ""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{text} {unit}" if unit and not unit.startswith("/") else text + unit


def judge(ours, theirs, wanted):
    """Of each wish: the ratio or value, and whether it is fulfilled."""
    said, fulfilled = [], True
    for sign, limit, whom in wanted:
        base = theirs[whom] if whom else 1
        if ours is None or not base:
            return "", ""
        ratio = ours / base
        good = ratio >= limit if sign == ">=" else ratio <= limit
        fulfilled = fulfilled and good
        sign = {">=": "≥", "<=": "≤"}[sign]
        said.append(f"{ratio:.2f} ({sign} {limit}) x {whom}" if whom else f"{sign} {limit:,}")
    return ", ".join(said), "yes" if fulfilled else "**no**"


def main():
    medians = Medians()
    out = ["| figure | rosterd | raw | event loop | node ws | wanted | reached |",
           "|---|---:|---:|---:|---:|---|---|"]
    for figure, question, case, value, unit, wanted in WANTED:
        each = {server: medians.get(question, case, server, value) for server in SERVERS}
        if each[ROSTERD] is None:
            continue
        said, reached = judge(each[ROSTERD], each, wanted)
        cells = [number(each[server], unit) for server in SERVERS]
        out.append("| " + " | ".join([figure, *cells, said, reached if wanted else ""]) + " |")
    if medians.bad():
        out.append(f"\n{medians.bad()} packets or clients were not as they should have been.")
    text = "\n".join(out) + "\n"
    with open(os.path.join(RESULTS, "table.md"), "w", encoding="utf-8") as file:
        file.write(text)
    print(text)


main()
