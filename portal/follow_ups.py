"""What clinics ask her to answer, as her pages list it: by when, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.utils import formats

from accounts.models import Person
from portal import elements, questionnaires, when
from records.query import Query
from records.reading import RecordSet, Stored
from smartlaunch import correspondence, follow_ups
from smartlaunch.models import FollowUp
from sync.conversations import Letter

LISTED: Final = 50


class State(StrEnum):
    OPEN = "open"
    CLOSED = "closed"  # not answered, and she shares nothing with that clinic any more
    ANSWERED = "answered"
    DECLINED = "declined"
    TAKEN_BACK = "taken-back"


@dataclass(frozen=True)
class Line:
    """``wanted``: the day by which it is wanted, or ""."""

    uid: UUID
    title: str
    organization: str
    asked: str
    wanted: str
    state: State


def listed(owner: Person, records: RecordSet, *, at: datetime) -> tuple[list[Line], list[Stored]]:
    """The newest first, with the Questionnaires of theirs. As many statements however many."""
    found = list(follow_ups.of_person(owner.pk)[:LISTED])
    asked = of_ids(records, [each.questionnaire for each in found])
    standing = sharing(owner, at=at) if found else frozenset()
    return [_line(each, asked.get(each.questionnaire), standing) for each in found], list(asked.values())


def of_ids(records: RecordSet, ids: Iterable[str]) -> dict[str, Stored]:
    wanted = list(ids)
    query = Query.of("Questionnaire").where("_id", *wanted)
    return {each.logical_id: each for each in records.every(query)} if wanted else {}


def sharing(owner: Person, *, at: datetime) -> frozenset[UUID]:
    """The organisations that she shares with now."""
    return frozenset(each.partner.uid for each in correspondence.everybody(owner, at=at) if each.holder)


def told_of(owner_id: int, letters: Iterable[Letter]) -> dict[str, FollowUp]:
    """By message, what it asks or answers. No statement where none does."""
    asks = {each.stored.logical_id: _ask(each) for each in letters if _ask(each)}
    found = follow_ups.of_person(owner_id).filter(ask__in=asks.values()) if asks else ()
    rows = {each.ask: each for each in found}
    return {letter: rows[ask] for letter, ask in asks.items() if ask in rows}


def _ask(letter: Letter) -> str:
    """The id of the message that asks, if this is it or answers it; else ""."""
    resource = letter.stored.resource
    match elements.text(resource, "category", "coding", "code"):
        case follow_ups.ASKS:
            return letter.stored.logical_id
        case follow_ups.ANSWERS:
            return elements.text(resource, "inResponseTo", "reference").rpartition("/")[2]
    return ""


def of_questionnaire(owner: Person, logical_id: str) -> FollowUp | None:
    """What a Questionnaire in her record was asked by, if a clinic asked it."""
    if "\x00" in logical_id:  # no text of the database's
        return None
    return follow_ups.of_person(owner.pk).filter(questionnaire=logical_id).first()


def state(found: FollowUp, *, standing: bool) -> State:
    if found.taken_back:
        return State.TAKEN_BACK
    if found.answered:
        return State.ANSWERED
    if found.declined:
        return State.DECLINED
    return State.OPEN if standing else State.CLOSED


def _line(found: FollowUp, stored: Stored | None, standing: frozenset[UUID]) -> Line:
    return Line(
        uid=found.pk,
        title=title(stored),
        organization=found.organization.name,
        asked=when.moment(found.asked),
        wanted=formats.date_format(found.wanted, "DATE_FORMAT") if found.wanted else "",
        state=state(found, standing=found.organization.uid in standing),
    )


def title(stored: Stored | None) -> str:
    resource = {} if stored is None else stored.resource
    return questionnaires.in_words(questionnaires.asked(resource)).title
