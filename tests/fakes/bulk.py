"""A Bulk Data server at the far edge: a fake EHR that also exports all it holds, as files of lines, over real HTTP."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

from tests.fakes.ehr import Asked, FakeEHR, Reply

AT = "2026-11-01T10:00:00.000+00:00"
_KEY = ECKey.generate_key("P-384", {"kid": "ours", "alg": "ES384", "use": "sig"})
PRIVATE_JWK = json.dumps(_KEY.as_dict(private=True))
ACCEPTED = 202


@dataclass
class Export:
    """One order, with the files as they were when it was given."""

    path: str
    asked: dict[str, Any]
    files: dict[str, bytes]
    polls: int = 0
    gone: bool = False


@dataclass
class BulkFakes:
    """What tests switch on: how often it says "not yet", what else its manifest lists, how its files come."""

    waits: int = 0
    deleted: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    zipped: bool = False
    signed: bool = True
    lines: dict[str, list[bytes]] = field(default_factory=dict)
    time: str = AT
    pages: int = 1
    late: int = 0


class FakeBulk(FakeEHR):
    """``exports``: every order it was given, oldest first. ``bulk``: how it behaves."""

    def __init__(self) -> None:
        super().__init__()
        self.bulk = BulkFakes()
        self.exports: list[Export] = []
        self.assertions: list[dict[str, Any]] = []

    def _token(self, form: dict[str, str], authorization: str) -> Reply:
        if form.get("grant_type") != "client_credentials":
            return super()._token(form, authorization)
        claims = jwt.decode(form["client_assertion"], _KEY, algorithms=["ES384"]).claims
        self.assertions.append({**claims, "scope": form.get("scope")})
        given = self.issue()
        return Reply(
            200, json.dumps({name: given[name] for name in ("access_token", "token_type", "expires_in")}).encode()
        )

    def _answer(self, asked: Asked, body: bytes) -> Reply:
        path = urlsplit(asked.target).path
        if path.endswith("$export"):
            return self._signed(asked) or self._order(asked, body)
        if found := re.fullmatch(r"/fhir/bulk/(\d+)/manifest-(\d+)", path):
            return self._signed(asked) or self._more(int(found[1]), int(found[2]))
        if found := re.fullmatch(r"/fhir/bulk/(\d+)(?:/(.+))?", path):
            export = self.exports[int(found[1])]
            if (found[2] is None or self.bulk.signed) and (refused := self._signed(asked)):
                return refused
            if export.gone:
                return Reply(404, b"{}")
            return self._file(export, found[2]) if found[2] else self._status(asked, int(found[1]), export)
        return super()._answer(asked, body)

    def _signed(self, asked: Asked) -> Reply | None:
        held = asked.authorization.removeprefix("Bearer ") in self.tokens
        return None if held else Reply(401, b"{}")

    def _order(self, asked: Asked, body: bytes) -> Reply:
        parts = urlsplit(asked.target)
        said: dict[str, Any] = dict(parse_qsl(parts.query)) | ({"body": json.loads(body)} if body else {})
        of_types: dict[str, list[bytes]] = {}
        for (name, _), resource in sorted(self.resources.items()):
            of_types.setdefault(name, []).append(json.dumps(resource).encode())
        of_types |= self.bulk.lines
        files = {f"{name}.ndjson": b"\n".join(lines) + b"\n" for name, lines in of_types.items()}
        for name, listed in (("deleted", self.bulk.deleted), ("errors", self.bulk.errors)):
            if listed:
                files[name] = b"".join(json.dumps(each).encode() + b"\n" for each in listed)
        self.exports.append(Export(parts.path, said, files))
        return Reply(ACCEPTED, b"", {"Content-Location": f"{self.base}/bulk/{len(self.exports) - 1}"})

    def _status(self, asked: Asked, number: int, export: Export) -> Reply:
        if asked.method == "DELETE":
            export.gone = True
            return Reply(ACCEPTED, b"")
        export.polls += 1
        if export.polls <= self.bulk.waits:
            return Reply(ACCEPTED, b"", {"Retry-After": "120", "X-Progress": f"{export.polls} of {self.bulk.waits}"})
        return self._manifest(number, 0)

    def _more(self, number: int, page: int) -> Reply:
        """A manifest's next document, which is not always there when it is asked for."""
        if self.bulk.late:
            self.bulk.late -= 1
            return Reply(ACCEPTED, b"", {"Retry-After": "60"})
        return self._manifest(number, page)

    def _manifest(self, number: int, page: int) -> Reply:
        export, where = self.exports[number], f"{self.base}/bulk/{number}"
        kinds = {"deleted": ("deleted", "Bundle"), "errors": ("error", "OperationOutcome")}
        manifest: dict[str, Any] = {
            "transactionTime": self.bulk.time,
            "requiresAccessToken": self.bulk.signed,
            "output": [],
            "deleted": [],
            "error": [],
        }
        if page + 1 < self.bulk.pages:
            manifest["link"] = [{"relation": "next", "url": f"{where}/manifest-{page + 1}"}]
        for name, content in list(export.files.items())[page :: self.bulk.pages]:
            kind, resource_type = kinds.get(name, ("output", name.partition(".")[0]))
            listed = {"type": resource_type, "url": f"{where}/{name}", "count": content.count(b"\n")}
            manifest[kind].append(listed)
        return Reply(200, json.dumps(manifest).encode())

    def _file(self, export: Export, name: str) -> Reply:
        content = export.files[name]
        headers = {"Content-Type": "application/fhir+ndjson"}
        if self.bulk.zipped:
            return Reply(200, gzip.compress(content), headers | {"Content-Encoding": "gzip"})
        return Reply(200, content, headers)
