"""A hospital at the far edge: SMART authorization and FHIR search over real HTTP, with faults that tests switch on.

It serves whatever resources it is given, as pages, to whoever holds one of its tokens. It is no reference server: it
does what real ones were seen to do, good and bad.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT_ID = "tributary-at-this-hospital"
SUBJECTS = ("subject", "patient", "beneficiary")


@dataclass
class Reply:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    declared_length: int | None = None


@dataclass
class Fault:
    """Changes the answer to the requests whose path and query match, ``times`` times, after letting ``skip`` pass."""

    pattern: re.Pattern[str]
    change: Callable[[Reply], Reply]
    times: int
    skip: int
    met: int = 0


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    target: str
    authorization: str
    at: float
    accept: str = ""


class FakeEHR:
    """``resources``: everything it holds, as the FHIR API would give it. ``patient``: whose record a launch opens."""

    def __init__(self, *, patient: str = "p1", path: str = "/fhir") -> None:
        self.patient = patient
        self.resources: dict[tuple[str, str], dict[str, Any]] = {}
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.tokens: dict[str, float] = {}
        self.refresh_tokens: set[str] = set()
        self.codes: dict[str, dict[str, str]] = {}
        self.revoked: list[dict[str, str]] = []
        self.token_seconds = 3600
        self.token_extra: dict[str, Any] = {}
        self.refuses: dict[str, str] = {}
        self.stated: bool = True
        self.searches_by_id = True
        self.wants_category: set[str] = set()
        self.finds_by: dict[str, str] = {}
        self.knows_total = True
        self.before: Callable[[Asked], None] = lambda _: None
        self.spoil: Callable[[Asked, Reply], Reply] = lambda _, reply: reply
        self.order: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda matches: matches
        self.metadata_changes: dict[str, Any] = {}
        self.registers = False
        self.introspected: dict[str, Any] = {}
        self.registrations: list[dict[str, Any]] = []
        self.own_clients: dict[str, Any] = {}
        self.requires: Callable[[Asked], Reply | None] = lambda _: None
        self.claims_changes: dict[str, Any] = {}
        self.key = _signing_key()
        self.signing_key: Any = self.key
        self._lock = threading.Lock()
        self._path = path
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.base = self.origin + path
        self.issuer = self.origin + "/auth"

    # --- what it holds

    def hold(self, *resources: dict[str, Any]) -> None:
        for resource in resources:
            self.resources[resource["resourceType"], resource["id"]] = resource

    def drop(self, resource_type: str, remote_id: str) -> None:
        del self.resources[resource_type, remote_id]

    def issue(self) -> dict[str, Any]:
        """A token response, as after a launch."""
        access, refresh = f"access-{secrets.token_hex(8)}", f"refresh-{secrets.token_hex(8)}"
        self.tokens[access] = time.time() + self.token_seconds
        self.refresh_tokens.add(refresh)
        answer = {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "bearer",
            "expires_in": self.token_seconds,
            "scope": "launch/patient patient/*.rs",
            "patient": self.patient,
        }
        return {name: value for name, value in (answer | self.token_extra).items() if value is not None}

    # --- what it was asked

    def targets(self, pattern: str) -> list[str]:
        return [asked.target for asked in self.asked if re.search(pattern, asked.target)]

    # --- faults

    def fault(self, pattern: str, change: Callable[[Reply], Reply], *, times: int = 1, skip: int = 0) -> None:
        self.faults.append(Fault(re.compile(pattern), change, times, skip))

    def answer_with(self, pattern: str, status: int, *, times: int = 1, skip: int = 0, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.fault(pattern, lambda _: Reply(status, b"{}", named), times=times, skip=skip)

    def truncate(self, pattern: str, *, times: int = 1, skip: int = 0) -> None:
        self.fault(
            pattern, lambda reply: Reply(reply.status, reply.body[: len(reply.body) // 2]), times=times, skip=skip
        )

    def cut_off(self, pattern: str, *, times: int = 1, skip: int = 0) -> None:
        """Promise more than is sent, and hang up."""

        def change(reply: Reply) -> Reply:
            return Reply(reply.status, reply.body[: len(reply.body) // 2], declared_length=len(reply.body))

        self.fault(pattern, change, times=times, skip=skip)

    def edit(self, pattern: str, change: Callable[[dict[str, Any]], None], *, times: int = 1, skip: int = 0) -> None:
        def changed(reply: Reply) -> Reply:
            resource = json.loads(reply.body)
            change(resource)
            return Reply(reply.status, json.dumps(resource).encode(), reply.headers)

        self.fault(pattern, changed, times=times, skip=skip)

    def lead_next_to(self, pattern: str, address: str, *, times: int = 1, skip: int = 0) -> None:
        def change(bundle: dict[str, Any]) -> None:
            bundle["link"] = [{"relation": "next", "url": address}]

        self.edit(pattern, change, times=times, skip=skip)

    # --- the server

    @contextmanager
    def running(self) -> Iterator[FakeEHR]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        ehr = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._serve(b"")

            def do_DELETE(self) -> None:
                self._serve(b"")

            def do_POST(self) -> None:
                self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def _serve(self, body: bytes) -> None:
                asked = Asked(
                    self.command,
                    self.path,
                    self.headers.get("Authorization", ""),
                    time.time(),
                    self.headers.get("Accept", ""),
                )
                ehr.before(asked)
                with ehr._lock:
                    ehr.asked.append(asked)
                    reply = ehr.spoil(asked, ehr._faulty(asked, ehr._answer(asked, body)))
                self._send(reply)

            def _send(self, reply: Reply) -> None:
                length = len(reply.body) if reply.declared_length is None else reply.declared_length
                self.send_response(reply.status)
                headers = {"Content-Type": "application/fhir+json", "Content-Length": str(length)} | reply.headers
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(reply.body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                if reply.declared_length is not None:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Tests read ``asked`` instead."""

        return Handler

    def _faulty(self, asked: Asked, reply: Reply) -> Reply:
        for fault in self.faults:
            if not fault.pattern.search(asked.target):
                continue
            fault.met += 1
            if fault.skip < fault.met <= fault.skip + fault.times:
                reply = fault.change(reply)
        return reply

    def _answer(self, asked: Asked, body: bytes) -> Reply:
        parts = urlsplit(asked.target)
        routes: dict[str, Callable[[], Reply]] = {
            f"{self._path}/.well-known/smart-configuration": self._smart,
            "/auth/.well-known/openid-configuration": self._openid,
            "/auth/jwks": lambda: _json({"keys": [self.key.as_dict(private=False)]}),
            "/auth/authorize": lambda: self._authorize(dict(parse_qsl(parts.query))),
            "/auth/token": lambda: self._token(dict(parse_qsl(body.decode())), asked.authorization),
            "/auth/revoke": lambda: self._revoke(dict(parse_qsl(body.decode()))),
            "/auth/introspect": lambda: _json(
                self.introspected.get(dict(parse_qsl(body.decode())).get("token", ""), {"active": False})
            ),
            "/auth/register": lambda: self._register(json.loads(body or b"{}"), asked.authorization),
            f"{self._path}/metadata": lambda: _json(self._statement()),
        }
        if parts.path in routes:
            return routes[parts.path]()
        if not parts.path.startswith(f"{self._path}/"):
            return _json({}, 404)
        return self._fhir(parts.path.removeprefix(f"{self._path}/"), parse_qs(parts.query), asked)

    # --- OAuth and OpenID

    def _smart(self) -> Reply:
        document = {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/jwks",
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "revocation_endpoint": f"{self.issuer}/revoke",
            "introspection_endpoint": f"{self.issuer}/introspect",
            "code_challenge_methods_supported": ["S256"],
            "grant_types_supported": ["authorization_code"],
            "capabilities": ["launch-standalone", "client-public", "sso-openid-connect", "permission-patient"],
        }
        if self.registers:
            document["registration_endpoint"] = f"{self.issuer}/register"
        changed = document | self.metadata_changes
        return _json({name: value for name, value in changed.items() if value is not None})

    def _openid(self) -> Reply:
        return _json(
            {
                "issuer": self.issuer,
                "jwks_uri": f"{self.issuer}/jwks",
                "id_token_signing_alg_values_supported": ["RS256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    def _authorize(self, asked: dict[str, str]) -> Reply:
        """She always says yes here; tests that want a no make the callback themselves."""
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"], "iss": self.issuer})
        return Reply(302, b"", {"Location": f"{asked['redirect_uri']}?{back}"})

    def _token_of_own_client(self, form: dict[str, str]) -> Reply:
        """RFC 7523: a token for the key of a client that was registered for one person."""
        keys = self.own_clients.get(form.get("client_id", ""))
        if keys is None:
            return _json({"error": "invalid_client"}, 401)
        claims = jwt.decode(form["assertion"], KeySet.import_key_set(keys), algorithms=["ES384", "RS384"]).claims
        if (claims["iss"], claims["sub"], claims["aud"]) != (form["client_id"],) * 2 + (f"{self.issuer}/token",):
            return _json({"error": "invalid_grant"}, 400)
        return _json(self.issue())

    def _token(self, form: dict[str, str], authorization: str) -> Reply:
        if form.get("grant_type", "").endswith(":jwt-bearer"):
            return self._token_of_own_client(form)
        if form.get("grant_type") == "refresh_token":
            if form["refresh_token"] not in self.refresh_tokens:
                return _json({"error": "invalid_grant"}, 400)
            self.refresh_tokens.discard(form["refresh_token"])
            return _json(self.issue())
        asked = self.codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "").encode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form.get("redirect_uri"):
            return _json({"error": "invalid_grant"}, 400)
        return _json({"id_token": self._id_token(asked)} | self.issue())

    def _revoke(self, form: dict[str, str]) -> Reply:
        self.revoked.append(form)
        self.refresh_tokens.discard(form["token"])
        self.tokens.pop(form["token"], None)
        return Reply(200, b"")

    def _register(self, asked: dict[str, Any], authorization: str) -> Reply:
        """RFC 7591, open to everybody; a secret only for who wants one. With a token of a person, a client of hers."""
        if "software_id" in asked:
            if authorization.removeprefix("Bearer ") not in self.tokens:
                return _json({"error": "invalid_token"}, 401)
            self.registrations.append(asked)
            given = f"own-{len(self.registrations)}"
            self.own_clients[given] = asked["jwks"]
            return _json({"client_id": given}, 201)
        if not self.registers:
            return _json({"error": "invalid_client_metadata"}, 400)
        self.registrations.append(asked)
        given = {"client_id": f"registered-{len(self.registrations)}"}
        if asked["token_endpoint_auth_method"] == "client_secret_basic":
            given["client_secret"] = "a secret of this installation"
        return _json(asked | given, 201)

    def _id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "subject-at-the-hospital",
            "aud": asked["client_id"],
            "iat": now,
            "exp": now + 300,
            "nonce": asked.get("nonce"),
            "fhirUser": f"{self.base}/Patient/{self.patient}",
        } | self.claims_changes
        return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.signing_key)

    # --- FHIR

    def _fhir(self, path: str, query: dict[str, list[str]], asked: Asked) -> Reply:
        token = asked.authorization.removeprefix("Bearer ")
        if self.tokens.get(token, 0) < time.time():
            return _outcome("login", 401)
        if (refusal := self.requires(asked)) is not None:
            return refusal
        name, _, remote_id = path.partition("/")
        if name in self.refuses:
            return _outcome("forbidden", int(self.refuses[name]))
        if remote_id:
            found = self.resources.get((name, remote_id))
            return _json(found) if found else _outcome("not-found", 404)
        if "_total" in query and not self.knows_total:
            return _outcome("not-supported", 400)
        if name in self.wants_category and "category" not in query:
            return _outcome("required", 400)
        return _json(self._search(name, query))

    def _search(self, name: str, query: dict[str, list[str]]) -> dict[str, Any]:
        matches = self.order([each for each in self._of_type(name) if self._matches(each, query)])
        size, start = int(query.get("_count", ["20"])[0]), int(query.get("_start", ["0"])[0])
        bundle: dict[str, Any] = {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(matches),
            "link": [],
            "entry": [
                {"fullUrl": f"{self.base}/{name}/{each['id']}", "resource": each, "search": {"mode": "match"}}
                for each in matches[start : start + size]
            ],
        }
        if start + size < len(matches):
            again = {key: values[0] for key, values in query.items()} | {"_start": str(start + size)}
            bundle["link"] = [{"relation": "next", "url": f"{self.base}/{name}?{urlencode(again)}"}]
        return bundle

    def _of_type(self, name: str) -> Iterable[dict[str, Any]]:
        return (resource for (held, _), resource in sorted(self.resources.items()) if held == name)

    def _matches(self, resource: dict[str, Any], query: dict[str, list[str]]) -> bool:
        if "_id" in query:
            return resource["id"] in query["_id"][0].split(",")
        if "category" in query:
            codes = {c.get("code") for each in resource.get("category", []) for c in each.get("coding", [])}
            if query["category"][0].split("|")[-1] not in codes:
                return False
        mine = {f"Patient/{self.patient}", f"{self.base}/Patient/{self.patient}"}
        subjects = [resource[name].get("reference") for name in SUBJECTS if isinstance(resource.get(name), dict)]
        return not subjects or bool(mine & set(subjects)) or bool(resource.get("_listed"))

    def _statement(self) -> dict[str, Any]:
        if not self.stated:
            return {"resourceType": "CapabilityStatement"}
        held = {name for name, _ in self.resources} | {"Patient", "Observation", "Condition"}
        by_id = [{"name": "_id", "type": "token"}] if self.searches_by_id else []
        return {
            "resourceType": "CapabilityStatement",
            "fhirVersion": "4.0.1",
            "rest": [
                {
                    "mode": "server",
                    "resource": [
                        {
                            "type": name,
                            "interaction": [{"code": "read"}, {"code": "search-type"}],
                            "searchParam": [
                                *by_id,
                                *([] if name in SHARED else [{"name": self.finds_by.get(name, "patient")}]),
                            ],
                        }
                        for name in sorted(held)
                    ],
                }
            ],
        }


@cache
def _signing_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})


SHARED = frozenset({"Practitioner", "PractitionerRole", "Organization", "Location", "Medication", "Binary"})


def _json(value: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode())


def _outcome(code: str, status: int) -> Reply:
    return _json({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}, status)
