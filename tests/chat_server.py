"""A server that speaks chat completions, with answers from a script."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


def completion(content: str | None, *, finish: str = "stop", refusal: str | None = None) -> Reply:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    body = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
        "usage": {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100},
    }
    return 200, {"content-type": "application/json"}, json.dumps(body).encode()


def error(status: int, said: str, **headers: str) -> Reply:
    return status, {"content-type": "application/json", **headers}, json.dumps({"error": {"message": said}}).encode()


class Scripted:
    """A server that answers each request with the next of its replies, and all others with the last."""

    def __init__(self) -> None:
        self.replies: list[Reply] = [completion('{"mentions": []}')]
        self.asked: list[dict[str, Any]] = []
        self.heads: list[dict[str, str]] = []
        self.drip = 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                outer.heads.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
                status, headers, body = outer.replies[min(len(outer.asked), len(outer.replies)) - 1]
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for n in range(0, len(body), 10) if outer.drip else ():
                        self.wfile.write(body[n : n + 10])
                        time.sleep(outer.drip)
                    if not outer.drip:
                        self.wfile.write(body)
                except OSError:
                    self.close_connection = True  # the client has had enough

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
