"""People with records, and apps they let in: real rows, real ledger, real tokens."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import orjson
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from consent.models import Decision
from consent.terms import Terms
from gateway import clients, tokens
from gateway.models import AccessToken, Application, AuthMethod, Authorization
from records import sources, store
from records.models import SourceKind
from tests import decisions
from tests.fhirapi import population

BASE = "/fhir/r4"
SOURCE = "https://hospital.example/fhir"
FIRST_TYPES = (
    "AllergyIntolerance",
    "Condition",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "Immunization",
    "MedicationRequest",
    "Observation",
    "Patient",
    "Procedure",
)
LOADED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

_numbers = count(1)


def sign_up() -> Person:
    return Person.objects.create_user(f"person{next(_numbers)}@example.org", None, name="Ana Example")


def store_records(person: Person, resources: Sequence[dict[str, Any]], *, at: datetime = LOADED) -> int:
    """Put the resources in her record as from one hospital; the id of the source."""
    source = sources.ensure(SourceKind.EHR, "Hospital", SOURCE)
    with transaction.atomic():
        outcome = store.put_page(owner_id=person.id, source_id=source.id, resources=list(resources), at=at)
    assert outcome.refused == []
    return source.id


def delete_record(person: Person, resource_type: str, logical_id: str) -> None:
    source = sources.ensure(SourceKind.EHR, "Hospital", SOURCE)
    with transaction.atomic():
        store.delete(
            owner_id=person.id, source_id=source.id, references=[(resource_type, logical_id)], at=timezone.now()
        )


@dataclass
class App:
    """An app with a token of one person; asks the API as it would over HTTP."""

    person: Person
    application: Application
    decision: Decision
    authorization: Authorization
    token: str

    def get(self, path: str, **headers: str) -> Any:
        return self._client(headers).get(f"{BASE}{path}")

    def head(self, path: str, **headers: str) -> Any:
        return self._client(headers).head(f"{BASE}{path}")

    def post(self, path: str, form: str | dict[str, str], **headers: str) -> Any:
        client = self._client(headers)
        if isinstance(form, dict):
            return client.post(f"{BASE}{path}", form, content_type="application/x-www-form-urlencoded")
        return client.post(f"{BASE}{path}", form, content_type="application/x-www-form-urlencoded")

    def post_json(self, path: str, body: dict[str, Any] | bytes, **headers: str) -> Any:
        sent = body if isinstance(body, bytes) else orjson.dumps(body)
        return self._client(headers).post(f"{BASE}{path}", sent, content_type="application/fhir+json")

    def bundle(self, path: str, **headers: str) -> dict[str, Any]:
        """The Bundle of a search that works."""
        answer = self.get(path, **headers)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def ids(self, path: str) -> list[str]:
        """The matches of every page, in order."""
        bundle = self.bundle(path)
        found = matches(bundle)
        while url := link(bundle, "next"):
            bundle = self.bundle(url.partition(BASE)[2])
            found += matches(bundle)
        return found

    def _client(self, headers: dict[str, str]) -> Client:
        sent = {"Authorization": f"Bearer {self.token}", **{name.replace("_", "-"): v for name, v in headers.items()}}
        return Client(headers=sent, raise_request_exception=False)


def let_in(person: Person, *scopes: str, terms: Terms | None = None) -> App:
    """She grants these scopes to a new app; it holds a token."""
    application = clients.register(
        f"App {next(_numbers)}",
        redirect_uris=["https://app.example/back"],
        method=AuthMethod.NONE,
        scopes_allowed=scopes,
    ).application
    decision = decisions.grant(person, application, *scopes, terms=terms)
    authorization = decisions.authorize(decision, person, application)
    return App(person, application, decision, authorization, hold_token(authorization, " ".join(scopes)))


def hold_token(authorization: Authorization, scope: str) -> str:
    """An access token of it, for an hour."""
    token = secrets.token_urlsafe(32)
    AccessToken.objects.create(
        user=authorization.person,
        application=authorization.application,
        authorization=authorization,
        token="",
        token_checksum=tokens.digest(token),
        expires=timezone.now() + timedelta(hours=1),
        scope=scope,
    )
    return token


def with_record() -> Person:
    """A person whose record holds the synthetic population's resources."""
    person = sign_up()
    store_records(person, population.resources(person.patient_id))
    return person


def with_observation() -> Person:
    """A person whose record holds ``Observation/one``."""
    person = sign_up()
    store_records(person, [population.observation(person.patient_id, "one")])
    return person


def matches(bundle: dict[str, Any]) -> list[str]:
    return [
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in bundle.get("entry", [])
        if entry["search"]["mode"] == "match"
    ]


def included(bundle: dict[str, Any]) -> list[str]:
    return [
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in bundle.get("entry", [])
        if entry["search"]["mode"] == "include"
    ]


def link(bundle: dict[str, Any], relation: str) -> str | None:
    return next((one["url"] for one in bundle["link"] if one["relation"] == relation), None)


def diagnostics(answer: Any) -> str:
    """What an error says; every error is an OperationOutcome."""
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    assert answer["Content-Type"] == "application/fhir+json"
    return body["issue"][0]["diagnostics"]


def now() -> datetime:
    return timezone.now()
