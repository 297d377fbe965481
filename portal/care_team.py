"""Who takes care of her, at every organisation together: teams, clinicians and places, and when she last saw them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from accounts.models import Person
from portal import elements, phrases, sameness, when
from portal.acting import Acting
from portal.sameness import Fact
from records import reading
from records.query import Query
from records.sameness import gathering
from records.sameness.gathering import Gathered
from records.sameness.kinds import Kind

VISITS_MAX: Final = 500
"""The newest visits, in which is looked for when she last saw somebody."""
TEAMS_MAX: Final = 100


@dataclass(frozen=True)
class Somebody:
    """A clinician or an organisation. ``seen``: the day of the newest visit that names it."""

    fact: Fact
    roles: tuple[str, ...]
    contact: tuple[str, ...]
    seen: str
    order: str = field(default="", compare=False)


@dataclass(frozen=True)
class Team:
    name: str
    ref: tuple[str, str]
    period: str
    members: tuple[tuple[str, str], ...]
    source_id: int


@dataclass(frozen=True)
class Circle:
    """``whole``: whether all that she may read was looked through."""

    teams: tuple[Team, ...]
    clinicians: tuple[Somebody, ...]
    organizations: tuple[Somebody, ...]
    whole: bool


def of(
    records: reading.RecordSet, owner: Person, acting: Acting | None
) -> tuple[Circle, sameness.Places, list[reading.Stored]]:
    """The circle, its sources, and the records that a page of it shows."""
    clinicians = gathering.of_kind(records, Kind.CLINICIANS)
    organizations = gathering.of_kind(records, Kind.ORGANIZATIONS)
    held = {each: records.first(Query.of(each), gathering.MOST) for each in ("PractitionerRole",)}
    teams = records.first(Query.of("CareTeam"), TEAMS_MAX)
    seen = _seen(records.first(Query.of("Encounter"), VISITS_MAX))
    called = sameness.places([clinicians, organizations], owner, acting)
    roles = _roles(held["PractitionerRole"])
    circle = Circle(
        teams=tuple(_team(each) for each in teams),
        clinicians=tuple(_people(clinicians, called, roles, seen)),
        organizations=tuple(_people(organizations, called, {}, seen)),
        whole=clinicians.whole and organizations.whole,
    )
    shown = [*teams, *held["PractitionerRole"], *clinicians.stored.values(), *organizations.stored.values()]
    return circle, called, shown


def _people(
    found: Gathered, called: sameness.Places, roles: Mapping[str, list[Any]], seen: Mapping[str, str]
) -> list[Somebody]:
    """Whom she saw last first, then by name."""
    every = [_somebody(fact, found, roles, seen) for fact in sameness.facts(found, called)]
    every.sort(key=lambda one: one.fact.title.casefold())
    return sorted(every, key=lambda one: one.order, reverse=True)


def _somebody(fact: Fact, found: Gathered, roles: Mapping[str, list[Any]], seen: Mapping[str, str]) -> Somebody:
    mine = [found.stored[voice.ref].resource for voice in fact.voices]
    held = [role for voice in fact.voices for role in roles.get(voice.name, ())]
    at = max((seen.get(voice.name, "") for voice in fact.voices), default="")
    return Somebody(
        fact=fact,
        roles=tuple(dict.fromkeys(filter(None, (_role(each) for each in held)))),
        contact=tuple(dict.fromkeys(filter(None, map(phrases.of, _telecom([*mine, *held])))))[:4],
        seen=when.said(at[:10]),
        order=at,
    )


def _telecom(told: Iterable[Any]) -> Iterator[Any]:
    return (each for one in told for each in elements.every(one, "telecom"))


def _role(role: Any) -> str:
    """ "Cardiology, Cedar Clinic"."""
    what = [phrases.concept(each) for name in ("code", "specialty") for each in elements.every(role, name)]
    where = phrases.reference(elements.first(role, "organization")) if elements.first(role, "organization") else ""
    return ", ".join(dict.fromkeys(filter(None, (*what, where))))


def _roles(stored: Iterable[reading.Stored]) -> Mapping[str, list[Any]]:
    """PractitionerRoles by the clinician they are of."""
    found: dict[str, list[Any]] = defaultdict(list)
    for each in stored:
        resource = each.resource
        found[elements.text(resource, "practitioner", "reference")].append(resource)
    return found


def _seen(visits: Iterable[reading.Stored]) -> Mapping[str, str]:
    """When each clinician and organisation was last named by a visit: its start as written."""
    found: dict[str, str] = {}
    for each in visits:
        resource = each.resource
        at = elements.text(resource, "period", "start")
        named = (
            *elements.every(resource, "participant", "individual", "reference"),
            *elements.every(resource, "serviceProvider", "reference"),
        )
        for name in named:
            if isinstance(name, str):
                found[name] = max(found.get(name, ""), at)
    return found


def _team(stored: reading.Stored) -> Team:
    resource = stored.resource
    members = (
        (phrases.reference(elements.first(each, "member")), phrases.concept(elements.first(each, "role")))
        for each in elements.every(resource, "participant")
        if not elements.text(each, "member", "reference").startswith("Patient/")
    )
    return Team(
        name=elements.text(resource, "name") or phrases.concept(elements.first(resource, "category")),
        ref=(stored.resource_type, stored.logical_id),
        period=when.span(elements.first(resource, "period")),
        members=tuple(each for each in dict.fromkeys(members) if any(each)),
        source_id=stored.source_id,
    )
