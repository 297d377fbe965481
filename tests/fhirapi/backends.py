"""Backend services that play by the book, and the people who let them read."""

from __future__ import annotations

import gzip
import json
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.test import Client
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import ECKey

from accounts.models import Person
from consent import ledger
from consent.models import Decision
from consent.terms import Terms
from fhirapi.bulk import runs
from fhirapi.models import Export
from gateway import assertions, clients
from gateway.models import Application
from tests import decisions
from tests.fhirapi import people

EVERYTHING = ("system/*.rs", "patient/*.rs", "openid", "fhirUser", "launch/patient", "offline_access")
_KEY = ECKey.generate_key("P-384", {"kid": "backend-1", "alg": "ES384"})


def key_set() -> dict[str, Any]:
    return {"keys": [_KEY.as_dict(private=False)]}


def private_key() -> dict[str, Any]:
    """What the services here sign with."""
    return dict(_KEY.as_dict(private=True))


@dataclass
class Service:
    """A registered backend service. ``scope`` is what it asks for with each token."""

    application: Application
    scope: str = "system/*.rs"
    http: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    @classmethod
    def register(cls, *scopes: str, scope: str = "system/*.rs", name: str = "Cohort") -> Service:
        made = clients.register(
            name,
            redirect_uris=["https://cohort.example/back"],
            method="private_key_jwt",
            scopes_allowed=scopes or EVERYTHING,
            jwks=key_set(),
        )
        return cls(made.application, scope)

    @property
    def client_id(self) -> str:
        return self.application.client_id

    def proof(self) -> dict[str, str]:
        now = int(time.time())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": settings.PUBLIC_URL + "/oauth/token",
            "exp": now + 240,
            "jti": str(uuid.uuid4()),
        }
        header = {"alg": "ES384", "kid": "backend-1", "typ": "JWT"}
        signed = jwt.encode(header, claims, _KEY, algorithms=["ES384"])
        return {"client_assertion_type": assertions.TYPE, "client_assertion": signed}

    def form(self, path: str, **fields: str) -> Any:
        body = urlencode({**fields, **self.proof()})
        return self.http.post(path, body, content_type="application/x-www-form-urlencoded")

    def ask_token(self, scope: str | None = None, **changes: str) -> Any:
        fields = {"grant_type": "client_credentials", "scope": self.scope if scope is None else scope, **changes}
        return self.form("/oauth/token", **fields)

    def token(self, scope: str | None = None) -> str:
        answer = self.ask_token(scope)
        assert answer.status_code == 200, answer.content
        return str(answer.json()["access_token"])

    def headers(self, scope: str | None = None, **more: str) -> dict[str, str]:
        sent = {name.replace("_", "-"): value for name, value in more.items()}
        return {"Authorization": f"Bearer {self.token(scope)}", **sent}

    # --- the three routes

    def kick_off(self, path: str = "/$export", *, scope: str | None = None, **headers: str) -> Any:
        sent = {"Accept": "application/fhir+json", "Prefer": "respond-async", **self.headers(scope), **headers}
        return self.http.get(people.BASE + path, headers=sent)

    def post(self, path: str, *parameters: tuple[str, Any]) -> Any:
        said = [{"name": name, _kind(value): value} for name, value in parameters]
        return self.http.post(
            people.BASE + path,
            json.dumps({"resourceType": "Parameters", "parameter": said}),
            content_type="application/fhir+json",
            headers={"Prefer": "respond-async", **self.headers()},
        )

    def status(self, address: str) -> Any:
        return self.http.get(_path(address), headers=self.headers(Accept="application/json"))

    def cancel(self, address: str) -> Any:
        return self.http.delete(_path(address), headers=self.headers())

    def fetch(self, address: str, *, scope: str | None = None, **headers: str) -> Any:
        sent = self.headers(scope, Accept="application/fhir+ndjson", **headers)
        return self.http.get(_path(address), headers=sent)

    # --- whole stories

    def begin(self, path: str = "/$export") -> str:
        """The status address of an export that waits for its worker."""
        answer = self.kick_off(path)
        assert answer.status_code == 202, answer.content
        return str(answer["Content-Location"])

    def complete(self, path: str = "/$export") -> str:
        """The status address of a finished export."""
        address = self.begin(path)
        runs.perform(of(address).pk)
        return address

    def manifest(self, address: str) -> dict[str, Any]:
        answer = self.status(address)
        assert answer.status_code == 200, (answer.status_code, answer.content)
        return dict(answer.json())

    def everything(self, address: str) -> dict[str, list[dict[str, Any]]]:
        """Every output file of a finished export, by type."""
        files = self.manifest(address)["output"]
        assert len({one["type"] for one in files}) == len(files)
        return {one["type"]: lines(self.fetch(one["url"]), one["count"]) for one in files}

    def export(self, path: str = "/$export") -> dict[str, list[dict[str, Any]]]:
        return self.everything(self.complete(path))


def _kind(value: Any) -> str:
    return "valueReference" if isinstance(value, dict) else "valueString"


def _path(address: str) -> str:
    parts = urlsplit(address)
    assert f"{parts.scheme}://{parts.netloc}" == settings.PUBLIC_URL
    return parts.path


def of(address: str) -> Export:
    return Export.objects.get(uid=address.rpartition("/")[2])


def lines(answer: Any, count: int) -> list[dict[str, Any]]:
    """The resources of a file, as many as the manifest says."""
    assert answer.status_code == 200, answer.content
    body = b"".join(answer.streaming_content)
    if answer.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    found = [json.loads(line) for line in body.decode().splitlines()]
    assert len(found) == count
    return found


def let_in(
    person: Person,
    service: Service,
    *granted: str,
    terms: Terms | None = None,
    ends: datetime | None = None,
    at: datetime | None = None,
) -> Decision:
    """She grants these patient scopes to the service, as on its consent page."""
    return decisions.grant(person, service.application, *granted, terms=terms, ends=ends, at=at)


def withdraw(person: Person, service: Service) -> None:
    ledger.withdraw(owner_id=person.pk, grantee=service.client_id, actor=person, at=timezone.now())
