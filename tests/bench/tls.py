#!/usr/bin/env python3
"""What does a client over TLS cost in memory, beside a plain one of the same server?

They connect one after the other, say a property of themselves, and are quiet.  What they
are told is taken from their sockets and thrown away undeciphered: only the server's side
is measured.
"""
import os
import selectors
import socket
import ssl
import statistics
import subprocess
import tempfile
import threading

import processes
from bench import ROSTERD, Server, ask, by_size

CLIENTS = by_size(500, 200, 10)
PROPERTIES = b'{"to":"server","packet":{"type":"properties","properties":{"name":"somebody","x":%d}}}'


def certify(folder, kind):
    names = [os.path.join(folder, name) for name in ("key", "cert")]
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-newkey", *kind, "-keyout", names[0], "-out", names[1]],
                   check=True, stderr=subprocess.DEVNULL)
    os.environ["ROSTERD_OPTIONS"] = f"--listen-tls 127.0.0.1:0 --key {names[0]} --cert {names[1]}"


def tls_port(server):
    with open(server.log, encoding="utf-8", errors="replace") as log:
        for line in log:
            if "tls=on" in line and "address=127.0.0.1:" in line:
                return int(line.split("address=127.0.0.1:")[1].split()[0])
    raise SystemExit(f"no TLS; see {server.log}")


def frame(text):
    """A text frame, masked with zeros."""
    length = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
    return b"\x81" + length + b"\0\0\0\0" + text


def connect(port, number, context):
    client = socket.create_connection(("127.0.0.1", port))
    speaker = context.wrap_socket(client, server_hostname="localhost") if context else client
    speaker.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    answer = speaker.recv(4096)
    if not answer.startswith(b"HTTP/1.1 101 "):
        raise SystemExit(f"no WebSocket: {answer[:60]!r}")
    speaker.sendall(frame(PROPERTIES % number))
    return speaker


class Drain:
    """Takes from each socket what there is, until the end."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.ended = False
        self.thread.start()

    def add(self, client):
        self.selector.register(client.fileno(), selectors.EVENT_READ)

    def _run(self):
        while not self.ended:
            for key, _ in self.selector.select(0.1):
                os.read(key.fd, 1 << 20)

    def end(self):
        self.ended = True
        self.thread.join()


def measure(name, _what, options):
    context = None
    with tempfile.TemporaryDirectory() as folder:
        certify(folder, options["key"])
        if options["tls"]:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with Server(name, CLIENTS) as server:
            port, drain, clients = tls_port(server) if context else server.port, Drain(), []
            for number in range(CLIENTS):
                clients.append(connect(port, number, context))
                drain.add(clients[-1])
            pids = [pid for pid in processes.children(server.process.pid)
                    if "client" in processes.title(pid)]
            each = [processes.memory(pid) for pid in pids]
            drain.end()
    return {"private_dirty_kib": statistics.mean(m[0] for m in each),
            "pss_kib": statistics.mean(m[1] for m in each), "bad": CLIENTS - len(pids)}


P256, RSA = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), ("rsa:2048",)
ask("tls", {f"{CLIENTS} {case}": ("hold", {"tls": tls, "key": key})
            for case, tls, key in (("plain", False, P256), ("P-256", True, P256), ("RSA 2048", True, RSA))},
    (ROSTERD,), ("private_dirty_kib", "pss_kib"), measure)
