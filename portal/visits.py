"""Visits: what is to come, and what was, each once however many sources tell of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils import timezone

from accounts.models import Person
from portal import elements, lines, names, origins, phrases, sameness, when
from portal.acting import Acting
from portal.sameness import Fact
from records import reading
from records.query import OLDEST_FIRST, Query
from records.sameness import gathering
from records.sameness.kinds import Kind

PAGE: Final = 30
COMING_MAX: Final = 50
_STANDING: Final = frozenset({"proposed", "pending", "booked", "arrived", "checked-in", "waitlist"})


@dataclass(frozen=True)
class Visit:
    """``fact``: what its sources say of it, with their records."""

    moment: str
    where: str
    who: str
    why: str
    fact: Fact


@dataclass(frozen=True)
class Appointment:
    line: lines.Line
    moment: str
    state: str
    where: str
    who: str
    instruction: str
    place: origins.Place


def coming(records: reading.RecordSet, *, at: datetime) -> list[reading.Stored]:
    """The appointments from today on that nobody called off, the nearest first."""
    today = timezone.localtime(at).date().isoformat()
    query = Query("Appointment", sort=OLDEST_FIRST).where("date", f"ge{today}").page(COMING_MAX)
    return [each for each in records.search(query).entries if elements.text(each.resource, "status") in _STANDING]


def appointments(found: Iterable[reading.Stored], owner: Person, acting: Acting | None) -> list[Appointment]:
    entries = list(found)
    called = origins.places(owner, (each.source_id for each in entries), acting=acting)
    return [_appointment(each, called.get(each.source_id, origins.Place(""))) for each in entries]


def _appointment(stored: reading.Stored, place: origins.Place) -> Appointment:
    resource = stored.resource
    taking = list(elements.every(resource, "participant", "actor"))
    named = [(elements.text(each, "reference").partition("/")[0], phrases.reference(each)) for each in taking]
    return Appointment(
        line=lines.of(stored, source=""),
        moment=when.said(elements.first(resource, "start")),
        state=names.word(elements.text(resource, "status")),
        where=", ".join(name for kind, name in named if kind in ("Location", "Organization", "HealthcareService")),
        who=", ".join(name for kind, name in named if kind in ("Practitioner", "PractitionerRole", "Device", "")),
        instruction=elements.text(resource, "patientInstruction"),
        place=place,
    )


def past(
    records: reading.RecordSet, entries: Sequence[reading.Stored], owner: Person, acting: Acting | None
) -> list[Visit]:
    """The visits that these Encounters tell of."""
    found = gathering.among(records, Kind.VISITS, entries)
    facts = sameness.facts(found, sameness.places([found], owner, acting))
    # An Encounter that names nothing is in no cluster; it is a visit all the same.
    told = {voice.name for fact in facts for voice in fact.voices}
    alone = [each for each in entries if f"{each.resource_type}/{each.logical_id}" not in told]
    bare = sameness.alone(alone, origins.places(owner, (each.source_id for each in alone), acting=acting))
    by_name = {f"{each.resource_type}/{each.logical_id}": each for each in entries}
    place = {name: number for number, name in enumerate(by_name)}
    every = sorted([*facts, *bare], key=lambda fact: min(place[voice.name] for voice in fact.voices))
    return [_visit(fact, [by_name[voice.name].resource for voice in fact.voices]) for fact in every]


def _visit(fact: Fact, told: Sequence[Any]) -> Visit:
    return Visit(
        moment=_first(when.span(elements.first(each, "period")) for each in told),
        # A hospital that is its own source is named once.
        where="" if (where := _first(map(_where, told))) in fact.sources else where,
        who=_all(_called(one) for each in told for one in elements.every(each, "participant", "individual")),
        why=_all(phrases.concept(one) for each in told for one in elements.every(each, "reasonCode")),
        fact=fact,
    )


def _where(encounter: Any) -> str:
    places = elements.every(encounter, "location", "location")
    return _all(map(_called, (elements.first(encounter, "serviceProvider"), *places)))


def _called(reference: Any) -> str:
    """What a reference calls its target; nothing where it only says what kind of thing that is."""
    return elements.text(reference, "display")


def _first(told: Iterable[str]) -> str:
    return next((words for words in told if words), "")


def _all(told: Iterable[str]) -> str:
    """Each once."""
    return ", ".join(dict.fromkeys(filter(None, told)))
