"""A decision as FHIR R4 Consent, computed from the ledger whenever it is asked for (hl7.org/fhir/R4/consent.html).

Of the decision itself only: nothing here tells what she hid, or that she has anything of a withheld kind.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from typing import Any, Final

from consent import contributions, texts
from consent.models import Act, Decision, Grantee
from consent.terms import Terms
from records import labels
from records.sources import CONVERSATION_URL
from standards.smart import scopes
from standards.smart.scopes import ResourceScope

_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"
_TYPES: Final = "http://hl7.org/fhir/resource-types"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
CATEGORY: Final = f"{_TERMINOLOGY}/v3-ActCode|IDSCL"
"""Information disclosure: what every one of these is about."""


def status(decision: Decision, *, newest: Decision | None, at: datetime) -> str:
    """``newest`` is the newest decision that counts for the same grantee."""
    if decision.act == Act.REFUSE:
        return "rejected"
    over = decision.ends is not None and decision.ends <= at
    return "active" if newest is not None and newest.pk == decision.pk and not over else "inactive"


def changed(decision: Decision, *, following: Decision | None, at: datetime) -> datetime:
    """When its status last changed: as it was decided, ended, or was replaced by the ``following`` decision."""
    moments = [decision.decided]
    if decision.ends is not None and decision.ends <= at:
        moments.append(decision.ends)
    if following is not None and decision.act != Act.REFUSE:
        moments.append(following.decided)
    return moments[0] if len(moments) == 1 else min(moments[1:])


def consent(
    decision: Decision, *, patient_id: str, status: str, changed: datetime, sources: Mapping[int, tuple[str, str]]
) -> dict[str, Any]:
    """``sources``: (name, url) by id, of those the terms name."""
    patient = {"reference": f"Patient/{patient_id}"}
    made: dict[str, Any] = {
        "resourceType": "Consent",
        "id": str(decision.uid),
        "meta": {"lastUpdated": _instant(changed)},
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{decision.uid}"}],
        "status": status,
        "scope": _concept(f"{_TERMINOLOGY}/consentscope", "patient-privacy"),
        "category": [_concept(*CATEGORY.split("|"))],
        "patient": patient,
        "dateTime": _instant(decision.decided),
        "policyRule": _concept(f"{_TERMINOLOGY}/v3-ActCode", "OPTOUT" if decision.act == Act.REFUSE else "OPTIN"),
        "provision": _provision(decision, sources),
    }
    if decision.actor_id == decision.owner_id:
        made["performer"] = [patient]
    if attachment := _text(decision):
        made["sourceAttachment"] = attachment
    return made


def _provision(decision: Decision, sources: Mapping[int, tuple[str, str]]) -> dict[str, Any]:
    terms, refused = Terms.of(decision.terms), decision.act == Act.REFUSE
    scopes_meant = decision.scopes_refused if refused else decision.scopes_granted
    named = dict.fromkeys(_told(*sources[one]) for one in sorted(terms.sources or ()) if one in sources)
    origins = [_source(name, url) for name, url in named]
    said: dict[str, Any] = {
        "type": "deny" if refused else "permit",
        "period": _period(decision.decided, decision.ends),
        "actor": [_recipient(decision), *origins],
        "action": [_concept(f"{_TERMINOLOGY}/consentaction", "access")],
    }
    if decision.purpose:
        said["purpose"] = [{"system": f"{_TERMINOLOGY}/v3-ActReason", "code": decision.purpose}]
    if terms.since is not None or terms.until is not None:
        said["dataPeriod"] = _period(_moment(terms.since), _moment(terms.until))
    said["provision"] = [*_by_scope(scopes_meant, said["type"]), *([] if refused else [_withheld(terms)])]
    return said


def _by_scope(texts_of_scopes: Iterable[str], kind: str) -> list[dict[str, Any]]:
    """One provision per scope: the type, the category it is narrowed to, and what may be done."""
    found = []
    for text in texts_of_scopes:
        scope = scopes.parse(text)
        if isinstance(scope, ResourceScope):
            actions = ["access"] if set(scope.permissions) & set("rs") else []
            actions += ["correct"] if set(scope.permissions) & set(contributions.LETTERS) else []
            one: dict[str, Any] = {
                "type": kind,
                "action": [_concept(f"{_TERMINOLOGY}/consentaction", action) for action in actions],
            }
            if scope.resource != "*":
                one["class"] = [{"system": _TYPES, "code": scope.resource}]
            if scope.filters:
                one["code"] = [_concept(*value.rpartition("|")[::2]) for _, value in sorted(scope.filters)]
            found.append(one)
    return found


_SYSTEMS: Final = {"R": labels.CONFIDENTIALITY, "MSG": labels.OF_OURS}


def _withheld(terms: Terms) -> dict[str, Any]:
    """Every sensitive kind that she did not include, whether or not she has any of it."""
    kept = [label for label in labels.LABELS if label not in terms.labels]
    coded = [{"system": _SYSTEMS.get(label, labels.ACT_CODE), "code": label} for label in kept if label != "OTHER"]
    return {"type": "deny", "securityLabel": coded} if coded else {"type": "deny"}


def _recipient(decision: Decision) -> dict[str, Any]:
    system = "urn:oauth:client_id" if decision.grantee_kind == Grantee.APP else f"urn:tributary:{decision.grantee_kind}"
    return {
        "role": _concept(f"{_TERMINOLOGY}/v3-ParticipationType", "IRCP"),
        "reference": {"identifier": {"system": system, "value": decision.grantee}, "display": decision.grantee_name},
    }


def _told(name: str, url: str) -> tuple[str, str]:
    """Name and address of a source. With which clinics she writes is no other reader's business (docs/adr/0037)."""
    is_conversation = url.startswith(CONVERSATION_URL)
    return ("Messages with clinics", CONVERSATION_URL.rstrip(":")) if is_conversation else (name, url)


def _source(name: str, url: str) -> dict[str, Any]:
    return {
        "role": _concept(f"{_TERMINOLOGY}/v3-ParticipationType", "INF"),
        "reference": {"identifier": {"system": "urn:ietf:rfc:3986", "value": url}, "display": name},
    }


def _text(decision: Decision) -> dict[str, Any] | None:
    """The text she read, if it is kept and still the same."""
    if not decision.text_hash or texts.digest(decision.text_version, decision.language) != decision.text_hash:
        return None
    raw = texts.raw(decision.text_version, decision.language)
    return {
        "contentType": "text/plain; charset=utf-8",
        "language": decision.language,
        "data": base64.b64encode(raw).decode(),
        "size": len(raw),
        "hash": base64.b64encode(sha1(raw, usedforsecurity=False).digest()).decode(),
        "title": decision.text_version,
    }


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}] if system else [{"code": code}]}


def _period(start: datetime | None, end: datetime | None) -> dict[str, str]:
    return {name: _instant(moment) for name, moment in (("start", start), ("end", end)) if moment is not None}


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
