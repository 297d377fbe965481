"""The elements resources are made of: concepts, quantities, references and narratives, as hospitals write them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox.catalogue import TERMINOLOGY, UCUM, US_CORE, Code
from sandbox.chart import Chart, Resource
from standards.fhir.json import ExactDecimal


def concept(*codes: Code, text: str | None = None) -> dict[str, Any]:
    """A CodeableConcept; its text is that of the first code unless given."""
    return {**coding(*codes), "text": codes[0].display if text is None else text}


def coding(*codes: Code) -> dict[str, Any]:
    """A CodeableConcept without text."""
    return {"coding": [{"system": code.system, "code": code.code, "display": code.display} for code in codes]}


def token(system: str, code: str, display: str | None = None) -> dict[str, Any]:
    """A CodeableConcept of HL7's own terminology, without text."""
    bare = {"system": f"{TERMINOLOGY}/{system}", "code": code}
    return {"coding": [{**bare, "display": display} if display else bare]}


def shown_token(system: str, code: str, display: str) -> dict[str, Any]:
    """The same with its display as its text."""
    return {**token(system, code, display), "text": display}


def quantity(value: ExactDecimal | int, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def profile(*names: str) -> dict[str, Any]:
    return {"profile": [f"{US_CORE}/{name}" for name in names]}


def narrative(text: str) -> dict[str, str]:
    """A generated Narrative; ``text`` is XHTML already."""
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'}


def period(chart: Chart, start: datetime, end: datetime) -> dict[str, str]:
    return {"start": chart.when(start), "end": chart.when(end)}


def reference(resource: Resource) -> dict[str, str]:
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}


def reference_if(resource: Resource | None) -> dict[str, str] | None:
    return reference(resource) if resource else None


def named_reference(resource: Resource) -> dict[str, str]:
    """A reference that shows the text of the resource's code."""
    return {**reference(resource), "display": resource["code"]["text"]}
