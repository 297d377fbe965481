"""One timeline across all sources: what she asked of it, and what she gets, year by year."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Final

from django.utils import timezone
from django.utils.http import urlencode

from portal import finding, kinds, lines, names, sources, when
from records import indexing, reading
from records import timeline as records_timeline
from records.kinds import KindCount
from records.query import Query

PAGE: Final = 40
WORDS_MAX: Final = 100
# Who, where and what with, without a time of its own; where records come from; and parts of other records.
_NO_EVENTS: Final = frozenset(
    {
        *("Binary", "Patient", "Provenance", "Practitioner", "PractitionerRole", "Organization", "Location"),
        *("RelatedPerson", "Medication", "Device", "Specimen", "Endpoint", "HealthcareService"),
    }
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.get_fixed_timezone(0))


@dataclass(frozen=True)
class Wish:
    """What is asked for: a kind's slug, a source's id, the first and the last day, and words; "" or None for all."""

    kind: str = ""
    source: int | None = None
    since: date | None = None
    until: date | None = None
    words: str = ""

    @classmethod
    def of(cls, said: Mapping[str, str]) -> Wish:
        """As it stands in an address; what means nothing there asks for nothing."""
        source = said.get("source", "")
        return cls(
            kind=said.get("kind", "") if kinds.named(said.get("kind", "")) else "",
            source=int(source) if source.isascii() and source.isdigit() and len(source) < 10 else None,
            since=_day(said.get("from", "")),
            until=_day(said.get("to", "")),
            words=" ".join(said.get("q", "").split())[:WORDS_MAX],
        )

    @property
    def narrowed(self) -> bool:
        return self != Wish(words=self.words)

    def address(self, **more: str) -> str:
        """The part of an address that asks for this, and for ``more``."""
        said = {
            "q": self.words,
            "kind": self.kind,
            "source": str(self.source or ""),
            "from": self.since.isoformat() if self.since else "",
            "to": self.until.isoformat() if self.until else "",
        }
        return "?" + urlencode({key: value for key, value in (said | more).items() if value})


@dataclass(frozen=True)
class Choice:
    value: str
    name: names.Name
    chosen: bool


@dataclass(frozen=True)
class Year:
    """``name`` is "" for what has no date."""

    name: str
    lines: tuple[lines.Line, ...]


@dataclass(frozen=True)
class Answer:
    """``reached``: the day back to which was looked, if the search for words goes on behind it."""

    entries: Sequence[reading.Stored]
    years: tuple[Year, ...]
    next: str | None
    reached: str = ""


def read(
    records: reading.RecordSet, wish: Wish, counts: Sequence[KindCount], *, cursor: str | None, count: int = PAGE
) -> Answer:
    """One page. ``counts`` are what these records hold. Raises InvalidSearch for a cursor of something else."""
    wanted = finding.asked(wish.words)
    asked = records_timeline.Asked(
        queries=tuple(_queries(wish, counts)),
        sources=None if wish.source is None else frozenset({wish.source}),
        since=_start(wish.since),
        until=_start(wish.until, days=1),
        cursor=cursor,
    )
    if not wanted:
        page, reached = records_timeline.page(records, asked, count=count), None
    else:
        if any(query.resource_type == finding.CODED for query in asked.queries):
            asked = replace(asked, codes={finding.CODED: finding.codes(records, wanted)})
        found = records_timeline.found(records, asked, finding.words(wanted), count=count)
        page, reached = found.page, found.reached
    back = when.day(reached) if reached is not None and reached > indexing.NEVER and len(page.entries) < count else ""
    return Answer(page.entries, tuple(_years(page.entries)), page.next, back)


def kind_choices(wish: Wish, counts: Iterable[KindCount]) -> list[Choice]:
    """The kinds she has something of that has a time."""
    held = kinds.tally(count for count in counts if count.resource_type not in _NO_EVENTS)
    return [Choice(each.kind.slug, each.kind.name, each.kind.slug == wish.kind) for each in held]


def source_choices(wish: Wish, counts: Iterable[KindCount]) -> list[Choice]:
    """The sources that gave any of it, in one query."""
    called = sources.names(count.source_id for count in counts if count.resource_type not in _NO_EVENTS)
    named = sorted(called.items(), key=lambda each: each[1].casefold())
    return [Choice(str(number), name, number == wish.source) for number, name in named]


def _queries(wish: Wish, counts: Sequence[KindCount]) -> Iterable[Query]:
    """One for each type that holds any of it, as the counters tell."""
    held = [
        count
        for count in counts
        if count.resource_type not in _NO_EVENTS and wish.source in (None, count.source_id) and _is_of(count, wish.kind)
    ]
    for resource_type in sorted({count.resource_type for count in held}):
        query = Query.of(resource_type)
        if wish.kind and resource_type == finding.CODED:
            query = _of_categories(query, wish.kind, [count for count in held if count.resource_type == resource_type])
        yield query


def _is_of(count: KindCount, slug: str) -> bool:
    return not slug or slug in {kind.slug for kind in kinds.of(count.resource_type, count.categories)}


def _of_categories(query: Query, slug: str, held: Sequence[KindCount]) -> Query:
    """The measurements of one kind: by their categories, or, where some have none, by those they do not have."""
    if all(count.categories for count in held):
        every = {token for count in held for token in count.categories}
        mine = sorted(
            token for token in every if slug in {kind.slug for kind in kinds.of(query.resource_type, [token])}
        )
        return query.where("category", *mine)
    others = [code for kind in kinds.KINDS for name, code in kind.holds if name == query.resource_type]
    return query.where("category", *others, modifier="not")


def _years(entries: Sequence[reading.Stored]) -> Iterable[Year]:
    together = zip(entries, lines.all_of(entries), strict=True)
    for year, group in groupby(together, key=lambda each: _year(each[0])):
        yield Year(year, tuple(_with_kind(stored, line) for stored, line in group))


def _year(stored: reading.Stored) -> str:
    """Of when it began, as far as that is known: no month, which a date may not have."""
    return when.year(stored.occurred) if stored.occurred > indexing.NEVER else ""


def _with_kind(stored: reading.Stored, line: lines.Line) -> lines.Line:
    kind = kinds.of(stored.resource_type, lines.categories(stored.resource))[0]
    return replace(line, about=tuple(dict.fromkeys((str(kind.name), *line.about))))


def _start(day: date | None, *, days: int = 0) -> int | None:
    """When a day of hers begins, or the one so many days later, in µs since 1970 UTC."""
    if day is None:
        return None
    try:
        start = datetime.combine(day + timedelta(days=days), time.min, timezone.get_current_timezone())
        return (start - _EPOCH) // timedelta(microseconds=1)
    except OverflowError:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("2024-05-01") else None
    except ValueError:
        return None
