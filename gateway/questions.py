"""The consent page as a value: who asks, what for, and how many records stand behind each box."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from accounts.models import Person
from gateway import answers, choices, counting, scopes, wording
from gateway.choices import Box, Wish
from gateway.models import Application, AuthorizationRequest
from gateway.wording import Kind, Text


@dataclass(frozen=True, slots=True)
class Choice:
    key: str
    label: Text
    total: int
    ticked: bool


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
    """``empty`` are the kinds she has no records of yet; they can be unticked too. ``total`` is what is ticked."""

    application: Application
    groups: tuple[Group, ...]
    empty: tuple[Group, ...]
    writing: tuple[Writing, ...]
    extras: tuple[Extra, ...]
    lengths: tuple[Length, ...]
    total: int


def ask(
    request: AuthorizationRequest, person: Person, *, ticked: Collection[str] | None = None, length: str = answers.USUAL
) -> Question:
    """The page for this person; ``ticked`` None means as the app asked."""
    offered = request.params["offered"]
    boxes = choices.boxes(offered)
    wishes = choices.wishes(offered)
    extras = _extra_keys(offered)
    chosen = set(ticked) if ticked is not None else _keys(boxes, wishes) | set(extras)
    totals = counting.of_boxes(person.pk, boxes)
    groups = _groups(boxes, totals, chosen)
    return Question(
        application=request.application,
        groups=tuple(group for group in groups if group.total),
        empty=tuple(group for group in groups if not group.total),
        writing=tuple(_writing(wishes, chosen)),
        extras=tuple(Extra(key, kind, key in chosen) for key, kind in extras.items()),
        lengths=tuple(Length(value, label, value == length) for value, label in _LENGTHS.items()),
        total=counting.of_scopes(person.pk, choices.granted(offered, chosen)),
    )


def _keys(boxes: tuple[Box, ...], wishes: tuple[Wish, ...]) -> set[str]:
    return {box.key for box in boxes} | {wish.key for wish in wishes}


_LENGTHS = {answers.ONCE: wording.ONCE, "90": wording.NINETY_DAYS, "395": wording.THIRTEEN_MONTHS}


def _extra_keys(offered: Collection[str]) -> dict[str, Kind]:
    extras = {}
    if scopes.OPENID in offered or scopes.FHIR_USER in offered:
        extras[choices.WHO_SHE_IS] = wording.WHO_SHE_IS
    if scopes.OFFLINE_ACCESS in offered:
        extras[choices.KEEP_ACCESS] = wording.KEEP_ACCESS
    return extras


def _writing(wishes: tuple[Wish, ...], chosen: Collection[str]) -> Iterator[Writing]:
    for letter, kind in wording.WRITING.items():
        found = tuple(
            Choice(wish.key, wording.wish(wish), 0, wish.key in chosen) for wish in wishes if wish.letter == letter
        )
        if found:
            yield Writing(kind, found)


def _groups(boxes: tuple[Box, ...], totals: dict[str, int], chosen: Collection[str]) -> list[Group]:
    by_kind: dict[str, list[Choice]] = {}
    for box in boxes:
        choice = Choice(box.key, wording.label(box), totals[box.key], box.key in chosen)
        by_kind.setdefault(box.resource, []).append(choice)
    return [Group(wording.kind(resource), tuple(found)) for resource, found in by_kind.items()]
