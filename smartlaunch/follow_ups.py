"""Questionnaires a clinic asks her to answer, inside her conversation with it (docs/adr/0037).

The question, the questionnaire and the answers are records of hers in that conversation, so exactly that organisation
reads them, as long as she shares with it. That she will not answer is told nobody.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from consent import gate
from records import writer
from records.reading import RecordSet, Stored
from smartlaunch import correspondence
from smartlaunch.correspondence import Correspondent
from smartlaunch.models import FollowUp
from smartlaunch.visits import Open
from sync import conversations, entries
from sync.conversations import Said

ASKS: Final = "questionnaire"
ANSWERS: Final = "questionnaire-answers"
"""Categories of the Communications: codes of conversations.CATEGORIES."""
WANTED: Final = "urn:tributary:wanted-by"
"""Extension of a Communication's payload: the day by which the answers are wanted."""
OPEN_MAX: Final = 5
OPEN_FOR: Final = timedelta(days=30)
"""Of one organisation at most so many without an answer, in so long."""
# R4 has no element of a response that may point at a Communication: the message that brings it points at it.


class TooManyOpen(Exception):
    """As many were asked without an answer as may be."""


class Closed(Exception):
    """It was answered, declined or taken back before, or she shares nothing with that organisation any more."""


class Changed(Exception):
    """The answers are no longer the version that she saw."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What a clinician asks. ``questionnaire``: FHIR, without an id; ``words``: his own, to her."""

    questionnaire: Mapping[str, Any]
    words: str
    wanted: date | None


@dataclass(frozen=True, slots=True)
class Told:
    """What she says: ``answers`` as far as it is hers to say, and ``words``, the message they come by."""

    answers: Mapping[str, Any]
    words: str


def of_person(owner_id: int) -> QuerySet[FollowUp]:
    """The newest first. What nobody may answer any more, since she shares nothing there, is among them."""
    return FollowUp.objects.filter(owner_id=owner_id).select_related("organization")


def waiting(owner_id: int) -> QuerySet[FollowUp]:
    """Neither answered nor declined."""
    return of_person(owner_id).filter(answered__isnull=True, declined__isnull=True)


def wanted(owner_id: int, *, since: date, until: date) -> QuerySet[FollowUp]:
    """What waits and is wanted between these days, both included."""
    return waiting(owner_id).filter(wanted__range=(since, until)).order_by("wanted")


def of_organization(owner_id: int, organization: UUID) -> QuerySet[FollowUp]:
    return FollowUp.objects.filter(owner_id=owner_id, organization__uid=organization)


@transaction.atomic
def ask(
    opened: Open, owner: Person, holder: gate.Holder, asking: Asking, *, once: str, at: datetime, origin: str = ""
) -> FollowUp:
    """A clinician asks, and she is told that something waits; a form that was sent before asks nothing again.

    Raises TooManyOpen, and as correspondence.answer.
    """
    writer.take_turn(owner.pk)
    kept = {**asking.questionnaire, "id": str(uuid.uuid4())}
    said = Said(
        asking.words,
        topic=str(kept.get("title", ""))[: conversations.TOPIC_MAX],
        category=ASKS,
        payload=(_pointing("Questionnaire", kept["id"], wanted=asking.wanted),),
        beside=(kept,),
    )
    sent = correspondence.answer(opened, owner, holder, said, once=once, at=at, origin=origin)
    mine = of_organization(owner.pk, opened.organization.uid)
    if before := mine.filter(ask=sent).first():
        return before
    # Declined ones count, too: otherwise he could find out that she declined.
    if mine.filter(answered__isnull=True, asked__gt=at - OPEN_FOR).count() >= OPEN_MAX:
        raise TooManyOpen(str(owner.pk))
    return FollowUp.objects.create(
        owner=owner,
        organization=opened.organization,
        ask=sent,
        questionnaire=kept["id"],
        asked=at,
        wanted=asking.wanted,
    )


@transaction.atomic
def answer(owner: Person, uid: UUID, to: Correspondent, told: Told, *, at: datetime, origin: str = "") -> FollowUp:
    """Her answers, and a message that they are there; also where she had declined. Raises as conversations.write, and
    Closed."""
    found = _turn(owner, uid, to)
    if found.answered:
        raise Closed(str(uid))
    found.response, found.answered, found.declined = str(uuid.uuid4()), at, None
    response = entries.answers(owner, told.answers, found.response, False, at)
    _say(owner, found, to, told.words, once="answer", at=at, origin=origin, beside=(response,))
    found.save(update_fields=["response", "answered", "declined"])
    return found


@transaction.atomic
def correct(
    owner: Person, uid: UUID, to: Correspondent, told: Told, *, version: int, at: datetime, origin: str = ""
) -> None:
    """A new version of her answers, and a message that there is one. Raises Closed, Changed."""
    found = _turn(owner, uid, to)
    _standing(owner, found, to, version, at)
    response = entries.answers(owner, told.answers, found.response, True, at)
    _replace(owner, found, to, response, told.words, version=version, at=at, origin=origin)


@transaction.atomic
def take_back(
    owner: Person, uid: UUID, to: Correspondent, words: str, *, version: int, at: datetime, origin: str = ""
) -> None:
    """Says that her answers were given in error: they stay in her record, so marked. Raises Closed, Changed."""
    found = _turn(owner, uid, to)
    response = entries.erred(_standing(owner, found, to, version, at).resource)
    _replace(owner, found, to, response, words, version=version, at=at, origin=origin)
    FollowUp.objects.filter(pk=found.pk).update(taken_back=at)


def decline(owner: Person, uid: UUID, *, at: datetime, origin: str = "") -> bool:
    """She will not answer. Nobody is told; it stands in her own log."""
    with transaction.atomic():
        mine = FollowUp.objects.filter(owner=owner, pk=uid, answered__isnull=True, declined__isnull=True)
        if not mine.update(declined=at):
            return False
        found = of_person(owner.pk).get(pk=uid)
        _note(owner, found, Action.UPDATE, gate.DECLINE_QUESTIONS, origin)
    return True


def questionnaire(records: RecordSet, found: FollowUp) -> Stored | None:
    """What was asked, out of the conversation."""
    return _read(records, "Questionnaire", found.questionnaire)


def response(records: RecordSet, found: FollowUp) -> Stored | None:
    """What was answered, out of the conversation."""
    return _read(records, entries.ANSWERS, found.response) if found.response else None


def _read(records: RecordSet, kind: str, logical_id: str) -> Stored | None:
    stored = records.read(kind, logical_id)
    return None if stored is None or stored.deleted else stored


def _turn(owner: Person, uid: UUID, to: Correspondent) -> FollowUp:
    """The row as it is while nobody else writes to her record. Raises Closed."""
    writer.take_turn(owner.pk)
    found = of_person(owner.pk).filter(pk=uid, organization__uid=to.partner.uid).first()
    if found is None or to.holder is None or found.taken_back:
        raise Closed(str(uid))
    return found


def _standing(owner: Person, found: FollowUp, to: Correspondent, version: int, at: datetime) -> Stored:
    records = gate.conversation(owner_id=owner.pk, reader=gate.Owner(owner.pk), organization=to.partner.uid, at=at)
    stored = response(records, found)
    if stored is None:
        raise Closed(str(found.pk))
    if stored.version_id != version:
        raise Changed(str(found.pk))
    return stored


def _replace(
    owner: Person,
    found: FollowUp,
    to: Correspondent,
    resource: dict[str, Any],
    words: str,
    *,
    version: int,
    at: datetime,
    origin: str,
) -> None:
    """The message first: it asks whether the organisation may still read, and how much she wrote today."""
    _say(owner, found, to, words, once=f"version {version + 1}", at=at, origin=origin)
    conversations.keep(owner, to.partner, [resource], at=at, version=version + 1)


def _say(
    owner: Person,
    found: FollowUp,
    to: Correspondent,
    words: str,
    *,
    once: str,
    at: datetime,
    origin: str,
    beside: tuple[dict[str, Any], ...] = (),
) -> None:
    assert to.holder is not None
    said = Said(
        words[: conversations.TEXT_MAX],
        category=ANSWERS,
        answers=found.ask,
        payload=(_pointing(entries.ANSWERS, found.response),),
        beside=beside,
    )
    conversations.write(owner, to.partner, said, holder=to.holder, once=f"{found.pk} {once}", at=at, origin=origin)


def _pointing(kind: str, logical_id: str, *, wanted: date | None = None) -> dict[str, Any]:
    said = {"contentReference": {"reference": f"{kind}/{logical_id}"}}
    return said if wanted is None else {"extension": [{"url": WANTED, "valueDate": wanted.isoformat()}], **said}


def _note(owner: Person, found: FollowUp, action: Action, interaction: str, origin: str) -> None:
    events.append(
        owner_id=owner.pk,
        action=action,
        interaction=interaction,
        agent_kind=Agent.OWNER,
        agent=str(owner.subject),
        agent_name=owner.name,
        origin=origin,
        detail={"organization": found.organization.name},
    )
