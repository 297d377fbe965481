"""What a clinician should know first, from all that she shares: each fact with its sources and how fresh they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clinic.looking import Look
from portal import elements, hospitals, kinds, lines, phrases, sameness, sources, when
from portal.origins import Place
from records import reading
from records.kinds import KindCount
from records.query import Query
from records.sameness import gathering
from records.sameness.kinds import Kind
from records.trends import gathering as readings
from sync import connections

Text = str | Promise
STANDING = (Kind.PROBLEMS, Kind.ALLERGIES, Kind.MEDICINES)
SHOWN = 30
_LABORATORY = "laboratory"
_LISTED: tuple[tuple[Text, str], ...] = (
    (gettext_lazy("Documents and notes"), "DocumentReference"),
    (gettext_lazy("Care teams"), "CareTeam"),
    (gettext_lazy("Clinicians"), "Practitioner"),
    (gettext_lazy("Organizations"), "Organization"),
)


@dataclass(frozen=True)
class Whose:
    """For the banner: whom the record here is about, as she and her sources say it."""

    name: str
    born: str
    gender: str


@dataclass(frozen=True)
class Section:
    """``whole``: whether all of the kind was compared."""

    kind: Kind
    name: Text
    current: tuple[sameness.Fact, ...]
    over: tuple[sameness.Fact, ...]
    differences: tuple[sameness.Difference, ...]
    whole: bool


@dataclass(frozen=True)
class Listing:
    name: Text
    lines: tuple[lines.Line, ...]
    more: bool


@dataclass(frozen=True)
class Gap:
    """A source of what is shared: how fresh it is, and what of it is known to be missing."""

    name: str
    freshness: str
    missing: tuple[str, ...]


def whose(look: Look) -> Whose:
    found = look.records.read("Patient", look.records.patient_id)
    resource = found.resource if found and not found.deleted else {}
    if found and resource:
        look.saw([found])
    return Whose(
        name=phrases.person_name(elements.first(resource, "name")) or look.owner.name,
        born=when.said(elements.text(resource, "birthDate")),
        gender=phrases.of(elements.text(resource, "gender")),
    )


def standing(look: Look) -> list[Section]:
    """Problems, allergies and medicines, reconciled, with what sources disagree on."""
    gathered = [gathering.of_kind(look.records, kind) for kind in STANDING]
    called = _places(stored for found in gathered for stored in found.stored.values())
    for found in gathered:
        look.saw(found.stored.values())
    return [_section(found, called) for found in gathered]


def pressure(look: Look) -> readings.Pressures:
    """The last half year, both sides."""
    today = look.at.astimezone(look.owner.zone).date()
    period = readings.Period.back(183, until=today)
    found = readings.pressures(look.records, period, zone=look.owner.zone)
    look.saw(found.gathered.seen)
    return found


def results(look: Look, iss: str) -> Listing:
    """The newest of laboratories and reports that did not come from the EHR he sits in."""
    observed = look.records.search(
        Query.of("Observation").where("category", _LABORATORY).apart_from_devices().page(SHOWN * 4)
    )
    reported = look.records.search(Query.of("DiagnosticReport").page(SHOWN * 4))
    own = connections.sources_at(iss)
    found = [each for each in (*observed.entries, *reported.entries) if each.source_id not in own]
    newest = sorted(found, key=lambda each: each.occurred, reverse=True)
    return _listing(look, gettext_lazy("Recent results from elsewhere"), newest, more=len(newest) > SHOWN)


def listings(look: Look) -> list[Listing]:
    """Documents, care team and organisations, and appointments: those to come first."""
    found = [
        _listing(look, name, page.entries, more=page.next is not None)
        for name, resource_type in _LISTED
        for page in [look.records.search(Query.of(resource_type).page(SHOWN))]
    ]
    return [*found[:1], _appointments(look), *found[1:]]


def gaps(look: Look, counts: Iterable[KindCount]) -> list[Gap]:
    """Only of sources, and of types of theirs, of which something is shared: of the others he does not hear."""
    shared: dict[int, set[str]] = {}
    for each in counts:
        if each.total:
            shared.setdefault(each.source_id, set()).add(each.resource_type)
    hers = connections.of(look.owner).filter(hospital__source_id__in=shared)
    types = {each.pk: shared[each.hospital.source_id] for each in hers}
    return [_gap(each, types[each.pk]) for each in hospitals.of(look.owner) if each.pk in types]


def held(look: Look) -> list[KindCount]:
    return kinds.shown(look.records.told_counts())


def _section(found: gathering.Gathered, called: dict[int, Place]) -> Section:
    groups = sameness.groups(found, sameness.shown(found), called)
    facts = [fact for group in groups for fact in group.facts]
    return Section(
        kind=found.kind,
        name=sameness.NAMES[found.kind],
        current=tuple(fact for fact in facts if fact.current),
        over=tuple(fact for fact in facts if not fact.current),
        differences=tuple(sameness.differences(found, found.conflicts, called)),
        whole=found.whole,
    )


def _appointments(look: Look) -> Listing:
    today = int(look.at.timestamp() * 1_000_000)
    page = look.records.search(Query.of("Appointment").page(SHOWN * 4))
    coming = sorted((each for each in page.entries if each.occurred >= today), key=lambda each: each.occurred)
    past = [each for each in page.entries if each.occurred < today]
    return _listing(look, gettext_lazy("Appointments"), [*coming, *past], more=page.next is not None)


def _listing(look: Look, name: Text, found: list[reading.Stored], *, more: bool) -> Listing:
    shown = found[:SHOWN]
    look.saw(shown)
    return Listing(name, tuple(lines.all_of(shown)), more or len(found) > SHOWN)


def _places(found: Iterable[reading.Stored]) -> dict[int, Place]:
    """Names alone: where a source stands on her own pages is hers."""
    return {pk: Place(name) for pk, name in sources.names(each.source_id for each in found).items()}


def _gap(each: hospitals.Standing, types: set[str]) -> Gap:
    """That something is missing, and of what type: the numbers of a run count what she withholds, too."""
    arrivals = [arrival for arrival in each.arrivals if not arrival.complete and arrival.resource_type in types]
    return Gap(each.name, each.freshness, tuple(f"{arrival.name}: {_('incomplete')}" for arrival in arrivals))
