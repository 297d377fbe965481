"""The consent page as a value: who asks, what for, and how many records stand behind each box."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from consent import texts
from gateway import choices, counting, scopes, selections, wording
from gateway.choices import Box, Wish
from gateway.models import Application, AuthorizationRequest
from gateway.owners import Chosen
from gateway.selections import Selection
from gateway.wording import Kind, Text
from records import labels, sources


@dataclass(frozen=True, slots=True)
class Part:
    """What one source gives to a choice."""

    name: str
    total: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One box. ``parts`` are by source, where her record has more than one."""

    key: str
    label: Text
    total: int
    ticked: bool
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """One kind of record. A kind without categories has one choice, which is the kind itself."""

    kind: Kind
    choices: tuple[Choice, ...]

    @property
    def is_plain(self) -> bool:
        return [choice.label for choice in self.choices] == [self.kind.name]

    @property
    def total(self) -> int:
        return sum(choice.total for choice in self.choices)


@dataclass(frozen=True, slots=True)
class Writing:
    """What the app would do to her record, and to which kinds."""

    kind: Kind
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Extra:
    """A choice that is about the app, not about records."""

    key: str
    kind: Kind
    ticked: bool


@dataclass(frozen=True, slots=True)
class Length:
    value: str
    label: Text
    chosen: bool


@dataclass(frozen=True, slots=True)
class Question:
    """``empty`` are the kinds she has no records of yet; they can be unticked too. ``total`` is what is ticked.

    ``sources`` stand only where there is more than one. ``sensitive`` are the kinds she has, and ``withheld`` how many
    records they keep back now: said to her alone. ``asked`` and ``granted`` are the scopes as developers write them.
    ``record``: whose record it is about.
    """

    record: Chosen
    application: Application
    promises: tuple[Text, ...]
    groups: tuple[Group, ...]
    empty: tuple[Group, ...]
    sources: tuple[Choice, ...]
    sensitive: tuple[Choice, ...]
    withheld: int
    writing: tuple[Writing, ...]
    extras: tuple[Extra, ...]
    lengths: tuple[Length, ...]
    selection: Selection
    text: texts.Text
    asked: tuple[str, ...]
    granted: tuple[str, ...]
    total: int


def ask(
    request: AuthorizationRequest, record: Chosen, selection: Selection, *, language: str, at: datetime
) -> Question:
    """The page for this record and what was chosen so far. Raises selections.InvalidTime."""
    offered, application = record.offered(request.params["offered"]), request.application
    boxes, wishes, extras = choices.boxes(offered), choices.wishes(offered), _extra_keys(offered)
    chosen = set(_keys(boxes, wishes) | set(extras) if selection.ticked is None else selection.ticked)
    granted = choices.granted(offered, chosen)
    terms = selection.terms(record.person.zone)
    tally = counting.Tally(record.owner.pk, application.client_id, tuple(granted), terms, within=record.bounds)
    called = {number: wording.source(name) for number, name in sources.called(tally.sources()).items()}
    groups = _groups(boxes, tally, called, chosen, of_another=record.delegation is not None)
    return Question(
        record=record,
        application=application,
        promises=wording.promises(application),
        groups=tuple(group for group in groups if any(_behind(group, tally, boxes))),
        empty=tuple(group for group in groups if not any(_behind(group, tally, boxes))),
        sources=_sources(tally, called, selection),
        sensitive=_sensitive(tally, selection),
        withheld=tally.withheld(),
        writing=tuple(_writing(wishes, chosen)),
        extras=tuple(Extra(key, kind, key in chosen) for key, kind in extras.items()),
        lengths=_lengths(record, application, selection, at=at),
        selection=selection,
        text=texts.read(record.text, language),
        asked=tuple(offered),
        granted=tuple(granted),
        total=tally.total(),
    )


def _keys(boxes: tuple[Box, ...], wishes: tuple[Wish, ...]) -> set[str]:
    return {box.key for box in boxes} | {wish.key for wish in wishes}


def _behind(group: Group, tally: counting.Tally, boxes: tuple[Box, ...]) -> Iterator[bool]:
    """Whether she has any record of the kind, whatever she chose: a kind does not move while she chooses."""
    keys = {choice.key for choice in group.choices}
    return (tally.has(box) for box in boxes if box.key in keys)


def _sources(tally: counting.Tally, called: dict[int, str], selection: Selection) -> tuple[Choice, ...]:
    if len(called) < 2:
        return ()
    totals, chosen = tally.by_source(), selection.sources
    return tuple(
        Choice(str(source), name, totals[source], chosen is None or source in chosen) for source, name in called.items()
    )


def _sensitive(tally: counting.Tally, selection: Selection) -> tuple[Choice, ...]:
    totals = tally.by_label()
    shown = [label for label in labels.names(labels.SENSITIVE) if totals[label] or label in selection.labels]
    return tuple(Choice(label, wording.sensitivity(label), totals[label], label in selection.labels) for label in shown)


def _lengths(record: Chosen, application: Application, selection: Selection, *, at: datetime) -> tuple[Length, ...]:
    """Those that would go on after she no longer acts for the owner are one, which says when that is."""
    chosen, _ = selections.end(selection, application, at=at)
    offered = selections.lengths(application, at=at)
    within = {value: ends for value, ends in offered.items() if record.end(ends) == ends}
    found = [Length(value, wording.length(value, ends), value == chosen) for value, ends in within.items()]
    beyond = [value for value in offered if value not in within]
    if beyond:
        value = chosen if chosen in beyond else beyond[0]
        label = wording.as_long_as_she_acts(record.end(offered[value]))
        found.append(Length(value, label, value == chosen))
    return tuple(found)


def _extra_keys(offered: Collection[str]) -> dict[str, Kind]:
    extras = {}
    if scopes.OPENID in offered or scopes.FHIR_USER in offered:
        extras[choices.WHO_SHE_IS] = wording.WHO_SHE_IS
    if scopes.OFFLINE_ACCESS in offered:
        extras[choices.KEEP_ACCESS] = wording.KEEP_ACCESS
    if scopes.ONLINE_ACCESS in offered:
        extras[choices.STAY] = wording.STAY
    return extras


def _writing(wishes: tuple[Wish, ...], chosen: Collection[str]) -> Iterator[Writing]:
    for letter, kind in wording.WRITING.items():
        found = tuple(
            Choice(wish.key, wording.wish(wish), 0, wish.key in chosen) for wish in wishes if wish.letter == letter
        )
        if found:
            yield Writing(kind, found)


def _groups(
    boxes: tuple[Box, ...], tally: counting.Tally, called: dict[int, str], chosen: Collection[str], *, of_another: bool
) -> list[Group]:
    by_kind: dict[str, list[Choice]] = {}
    for box in boxes:
        found = tally.of_box(box)
        parts = tuple(Part(called[source], total) for source, total in found.most_common() if source in called)
        label = wording.label(box, of_another=of_another)
        choice = Choice(box.key, label, found.total(), box.key in chosen, parts if len(called) > 1 else ())
        by_kind.setdefault(box.resource, []).append(choice)
    return [Group(wording.kind(resource, of_another=of_another), tuple(found)) for resource, found in by_kind.items()]
