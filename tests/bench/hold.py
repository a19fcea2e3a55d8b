"""Clients that are connected and quiet, for as long as somebody measures."""

import json
import subprocess

from bench import TICK_MS, load_command


class Hold:
    """`with Hold(server, n)`: they are there and it is quiet; finish() says how it was."""

    def __init__(self, server, clients, flight=32, tick_ms=TICK_MS, **more):
        options = {"clients": clients, "flight": flight, "tick": tick_ms, **more}
        self.process = subprocess.Popen(load_command(server, "hold", options), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.start = self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the clients did not come through")
        return json.loads(line)

    def finish(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self._answer()
        self.process.wait()
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
