"""What the narrative of a summary says of one resource: what it is, what was found, when. Nothing is escaped yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from standards.fhir import occurrence
from standards.fhir.json import ExactDecimal

Resource = Mapping[str, Any]

_NAMED_BY: Final = ("code", "vaccineCode", "medicationCodeableConcept", "type", "scope", "category")
_UNNAMED: Final = "(not named)"
_UNITS_OF_TIME: Final = {"min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year"}
_ONE: Final = ("1", "1.0")


def what(resource: Resource, company: Mapping[str, Resource]) -> str:
    """Its name; ``company`` (by ``Type/id``) has the medication or device that it only points at."""
    for field in pointers(resource):
        pointed_at = _pointed_at(resource.get(field), company)
        if pointed_at:
            return pointed_at
    for field in _NAMED_BY:
        if name := concept(resource.get(field)):
            return name
    return _text(resource.get("title")) or _text(resource.get("description")) or _UNNAMED


def pointers(resource: Resource) -> tuple[str, ...]:
    """The elements whose target names it: what an Observation was measured with does not."""
    used = resource.get("resourceType") == "DeviceUseStatement"
    return ("medicationReference", "device") if used else ("medicationReference",)


def found(resource: Resource) -> str:
    """The value and the parts of an Observation, the dose of a medication, the reaction to a substance, what a plan
    has her do; the status of anything else.
    """
    parts = [text for text in (value(resource) or concept(resource.get("dataAbsentReason")),) if text]
    components = [part for part in _dicts(resource.get("component")) if value(part)]
    parts += [f"{concept(part.get('code')) or _UNNAMED} {value(part)}" for part in components]
    dosages = _dicts(resource.get("dosageInstruction", resource.get("dosage")))
    parts += [text for dosage in dosages if (text := _text(dosage.get("text")) or dose(dosage))]
    parts += [text for each in _dicts(resource.get("reaction")) if (text := concept(each.get("manifestation")))]
    if criticality := _text(resource.get("criticality")):
        parts.append(f"criticality {criticality}")
    parts += [text for each in _dicts(resource.get("activity")) if (text := _activity(each))]
    status = concept(resource.get("clinicalStatus")) or _text(resource.get("status"))
    return "; ".join(parts) or status


def dose(dosage: Resource) -> str:
    """Amount and rhythm, as far as they are said in codes."""
    amounts = [quantity(each.get("doseQuantity")) for each in _dicts(dosage.get("doseAndRate"))]
    parts = [*amounts[:1], _rhythm(dosage.get("timing"))]
    if dosage.get("asNeededBoolean") is True:
        parts.append("as needed")
    return ", ".join(part for part in parts if part)


def when(resource: Resource) -> str:
    """The time as it is written; of a period both ends."""
    element = occurrence.element_of(resource)
    if isinstance(element, str):
        return element
    if isinstance(element, dict) and ("start" in element or "end" in element):
        return f"{_text(element.get('start')) or '…'} – {_text(element.get('end')) or '…'}"
    return ""


def concept(element: Any) -> str:
    """The text of a CodeableConcept or of the first of several, else a display, else a code."""
    if isinstance(element, list):
        named = [_bare(one) for one in element]
        return next((name for name in [*map(concept, named), *map(concept, element)] if name), "")
    if not isinstance(element, dict):
        return ""
    if text := _text(element.get("text")):
        return text
    known = _dicts(element.get("coding"))
    shown = (_text(coding.get(field)) for field in ("display", "code") for coding in known)
    return next((text for text in shown if text), "")


def value(holder: Resource) -> str:
    """``value[x]`` as people read it, numbers with the digits they were written with."""
    for field, read in (
        ("valueQuantity", quantity),
        ("valueCodeableConcept", concept),
        ("valueString", _text),
        ("valueDateTime", _text),
        ("valueInteger", _text),
    ):
        if text := read(holder.get(field)):
            return text
    if isinstance(holder.get("valueBoolean"), bool):
        return "yes" if holder["valueBoolean"] else "no"
    between = holder.get("valueRange")
    if isinstance(between, dict):
        return f"{quantity(between.get('low')) or '…'} – {quantity(between.get('high')) or '…'}"
    return ""


def quantity(element: Any) -> str:
    if not isinstance(element, dict) or "value" not in element:
        return ""
    unit = _text(element.get("unit")) or _text(element.get("code"))
    return " ".join(part for part in (_text(element.get("comparator")), _text(element["value"]), unit) if part)


def _bare(element: Any) -> Any:
    """A CodeableConcept without its codes, so that of several one with words is found first."""
    if not isinstance(element, dict):
        return element
    shown = [{"display": coding.get("display")} for coding in _dicts(element.get("coding"))]
    return {"text": element.get("text"), "coding": shown}


def _rhythm(timing: Any) -> str:
    if not isinstance(timing, dict):
        return ""
    repeat = timing.get("repeat")
    if not isinstance(repeat, dict) or not (unit := _UNITS_OF_TIME.get(_text(repeat.get("periodUnit")))):
        return concept(timing.get("code"))
    period, times = _text(repeat.get("period")) or "1", _text(repeat.get("frequency")) or "1"
    most = "".join(f" to {text}" for text in (_text(repeat.get("frequencyMax")),) if text)
    return f"{times}{most} × per {unit}" if period in _ONE else f"{times}{most} × in {period} {unit}s"


def _activity(activity: Resource) -> str:
    detail = activity.get("detail")
    return concept(detail.get("code")) or _text(detail.get("description")) if isinstance(detail, dict) else ""


def _pointed_at(element: Any, company: Mapping[str, Resource]) -> str:
    if not isinstance(element, dict):
        return ""
    reference = _text(element.get("reference")).partition("/_history/")[0]
    target = company.get(reference) or company.get("/".join(reference.split("/")[-2:]))
    if target is not None:
        names = target.get("deviceName")
        named = names[0].get("name") if isinstance(names, list) and names and isinstance(names[0], dict) else None
        if name := _text(named) or concept(target.get("code")) or concept(target.get("type")):
            return name
    return _text(element.get("display"))


def _dicts(element: Any) -> list[Resource]:
    return [one for one in element if isinstance(one, dict)] if isinstance(element, list) else []


def _text(element: Any) -> str:
    if isinstance(element, ExactDecimal):
        return element.literal
    if isinstance(element, bool):
        return ""
    return str(element) if isinstance(element, (str, int)) else ""
