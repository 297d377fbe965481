"""What was measured of her, each measure once with its newest value; and one measure over time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal import curves, drawing, elements, finding, kinds, lines, phrases, readouts, sources, when
from portal.curves import Drawn, Line
from portal.drawing import Picture
from records import reading, repertoire, series

PAGE: Final = 100
ROWS: Final = 25
_DAY: Final = curves.DAY
# Days back from the newest reading; None for all.
TIMES: Final[dict[str, int | None]] = {"month": 31, "year": 366, "five": 1827, "all": None}
USUAL: Final = "year"


@dataclass(frozen=True)
class Group:
    kind: kinds.Kind
    lines: tuple[lines.Line, ...]


@dataclass(frozen=True)
class Measures:
    """A page of them. ``pages``: how many there are; ``entries``: the records that are shown."""

    groups: tuple[Group, ...]
    entries: tuple[reading.Stored, ...]
    total: int
    pages: int


@dataclass(frozen=True)
class Row:
    """One reading in the table. ``flag``: what its source says of it."""

    when: str
    value: str
    range: str
    flag: str
    source: str
    target: str


@dataclass(frozen=True)
class Span:
    """A time, µs since 1970 UTC, half-open."""

    since: int
    until: int


def measures(records: reading.RecordSet, words: str, *, page: int) -> Measures:
    """By kind and name; ``words`` narrows them. Two statements besides the names of sources."""
    wanted = finding.asked(words)
    newest: dict[str, reading.Stored] = {}
    for each in repertoire.of(records, finding.CODED):
        resource = each.newest.resource
        told = readouts.code(resource)
        if told and (not wanted or finding.named(resource, wanted)):
            # A measure has several codes: it stands under the one its series is known by.
            held = newest.get(told)
            newest[told] = each.newest if held is None or held.occurred < each.newest.occurred else held
    every = sorted(newest.values(), key=_place)
    chosen = every[(page - 1) * PAGE : page * PAGE]
    return Measures(tuple(_groups(chosen)), tuple(chosen), len(every), -(-len(every) // PAGE))


def _place(stored: reading.Stored) -> tuple[int, str, str]:
    return kinds.KINDS.index(_kind(stored)), finding.plain(lines.called(stored.resource)[0]), stored.logical_id


def _kind(stored: reading.Stored) -> kinds.Kind:
    return kinds.of(stored.resource_type, lines.categories(stored.resource))[0]


def _groups(entries: Sequence[reading.Stored]) -> Iterable[Group]:
    found: dict[str, list[lines.Line]] = {}
    for stored, line in zip(entries, lines.all_of(entries), strict=True):
        found.setdefault(_kind(stored).slug, []).append(line)
    return (Group(kind, tuple(found[kind.slug])) for kind in kinds.KINDS if kind.slug in found)


def span(records: reading.RecordSet, code: str, over: str) -> Span | None:
    """The time back from the newest reading; None where none has a time."""
    ends = series.ends(records, code)
    if ends is None:
        return None
    days, until = TIMES[over], ends[1] + _DAY
    return Span(ends[0] if days is None else max(ends[0], until - (days + 1) * _DAY), until)


def pictures(drawn: Drawn, called: dict[int, str], parts: dict[str, str]) -> list[Picture]:
    return [
        drawing.picture(
            chart,
            [curves.label(line, called, parts) for line in chart.lines],
            [_about(line, chart.unit) for line in chart.lines],
        )
        for chart in drawn.charts
        if any(line.points for line in chart.lines)
    ]


def _about(line: Line, unit: str) -> str:
    said = [ngettext("%(count)s reading", "%(count)s readings", line.read) % {"count": line.read}]
    if line.converted:
        written = ", ".join(line.converted)
        said.append(_("written in %(units)s, shown in %(unit)s, which is exact") % {"units": written, "unit": unit})
    if line.read > len(line.points):
        said.append(_("drawn by the lowest and highest of each stretch"))
    return "; ".join(said)


def rows(entries: Sequence[reading.Stored]) -> list[Row]:
    """The readings as their sources wrote them; the names of sources in one query."""
    called = sources.names(entry.source_id for entry in entries)
    return [_row(entry, called.get(entry.source_id, "")) for entry in entries]


def _row(entry: reading.Stored, source: str) -> Row:
    resource = entry.resource
    flags = (phrases.concept(each) for each in elements.every(resource, "interpretation"))
    return Row(
        when=when.happened(resource),
        value=lines.value(resource),
        range="; ".join(filter(None, (_range(each) for each in elements.every(resource, "referenceRange")))),
        flag=", ".join(dict.fromkeys(filter(None, flags))),
        source=source,
        target=entry.logical_id,
    )


def _range(told: Any) -> str:
    ends = {key: elements.first(told, key) for key in ("low", "high") if elements.first(told, key)}
    return elements.text(told, "text") or (phrases.of(ends) if ends else "")
