"""What all questions share: servers, runs of the load generator, results.

A script is one question.  It says which servers are asked what, and ask() does the
runs interleaved (ours, baseline, ours, baseline ...), because a machine that is busy
for a minute should not be one server's misfortune.  Each run has a server of its own.
Results are JSON, a line a run, in build/bench/QUESTION.jsonl (a quick sitting's in
build/bench/quick/); table.py makes the table, plot.py the plots.

The size of a sitting is BENCH in the environment: full (three runs), quick (one, and
less of each), or smoke (does the kit work?).
"""

import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(ROOT, "build", "bench")
SIZE = os.environ.get("BENCH", "full")
RESULTS = OUT if SIZE == "full" else os.path.join(OUT, SIZE)
RUNS = int(os.environ.get("BENCH_RUNS", {"full": 3, "quick": 1, "smoke": 1}[SIZE]))

# Servers under their names in the table.  EXTRA_OPTIONS are for trying things out.
ROSTERD, LOOP, WS, RAW = "rosterd", "event loop", "node ws", "raw"


TICK_MS = 50 if SIZE == "smoke" else 500  # the protocol's


def by_size(full, quick, smoke):
    """The value for this sitting."""
    return {"full": full, "quick": quick, "smoke": smoke}[SIZE]


def raise_descriptors(wanted=65536):
    """As many as we may; the children inherit them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(hard, wanted), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return limit
        except (ValueError, OSError):
            continue
    return soft


def command(name, tick_ms, clients):
    if name == RAW:
        return [os.path.join(OUT, "base_raw"), str(tick_ms)]
    if name == LOOP:
        return [os.path.join(OUT, "base_lws"), str(tick_ms)]
    if name == WS:
        return ["node", os.path.join(ROOT, "tests", "bench", "base_ws.mjs"), str(tick_ms)]
    program = os.environ.get("ROSTERD", os.path.join(ROOT, "build", "rosterd"))
    return [program, "--name", f"bench-{os.getpid()}", "--listen", "127.0.0.1:0",
            "--max-clients", str(max(4096, clients + 64)), "--tick", str(tick_ms),
            *shlex.split(os.environ.get("ROSTERD_OPTIONS", ""))]


class Server:
    """One that runs; `with` ends it."""

    def __init__(self, name, clients, tick_ms=TICK_MS):
        self.name = name
        self.log = os.path.join(OUT, f"log-{name.replace(' ', '-')}")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command(name, tick_ms, clients), stderr=log,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.port = self._port()

    def _port(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                for line in log:
                    if "address=127.0.0.1:" in line and line.endswith("\n"):
                        return int(line.split("address=127.0.0.1:")[1].split()[0])
            time.sleep(0.02)
        raise SystemExit(f"{self.name} did not start; see {self.log}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def load_command(server, question, options):
    arguments = [os.path.join(OUT, "load"), "--port", str(server.port), "--pid", str(server.process.pid)]
    for name, value in options.items():
        arguments += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return arguments + [question]


def load(server, question, options):
    """Run the generator; its answer, or None if it gave none."""
    done = subprocess.run(load_command(server, question, options), capture_output=True, text=True)
    if done.returncode != 0 or not done.stdout:
        print(f"  {server.name}: no answer: {done.stderr.strip()}", flush=True)
        return None
    return json.loads(done.stdout)


class Results:
    """The lines of one question; those of the sitting before are replaced."""

    def __init__(self, question):
        os.makedirs(RESULTS, exist_ok=True)
        self.question = question
        self.file = open(os.path.join(RESULTS, f"{question}.jsonl"), "w", encoding="utf-8")

    def add(self, server, case, run, values):
        line = {"question": self.question, "case": case, "server": server, "run": run, **values}
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()


def say(question, case, server, values, names):
    shown = "  ".join(f"{name} {values[name]:.4g}" for name in names if name in values)
    warning = "" if not values.get("bad") else f"  BAD {values['bad']}"
    print(f"  {question:<10} {case:<24} {server:<11} {shown}{warning}", flush=True)


def ask(question, cases, servers, names, how=None):
    """All runs of a question.

    cases: {name: (load question, options)}; names: values that are shown; how(server name,
    options, load question) does one run, if it is not simply the generator against a server.
    """
    results = Results(question)
    failed = False
    if SIZE == "smoke" and question not in ("fanout", "unicast"):
        servers = servers[:1]  # the baselines have been seen to work by those two
    for case, (what, options) in cases.items():
        for run in range(RUNS):
            for server in servers:
                values = (how or run_load)(server, what, options)
                if values is None:
                    failed = True
                    continue
                failed = failed or bool(values.get("bad"))
                results.add(server, case, run, values)
                say(question, case, server, values, names)
    if failed and SIZE == "smoke":
        sys.exit(1)


def run_load(name, what, options, tick_ms=TICK_MS):
    with Server(name, options["clients"], tick_ms) as server:
        return load(server, what, {**options, "tick": tick_ms})


raise_descriptors()
