"""An event as FHIR R4 AuditEvent, computed from the log whenever it is asked for (hl7.org/fhir/R4/auditevent.html).

What an app did over the API and got follows the IHE Basic Audit Log Patterns (BALP 1.1.3: PatientRead, PatientQuery,
PatientCreate, PatientUpdate, PatientDelete) and says so in ``meta.profile``; refusals and everything that is no RESTful
operation follow AuditEvent itself. A query is told by the names of its parameters: their values are clinical and are
not kept.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final
from urllib.parse import urlsplit

from audit.models import Agent, Event, Outcome

PROFILES: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
INTERACTION: Final = "urn:tributary:interaction"
"""Words for what is no RESTful interaction of FHIR's."""
_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_HL7: Final = "http://terminology.hl7.org/CodeSystem"
_REST: Final = "http://hl7.org/fhir/restful-interaction"
_SOURCE, _DESTINATION, _APPLICATION = (_DCM, "110153"), (_DCM, "110152"), (_DCM, "110150")
_CUSTODIAN: Final = (f"{_HL7}/provenance-participant-type", "custodian")


@dataclass(frozen=True)
class _Pattern:
    """A BALP profile: its name, how it types client and server, and what its entity must name."""

    profile: str
    client: tuple[str, str]
    server: tuple[str, str]


_READ: Final = _Pattern("PatientRead", _DESTINATION, _SOURCE)
_QUERY: Final = _Pattern("PatientQuery", _SOURCE, _DESTINATION)
_UPDATE: Final = _Pattern("PatientUpdate", _SOURCE, _DESTINATION)
_PATTERNS: Final = {
    "read": _READ,
    "vread": _READ,
    "search": _QUERY,
    "create": _Pattern("PatientCreate", _SOURCE, _DESTINATION),
    "update": _UPDATE,
    "patch": _UPDATE,
    "delete": _Pattern("PatientDelete", _APPLICATION, _CUSTODIAN),
}
_REST_CODES: Final = {"history": "history-instance", "export": "operation"}
"""FHIR's words for interactions that we call otherwise."""
_RESTFUL: Final = {*_PATTERNS, *_REST_CODES, "history-instance", "history-type", "operation", "batch", "transaction"}
_SIGNING_IN: Final = {"sign-in": "110122", "sign-out": "110123"}
_KINDS: Final = {"sync": "110107", "token": "110114", "refresh": "110114", "userinfo": "110114", "introspect": "110114"}
"""DICOM's kind of event: Import, User Authentication. Else User Security Attributes Changed."""


def audit_event(
    event: Event, *, logical_id: str, patient_id: str, server: str, consents: Mapping[int, str]
) -> dict[str, Any]:
    """``server``: the address this site is known by. ``consents``: ids as FHIR Consent by consent_id."""
    pattern = _pattern(event)
    made: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": logical_id,
        "meta": {"versionId": "1", "lastUpdated": _instant(event)},
        "type": _kind(event),
        "subtype": [_what(event)],
        "action": event.action,
        "recorded": _instant(event),
        "outcome": event.outcome,
        "agent": _agents(event, pattern, patient_id=patient_id, server=server),
        "source": {
            "site": server,
            "observer": {"identifier": {"system": "urn:ietf:rfc:3986", "value": server}},
            "type": [{"system": f"{_HL7}/security-source-type", "code": "4", "display": "Application Server"}],
        },
        "entity": [*_data(event, pattern), _patient(patient_id), *_amounts(event), *_consent(event, consents)],
    }
    if pattern is not None:
        made["meta"]["profile"] = [f"{PROFILES}{pattern.profile}"]
    if event.outcome != Outcome.SUCCESS:
        made["outcomeDesc"] = Outcome(event.outcome).label
    return made


def _pattern(event: Event) -> _Pattern | None:
    """The profile whose every required element this event has; a success of an app over the API, else none."""
    if event.agent_kind != Agent.APP or event.outcome != Outcome.SUCCESS or not event.origin:
        return None
    pattern = _PATTERNS.get(event.interaction)
    if pattern is not None and ((pattern is _QUERY and event.detail.get("asked")) or event.detail.get("record")):
        return pattern
    return None


def _kind(event: Event) -> dict[str, str]:
    if _is_restful(event):
        return {"system": f"{_HL7}/audit-event-type", "code": "rest", "display": "RESTful Operation"}
    if event.interaction in _SIGNING_IN:
        return {"system": _DCM, "code": "110114"}
    if event.detail.get("types"):
        return {"system": _DCM, "code": _KINDS.get(event.interaction, "110110")}
    return {"system": _DCM, "code": _KINDS.get(event.interaction, "110137")}


def _is_restful(event: Event) -> bool:
    return event.agent_kind in (Agent.APP, Agent.STAFF) and event.interaction in _RESTFUL


def _what(event: Event) -> dict[str, str]:
    if _is_restful(event):
        return {"system": _REST, "code": _REST_CODES.get(event.interaction, event.interaction)}
    if event.interaction in _SIGNING_IN:
        return {"system": _DCM, "code": _SIGNING_IN[event.interaction]}
    return {"system": INTERACTION, "code": event.interaction}


def _agents(event: Event, pattern: _Pattern | None, *, patient_id: str, server: str) -> list[dict[str, Any]]:
    """Who asked and who answered; for an app that somebody else opened, that person too."""
    opened_by = str(event.detail.get("clinician", "") or event.detail.get("delegate", ""))
    opened_by = "" if opened_by == event.agent else opened_by
    asked: dict[str, Any] = {
        "type": _concept(*(pattern.client if pattern else _SOURCE)),
        "who": _who(event, patient_id),
        "requestor": not opened_by,
    }
    if event.origin:
        asked["network"] = {"address": event.origin, "type": "2"}
    answered = {
        "type": _concept(*(pattern.server if pattern else _DESTINATION)),
        "who": {"identifier": {"system": "urn:ietf:rfc:3986", "value": server}},
        "requestor": False,
        "network": {"address": urlsplit(server).hostname or server, "type": "1"},
    }
    if not opened_by:
        return [asked, answered]
    by = {
        "type": _concept(f"{_HL7}/v3-ParticipationType", "IRCP"),
        "who": {"identifier": {"system": f"{server}/oauth", "value": opened_by}},
        "requestor": True,
    }
    return [asked, answered, by]


def _who(event: Event, patient_id: str) -> dict[str, Any]:
    if event.agent_kind == Agent.OWNER:
        return {"reference": f"Patient/{patient_id}", "display": event.agent_name or "the owner of the record"}
    if not event.agent:
        return {"display": Agent(event.agent_kind).label}
    system = {Agent.APP: "urn:oauth:client_id", Agent.SOURCE: "urn:ietf:rfc:3986"}
    identifier = {"system": system.get(Agent(event.agent_kind), "urn:tributary:subject"), "value": event.agent}
    return {"identifier": identifier, **({"display": event.agent_name} if event.agent_name else {})}


def _data(event: Event, pattern: _Pattern | None) -> list[dict[str, Any]]:
    """The one record it is about, or the query as far as it is kept."""
    record, asked = event.detail.get("record"), event.detail.get("asked")
    if record and pattern is not _QUERY:
        return [{"what": {"reference": record}, "type": _object("2"), "role": _role("4")}]
    if asked and event.interaction == "search":
        query = f"{asked}?{'&'.join(event.detail.get('parameters', ()))}"
        told = base64.b64encode(query.encode()).decode()
        return [{"type": _object("2"), "role": _role("24"), "query": told}]
    return []


def _patient(patient_id: str) -> dict[str, Any]:
    return {"what": {"reference": f"Patient/{patient_id}"}, "type": _object("1"), "role": _role("1")}


def _amounts(event: Event) -> list[dict[str, Any]]:
    """How many of each kind; of a type of their own, because a query's entity may have no detail."""
    types = event.detail.get("types")
    return [
        {"type": _object("4"), "name": kind, "detail": [{"type": "records", "valueString": str(number)}]}
        for kind, number in (types.items() if isinstance(types, dict) else ())
    ]


def _consent(event: Event, consents: Mapping[int, str]) -> list[dict[str, Any]]:
    """The decision it relied on."""
    uid = consents.get(event.consent_id or 0)
    kind = {"system": "http://hl7.org/fhir/resource-types", "code": "Consent"}
    return [] if uid is None else [{"what": {"reference": f"Consent/{uid}"}, "type": kind}]


def _object(code: str) -> dict[str, str]:
    return {"system": f"{_HL7}/audit-entity-type", "code": code}


def _role(code: str) -> dict[str, str]:
    return {"system": f"{_HL7}/object-role", "code": code}


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _instant(event: Event) -> str:
    return event.recorded.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
