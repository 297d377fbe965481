"""Requests that nobody who means well would send. The same seed gives the same requests."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from fhirapi import catalogue
from standards.fhir import search_parameters
from tests.conformance import routes

FHIR = "/fhir/r4"
FORM = "application/x-www-form-urlencoded"
FHIR_JSON = "application/fhir+json"
OAUTH = ("/oauth/token", "/oauth/revoke", "/oauth/introspect")
TYPES = sorted(catalogue.SERVED)
MEGABYTE = 1_000_000

VALUES = (
    "", " ", "0", "-1", "1e999999", "1e-999999", "NaN", "Infinity", "-Infinity", "9" * 400, "0." + "0" * 400 + "1",
    "0000", "0000-01-01", "0001-01-01", "ge0000", "le9999-12-31T23:59:59.999999+14:00", "9999", "10000-01-01",
    "gt9999-12-31", "lt0001-01-01T00:00:00-14:00", "2020-02-30", "2020-13", "2020-01-01T25:61:61Z", "eq", "ap2020",
    "sa9999", "eb0001", "2020-01-01T00:00:00+99:99", "(a+)+$" + "a" * 40 + "!", "^(([a-z])+.)+[A-Z]([a-z])+$",
    "a" * 19_000, "," * 400, "|" * 50, "\\" * 51, "\\,", "|", "||", "$", "%", "%zz", "%00", "\x00", "\x1b[31m",
    "\ud800", "\u202e", "\ufeff", "\U0010ffff", "e" + "\u0301" * 500, "' OR 1=1 --", "'; DROP TABLE records_record; --",
    "${jndi:ldap://x}", "{{7*7}}", "../../../../etc/passwd", "Patient/", "Patient/" + "x" * 500, "/", "#",
    "http://[", "http://[::1]:99999/Patient/1", "urn:uuid:", "javascript:alert(1)", "data:,x", "true,false", "null",
    "[]", "{}", "Observation:code", "Observation:encounter:Encounter", "*", "_id", "-_id,_id", "count", "text", "data",
)  # fmt: skip
NAMES = (
    "_count", "_sort", "_include", "_revinclude", "_include:iterate", "_summary", "_elements", "_total", "_format",
    "_cursor", "_lastUpdated", "_id", "_has:Observation:patient:code", "_has:::", "_filter", "_text", "_content",
    "_list", "_type", "_query", "_since", "_at", "start", "end", "patient", "subject:Patient.name", "code:in",
    "code:not-in", "code:below", "date:missing", "name:exact", "name:contains", "a.b.c.d.e", ":", ".", "", "x" * 300,
    "__proto__", "patient.", ".patient", "code:", "code:text:text", "_typeFilter", "_outputFormat", "access_token",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "FOO", "get")
HEADERS = (
    "Accept", "Accept-Language", "Accept-Encoding", "Content-Type", "Prefer", "If-Match", "If-None-Match", "Origin",
    "If-Modified-Since", "If-None-Exist", "Cookie", "X-Forwarded-For", "X-Forwarded-Host", "Range", "Authorization",
    "Access-Control-Request-Method", "X-HTTP-Method-Override", "Content-Encoding", "Forwarded", "Referer",
)  # fmt: skip


@dataclass
class Hostile:
    """One request as it goes over the wire. ``fits``: it is well-formed HTTP, so that our own code must answer it."""

    kind: str
    method: str = "GET"
    target: str = FHIR
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    token: bool = True
    fits: bool = True

    def wire(self, host: str, token: str) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {host}", "Connection: close"]
        if self.token and not any(name.lower() == "authorization" for name, _ in self.headers):
            lines.append(f"Authorization: Bearer {token}")
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.body or self.method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body


def requests(number: int, *, seed: int, ids: list[str]) -> Iterator[Hostile]:
    """So many requests, none of them large."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    makers: list[tuple[int, Callable[[random.Random, list[str]], Hostile]]] = [
        (40, _query), (15, _path), (12, _resource), (6, _patch), (6, _bundle), (6, _form), (8, _header), (4, _method),
        (6, _oauth), (2, _wire),
    ]  # fmt: skip
    choices, weights = [maker for _, maker in makers], [weight for weight, _ in makers]
    for _ in range(number):
        yield chance.choices(choices, weights)[0](chance, ids)


# ---- the parts


def _value(chance: random.Random) -> str:
    if chance.random() < 0.8:
        return chance.choice(VALUES)
    return "".join(
        chr(chance.choice((chance.randrange(1, 128), chance.randrange(128, 0xD7FF))))
        for _ in range(chance.randrange(40))
    )


def _escaped(chance: random.Random, text: str) -> str:
    """Percent-encoded, sometimes badly."""
    safe = quote(text.encode("utf-8", "surrogatepass"), safe="|,$:/")
    if chance.random() < 0.1:
        return safe + chance.choice(("%", "%f", "%ff", "%c0%80", "%ed%a0%80", "%u0041", "+", "%00"))
    return safe


def _pairs(chance: random.Random, kind: str) -> str:
    known = list(search_parameters.for_type(kind))
    pairs = []
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        name = chance.choice(known) if known and chance.random() < 0.6 else chance.choice(NAMES)
        if chance.random() < 0.2:
            name += chance.choice(
                (":not", ":missing", ":exact", ":contains", ":text", ":above", ":x", ":identifier", ":of-type")
            )
        pairs.append(f"{_escaped(chance, name)}={_escaped(chance, _value(chance))}")
    return chance.choice(("&", "&", "&", ";", "&&")).join(pairs)[:3500]


def _query(chance: random.Random, ids: list[str]) -> Hostile:
    kind = chance.choice(TYPES)
    route = chance.choice([one for one in routes.every() if "get" in one.methods])
    values = {"resource_type": kind, "logical_id": chance.choice(ids), "version_id": "1", "path": "x"}
    values |= {"uid": "00000000-0000-4000-8000-000000000000", "name": kind, "group_id": "x"}
    return Hostile("query", target=f"{FHIR}{route.path(values)}?{_pairs(chance, kind)}")


def _path(chance: random.Random, ids: list[str]) -> Hostile:
    parts = [
        chance.choice((chance.choice(TYPES), chance.choice(ids), "_history", "$everything", _value(chance)[:900]))
        for _ in range(chance.randrange(1, 6))
    ]
    target = "/".join(_escaped(chance, part) for part in parts)
    return Hostile("path", chance.choice(("GET", "GET", "HEAD", "DELETE", "POST")), f"{FHIR}/{target}"[:3900])


def _tree(chance: random.Random, depth: int = 0) -> object:
    if depth > 4 or chance.random() < 0.3:
        return chance.choice((None, True, 0, -1, 1.5, 10**30, _value(chance)[:500], "", [], {}))
    if chance.random() < 0.4:
        return [_tree(chance, depth + 1) for _ in range(chance.randrange(4))]
    keys = (
        "resourceType",
        "id",
        "code",
        "coding",
        "status",
        "subject",
        "reference",
        "meta",
        "extension",
        "url",
        "contained",
        "value",
        "_value",
        "\x00",
        "",
    )
    return {chance.choice(keys): _tree(chance, depth + 1) for _ in range(chance.randrange(4))}


def _raw(chance: random.Random, content: object) -> bytes:
    text = json.dumps(content)
    spoilt = chance.random()
    if spoilt < 0.1:
        return text[: chance.randrange(len(text) + 1)].encode()
    if spoilt < 0.2:
        return text.encode() + chance.choice((b"\xff", b"\x00", b"}", b"//", b"{}", b"\xed\xa0\x80"))
    if spoilt < 0.25:
        return text.encode("utf-16")
    return text.encode()


def _resource(chance: random.Random, ids: list[str]) -> Hostile:
    kind, name = chance.choice(("Observation", "Observation", *TYPES)), chance.choice(ids)
    content = _tree(chance)
    if isinstance(content, dict) and chance.random() < 0.8:
        content |= {"resourceType": kind, "id": name}
    else:
        content = {
            "resourceType": kind,
            "id": name,
            "status": "final",
            "code": _tree(chance),
            "valueString": _value(chance)[:500],
        }
    create = chance.random() < 0.5
    headers = [("Content-Type", FHIR_JSON)]
    return Hostile(
        "resource",
        "POST" if create else "PUT",
        f"{FHIR}/{kind}" if create else f"{FHIR}/{kind}/{name}",
        headers,
        _raw(chance, content),
    )


def _patch(chance: random.Random, ids: list[str]) -> Hostile:
    paths = (
        "/status",
        "/",
        "",
        "/code/coding/0",
        "/code/coding/-",
        "/x/" * 200,
        "/~2",
        "/0",
        "/code/coding/99999999999",
    )
    operations = [
        {
            "op": chance.choice(("add", "remove", "replace", "move", "copy", "test", "x")),
            "path": chance.choice(paths),
            "from": chance.choice(paths),
            "value": _tree(chance),
        }
        for _ in range(chance.choice((1, 2, 50)))
    ]
    target = f"{FHIR}/Observation/{chance.choice(ids)}"
    return Hostile(
        "patch", "PATCH", target, [("Content-Type", "application/json-patch+json")], _raw(chance, operations)
    )


def _bundle(chance: random.Random, ids: list[str]) -> Hostile:
    urls = (
        f"Observation/{chance.choice(ids)}",
        "Observation?_count=0",
        "",
        "/",
        "$export",
        "../../x",
        "Bundle",
        _value(chance)[:300],
        f"{FHIR}/Observation",
    )
    entries = [
        {
            "fullUrl": chance.choice(("urn:uuid:x", "", _value(chance)[:100])),
            "resource": _tree(chance),
            "request": {
                "method": chance.choice(("GET", "POST", "PUT", "PATCH", "DELETE", "X", 1, None)),
                "url": chance.choice(urls),
                "ifNoneExist": _value(chance)[:100],
            },
        }
        for _ in range(chance.choice((0, 1, 3, 20)))
    ]
    content = {
        "resourceType": "Bundle",
        "type": chance.choice(("batch", "transaction", "x", None, [])),
        "entry": entries,
    }
    return Hostile("bundle", "POST", FHIR + "/", [("Content-Type", FHIR_JSON)], _raw(chance, content))


def _form(chance: random.Random, ids: list[str]) -> Hostile:
    kind = chance.choice(TYPES)
    content_type = chance.choice(
        (
            FORM,
            FORM,
            FORM,
            FORM + "; charset=" + chance.choice(("utf-16", "hex", "x")),
            "multipart/form-data; boundary=",
            "",
        )
    )
    return Hostile(
        "form", "POST", f"{FHIR}/{kind}/_search", [("Content-Type", content_type)], _pairs(chance, kind).encode()
    )


def _header(chance: random.Random, ids: list[str]) -> Hostile:
    printable = "".join(character for character in _value(chance)[:6000] if " " <= character < "\x7f")
    headers = [(chance.choice(HEADERS), printable) for _ in range(chance.choice((1, 2, 5)))]
    method = chance.choice(("GET", "GET", "HEAD", "OPTIONS"))
    return Hostile("header", method, f"{FHIR}/Observation/{chance.choice(ids)}", list(dict(headers).items()))


def _method(chance: random.Random, ids: list[str]) -> Hostile:
    target = chance.choice(
        (f"{FHIR}/Observation", f"{FHIR}/Observation/{chance.choice(ids)}", f"{FHIR}/", f"{FHIR}/metadata", f"{FHIR}/x")
    )
    method = chance.choice(METHODS)
    return Hostile("method", method, target, fits=method.isupper() and method != "CONNECT")


def _oauth(chance: random.Random, ids: list[str]) -> Hostile:
    names = (
        "grant_type",
        "code",
        "client_id",
        "client_secret",
        "redirect_uri",
        "code_verifier",
        "refresh_token",
        "scope",
        "token",
        "client_assertion",
        "client_assertion_type",
    )
    grants = ("authorization_code", "refresh_token", "client_credentials", "password", _value(chance))
    pairs = [
        ("grant_type", chance.choice(grants)),
        *((chance.choice(names), _value(chance)) for _ in range(chance.randrange(6))),
    ]
    body = "&".join(f"{name}={_escaped(chance, value)}" for name, value in pairs).encode()
    content_type = chance.choice((FORM, FORM, FORM, "application/json", ""))
    return Hostile(
        "oauth",
        chance.choice(("POST", "POST", "POST", "GET", "PUT")),
        chance.choice(OAUTH),
        [("Content-Type", content_type)],
        body,
        token=chance.random() < 0.2,
    )


def _wire(chance: random.Random, ids: list[str]) -> Hostile:
    """What is no HTTP, or more of it than the web server takes: it may answer by itself, or hang up."""
    return chance.choice(
        (
            Hostile("wire", target=f"{FHIR}/Observation?code={'a' * 9000}", fits=False),
            Hostile(
                "wire", target=f"{FHIR}/Observation", headers=[(f"X-{n}", "y" * 50) for n in range(300)], fits=False
            ),
            Hostile("wire", target=f"{FHIR}/Observation", headers=[("X-Long", "y" * 70_000)], fits=False),
            Hostile("wire", target=f"{FHIR}/Observation\x00", fits=False),
            Hostile("wire", target=f"{FHIR}/Obs ervation", fits=False),
            Hostile("wire", "GET\x00", FHIR, fits=False),
            Hostile("wire", target=f"{FHIR}/Observation", headers=[("Bad Name", "x")], fits=False),
            Hostile("wire", "POST", f"{FHIR}/Observation", headers=[("Transfer-Encoding", "chunked")], fits=False),
            Hostile("wire", "POST", f"{FHIR}/Observation", headers=[("Content-Length", "-5")], fits=False),
        )
    )


def _large(
    content: bytes, method: str = "POST", target: str = f"{FHIR}/Observation", kind: str = FHIR_JSON
) -> Callable[[], Hostile]:
    return lambda: Hostile("large", method, target, [("Content-Type", kind)], content)


_ENTRY = b'{"request":{"method":"GET","url":"Observation/x"}}'
_DEEP = 200_000
LARGE: tuple[Callable[[], Hostile], ...] = (
    lambda: _large(b'{"resourceType":"Observation","x":"' + b"a" * 50 * MEGABYTE + b'"}')(),
    lambda: _large(
        b'{"resourceType":"Bundle","type":"batch","entry":[' + b",".join([_ENTRY] * 100_000) + b"]}", target=FHIR + "/"
    )(),
    lambda: _large(
        b'{"resourceType":"Bundle","type":"batch","entry":[' + b",".join([_ENTRY] * 40_000) + b"]}", target=FHIR + "/"
    )(),
    lambda: _large(b'{"a":' * _DEEP + b"1" + b"}" * _DEEP)(),
    lambda: _large(b"[" * MEGABYTE)(),
    lambda: _large(
        b'{"resourceType":"Observation","extension":' + b'[{"extension":' * 900 + b"[]" + b"}]" * 900 + b"}"
    )(),
    lambda: _large(b'{"resourceType":"Observation","valueDecimal":' + b"9" * 2 * MEGABYTE + b"}")(),
    lambda: _large(b'{"resourceType":"Observation","status":"' + b"\\ud800" * 300_000 + b'"}')(),
    lambda: _large(b"code=" + b"a" * 2 * MEGABYTE, target=f"{FHIR}/Observation/_search", kind=FORM)(),
    lambda: _large(b"&".join([b"code=1"] * 300_000), target=f"{FHIR}/Observation/_search", kind=FORM)(),
    lambda: _large(
        b"_id=" + b",".join([b"x%d" % n for n in range(3000)]), target=f"{FHIR}/Observation/_search", kind=FORM
    )(),
    lambda: _large(b'{"resourceType":"Observation","component":[' + b",".join([b'{"x":1}'] * 250_000) + b"]}")(),
    lambda: _large(b"grant_type=" + b"a" * 30 * MEGABYTE, target="/oauth/token", kind=FORM)(),
)
"""Made when they are sent, so that only one of them is in memory."""
