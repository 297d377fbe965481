"""A maker of devices in miniature: it answers that it is ready."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


port = next(int(word.removeprefix("--port=")) for word in sys.argv if word.startswith("--port="))
ThreadingHTTPServer(("127.0.0.1", port), Ready).serve_forever()
