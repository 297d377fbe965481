"""What the tests of writing share: an app that writes over HTTP, and resources that are good as they are."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from accounts.models import Person
from records import sources
from records.models import Record, RecordVersion, SourceKind
from standards.fhir import json as fhir_json
from tests.fhirapi import people

FHIR = "application/fhir+json"
PATCH = "application/json-patch+json"
VITALS = "http://terminology.hl7.org/CodeSystem/observation-category|vital-signs"
LAB = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"


class Writer:
    """An app with a token, for the interactions that write."""

    def __init__(self, app: people.App) -> None:
        self.app = app
        self.person = app.person

    def send(self, method: str, path: str, body: Any = b"", kind: str = FHIR, **headers: str) -> Any:
        sent = {"Authorization": f"Bearer {self.app.token}", **{n.replace("_", "-"): v for n, v in headers.items()}}
        data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else fhir_json.dumps(body)
        client = Client(headers=sent, raise_request_exception=False)
        return client.generic(method, f"{people.BASE}{path}", data, content_type=kind)

    def create(self, resource: dict[str, Any], **headers: str) -> Any:
        return self.send("POST", f"/{resource['resourceType']}", resource, **headers)

    def created(self, resource: dict[str, Any]) -> dict[str, Any]:
        answer = self.create(resource)
        assert answer.status_code == 201, answer.content
        return answer.json()

    def update(self, resource: dict[str, Any], **headers: str) -> Any:
        return self.send("PUT", f"/{resource['resourceType']}/{resource['id']}", resource, **headers)

    def patch(self, path: str, operations: Any, **headers: str) -> Any:
        return self.send("PATCH", path, json.dumps(operations), kind=PATCH, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.send("DELETE", path, **headers)

    def bundle(self, kind: str, entries: list[dict[str, Any]], **headers: str) -> Any:
        return self.send("POST", "/", {"resourceType": "Bundle", "type": kind, "entry": entries}, **headers)

    def get(self, path: str, **headers: str) -> Any:
        return self.app.get(path, **headers)


def let_write(person: Person, *scopes: str, **terms: Any) -> Writer:
    """An app that may read everything and write what the scopes say; by default all that apps may write."""
    return Writer(people.let_in(person, *(scopes or ("patient/*.cruds",)), **terms))


def observation(person: Person, category: str = VITALS, **more: Any) -> dict[str, Any]:
    system, _, code = category.rpartition("|")
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": system, "code": code}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": f"Patient/{person.patient_id}"},
        "effectiveDateTime": "2026-05-01T08:00:00Z",
        "valueQuantity": {"value": 61, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
        **more,
    }


def entry(method: str, url: str, resource: Any = None, **request: str) -> dict[str, Any]:
    made: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        made["resource"] = resource
    return made


def path(resource: dict[str, Any]) -> str:
    return f"/{resource['resourceType']}/{resource['id']}"


def of_hospitals(person: Person) -> list[tuple[Any, ...]]:
    """Everything that did not come from an app: current versions and how many older ones, as stored."""
    known = Record.unguarded.filter(owner=person).exclude(source__kind=SourceKind.APP).order_by("id")
    older = RecordVersion.unguarded.filter(owner=person, record__in=known.values("id")).count()
    return [*known.values_list("id", "version_id", "source_id", "deleted", "content_hash", "labels"), (older,)]


def source_of(writer: Writer) -> int:
    application = writer.app.application
    return sources.of_app(application.client_id, application.name).pk


def diagnostics(answer: Any) -> list[str]:
    return [issue["diagnostics"] for issue in answer.json()["issue"]]
