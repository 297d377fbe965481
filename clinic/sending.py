"""Sending a report into the chart, by the EHR's own token: each resource once, and what became of it told as it is."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from urllib.parse import urlsplit

from clinic.reports import Report
from gateway import assertions
from gateway.assertions import Mark
from gateway.errors import ClientRefused
from smartlaunch.models import ClinicRole
from smartlaunch.visits import Open
from standards.fhir import json
from standards.smart import scopes
from standards.smart.scopes import InvalidScope
from sync import outbound

SECONDS: Final = 15
_LEVELS: Final = ("patient", "user")


class Barrier(Enum):
    """Why nothing can be sent from here."""

    NOT_OFFERED = "not-offered"  # the organisation has not switched it on for this EHR
    EMERGENCY = "emergency"  # what was opened without leave stays where it is
    ROLE = "role"
    SCOPE = "scope"


class Fate(Enum):
    KEPT = "kept"  # the EHR says that it has it
    REFUSED = "refused"  # the EHR says that it has it not
    UNKNOWN = "unknown"  # no answer, or none that tells: it may be there


@dataclass(frozen=True)
class Outcome:
    """``place``: ``Type/id`` at the EHR, as far as it told; ``status``: of HTTP, 0 without an answer."""

    resource_type: str
    fate: Fate
    status: int = 0
    place: str = ""


def barrier(opened: Open, *types: str) -> Barrier | None:
    if not opened.ehr.write_back:
        return Barrier.NOT_OFFERED
    if opened.clinician.role != ClinicRole.CLINICIAN:
        return Barrier.ROLE
    held = list(_held(opened.context.scope))
    reached = all(any(scopes.permits(scope, each, "c") for scope in held) for each in types)
    return None if reached else Barrier.SCOPE


def draw() -> str:
    """What tells a form from every other, so that it is sent once."""
    return secrets.token_hex(16)


def claim(opened: Open, once: str) -> bool:
    """False for a form that was sent before, by a second click or a page that was loaded anew."""
    digest = hashlib.sha256(f"sent {opened.uid} {once}".encode()).digest()
    try:
        assertions.remember(Mark(digest, opened.visit.ends))
    except ClientRefused:
        return False
    return True


def send(opened: Open, report: Report) -> list[Outcome]:
    """In order, and not further than the first that was not kept: half a report is told as half."""
    found: list[Outcome] = []
    for resource in report.resources:
        found.append(_create(opened, resource))
        if found[-1].fate is not Fate.KEPT:
            break
    return found


def _create(opened: Open, resource: dict[str, Any]) -> Outcome:
    kind = resource["resourceType"]
    headers = {
        "Authorization": f"Bearer {opened.context.access_token}",
        "Content-Type": "application/fhir+json",
        "Accept": "application/fhir+json",
        "Prefer": "return=minimal",
    }
    address = f"{opened.ehr.iss.rstrip('/')}/{kind}"
    try:
        with outbound.GuardedSession() as session:
            session.total_seconds = SECONDS
            answer = session.post(address, data=json.dumps(resource), headers=headers, timeout=(SECONDS, SECONDS))
    except outbound.AddressRefused:
        return Outcome(kind, Fate.REFUSED)
    except outbound.CONNECTION_FAULTS:
        return Outcome(kind, Fate.UNKNOWN)
    if answer.status_code in (200, 201):
        return Outcome(kind, Fate.KEPT, answer.status_code, _place(kind, answer.headers.get("Location", "")))
    # A gateway's or a server's own fault does not tell whether it had been stored before.
    fate = Fate.REFUSED if 400 <= answer.status_code < 500 and answer.status_code != 408 else Fate.UNKNOWN
    return Outcome(kind, fate, answer.status_code)


def _place(kind: str, location: str) -> str:
    """``Type/id`` out of ``[base]/Type/id/_history/1``; "" for anything else."""
    parts = urlsplit(location).path.split("/")
    after = parts.index(kind) + 1 if kind in parts else len(parts)
    return f"{kind}/{parts[after]}"[:80] if after < len(parts) and parts[after] else ""


def _held(said: str) -> Iterator[scopes.ResourceScope]:
    for text in said.split():
        try:
            scope = scopes.parse(text)
        except InvalidScope:
            continue
        if isinstance(scope, scopes.ResourceScope) and scope.level in _LEVELS and not scope.filters:
            yield scope
