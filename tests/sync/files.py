"""Small files such as people are given, all made up, and giving them to us as a person does."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Person
from sync import importing, uploads
from sync.models import Upload, UploadedDocument

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 400
PDF = b"%PDF-1.7\n" + b"a letter from a clinic " * 40


def patient(logical_id: str = "p1", *, given: str = "Ana", family: str = "Example", born: str = "1970-05-01") -> dict:
    return {
        "resourceType": "Patient",
        "id": logical_id,
        "name": [{"given": [given], "family": family}],
        "birthDate": born,
    }


def observation(logical_id: str = "o1", *, of: str = "Patient/p1", **more: Any) -> dict:
    return {
        "resourceType": "Observation",
        "id": logical_id,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7", "display": "Hemoglobin"}]},
        "subject": {"reference": of},
        "effectiveDateTime": "2024-03-05",
        "valueQuantity": {"value": 13.5, "unit": "g/dL", "system": "http://unitsofmeasure.org", "code": "g/dL"},
        **more,
    }


def bundle(*resources: Any, kind: str = "collection", urls: bool = False) -> bytes:
    entries = [
        {**({"fullUrl": f"urn:uuid:{each['id']}"} if urls else {}), "resource": each} if each else {}
        for each in resources
    ]
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": entries}).encode()


def lines(*resources: Any) -> bytes:
    return b"\n".join(json.dumps(each).encode() for each in resources)


def zipped(members: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return held.getvalue()


def give(browser: Client, data: bytes, name: str = "record.json") -> Upload:
    """Through the form, and read by a worker; the upload as it stands then."""
    answer = browser.post("/files/", {"files": SimpleUploadedFile(name, data)})
    assert answer.status_code == 302, answer.status_code
    upload = Upload.objects.order_by("-received", "-pk")[0]
    importing.perform(upload.pk)
    upload.refresh_from_db()
    return upload


def told(document: UploadedDocument) -> dict[tuple[str, str, str], int]:
    """Its account: (severity, reason, what) to how often."""
    outcome = uploads.account(document)
    assert outcome is not None
    return {
        (
            issue["severity"],
            issue["details"]["coding"][0]["code"],
            issue.get("diagnostics", ""),
        ): issue["extension"][0]["valueInteger"]
        for issue in outcome["issue"]
    }


def only_document(upload: Upload) -> UploadedDocument:
    return upload.documents.get()


def of(person: Person) -> list[Upload]:
    return list(uploads.of(person))
