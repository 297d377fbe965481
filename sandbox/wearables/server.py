"""The simulated maker over HTTP: its page to allow access, its token endpoint, its API, and faults on demand."""

from __future__ import annotations

import html
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from sandbox.wearables.accounts import Accounts, Refused
from sandbox.wearables.answers import Answers

AUTHORIZE: Final = "/oauth2_user/authorize2"
TOKEN: Final = "/v2/oauth2"  # noqa: S105 - an address
FAULT: Final = "/faults"
FAULTS: Final = frozenset({"busy", "error", "truncated", "ended", "revoked"})
_BODY_MAX: Final = 65_536

_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<h1>{name}</h1><p>A simulated maker of watches and scales. Nobody in it is real.</p>{wrong}
<form method="post"><p><label>E-mail <input name="email" type="email" autocomplete="username" required></label></p>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label></p>
<p>{client} asks to read: {scope}</p>
<p><button name="answer" value="allow">Allow</button>
<button name="answer" value="refuse" formnovalidate>Cancel</button></p></form></html>"""


class Maker(ThreadingHTTPServer):
    """The server; ``faults`` are those that are due, each used up by one request; ``callbacks`` are the addresses that
    asked to be told."""

    daemon_threads = True

    def __init__(
        self, port: int, *, name: str, accounts: Accounts, answers: Answers, handler: type[Handler] | None = None
    ) -> None:
        super().__init__(("127.0.0.1", port), handler or Handler)
        self.name, self.accounts, self.answers = name, accounts, answers
        self.faults: list[str] = []
        self.callbacks: set[str] = set()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fault_due(self) -> str:
        with self._lock:
            return self.faults.pop(0) if self.faults else ""


class Handler(BaseHTTPRequestHandler):
    server: Maker
    protocol_version = "HTTP/1.1"
    authorize, token = AUTHORIZE, TOKEN

    def log_message(self, *said: Any) -> None:
        """What is asked for may name a person; the process's log says nothing of it."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = dict(parse_qsl(parts.query))
        if parts.path == self.authorize:
            self._ask(asked)
        elif parts.path == "/readyz":
            self._answer(200, b"ready", "text/plain")
        else:
            self._api(parts.path, asked)

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        length = min(int(self.headers.get("Content-Length") or 0), _BODY_MAX)
        form = dict(parse_qsl(self.rfile.read(length).decode()))
        if parts.path == self.authorize:
            self._decide(dict(parse_qsl(parts.query)), form)
        elif parts.path == self.token:
            self._token(form)
        elif parts.path == FAULT:
            self._fault(form)
        else:
            self._api(parts.path, form)

    def do_DELETE(self) -> None:
        self._delete(urlsplit(self.path).path)

    def _delete(self, path: str) -> None:
        """There is nothing here that goes."""
        self._answer(405, b"", "text/plain")

    def _ask(self, asked: dict[str, str], wrong: str = "") -> None:
        if self._redirect_uri(asked) is None:
            return self._answer(400, b"unknown client or redirect_uri", "text/plain")
        page = _PAGE.format(
            name=html.escape(self.server.name),
            client=html.escape(asked["client_id"]),
            scope=html.escape(asked.get("scope", "")),
            wrong=f'<p role="alert">{html.escape(wrong)}</p>' if wrong else "",
        )
        return self._answer(401 if wrong else 200, page.encode(), "text/html; charset=utf-8")

    def _decide(self, asked: dict[str, str], form: dict[str, str]) -> None:
        leads = self._redirect_uri(asked)
        if leads is None:
            return self._answer(400, b"unknown client or redirect_uri", "text/plain")
        given = {"state": asked.get("state", "")}
        if form.get("answer") == "refuse":
            return self._redirect(f"{leads}?{urlencode({'error': 'access_denied', **given})}")
        try:
            code = self.server.accounts.code(
                form.get("email", ""),
                form.get("password", ""),
                asked["client_id"],
                asked.get("scope", ""),
                asked.get("code_challenge", ""),
            )
        except Refused:
            return self._ask(asked, "E-mail or password is wrong.")
        return self._redirect(f"{leads}?{urlencode({'code': code, **given})}")

    def _redirect_uri(self, asked: dict[str, str]) -> str | None:
        registered = self.server.accounts.redirect_uri(asked.get("client_id", ""))
        return registered if registered and asked.get("redirect_uri") == registered else None

    def _token(self, form: dict[str, str]) -> None:
        if form.get("action") != "requesttoken":
            return self._enveloped(2554, {}, "Wrong action or wrong webservice")
        given = self._given(form)
        return self._enveloped(503, {}, "Invalid Params") if given is None else self._enveloped(0, given)

    def _given(self, form: dict[str, str]) -> dict[str, Any] | None:
        """Tokens for a code or a refresh token; None where that is not, or no longer, good."""
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        accounts = self.server.accounts
        try:
            if form.get("grant_type") == "refresh_token":
                return accounts.refresh(form.get("refresh_token", ""), client_id, secret)
            return accounts.spend_code(form.get("code", ""), client_id, secret, form.get("code_verifier", ""))
        except Refused:
            return None

    def _api(self, path: str, asked: dict[str, str]) -> None:
        fault = self.server.fault_due()
        if fault == "error":
            return self._answer(500, b"<h1>Internal Server Error</h1>", "text/html")
        if fault == "busy":
            return self._enveloped(601, {}, "Too Many Requests")
        if fault in {"ended", "revoked"}:
            (self.server.accounts.end_access if fault == "ended" else self.server.accounts.revoke)()
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        person = self.server.accounts.holder(bearer)
        if person is None:
            return self._enveloped(401, {}, "XRequestID: Not provided invalid_token")
        if path == "/notify" and asked.get("action") == "subscribe":
            self.server.callbacks.add(asked.get("callbackurl", ""))
            return self._enveloped(0, {})
        body = self.server.answers.to(path, person, asked)
        if body is None:
            return self._enveloped(2554, {}, "Not implemented")
        return self._enveloped(0, body, cut=fault == "truncated")

    def _fault(self, form: dict[str, str]) -> None:
        kind, times = form.get("kind", ""), min(int(form.get("times") or 1), 1000)
        if kind not in FAULTS:
            return self._answer(400, b"unknown fault", "text/plain")
        self.server.faults += [kind] * times
        return self._answer(200, b"on", "text/plain")

    def _enveloped(self, status: int, body: dict[str, Any], error: str = "", *, cut: bool = False) -> None:
        """As this maker has it: always HTTP 200, and how it went inside."""
        said = json.dumps({"status": status, "body": body, **({"error": error} if error else {})}).encode()
        self._answer(200, said[: len(said) // 2] if cut else said, "application/json")

    def _redirect(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)
