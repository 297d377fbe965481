"""What a questionnaire asks, item by item: each as a field of a form, or the reason why it cannot be asked here.

A questionnaire is asked whole or not at all, since half of it would be answered wrongly (R4 questionnaire.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from math import ceil, floor
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import elements, entries

ITEMS_MAX: Final = 200
OPTIONS_MAX: Final = 100
_DEPTH_MAX: Final = 5
_TEXT_MAX: Final = 10_000
_SHOWN_MAX: Final = 100
_INTEGERS: Final = (-(2**31), 2**31 - 1)
_DECIMALS: Final = (-(10**8), 10**8)
_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition/"
OPTIONS: Final = ("valueCoding", "valueString", "valueInteger", "valueDate")


class Why(Enum):
    """Why it cannot be asked here, in words for whoever made it."""

    MANY = gettext_lazy("It has more than 200 items.")
    DEPTH = gettext_lazy("It lies in more than five groups inside each other.")
    KIND = gettext_lazy("Questions of this type cannot be asked here.")
    LINK = gettext_lazy("It has no linkId, or another item has the same.")
    BELOW = gettext_lazy("Below a question stands another question.")
    DEPENDS = gettext_lazy("It depends on other answers, or is calculated from them.")
    ELSEWHERE = gettext_lazy("Its options are kept elsewhere (answerValueSet).")
    OPTIONS = gettext_lazy("It has no options, more than 100, or one without words.")
    SEVERAL = gettext_lazy("It takes several answers.")
    FILLED = gettext_lazy("It is filled in beforehand, read only or hidden.")
    LIMITS = gettext_lazy("No number fits its limits.")
    MODIFIED = gettext_lazy("A modifierExtension changes what it means.")
    NOTHING = gettext_lazy("It asks nothing.")


class Unaskable(Exception):
    """It asks something in a way that no form here can. ``item``: the words or the linkId of what; "" for the whole."""

    def __init__(self, why: Why, item: str = "") -> None:
        super().__init__(why.name)
        self.why, self.item = why, item[:_SHOWN_MAX]


@dataclass(frozen=True)
class Question:
    """An item in reading order. ``field``: of what is only said, ""; ``level``: how deep within groups."""

    item: Any
    field: str
    level: int


_BEYOND: Final = (
    ("modifierExtension", Why.MODIFIED),
    ("enableWhen", Why.DEPENDS),
    ("answerValueSet", Why.ELSEWHERE),
    ("initial", Why.FILLED),
    ("readOnly", Why.FILLED),
)
# Extensions that change what is asked, by the end of their address: of the core specification and of SDC.
_CHANGING: Final = (
    ("Expression", Why.DEPENDS),
    ("onstraint", Why.DEPENDS),
    ("-hidden", Why.FILLED),
)


def questions(resource: Any) -> list[Question]:
    """Every item, in reading order. Raises Unaskable."""
    found: list[Question] = []
    links: set[str] = set()
    for item, level in _below(resource, 0):
        link = elements.text(item, "linkId")
        if len(found) == ITEMS_MAX:
            raise Unaskable(Why.MANY)
        if not link or link in links:
            raise Unaskable(Why.LINK, called(item))
        links.add(link)
        kind = elements.text(item, "type")
        found.append(Question(item, "" if kind in _SAID else f"q{len(found)}", level))
    if not any(question.field for question in found):
        raise Unaskable(Why.NOTHING)
    return found


def called(item: Any) -> str:
    return elements.text(item, "text") or elements.text(item, "linkId")


def _below(holder: Any, level: int) -> Iterator[tuple[Any, int]]:
    for item in elements.every(holder, "item"):
        if not isinstance(item, dict):
            raise Unaskable(Why.KIND)
        if level > _DEPTH_MAX:
            raise Unaskable(Why.DEPTH, called(item))
        _check(item)
        yield item, level
        yield from _below(item, level + 1)


def _check(item: dict[str, Any]) -> None:
    kind = elements.text(item, "type")
    if kind not in _FIELDS:
        raise Unaskable(Why.KIND, called(item))
    for why in _reasons(item):
        raise Unaskable(why, called(item))
    # Below a question stands at most what helps to understand it.
    within = {elements.text(each, "type") for each in elements.every(item, "item")}
    if kind != "group" and within - {"display"}:
        raise Unaskable(Why.BELOW, called(item))


def _reasons(item: dict[str, Any]) -> Iterator[Why]:
    yield from (why for name, why in _BEYOND if item.get(name))
    for each in elements.every(item, "extension"):
        url = elements.text(each, "url")
        if elements.first(each, "valueBoolean") is not False:
            yield from (why for end, why in _CHANGING if url.endswith(end))
    if item.get("repeats"):
        yield Why.SEVERAL


def field(item: Any) -> forms.Field:
    """Raises Unaskable."""
    shared: dict[str, Any] = {"label": called(item), "required": item.get("required") is True}
    most = item.get("maxLength") if type(item.get("maxLength")) is int else _TEXT_MAX
    return _FIELDS[elements.text(item, "type")](item, shared, max(1, min(most, _TEXT_MAX)))


def option(given: Any) -> str:
    """An answerOption in words; "" for one that has none."""
    for name in OPTIONS:
        value = elements.first(given, name)
        if value is not None and not isinstance(value, dict):
            return str(value)
        if words := elements.text(value, "display") or elements.text(value, "code"):
            return words
    return ""


def _limit(item: Any, name: str) -> int | Decimal | None:
    found = [
        elements.first(each, value)
        for each in elements.every(item, "extension")
        for value in ("valueInteger", "valueDecimal")
        if elements.text(each, "url") == f"{_EXTENSION}{name}"
    ]
    return next((each for each in found if isinstance(each, int | Decimal) and not isinstance(each, bool)), None)


def _choice(item: Any, shared: dict[str, Any], _most: int) -> forms.Field:
    words = [option(each) for each in elements.every(item, "answerOption")]
    if not words or not all(words) or len(words) > OPTIONS_MAX:
        raise Unaskable(Why.OPTIONS, called(item))
    return forms.ChoiceField(choices=[("", "…"), *((str(place), each) for place, each in enumerate(words))], **shared)


def _yes_or_no(_item: Any, shared: dict[str, Any], _most: int) -> forms.Field:
    return forms.ChoiceField(choices=[("", "…"), ("yes", _("yes")), ("no", _("no"))], **shared)


def _whole(item: Any, shared: dict[str, Any], _most: int) -> forms.Field:
    low, high = _limits(item, *_INTEGERS)
    return forms.IntegerField(min_value=ceil(low), max_value=floor(high), **shared)


def _decimal(item: Any, shared: dict[str, Any], _most: int) -> forms.Field:
    low, high = _limits(item, *_DECIMALS)
    widget = forms.NumberInput({"inputmode": "decimal", "step": "any"})
    return forms.DecimalField(max_digits=12, decimal_places=4, min_value=low, max_value=high, widget=widget, **shared)


def _limits(item: Any, lowest: int, highest: int) -> tuple[int | Decimal, int | Decimal]:
    low, high = _limit(item, "minValue"), _limit(item, "maxValue")
    low, high = lowest if low is None else max(low, lowest), highest if high is None else min(high, highest)
    if low > high:
        raise Unaskable(Why.LIMITS, called(item))
    return low, high


def _day(_item: Any, shared: dict[str, Any], _most: int) -> forms.Field:
    return forms.DateField(widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"), **shared)


def _line(_item: Any, shared: dict[str, Any], most: int) -> forms.Field:
    return entries.WordsField(max_length=most, **shared)


def _lines(_item: Any, shared: dict[str, Any], most: int) -> forms.Field:
    return entries.WordsField(max_length=most, widget=forms.Textarea({"rows": 4}), **shared)


def _nothing(item: Any, _shared: dict[str, Any], _most: int) -> forms.Field:
    raise Unaskable(Why.KIND, called(item))


_SAID: Final = ("group", "display")
_FIELDS: Final = {
    "group": _nothing,
    "display": _nothing,
    "boolean": _yes_or_no,
    "decimal": _decimal,
    "integer": _whole,
    "date": _day,
    "string": _line,
    "text": _lines,
    "choice": _choice,
}
