"""Questionnaires she answers: ours, those in her record and those clinics bring, as forms; her answers in FHIR.

One with anything in it that no form here asks (``asking``) is named and not offered.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast

from django import forms
from django.utils import formats
from django.utils.translation import gettext as _

from accounts import languages
from portal import asking, elements, when
from portal.asking import Question, Unaskable
from records import reading
from records.query import Query
from standards.fhir import json as fhir_json
from standards.fhir import validation
from standards.fhir.json import ExactDecimal

OURS: Final = ("before-a-visit", "after-a-visit", "taking-medicines", "measuring-at-home")
HERS: Final = OURS[0]
"""The one that anybody may answer who was not asked."""
LISTED_MAX: Final = 50
BYTES_MAX: Final = 64 * 1024
_TITLE_MAX: Final = 200
_ADDRESS_MAX: Final = 200
_VERSION_MAX: Final = 50
_OUR_ADDRESS: Final = "urn:tributary:"
# The rest of what a clinic gives (narrative, contained resources, who made it for whom) asks nobody anything.
_KEPT: Final = ("resourceType", "url", "version", "name", "title", "status", "language", "subjectType", "date",
                "publisher", "description", "copyright", "code", "item")  # fmt: skip


_PLAIN: Final = ("valueString", "valueInteger", "valueDecimal", "valueDate")


class Unusable(Exception):
    """What was given is no questionnaire that a clinic could ask here; the message says why, for who gave it."""


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
class Told:
    """One item. ``answer``: "" where it was not answered, None for a group."""

    words: str
    answer: str | None


@cache
def _ours(name: str) -> Any:
    return json.loads(Path(__file__).with_name(f"{name.replace('-', '_')}.json").read_text("utf-8"))


def ours(name: str = HERS, *, language: str = "") -> Asked:
    """In the language of the page, or in this one; it is the same questionnaire in each."""
    every = _ours(name)
    return asked(every.get(language or languages.current()) or every["en"], name=name)


def of(records: reading.RecordSet, *, without: Collection[str] = ()) -> tuple[list[Asked], list[reading.Stored]]:
    """Ours first, then those in her record that are in use; with the records these stand in. ``without``: ids."""
    every = (each for each in records.every(Query.of("Questionnaire")) if each.logical_id not in without)
    active = [each for each in islice(every, LISTED_MAX) if elements.text(each.resource, "status") == "active"]
    return [ours(), *(asked(each.resource, name=each.logical_id) for each in active)], active


def named(records: reading.RecordSet, name: str) -> Asked | None:
    """One that can be answered."""
    if name == HERS:
        return ours()
    stored = records.read("Questionnaire", name)
    found = None if stored is None or stored.deleted else asked(stored.resource, name=name)
    return found if found and found.can else None


def in_words(given: Asked) -> Asked:
    """The same in the language of the page, where it is one of ours."""
    found = _name_of_ours(given.resource)
    return replace(ours(found), name=given.name) if found else given


def _name_of_ours(resource: Any) -> str | None:
    """Which of ours this is, if it is one of today's."""
    asks = elements.text(resource, "url"), elements.text(resource, "version")
    return next((name for name in OURS if (_ours(name)["en"]["url"], _ours(name)["en"]["version"]) == asks), None)


def told(given: Asked, response: Any) -> list[Told]:
    """A response item by item, in the language of the page where it answers one of ours."""
    if not given.can:
        return [Told(words, _said(answer)) for words, answer in _as_given(response)]
    form, found = AnswerForm(in_words(given)), AnswerForm.filled(given, response)
    return [
        Told(words, _shown(form.fields[question.field], found.get(question.field)) if question.field else None)
        for question, words, _bound in form.parts
        if elements.text(question.item, "type") != "display"
    ]


def _shown(field: forms.Field, value: Any) -> str:
    if isinstance(field, forms.ChoiceField):
        choices = cast("Iterable[tuple[str, str]]", field.choices)
        return next((words for choice, words in choices if choice and choice == value), "")
    return when.said(value) if isinstance(field, forms.DateField) else _said(value)


def _said(value: Any) -> str:
    return "" if value is None else str(formats.localize(value))


def _as_given(holder: Any) -> Iterator[tuple[str, Any]]:
    """Of what cannot be asked any more: each item's words as they stand, and the value of its answer."""
    for item in elements.every(holder, "item"):
        answer = elements.first(item, "answer")
        values = [value for name, value in answer.items() if name in _PLAIN] if isinstance(answer, dict) else []
        yield asking.called(item), values[0] if values else asking.option(answer)
        yield from _as_given(item)


def answered(every: list[Asked], response: Any) -> Asked | None:
    """Which of these a response answers, if it can still be answered so."""
    canonical = elements.text(response, "questionnaire")
    return next((each for each in every if each.canonical == canonical and each.can), None)


def asked(resource: Any, *, name: str = "") -> Asked:
    try:
        _check(resource)
        can = True
    except Unaskable:
        can = False
    title = elements.text(resource, "title") or elements.text(resource, "name") or _("Questionnaire")
    return Asked(name, title, elements.text(resource, "description"), can, resource)


def _check(resource: Any) -> None:
    if elements.first(resource, "modifierExtension"):
        raise Unaskable(asking.Why.MODIFIED)
    for question in asking.questions(resource):
        if question.field:
            asking.field(question.item)


def taken(data: bytes, *, address: str) -> dict[str, Any]:
    """A Questionnaire (R4) as a clinic gives it, without what asks nothing. ``address``: its url where it has none.

    Raises Unusable, and Unaskable for what it asks that cannot be asked here.
    """
    resource = _read(data)
    kept = {name: resource[name] for name in _KEPT if name in resource}
    kept = {"url": address, "version": "1", "status": "active", **kept}
    for name, most in (("url", _ADDRESS_MAX), ("version", _VERSION_MAX), ("title", _TITLE_MAX)):
        if len(elements.text(kept, name)) > most or not elements.text(kept, name):
            raise Unusable(_("It needs a %(name)s of at most %(most)s letters.") % {"name": name, "most": most})
    if kept["url"].startswith(_OUR_ADDRESS) or "|" in kept["url"]:
        raise Unusable(_("Its url is none that a clinic's questionnaire can have."))
    if kept["status"] not in ("active", "draft"):
        raise Unusable(_("By its own status it is not in use."))
    if "Patient" not in kept.get("subjectType", ["Patient"]):
        raise Unusable(_("It is not about a patient."))
    _check({**resource, **kept})
    return {**kept, "status": "active"}


def _read(data: bytes) -> Any:
    """Raises Unusable."""
    if len(data) > BYTES_MAX:
        raise Unusable(_("It is larger than 64 kB."))
    try:
        resource = fhir_json.loads(data)
    except fhir_json.MalformedJSON as error:
        raise Unusable(_("It is no JSON: %(fault)s.") % {"fault": error}) from error
    if not isinstance(resource, dict) or resource.get("resourceType") != "Questionnaire":
        raise Unusable(_("It is no FHIR Questionnaire."))
    for wrong in validation.problems(resource):
        place = {"path": wrong.path, "fault": wrong.message}
        raise Unusable(_("By FHIR R4 it is wrong at %(path)s: %(fault)s.") % place)
    return resource


class AnswerForm(forms.Form):
    """One field for each question, in the order of the questionnaire. Raises asking.Unaskable for one that cannot."""

    def __init__(self, asked: Asked, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.asked = asked
        self.questions = asking.questions(asked.resource)
        for question in self.questions:
            if question.field:
                self.fields[question.field] = asking.field(question.item)

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
        given, spoken = dict(_given(response)), _in_each_language(asked.resource)
        found = {}
        for question in asking.questions(asked.resource):
            link = elements.text(question.item, "linkId")
            answer = given.get(link)
            if question.field and isinstance(answer, dict):
                again = (_again(item, answer) for item in (question.item, *(each[link] for each in spoken)))
                found[question.field] = next((value for value in again if value != ""), "")
        return found


def _in_each_language(resource: Any) -> list[dict[str, Any]]:
    """Of one of ours its items by linkId, in each language: she may have answered in another than she reads now."""
    name = _name_of_ours(resource)
    every = _ours(name).values() if name else ()
    return [{elements.text(each.item, "linkId"): each.item for each in asking.questions(spoken)} for spoken in every]


def _given(holder: Any) -> Iterator[tuple[str, Any]]:
    for item in elements.every(holder, "item"):
        yield elements.text(item, "linkId"), elements.first(item, "answer")
        yield from _given(item)


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
            return {name: option[name] for name in asking.OPTIONS if name in option}
        case _:
            return {"valueString": value}


def _again(item: Any, answer: dict[str, Any]) -> Any:
    if elements.text(item, "type") == "choice":
        options = list(elements.every(item, "answerOption"))
        places = [
            place
            for place, each in enumerate(options)
            if any(name in answer and each.get(name) == answer[name] for name in asking.OPTIONS)
        ]
        return str(places[0]) if places else ""
    if "valueBoolean" in answer:
        return "yes" if answer["valueBoolean"] is True else "no"
    names = ("valueInteger", "valueDecimal", "valueDate", "valueString")
    value = next((answer[name] for name in names if name in answer), "")
    return value if isinstance(value, str | int | Decimal | date) else ""
