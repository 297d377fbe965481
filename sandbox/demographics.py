"""Who the chart is about: the Patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox import catalogue, elements
from sandbox.catalogue import US_CORE, Code
from sandbox.chart import Chart, Resource


def register(
    chart: Chart,
    *,
    given: Sequence[str],
    family: str,
    gender: str,
    birth: str,
    race: Code | None,
    hispanic: bool,
    language: Code,
    city: str,
    record_number: str,
    phone: str,
    maiden: str | None = None,
) -> Resource:
    """Open the chart with its Patient, whose name it shows from then on."""
    chart.shown = f"{given[0]} {family}"
    patient: Resource = {
        "resourceType": "Patient",
        "id": chart.patient_id,
        "meta": elements.profile("us-core-patient"),
        "text": elements.narrative(f"{chart.shown}, a synthetic person."),
        "extension": _origins(race, hispanic=hispanic, gender=gender),
        "identifier": [
            {
                "type": elements.shown_token("v2-0203", "MR", "Medical Record Number"),
                "system": chart.hospital.identifiers,
                "value": record_number,
            }
        ],
        "active": True,
        "name": _names(given, family, maiden),
        "telecom": [{"system": "phone", "value": phone, "use": "home"}],
        "gender": gender,
        "birthDate": birth,
        "address": [
            {"line": ["1 Example Street"], "city": city, "state": "MA", "postalCode": "02101", "country": "US"}
        ],
        "communication": [{"language": elements.concept(language)}],
    }
    chart.resources.append(patient)
    return patient


def _names(given: Sequence[str], family: str, maiden: str | None) -> list[dict[str, Any]]:
    names: list[dict[str, Any]] = [{"use": "official", "family": family, "given": list(given)}]
    if maiden:
        names.append({"use": "maiden", "family": maiden, "given": list(given)})
    return names


def _origins(race: Code | None, *, hispanic: bool, gender: str) -> list[dict[str, Any]]:
    """US Core's extensions: race if known, ethnicity and the sex written at birth."""
    ethnicity = catalogue.HISPANIC if hispanic else catalogue.NOT_HISPANIC
    sex = {"female": "F", "male": "M"}.get(gender, "UNK")
    return [
        *([_population("us-core-race", race)] if race else []),
        _population("us-core-ethnicity", ethnicity),
        {"url": f"{US_CORE}/us-core-birthsex", "valueCode": sex},
    ]


def _population(name: str, code: Code) -> dict[str, Any]:
    return {
        "url": f"{US_CORE}/{name}",
        "extension": [
            {
                "url": "ombCategory",
                "valueCoding": {"system": code.system, "code": code.code, "display": code.display},
            },
            {"url": "text", "valueString": code.display},
        ],
    }
