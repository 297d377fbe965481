"""What a person writes into her record herself: readings, symptoms, notes (Observations) and answers to questions.

All of it has a source of its own and is hers alone: she corrects it (a new version) and takes it back (a version
"entered in error", never a gap), and nothing that a hospital, an app or a device said can be changed so. Each change
brings its Provenance, with her as its author, and its line in her access log.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from consent import gate
from records import patient, sources, store, writer
from records.reading import RecordSet, Stored
from standards.fhir import dates
from sync.sources.apps import mapping
from sync.sources.upload import adoption

KIND: Final = "Observation"
ANSWERS: Final = "QuestionnaireResponse"
CATEGORY: Final[Mapping[str, str]] = {
    "system": sources.ENTRY_CATEGORIES,
    "code": "self-entered",
    "display": "Entered by the person",
}
ERRED: Final = "entered-in-error"
_OPERATION: Final = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_ASSERTED: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "PATAST",
    "display": "patient asserted",
}


class Malformed(Exception):
    """The entry is no valid FHIR; the message names paths only."""


class NoSuchEntry(Exception):
    """There is no entry of hers with this id, or she took it back."""


class Changed(Exception):
    """It is no longer the version that she saw."""


def own(records: RecordSet, logical_id: str, *, kind: str = KIND) -> Stored | None:
    """An entry of hers, also one she took back; None for what anybody else said."""
    stored = records.read(kind, logical_id)
    if stored is None or stored.deleted or stored.source_id != sources.hers().pk:
        return None
    return stored


@transaction.atomic
def add(owner: Person, said: Mapping[str, Any], *, at: datetime, kind: str = KIND, origin: str = "") -> str:
    """Keeps an entry and gives its id. ``said``: what it tells, without id, subject and author. Raises Malformed."""
    patient.ensure(owner.pk, at=at)
    logical_id = str(uuid.uuid4())
    resource = _COMPOSED[kind](owner, said, logical_id, False, at)
    _write(owner, resource, version=1, activity="CREATE", at=at)
    _note(owner, Action.CREATE, "enter", resource, origin)
    return logical_id


@transaction.atomic
def correct(
    owner: Person,
    logical_id: str,
    said: Mapping[str, Any],
    *,
    version: int,
    at: datetime,
    kind: str = KIND,
    origin: str = "",
) -> None:
    """Replaces what an entry says by a new version. Raises Malformed, NoSuchEntry, Changed."""
    _standing(owner, kind, logical_id, version, at)
    resource = _COMPOSED[kind](owner, said, logical_id, True, at)
    _write(owner, resource, version=version + 1, activity="UPDATE", at=at)
    _note(owner, Action.UPDATE, "correct-entry", resource, origin)


@transaction.atomic
def take_back(
    owner: Person, logical_id: str, *, version: int, at: datetime, kind: str = KIND, origin: str = ""
) -> None:
    """Says that an entry was made in error: it stays, so marked, and no list of hers tells it any more.

    Raises NoSuchEntry, Changed.
    """
    kept = erred(_standing(owner, kind, logical_id, version, at).resource)
    _write(owner, kept, version=version + 1, activity="NULLIFY", at=at)
    _note(owner, Action.UPDATE, "take-back-entry", kept, origin)


def erred(resource: Mapping[str, Any]) -> dict[str, Any]:
    """The same, said to have been made in error."""
    return {**resource, "status": ERRED, "meta": {"tag": [_ASSERTED]}}


def _standing(owner: Person, kind: str, logical_id: str, version: int, at: datetime) -> Stored:
    writer.take_turn(owner.pk)
    records = gate.readable(owner_id=owner.pk, reader=gate.Owner(owner.pk), interaction="read", at=at)
    stored = own(records, logical_id, kind=kind)
    if stored is None or stored.resource.get("status") == ERRED:
        raise NoSuchEntry(logical_id)
    if stored.version_id != version:
        raise Changed(logical_id)
    return stored


def _observation(
    owner: Person, said: Mapping[str, Any], logical_id: str, mended: bool, _at: datetime
) -> dict[str, Any]:
    her = {"reference": f"Patient/{owner.patient_id}"}
    return {
        "resourceType": KIND,
        "id": logical_id,
        "meta": {"tag": [_ASSERTED]},
        "status": "corrected" if mended else "final",
        **said,
        "category": [*said.get("category", ()), {"coding": [dict(CATEGORY)]}],
        "subject": her,
        "performer": [her],
    }


def answers(owner: Person, said: Mapping[str, Any], logical_id: str, mended: bool, at: datetime) -> dict[str, Any]:
    """A QuestionnaireResponse of hers. ``mended``: it replaces what she answered before."""
    her = {"reference": f"Patient/{owner.patient_id}"}
    return {
        "resourceType": ANSWERS,
        "id": logical_id,
        "meta": {"tag": [_ASSERTED]},
        "status": "amended" if mended else "completed",
        **said,
        "subject": her,
        "authored": dates.instant(at),
        "author": her,
        "source": her,
    }


_COMPOSED: Final = {KIND: _observation, ANSWERS: answers}


def _write(owner: Person, resource: dict[str, Any], *, version: int, activity: str, at: datetime) -> None:
    frame = mapping.Frame(owner.patient_id, base="")
    kept, problems = mapping.adopt(resource, logical_id=resource["id"], frame=frame)
    if problems:
        raise Malformed(", ".join(problem.path for problem in problems))
    told = _provenance(owner, f"{resource['resourceType']}/{resource['id']}/_history/{version}", activity, at)
    outcome = store.put_page(owner_id=owner.pk, source_id=sources.hers().pk, resources=[kept, told], at=at)
    if outcome.refused or outcome.invalid:
        raise Malformed(resource["resourceType"])


def _provenance(owner: Person, target: str, activity: str, at: datetime) -> dict[str, Any]:
    return {
        "resourceType": "Provenance",
        "id": str(uuid.uuid4()),
        "target": [{"reference": target}],
        "recorded": dates.instant(at),
        "activity": {"coding": [{"system": _OPERATION, "code": activity}]},
        "agent": [adoption.agent("author", {"reference": f"Patient/{owner.patient_id}"})],
    }


def _note(owner: Person, action: Action, interaction: str, resource: Mapping[str, Any], origin: str) -> None:
    kind = str(resource["resourceType"])
    events.append(
        owner_id=owner.pk,
        action=action,
        interaction=interaction,
        agent_kind=Agent.OWNER,
        agent=str(owner.subject),
        agent_name=owner.name,
        origin=origin,
        detail={"records": 1, "types": {kind: 1}, "record": f"{kind}/{resource['id']}"},
    )
