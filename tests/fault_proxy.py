"""A proxy on loopback that fails at one request, in the ways networks and servers do.

refuse        the connection closes before the request goes anywhere
cut_body      the server gets half of the request, then the connection closes
502           a gateway's answer; the server never sees the request
502_after     the same answer, though the server did what was asked
cut_after     the server did it; the connection closes without an answer
cut_answer    the server did it; half of the answer arrives
hang_after    the server did it; no answer ever comes
late          the connection closes at once, and the server does it a moment later
kill, kill_after   as refuse and cut_after, and the client's process is killed
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 11\r\nConnection: close\r\n\r\nbad gateway"
LATE = 0.3
HANG = 2.0


class Proxy(ThreadingHTTPServer):
    """Forwards to one server; at the ``at``-th request that matches it does what ``fault`` says."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = urlsplit(upstream)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.pid = 0
        """The process that ``kill`` ends."""
        self.lock = threading.Lock()
        self.background: list[threading.Thread] = []
        self.links: list[socket.socket] = []
        self.script({})

    def script(self, faults: dict[int, str]) -> None:
        """Set what happens at the first, second, … request from now on; 0-based."""
        self.faults = faults
        self.seen: list[str] = []

    def fault(self, request: str) -> str:
        with self.lock:
            self.seen.append(request)
            return self.faults.get(len(self.seen) - 1, "")

    def settle(self) -> None:
        """Wait for what was forwarded late."""
        for thread in self.background:
            thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.links.append(self.connection)

    def _forward(self, body: bytes) -> bytes:
        up = self.server.upstream
        link = http.client.HTTPConnection(up.hostname or "", up.port, timeout=120)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("connection", "host", "accept-encoding")}
        link.request(self.command, self.path, body or None, {**headers, "Host": up.netloc, "Connection": "close"})
        answer = link.getresponse()
        data = answer.read()
        link.close()
        ours = ("connection", "transfer-encoding", "content-length")
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        lines += [f"{k}: {v}" for k, v in answer.getheaders() if k.lower() not in ours]
        return "\r\n".join([*lines, f"Content-Length: {len(data)}", "", ""]).encode("latin-1") + data

    def _half_a_body(self, body: bytes) -> None:
        up = self.server.upstream
        with socket.create_connection((up.hostname, up.port)) as link:
            lines = [f"{self.command} {self.path} HTTP/1.1", *(f"{k}: {v}" for k, v in self.headers.items())]
            link.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body[: len(body) // 2])

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.fault(f"{self.command} {urlsplit(self.path).path}")
        self.close_connection = bool(fault)
        if fault.endswith("kill"):
            os.kill(self.server.pid, signal.SIGKILL)
        elif fault == "cut_body":
            self._half_a_body(body)
        elif fault == "502":
            self.wfile.write(GATEWAY)
        elif fault == "late":

            def later() -> None:
                time.sleep(LATE)
                self._forward(body)

            thread = threading.Thread(target=later)
            self.server.background.append(thread)
            thread.start()
        elif fault != "refuse":
            answer = self._forward(body)
            if fault == "kill_after":
                os.kill(self.server.pid, signal.SIGKILL)
            elif fault == "502_after":
                self.wfile.write(GATEWAY)
            elif fault == "cut_answer":
                self.wfile.write(answer[: len(answer) // 2])
            elif fault == "hang_after":
                time.sleep(HANG)
            elif not fault:
                self.wfile.write(answer)
        self.wfile.flush()
        if fault:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _serve

    def log_message(self, *_: Any) -> None:
        """Be quiet."""


@contextlib.contextmanager
def proxy(upstream: str) -> Iterator[Proxy]:
    """A proxy that runs in a thread of its own."""
    server = Proxy(upstream)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        for link in server.links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        server.settle()
        server.server_close()
        thread.join()
