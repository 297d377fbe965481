"""What is new, what needs her, how complete she is: from counters and ledgers alone, no record is opened for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Person
from consent import delegations
from consent.delegations import State
from gateway.models import Authorization
from portal import follow_ups as listings
from portal import kinds, names, sources, when
from portal.hospitals import Standing
from records.kinds import KindCount
from smartlaunch import follow_ups
from smartlaunch.models import FollowUp
from sync import arrivals, conversations
from sync.models import Upload, UploadState

NEW_FOR: Final = timedelta(days=30)
ENDS_WITHIN: Final = timedelta(days=14)
NEWS_PARTS: Final = 3


@dataclass(frozen=True)
class News:
    """What one source brought: "Laboratory results: 12 new, 1 changed", or of which kinds something came.

    ``parts``: the kinds it brought most of; ``more``: how many kinds there are besides.
    """

    source_id: int
    source: str
    parts: tuple[str, ...]
    more: int


@dataclass(frozen=True)
class Call:
    """Something that waits for her. ``grave``: until then something of hers is missing."""

    says: str
    url: str
    link: str
    grave: bool


@dataclass(frozen=True)
class Completeness:
    """``whole`` of ``asked`` connections lack nothing we know of. ``missing``: (hospital, what) of the others."""

    asked: int
    whole: int
    missing: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Overview:
    news: tuple[News, ...]
    calls: tuple[Call, ...]
    completeness: Completeness


def of(person: Person, counts: Sequence[KindCount], connections: Sequence[Standing], *, at: datetime) -> Overview:
    """Seven queries, however much she has; a few more where a clinic waits for an answer."""
    waiting = (*_of_messages(person), *_of_files(person), *_asked(person, at=at))
    return Overview(
        news=tuple(_news(person, counts, since=at - NEW_FOR)),
        calls=(*_of_connections(connections), *waiting, *_ending(person, at=at)),
        completeness=_completeness(connections),
    )


def _news(person: Person, counts: Sequence[KindCount], *, since: datetime) -> Iterator[News]:
    """What hospitals brought in figures; of what came otherwise the counters tell which kinds, and when."""
    told: dict[int, list[str]] = {}
    for each in sorted(arrivals.since(person, since), key=lambda each: -each.new - each.changed):
        if each.resource_type in _UNTOLD:
            continue
        told.setdefault(each.source_id, []).append(_arrived(each))
    for source_id, changed in _otherwise(counts, since=since, without=told.keys()).items():
        told[source_id] = [f"{kind}: {when.local_day(moment)}" for kind, moment in changed.items()]
    called = sources.names(told)
    for source_id, parts in sorted(told.items(), key=lambda each: called.get(each[0], "").casefold()):
        yield News(source_id, called.get(source_id, ""), tuple(parts[:NEWS_PARTS]), len(parts[NEWS_PARTS:]))


def _arrived(each: arrivals.Arrived) -> str:
    parts = [ngettext("%(count)s new", "%(count)s new", each.new) % {"count": each.new}] if each.new else []
    if each.changed:
        parts.append(ngettext("%(count)s changed", "%(count)s changed", each.changed) % {"count": each.changed})
    return f"{names.type_name(each.resource_type)}: {', '.join(parts)}"


def _otherwise(
    counts: Iterable[KindCount], *, since: datetime, without: Iterable[int]
) -> dict[int, dict[names.Name, datetime]]:
    """By source, the kinds that anything changed of, with the last time it did."""
    known = set(without)
    found: dict[int, dict[names.Name, datetime]] = {}
    for count in counts:
        if count.changed >= since and count.source_id not in known and not _is_untold(count):
            kind = kinds.of(count.resource_type, count.categories)[0].name
            held = found.setdefault(count.source_id, {})
            held[kind] = max(count.changed, held.get(kind, count.changed))
    return found


def _is_untold(count: KindCount) -> bool:
    """Messages are told of where they wait for her."""
    return count.resource_type in _UNTOLD or "MSG" in count.labels


# What comes along with other records, and what we keep ourselves of her.
_UNTOLD: Final = frozenset(
    {
        *("Provenance", "Patient", "Binary", "Medication", "Device"),
        *("Organization", "Location", "Practitioner", "PractitionerRole", "RelatedPerson"),
    }
)


def _of_connections(connections: Iterable[Standing]) -> Iterator[Call]:
    for each in connections:
        if each.needs_her and each.problem:
            yield Call(each.problem.says, reverse("portal:hospital", args=[each.pk]), _("See what to do"), True)


def _of_messages(person: Person) -> Iterator[Call]:
    new = sum(conversations.unread(person.pk).values())
    if new:
        says = ngettext("%(count)s new message from a clinic.", "%(count)s new messages from clinics.", new)
        yield Call(says % {"count": new}, reverse("portal:messages"), _("Open your messages"), False)


def _of_files(person: Person) -> Iterator[Call]:
    asking = Upload.objects.filter(owner=person, state=UploadState.ASKING).count()
    if asking:
        says = ngettext(
            "%(count)s file needs your answer before it becomes part of your record.",
            "%(count)s files need your answer before they become part of your record.",
            asking,
        )
        yield Call(says % {"count": asking}, reverse("portal:files"), _("Look at your files"), True)


def _asked(person: Person, *, at: datetime) -> Iterator[Call]:
    """Questionnaires of clinics she shares with; several of one clinic together."""
    waiting = list(follow_ups.waiting(person.pk)[: listings.LISTED])
    sharing = listings.sharing(person, at=at) if waiting else frozenset()
    by_clinic: dict[int, list[FollowUp]] = {}
    for each in waiting:
        if each.organization.uid in sharing:
            by_clinic.setdefault(each.organization_id, []).append(each)
    for asked in by_clinic.values():
        told = {"name": asked[0].organization.name, "count": len(asked)}
        says = ngettext(
            "%(name)s asks you to answer %(count)s questionnaire.",
            "%(name)s asks you to answer %(count)s questionnaires.",
            len(asked),
        )
        one = reverse("portal:asked", args=[asked[0].pk])
        yield Call(says % told, reverse("portal:own_answers") if asked[1:] else one, _("Answer"), False)


def _ending(person: Person, *, at: datetime) -> Iterator[Call]:
    """Access that she gave and that ends soon, unless she wants it to go on."""
    apps = Authorization.objects.live(at=at).filter(person=person, paused=None, expires__lte=at + ENDS_WITHIN)
    for name in apps.exclude(created__gt=at - ENDS_WITHIN).values_list("application__name", flat=True):
        yield Call(_("%(app)s loses its access soon.") % {"app": name}, reverse("portal:apps"), _("See apps"), False)
    ends = Counter(
        each.delegation.name
        for each in delegations.given(person, at=at)
        if each.state is State.ACTIVE and each.decision.ends and each.decision.ends <= at + ENDS_WITHIN
    )
    for name in ends:
        says = _("%(name)s can act for you only for a short time more.") % {"name": name}
        yield Call(says, reverse("portal:people"), _("See people"), False)


def _completeness(connections: Iterable[Standing]) -> Completeness:
    asked = [each for each in connections if each.arrivals]
    missing = [
        (each.name, f"{arrival.name}: {arrival.words}")
        for each in asked
        for arrival in each.arrivals
        if not arrival.complete and not each.under_way
    ]
    lacking = {name for name, _what in missing}
    whole = sum(1 for each in asked if not each.under_way and each.name not in lacking)
    return Completeness(len(asked), whole, tuple(missing))
