"""One record as one line of a list: what it is, its value, when, from where."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from portal import elements, explanations, names, phrases, sources, when
from records import reading
from standards.fhir import json


@dataclass(frozen=True)
class Line:
    """``title``: in plain words where we have some; ``about`` then begins with what the source calls it.

    ``flawed``: the record is kept as received although it is not quite as the standard says.
    """

    resource_type: str
    logical_id: str
    title: str
    value: str
    about: tuple[str, ...]
    flawed: bool

    @property
    def wordy(self) -> bool:
        """Whether the value is a text to be read rather than a figure to be compared."""
        return len(self.value) > FIGURE_MAX


def of(stored: reading.Stored, *, source: str) -> Line:
    resource = json.loads(stored.body)
    resource_type = stored.resource_type
    title, said = called(resource)
    about = (said, when.happened(resource), _state(resource), source)
    return Line(
        resource_type=resource_type,
        logical_id=stored.logical_id,
        title=title,
        value=brief(value(resource, rounded=True), most=VALUE_MAX),
        about=tuple(dict.fromkeys(filter(None, about))),
        flawed=bool(stored.problems),
    )


def all_of(entries: Sequence[reading.Stored]) -> list[Line]:
    """A line for each; the names of their sources come in one query."""
    called = sources.names(entry.source_id for entry in entries)
    return [of(entry, source=called.get(entry.source_id, "")) for entry in entries]


# Where the name of a thing stands, by type; the first that is there wins. Types not listed use ``code`` and ``type``.
_TITLES: dict[str, tuple[tuple[str, Callable[[Any], str]], ...]] = {
    "Appointment": (
        ("description", phrases.of),
        ("serviceType", phrases.concept),
        ("appointmentType", phrases.concept),
        ("reasonCode", phrases.concept),
    ),
    "CarePlan": (("title", phrases.of), ("category", phrases.concept), ("description", phrases.of)),
    "CareTeam": (("name", phrases.of), ("category", phrases.concept)),
    "Communication": (
        ("topic", phrases.concept),
        ("payload", lambda node: elements.text(node, "contentString")),
    ),
    "Composition": (("title", phrases.of), ("type", phrases.concept)),
    "Coverage": (("class", phrases.of), ("type", phrases.concept), ("payor", phrases.reference)),
    "Device": (("deviceName", lambda node: elements.text(node, "name")), ("type", phrases.concept)),
    "DocumentReference": (("description", phrases.of), ("type", phrases.concept), ("category", phrases.concept)),
    "Encounter": (("type", phrases.concept), ("reasonCode", phrases.concept), ("class", phrases.concept)),
    "Goal": (("description", phrases.concept),),
    "Immunization": (("vaccineCode", phrases.concept),),
    "Location": (("name", phrases.of),),
    "Organization": (("name", phrases.of),),
    "Patient": (("name", phrases.person_name),),
    "Practitioner": (("name", phrases.person_name),),
    "PractitionerRole": (("practitioner", phrases.reference), ("code", phrases.concept)),
    "RelatedPerson": (("name", phrases.person_name), ("relationship", phrases.concept)),
}
_ANYWHERE: tuple[tuple[str, Callable[[Any], str]], ...] = (
    ("code", phrases.concept),
    ("medicationCodeableConcept", phrases.concept),
    ("medicationReference", phrases.reference),
    ("type", phrases.concept),
    ("title", phrases.of),
    ("name", phrases.of),
    ("category", phrases.concept),
)
TITLE_MAX = 160
VALUE_MAX = 80
FIGURE_MAX = 28
# In LOINC's long names what is counted per what, and by which method; "[Percentile]" or "[AUDIT-C]" is no such thing.
_PROPERTY = re.compile(r" \[(?:[A-Za-z# ]+/[A-Za-z ]+|Presence|Volume Fraction|Entitic [a-z]+)\]")
_METHOD = re.compile(r"(?<=\w) by [A-Z].*$")


def called(resource: Any) -> tuple[str, str]:
    """A record's title in plain words, and what its source calls it where that is something else, or ""."""
    said = title(resource)
    if elements.text(resource, "resourceType") == "Observation":
        plain = explanations.name(resource) or _shortened(said)
        return (plain, "" if plain.casefold() == said.casefold() else said) if plain else (_kind_of(resource), "")
    return said or _kind_of(resource), ""


def _shortened(said: str) -> str:
    bare = _PROPERTY.sub("", said)
    return _METHOD.sub("", bare) if bare != said else said


def _kind_of(resource: Any) -> str:
    return str(names.type_name(elements.text(resource, "resourceType")))


def title(resource: Any) -> str:
    """What its source calls this record; "" where the resource does not say."""
    kind = elements.text(resource, "resourceType")
    for key, phrase in (*_TITLES.get(kind, ()), *_ANYWHERE):
        # Of several categories the first is the general one ("assess-plan"), the last tells most.
        told = [found for each in elements.every(resource, key) if (found := phrase(each))]
        if told:
            return brief(told[-1 if key == "category" else 0], most=TITLE_MAX)
    return ""


def categories(resource: Any) -> list[str]:
    """The codes of the categories of a resource."""
    return [code for code in elements.every(resource, "category", "coding", "code") if isinstance(code, str)]


_VALUES = (
    "valueCodeableConcept",
    "valueString",
    "valueBoolean",
    "valueInteger",
    "valueRange",
    "valueRatio",
    "valueSampledData",
    "valueTime",
    "valueDateTime",
    "valuePeriod",
)


def value(resource: Any, *, rounded: bool = False) -> str:
    """An Observation's value with its unit; blood pressure and the like joined as "120/80 mmHg"."""
    if elements.text(resource, "resourceType") != "Observation":
        return ""
    return _measured(resource, rounded) or _joined(resource, rounded) or _absent(resource)


def how_to_take(medicine: Any) -> str:
    """Each instruction by its amount and rhythm, or in the source's words where it has neither."""
    told = (dose(each) or elements.text(each, "text") for each in dosages(medicine))
    return "; ".join(part for part in told if part)


def dosages(medicine: Any) -> list[Any]:
    """The instructions of a request, a statement or a dispense."""
    return [each for name in ("dosageInstruction", "dosage") for each in elements.every(medicine, name)]


def dose(instruction: Any) -> str:
    """Amount, rhythm and whether only when needed, as far as they are said in codes."""
    amount = elements.first(instruction, "doseAndRate", "doseQuantity")
    rhythm = elements.first(instruction, "timing")
    needed = _("as needed") if elements.first(instruction, "asNeededBoolean") is True else ""
    return ", ".join(filter(None, (*(phrases.of(each) for each in (amount, rhythm) if each), needed)))


def brief(words: str, *, most: int) -> str:
    return words if len(words) <= most else f"{words[:most].rstrip()}…"


def _measured(node: Any, rounded: bool) -> str:
    if found := phrases.quantity(elements.first(node, "valueQuantity"), brief=rounded):
        return found
    return next((phrases.of(node[key]) for key in _VALUES if isinstance(node, dict) and key in node), "")


SYSTOLIC = "8480-6"


def _joined(resource: Any, rounded: bool) -> str:
    """Two components of one unit with a stroke between, systolic pressure first; of others how many there are."""
    parts = sorted(elements.every(resource, "component"), key=lambda part: SYSTOLIC not in _codes(part))
    units = {elements.text(part, "valueQuantity", "unit") for part in parts}
    numbers = [elements.first(part, "valueQuantity", "value") for part in parts]
    if len(parts) == 2 and len(units) == 1 and None not in numbers:
        written = [phrases.number(each, brief=rounded) for each in numbers]
        about = "≈ " if any(each.startswith("≈ ") for each in written) else ""
        return f"{about}{'/'.join(each.removeprefix('≈ ') for each in written)} {names.unit(units.pop())}".strip()
    return _("%(count)s values") % {"count": len(parts)} if parts else ""


def _codes(node: Any) -> list[Any]:
    return list(elements.every(node, "code", "coding", "code"))


def _absent(resource: Any) -> str:
    return phrases.concept(elements.first(resource, "dataAbsentReason"))


_STATES = ("clinicalStatus", "lifecycleStatus", "status")
# What is true of nearly every record of a type says nothing.
_UNREMARKABLE = frozenset({"final", "finished", "current", "completed", "amended", "corrected"})


def _state(resource: Any) -> str:
    for key in _STATES:
        found = elements.first(resource, key)
        code = elements.text(found, "coding", "code") or (found if isinstance(found, str) else "")
        if code:
            return "" if code in _UNREMARKABLE else names.word(code)
    return ""
