"""A third-party app on this machine: it sends a person to approve it, catches the code, and reads what it may."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests


class App:
    """A public client with a loopback redirect (RFC 8252 7.3); closes its server when the journey ends."""

    def __init__(self, client_id: str, issuer: str) -> None:
        self.client_id, self.issuer = client_id, issuer
        self.verifier, self.state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        self.answer: dict[str, str] = {}
        self.arrived = threading.Event()
        self.tokens: dict[str, Any] = {}
        self._server = HTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def redirect_uri(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/callback"

    def address(self, scope: str) -> str:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": scope,
            "state": self.state,
            "aud": f"{self.issuer}/fhir/r4",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.issuer}/oauth/authorize?{urlencode(asked)}"

    def redeem(self) -> dict[str, Any]:
        assert self.arrived.wait(10), "nobody came back from the consent page"
        assert self.answer["state"] == self.state
        assert self.answer["iss"] == self.issuer
        answer = requests.post(
            f"{self.issuer}/oauth/token",
            data={
                "grant_type": "authorization_code",
                "code": self.answer["code"],
                "redirect_uri": self.redirect_uri,
                "client_id": self.client_id,
                "code_verifier": self.verifier,
            },
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        self.tokens = answer.json()
        return self.tokens

    def get(self, path: str) -> requests.Response:
        url = path if path.startswith("http") else f"{self.issuer}/fhir/r4/{path}"
        return requests.get(url, headers={"Authorization": f"Bearer {self.tokens['access_token']}"}, timeout=10)

    def search(self, path: str) -> list[dict[str, Any]]:
        """Every resource of a search, page by page."""
        found, url = [], path
        while url:
            answer = self.get(url)
            assert answer.status_code == 200, answer.text
            bundle = answer.json()
            found += [entry["resource"] for entry in bundle.get("entry", [])]
            url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
        return found

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if urlsplit(self.path).path != "/callback":
                    self.send_error(404)
                    return
                app.answer = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.end_headers()
                self.wfile.write(b"Back in the app.")
                app.arrived.set()

            def log_message(self, *_: object) -> None:
                """Says nothing: the code stands in the address."""

        return Handler
