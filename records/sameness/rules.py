"""By which rules two records tell the same fact, with what they have in common and how sure that is. Pure.

A score is no probability: it orders the rules, so that of two possible partners the better one is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from records.sameness.kinds import MAKES, Kind
from records.sameness.said import NPI, Code, Measured, Ref, Said, Value
from standards.fhir import dates

_MINUTE: Final = 60 * dates.SECOND
# Two clocks, and one visit written down twice.
_CLOCKS: Final = _MINUTE
_ARRIVAL: Final = 15 * _MINUTE
# A problem that ended in one system may go on for a while in the other.
_EPISODE: Final = 60 * dates.DAY
_REMEMBERED: Final = 1_000


class Rule(StrEnum):
    HER_WORD = "her_word"
    IDENTIFIER = "identifier"
    CONTENT = "content"
    CODE = "code"
    NAME = "name"
    INGREDIENT = "ingredient"
    CODE_AND_TIME = "code_and_time"
    NAME_AND_TIME = "name_and_time"
    VALUE_AND_TIME = "value_and_time"
    OTHER_VALUE = "other_value"
    VISIT_TIME = "visit_time"
    NAME_AND_PLACE = "name_and_place"


SCORE: Final = {
    Rule.HER_WORD: 1.0,
    Rule.IDENTIFIER: 0.99,
    Rule.CONTENT: 0.99,
    Rule.VALUE_AND_TIME: 0.97,
    Rule.CODE: 0.95,
    Rule.CODE_AND_TIME: 0.95,
    Rule.NAME_AND_PLACE: 0.95,
    Rule.INGREDIENT: 0.9,
    Rule.NAME: 0.85,
    Rule.NAME_AND_TIME: 0.85,
    Rule.VISIT_TIME: 0.8,
    Rule.OTHER_VALUE: 0.7,
}


@dataclass(frozen=True, slots=True)
class Link:
    """Why two records are one fact. ``keys``: what both say, for the eyes of who may read both."""

    one: Ref
    other: Ref
    rule: Rule
    keys: tuple[str, ...]

    @property
    def score(self) -> float:
        return SCORE[self.rule]


Found = tuple[Rule, tuple[str, ...]] | None


def judge(one: Said, other: Said) -> Link | None:
    """The best rule by which they tell the same fact; None where none holds."""
    if one.kind is not other.kind or (MAKES[one.kind].once and one.ref.resource_type != other.ref.resource_type):
        return None
    found = _JUDGES[one.kind](one, other)
    return None if found is None else Link(one.ref, other.ref, *found)


def keys(said: Said) -> Iterable[tuple[str, ...]]:
    """Under what it is looked for: two records that share none of these are never compared."""
    yield from (("identifier", *each) for each in said.identifiers)
    yield from (("content", each) for each in said.about.get("content", ()))
    if MAKES[said.kind].once and said.kind is not Kind.DOCUMENTS and not said.day:
        return
    yield from (("code", *each) for each in said.codes)
    yield from (("name", each) for each in said.names)
    if said.kind is Kind.VISITS:
        yield "day", said.day


def _named(one: Said, other: Said, by_code: Rule, by_name: Rule) -> Found:
    if shared := one.codes & other.codes:
        return by_code, _spelled(shared)
    if names := one.names & other.names:
        return by_name, tuple(sorted(names))
    return None


@lru_cache(maxsize=_REMEMBERED)
def _spelled(codes: frozenset[Code]) -> tuple[str, ...]:
    return tuple(f"{each.system} {each.code}" for each in sorted(codes))


def _identified(one: Said, other: Said) -> Found:
    """A number in common. Never enough for what is diagnosed or prescribed: documents of real systems bear one id on
    entries that tell of different things."""
    shared = one.identifiers & other.identifiers
    return (Rule.IDENTIFIER, tuple(each.code for each in sorted(shared))) if shared else None


def _same_day(one: Said, other: Said) -> bool:
    """The same local day as both wrote it, or moments of less than a minute apart across time zones."""
    return bool(one.day) and (one.day == other.day or _same_moment(one, other, _CLOCKS))


def _same_moment(one: Said, other: Said, apart: int) -> bool:
    return (
        one.timed
        and other.timed
        and one.low is not None
        and other.low is not None
        and abs(one.low - other.low) <= apart
    )


def _at_once(one: Said, other: Said) -> bool:
    """The same moment, or the same day where one of them says no time."""
    if one.timed and other.timed:
        return _same_moment(one, other, _CLOCKS)
    return bool(one.day) and one.day == other.day


def _problem(one: Said, other: Said) -> Found:
    """The same problem at overlapping times: what came back years later is another episode."""
    if one.low is not None and other.low is not None:
        end = one.high if one.low <= other.low else other.high
        if max(one.low, other.low) > end + _EPISODE:
            return None
    return _named(one, other, Rule.CODE, Rule.NAME)


def _allergy(one: Said, other: Said) -> Found:
    ours, theirs = one.about.get("none_known"), other.about.get("none_known")
    if ours or theirs:
        return (Rule.NAME, tuple(sorted(one.names & other.names))) if ours == theirs else None
    return _named(one, other, Rule.CODE, Rule.NAME)


def _medicine(one: Said, other: Said) -> Found:
    return _named(one, other, Rule.CODE, Rule.INGREDIENT)


def _event(one: Said, other: Said) -> Found:
    return _named(one, other, Rule.CODE_AND_TIME, Rule.NAME_AND_TIME) if _same_day(one, other) else None


def _result(one: Said, other: Said) -> Found:
    """Values that agree, to the digits both give; at the very same moment also values that do not: a disagreement."""
    named = _named(one, other, Rule.CODE_AND_TIME, Rule.NAME_AND_TIME)
    if named is None or not _at_once(one, other):
        return None
    if not one.values or not other.values:
        return named if one.values == other.values else None
    if agree(one.values, other.values):
        return Rule.VALUE_AND_TIME, named[1]
    differ = one.timed and other.timed and _each(one.values, other.values, _comparable)
    return (Rule.OTHER_VALUE, named[1]) if differ else None


def _visit(one: Said, other: Said) -> Found:
    if found := _identified(one, other):
        return found if _same_day(one, other) else None
    if one.timed != other.timed:
        return _named(one, other, Rule.CODE_AND_TIME, Rule.NAME_AND_TIME) if one.day == other.day else None
    near = _same_moment(one, other, _ARRIVAL) if one.timed else one.day == other.day
    if not near:
        return None
    if found := _named(one, other, Rule.CODE_AND_TIME, Rule.NAME_AND_TIME):
        return found
    exactly = _same_moment(one, other, _CLOCKS) and one.high == other.high
    form = one.about.get("form", frozenset()) & other.about.get("form", frozenset())
    return (Rule.VISIT_TIME, tuple(sorted(form))) if exactly and form else None


def _document(one: Said, other: Said) -> Found:
    if (found := _identified(one, other)) and (one.day == other.day or not one.day or not other.day):
        return found
    ours, theirs = one.about.get("content", frozenset()), other.about.get("content", frozenset())
    if ours & theirs:
        return Rule.CONTENT, ()
    if ours and theirs:
        return None
    return _named(one, other, Rule.CODE_AND_TIME, Rule.NAME_AND_TIME) if _same_moment(one, other, _CLOCKS) else None


def _somebody(one: Said, other: Said) -> Found:
    """The same number of the national registry decides, either way; else name and something of where they are."""
    ours, theirs = _registered(one), _registered(other)
    if ours and theirs:
        shared = ours & theirs
        return (Rule.IDENTIFIER, tuple(sorted(shared))) if shared and one.names & other.names else None
    if found := _identified(one, other):
        return found if one.names & other.names else None
    names = tuple(sorted(one.names & other.names))
    if not names:
        return None
    places = [_place(one, other, aspect) for aspect in ("street", "phone", "city")]
    if any(places):
        return Rule.NAME_AND_PLACE, names
    return None if False in places else (Rule.NAME, names)


def _registered(said: Said) -> frozenset[str]:
    return frozenset(each.code for each in said.identifiers if each.system == NPI)


def _place(one: Said, other: Said, aspect: str) -> bool | None:
    """None where either does not say."""
    ours, theirs = one.about.get(aspect), other.about.get(aspect)
    return bool(ours & theirs) if ours and theirs else None


def agree(ours: tuple[Measured, ...], theirs: tuple[Measured, ...]) -> bool:
    """Whether all that both measured is the same, rounded to the fewer digits."""
    return _each(ours, theirs, _equal)


def _each(ours: tuple[Measured, ...], theirs: tuple[Measured, ...], holds: Callable[[Value, Value], bool]) -> bool:
    """Whether each part of one has a part of the other by code or name, and that holds of both values."""
    if len(ours) != len(theirs):
        return False
    return all(any(_is_part(one, other) and holds(one.value, other.value) for other in theirs) for one in ours)


def _is_part(one: Measured, other: Measured) -> bool:
    return one.called == other.called or bool(one.called & other.called)


def _equal(one: Value, other: Value) -> bool:
    if one.number is None or other.number is None:
        return one.number is other.number and one.words == other.words
    places = min(one.places, other.places)
    return one.unit == other.unit and round(one.number, places) == round(other.number, places)


def _comparable(one: Value, other: Value) -> bool:
    """Two numbers of one unit; of words several may stand side by side, such as the tests ordered."""
    return one.number is not None and other.number is not None and one.unit == other.unit


_JUDGES: Final[dict[Kind, Callable[[Said, Said], Found]]] = {
    Kind.PROBLEMS: _problem,
    Kind.ALLERGIES: _allergy,
    Kind.MEDICINES: _medicine,
    Kind.VACCINES: _event,
    Kind.RESULTS: _result,
    Kind.PROCEDURES: _event,
    Kind.VISITS: _visit,
    Kind.DOCUMENTS: _document,
    Kind.CLINICIANS: _somebody,
    Kind.ORGANIZATIONS: _somebody,
}
