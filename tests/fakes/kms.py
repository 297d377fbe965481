"""AWS KMS at the far edge: its JSON 1.1 protocol for Encrypt and Decrypt, over real HTTP.

https://docs.aws.amazon.com/kms/latest/APIReference/: a POST to / with ``X-Amz-Target: TrentService.<operation>``, blobs
in base64; a ciphertext opens only under the key and the encryption context it was made with.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class FakeKMS:
    """``keys``: key id → the key that never leaves it. ``asked``: operations with the headers they came with."""

    def __init__(self, *key_ids: str) -> None:
        self.keys = {key_id: AESGCM(os.urandom(32)) for key_id in key_ids}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.down = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[FakeKMS]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        kms = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                operation = self.headers["X-Amz-Target"].removeprefix("TrentService.")
                kms.asked.append((operation, dict(self.headers)))
                status, answer = kms._answer(operation, body)
                sent = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_: object) -> None:
                """Tests read ``asked`` instead."""

        return Handler

    def _answer(self, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        key = self.keys.get(body["KeyId"])
        if self.down:
            return 400, {"__type": "KMSInvalidStateException", "message": "disabled"}
        if key is None:
            return 400, {"__type": "NotFoundException", "message": "no such key"}
        context = json.dumps(body["EncryptionContext"], sort_keys=True).encode()
        if operation == "Encrypt":
            nonce = os.urandom(12)
            blob = nonce + key.encrypt(nonce, base64.b64decode(body["Plaintext"]), context)
            return 200, {"KeyId": body["KeyId"], "CiphertextBlob": base64.b64encode(blob).decode()}
        blob = base64.b64decode(body["CiphertextBlob"])
        try:
            opened = key.decrypt(blob[:12], blob[12:], context)
        except InvalidTag:
            return 400, {"__type": "InvalidCiphertextException", "message": ""}
        return 200, {"KeyId": body["KeyId"], "Plaintext": base64.b64encode(opened).decode()}
