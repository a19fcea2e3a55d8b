"""Medians of what a sitting found."""

import json
import os
import statistics

from bench import RESULTS

NAMES = ("connect", "fanout", "compress", "unicast", "broadcast", "memory", "tls", "idle", "ticker", "churn", "slow",
         "ten_thousand", "curve")


def read(question):
    path = os.path.join(RESULTS, f"{question}.jsonl")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class Medians:
    def __init__(self):
        self.lines = {question: read(question) for question in NAMES}

    def cases(self, question):
        return list(dict.fromkeys(line["case"] for line in self.lines[question]))

    def get(self, question, case, server, value):
        """The median over the runs; None if there is none."""
        found = [line[value] for line in self.lines[question]
                 if line["case"] == case and line["server"] == server and value in line]
        return statistics.median(found) if found else None

    def bad(self):
        return sum(line.get("bad", 0) for lines in self.lines.values() for line in lines)
