"""A sharer of SMART Health Links over local HTTP: a manifest behind a passcode, files embedded or to be fetched."""

from __future__ import annotations

import base64
import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwe
from joserfc.jwk import OctKey


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Sharer:
    """``files``: (content type, bytes); ``embedded``: whether the manifest carries them."""

    def __init__(self, *files: tuple[str, bytes], passcode: str = "", embedded: bool = True) -> None:
        self.key = secrets.token_bytes(32)
        self.files, self.passcode, self.embedded = files, passcode, embedded
        self.status = 200
        self.asked: list[tuple[str, str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.base = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def link(self, flag: str = "", viewer: str = "", **more: Any) -> str:
        path = "/file/0" if "U" in flag else "/manifest"
        said = {"url": self.base + path, "key": _text(self.key), **({"flag": flag} if flag else {}), **more}
        return f"{viewer}shlink:/{_text(json.dumps(said).encode())}"

    def sealed(self, number: int) -> str:
        kind, data = self.files[number]
        header = {"alg": "dir", "enc": "A256GCM", "cty": kind, "zip": "DEF"}
        return jwe.encrypt_compact(header, data, OctKey.import_key(self.key))

    def _manifest(self) -> dict[str, Any]:
        where = "embedded" if self.embedded else "location"
        listed = [
            {"contentType": kind, where: self.sealed(number) if self.embedded else f"{self.base}/file/{number}"}
            for number, (kind, _) in enumerate(self.files)
        ]
        return {"files": listed}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        sharer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                sharer.asked.append(("GET", self.path, None))
                self._answer(sharer.status, sharer.sealed(int(self.path.partition("?")[0].rpartition("/")[2])).encode())

            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                sharer.asked.append(("POST", self.path, said))
                if said.get("passcode", "") != sharer.passcode:
                    self._answer(401, b'{"remainingAttempts": 4}')
                else:
                    self._answer(sharer.status, json.dumps(sharer._manifest()).encode())

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                return

        return Handler
