"""The name of a clinician, as his EHR has it: patients are told who looked, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from smartlaunch.models import Clinician, Ehr
from standards.fhir import json
from sync import outbound

SECONDS: Final = 5


def name(clinician: Clinician, ehr: Ehr, access_token: str) -> None:
    """Ask once for the resource that ``fhirUser`` points at, where the id_token told no name. No answer is no harm."""
    if clinician.name:
        return
    found = plain(_name(_read(f"{ehr.iss.rstrip('/')}/{clinician.fhir_user}", access_token)))
    if found:
        clinician.name = found
        clinician.save(update_fields=["name"])


def plain(said: Any) -> str:
    """A name as it can be kept and shown, in one line; "" for what is no text."""
    return "".join(filter(str.isprintable, " ".join(said.split())))[:200] if isinstance(said, str) else ""


def _read(address: str, access_token: str) -> Any:
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/fhir+json"}
    try:
        with outbound.GuardedSession() as session:
            session.total_seconds = SECONDS
            answer = session.get(address, headers=headers, timeout=(SECONDS, SECONDS))
            return json.loads(answer.content) if answer.status_code == 200 else None
    except (*outbound.CONNECTION_FAULTS, json.MalformedJSON):
        return None


def _name(resource: Any) -> str:
    """The first HumanName as written, else put together; "" for whatever else this is."""
    listed = resource.get("name") if isinstance(resource, Mapping) else None
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], Mapping) else {}
    if isinstance(text := first.get("text"), str) and text:
        return text
    parts = [*_texts(first.get("prefix")), *_texts(first.get("given")), *_texts([first.get("family")])]
    return " ".join(parts)


def _texts(said: Any) -> list[str]:
    return [each for each in said if isinstance(each, str)] if isinstance(said, list) else []
