"""People at their pages: signed in, with records, hospitals and apps that are real rows."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from gateway import clients
from gateway.models import AuthMethod, Authorization
from records import sources, store
from records.models import SourceKind
from sync import connections, hospitals
from sync.models import Connection, Hospital, Run, RunState, RunStep, StepKind, StepState
from sync.tokens import Tokens
from tests import decisions

PASSWORD = "a-long-enough-secret"
LOADED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_numbers = count(1)


def sign_up(*, name: str = "Ana Example", **fields: Any) -> Person:
    return Person.objects.create_user(f"reader{next(_numbers)}@example.org", PASSWORD, name=name, **fields)


def browser_of(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def store_records(person: Person, resources: Sequence[dict[str, Any]], *, hospital: str = "Riverside") -> None:
    source = sources.ensure(SourceKind.EHR, hospital, f"https://{hospital.lower().replace(' ', '-')}.example/fhir")
    with transaction.atomic():
        outcome = store.put_page(owner_id=person.pk, source_id=source.pk, resources=list(resources), at=LOADED)
    assert outcome.refused == []


def observation(person: Person, logical_id: str, *, category: str = "laboratory", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": logical_id,
        "status": "final",
        "category": [{"coding": [{"system": OBSERVATION_CATEGORY, "code": category}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7", "display": "Hemoglobin"}]},
        "subject": {"reference": f"Patient/{person.patient_id}"},
        "effectiveDateTime": "2020-01-01",
        **more,
    }


def report(person: Person, logical_id: str, markup: str) -> dict[str, Any]:
    """A laboratory's report as a page."""
    return {
        "resourceType": "DiagnosticReport",
        "id": logical_id,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "58410-2", "display": "Blood count"}]},
        "subject": {"reference": f"Patient/{person.patient_id}"},
        "effectiveDateTime": "2020-01-01",
        "presentedForm": [attachment(markup.encode(), "text/html", title="Blood count")],
    }


def attachment(data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    return {"contentType": media_type, "data": base64.b64encode(data).decode(), "size": len(data), **more}


def condition(person: Person, logical_id: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": logical_id,
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}], "text": "High blood pressure"},
        "subject": {"reference": f"Patient/{person.patient_id}"},
        "onsetDateTime": "2019-03",
        **more,
    }


def list_hospital(name: str, place: str = "") -> Hospital:
    base = f"https://{name.lower().replace(' ', '-')}.example/fhir"
    return hospitals.register(base, name=name, client_id="tributary", place=place)


def connect(person: Person, hospital: Hospital) -> Connection:
    """A connection with its first run, that no worker has taken yet."""
    return connections.connect(
        person,
        hospital=hospital,
        patient=f"at-the-hospital-{next(_numbers)}",
        tokens_given=Tokens("access", "refresh", expires=timezone.now() + timedelta(hours=1), scope=""),
        token_endpoint="https://hospital.example/token",
        at=timezone.now(),
    )


def end_run(connection: Connection, state: RunState, *, problem: str = "", **steps: dict[str, Any]) -> None:
    """The run under way ends so; ``steps`` are figures by resource type."""
    run = Run.objects.unfinished().get(connection=connection)
    for number, (resource_type, figures) in enumerate(steps.items(), start=1):
        RunStep.objects.create(
            run=run,
            number=number,
            kind=StepKind.SEARCH,
            resource_type=resource_type,
            **{"state": StepState.COMPLETE, "pages_asked": 1, "pages_got": 1, **figures},
        )
    Run.objects.filter(pk=run.pk).update(state=state, problem=problem, started=timezone.now(), finished=timezone.now())
    Connection.objects.filter(pk=connection.pk).update(
        last_attempt=timezone.now(), last_success=timezone.now() if state == RunState.COMPLETE else None
    )


def let_in(person: Person, *scopes: str, name: str = "Heart Diary") -> Authorization:
    application = clients.register(
        name,
        redirect_uris=["https://app.example/back"],
        method=AuthMethod.NONE,
        scopes_allowed=scopes,
        client_id=secrets.token_urlsafe(8),
    ).application
    return decisions.authorize(decisions.grant(person, application, *scopes), person, application)
