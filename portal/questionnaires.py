"""Questionnaires she answers: one of ours, and those that stand in her record, as forms; her answers in FHIR.

What can be asked so is decided item by item: a questionnaire with anything else in it (questions that depend on others,
several answers to one, options kept elsewhere) is named and not offered, since half of it would be answered wrongly.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _

from accounts import languages
from portal import elements, entries
from records import reading
from records.query import Query
from standards.fhir.json import ExactDecimal

FILE: Final = Path(__file__).with_name("before_a_visit.json")
OURS: Final = "before-a-visit"
LISTED_MAX: Final = 50
_ITEMS_MAX: Final = 200
_DEPTH_MAX: Final = 5
_TEXT_MAX: Final = 10_000
_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition/"
_BEYOND: Final = ("enableWhen", "answerValueSet", "initial", "readOnly")
_OPTIONS: Final = ("valueCoding", "valueString", "valueInteger", "valueDate")


class Unaskable(Exception):
    """It asks something in a way that no form here can."""


@dataclass(frozen=True)
class Asked:
    """A questionnaire. ``name``: its part of an address; ``can``: whether it can be answered here."""

    name: str
    title: str
    description: str
    can: bool
    resource: Any

    @property
    def canonical(self) -> str:
        url, version = elements.text(self.resource, "url"), elements.text(self.resource, "version")
        return (f"{url}|{version}" if version else url) or f"Questionnaire/{self.name}"


@dataclass(frozen=True)
class Question:
    """An item in reading order. ``field``: of what is only said, ""; ``level``: how deep within groups."""

    item: Any
    field: str
    level: int


@cache
def _ours() -> Any:
    return json.loads(FILE.read_text("utf-8"))


def ours() -> Asked:
    """In her language; it is the same questionnaire in each."""
    found = _ours().get(languages.current()) or _ours()["en"]
    return _asked(OURS, found)


def of(records: reading.RecordSet) -> tuple[list[Asked], list[reading.Stored]]:
    """Ours first, then those in her record that are in use; with the records these stand in."""
    found = list(islice(records.every(Query.of("Questionnaire")), LISTED_MAX))
    active = [each for each in found if elements.text(each.resource, "status") == "active"]
    return [ours(), *(_asked(each.logical_id, each.resource) for each in active)], active


def named(records: reading.RecordSet, name: str) -> Asked | None:
    """One that can be answered."""
    if name == OURS:
        return ours()
    stored = records.read("Questionnaire", name)
    asked = None if stored is None or stored.deleted else _asked(name, stored.resource)
    return asked if asked and asked.can else None


def answered(every: list[Asked], response: Any) -> Asked | None:
    """Which of these a response answers, if it can still be answered so."""
    canonical = elements.text(response, "questionnaire")
    return next((each for each in every if each.canonical == canonical and each.can), None)


def _asked(name: str, resource: Any) -> Asked:
    try:
        can = bool([_field(question.item) for question in _questions(resource) if question.field])
    except Unaskable:
        can = False
    title = elements.text(resource, "title") or elements.text(resource, "name") or _("Questionnaire")
    return Asked(name, title, elements.text(resource, "description"), can, resource)


def _questions(resource: Any) -> Iterator[Question]:
    """Raises Unaskable."""
    every = list(_below(resource, 0))
    if len(every) > _ITEMS_MAX or len({elements.text(item, "linkId") for item, _ in every}) != len(every):
        raise Unaskable
    for number, (item, level) in enumerate(every):
        kind = elements.text(item, "type")
        yield Question(item, "" if kind in ("group", "display") else f"q{number}", level)


def _below(holder: Any, level: int) -> Iterator[tuple[Any, int]]:
    for item in elements.every(holder, "item"):
        if not isinstance(item, dict):
            raise Unaskable
        kind = elements.text(item, "type")
        if level > _DEPTH_MAX or kind not in _FIELDS or any(name in item for name in _BEYOND) or item.get("repeats"):
            raise Unaskable
        # Below a question stands at most what helps to understand it.
        within = {elements.text(each, "type") for each in elements.every(item, "item")}
        if not elements.text(item, "linkId") or (kind != "group" and within - {"display"}):
            raise Unaskable
        yield item, level
        yield from _below(item, level + 1)


class AnswerForm(forms.Form):
    """One field for each question, in the order of the questionnaire. Raises Unaskable for one that cannot be asked."""

    def __init__(self, asked: Asked, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.asked = asked
        self.questions = list(_questions(asked.resource))
        for question in self.questions:
            if question.field:
                self.fields[question.field] = _field(question.item)

    @property
    def parts(self) -> list[tuple[Question, str, forms.BoundField | None]]:
        """For the page: each question, its words, and its field where it has one."""
        return [
            (each, elements.text(each.item, "text"), self[each.field] if each.field else None)
            for each in self.questions
        ]

    def said(self) -> dict[str, Any]:
        """The QuestionnaireResponse as far as it is hers to say (sync.entries adds the rest). Of a valid form."""
        fields = {elements.text(each.item, "linkId"): each.field for each in self.questions}
        told = list(self._answers(self.asked.resource, fields))
        return {"questionnaire": self.asked.canonical, **({"item": told} if told else {})}

    def _answers(self, holder: Any, fields: dict[str, str]) -> Iterator[dict[str, Any]]:
        for item in elements.every(holder, "item"):
            link, words = elements.text(item, "linkId"), elements.text(item, "text")
            told: dict[str, Any] = {"linkId": link, **({"text": words} if words else {})}
            if elements.text(item, "type") == "group":
                within = list(self._answers(item, fields))
                if within:
                    yield {**told, "item": within}
            elif field := fields[link]:
                value = self.cleaned_data.get(field)
                if value not in (None, ""):
                    yield {**told, "answer": [_answer(item, value)]}

    @classmethod
    def filled(cls, asked: Asked, response: Any) -> dict[str, Any]:
        """What to fill in of a response that was given."""
        given = dict(_given(response))
        found = {}
        for question in _questions(asked.resource):
            answer = given.get(elements.text(question.item, "linkId"))
            if question.field and isinstance(answer, dict):
                found[question.field] = _again(question.item, answer)
        return found


def _given(holder: Any) -> Iterator[tuple[str, Any]]:
    for item in elements.every(holder, "item"):
        yield elements.text(item, "linkId"), elements.first(item, "answer")
        yield from _given(item)


def _limit(item: Any, name: str) -> int | None:
    found = [
        elements.first(each, "valueInteger")
        for each in elements.every(item, "extension")
        if elements.text(each, "url") == f"{_EXTENSION}{name}"
    ]
    return next((each for each in found if isinstance(each, int)), None)


def _field(item: Any) -> forms.Field:
    kind, required = elements.text(item, "type"), item.get("required") is True
    shared: dict[str, Any] = {
        "label": elements.text(item, "text") or elements.text(item, "linkId"),
        "required": required,
    }
    most = item.get("maxLength") if isinstance(item.get("maxLength"), int) else _TEXT_MAX
    return _FIELDS[kind](item, shared, min(most, _TEXT_MAX))


def _choice(item: Any, shared: dict[str, Any], _most: int) -> forms.Field:
    options = list(elements.every(item, "answerOption"))
    words = [_option(each) for each in options]
    if not words or not all(words):
        raise Unaskable
    return forms.ChoiceField(choices=[("", "…"), *((str(place), each) for place, each in enumerate(words))], **shared)


def _option(option: Any) -> str:
    for name in _OPTIONS:
        value = elements.first(option, name)
        if value is not None and not isinstance(value, dict):
            return str(value)
        if words := elements.text(value, "display") or elements.text(value, "code"):
            return words
    return ""


def _yes_or_no(_item: Any, shared: dict[str, Any], _most: int) -> forms.Field:
    return forms.ChoiceField(choices=[("", "…"), ("yes", _("yes")), ("no", _("no"))], **shared)


def _whole(item: Any, shared: dict[str, Any], _most: int) -> forms.Field:
    low, high = _limit(item, "minValue"), _limit(item, "maxValue")
    return forms.IntegerField(
        min_value=-(2**31) if low is None else low, max_value=2**31 - 1 if high is None else high, **shared
    )


def _decimal(_item: Any, shared: dict[str, Any], _most: int) -> forms.Field:
    widget = forms.NumberInput({"inputmode": "decimal", "step": "any"})
    return forms.DecimalField(max_digits=12, decimal_places=4, widget=widget, **shared)


def _day(_item: Any, shared: dict[str, Any], _most: int) -> forms.Field:
    return forms.DateField(widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"), **shared)


def _line(_item: Any, shared: dict[str, Any], most: int) -> forms.Field:
    return entries.WordsField(max_length=most, **shared)


def _lines(_item: Any, shared: dict[str, Any], most: int) -> forms.Field:
    return entries.WordsField(max_length=most, widget=forms.Textarea({"rows": 4}), **shared)


def _nothing(_item: Any, _shared: dict[str, Any], _most: int) -> forms.Field:
    raise Unaskable


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


def _answer(item: Any, value: Any) -> dict[str, Any]:
    match elements.text(item, "type"):
        case "boolean":
            return {"valueBoolean": value == "yes"}
        case "integer":
            return {"valueInteger": value}
        case "decimal":
            return {"valueDecimal": ExactDecimal(str(value))}
        case "date":
            return {"valueDate": value.isoformat()}
        case "choice":
            option = list(elements.every(item, "answerOption"))[int(value)]
            return {name: option[name] for name in _OPTIONS if name in option}
        case _:
            return {"valueString": value}


def _again(item: Any, answer: dict[str, Any]) -> Any:
    if elements.text(item, "type") == "choice":
        options = list(elements.every(item, "answerOption"))
        places = [
            place
            for place, each in enumerate(options)
            if any(name in answer and each.get(name) == answer[name] for name in _OPTIONS)
        ]
        return str(places[0]) if places else ""
    if "valueBoolean" in answer:
        return "yes" if answer["valueBoolean"] is True else "no"
    names = ("valueInteger", "valueDecimal", "valueDate", "valueString")
    value = next((answer[name] for name in names if name in answer), "")
    return value if isinstance(value, str | int | Decimal | date) else ""
