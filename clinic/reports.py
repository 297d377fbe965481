"""What a clinician can send into the chart: a report as it stands in the preview, word for word.

A report is one DocumentReference with its text inside; that on home pressure also an Observation with the mean (LOINC
96607-7, as US Core's Average Blood Pressure has it). Nothing else of hers leaves by this way.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clinic import overview
from clinic.looking import Look
from portal import readings
from records.trends import quantities
from records.trends.places import Place
from records.trends.pressure import Average, Compared
from smartlaunch.visits import Open
from standards.fhir import dates, json

_PANEL: Final = ("96607-7", "Blood pressure panel mean systolic and mean diastolic")
_PARTS: Final = (("96608-5", "Systolic blood pressure mean"), ("96609-3", "Diastolic blood pressure mean"))
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"


class What(StrEnum):
    """The values stand in addresses."""

    PRESSURE = "pressure"
    SUMMARY = "summary"


NAMES: Final[dict[What, str | Promise]] = {
    What.PRESSURE: gettext_lazy("Blood pressure at home and in the clinic"),
    What.SUMMARY: gettext_lazy("Summary of what the patient shares"),
}
_TYPES: Final = {
    What.PRESSURE: ("8716-3", "Vital signs note"),
    What.SUMMARY: ("60591-5", "Patient summary Document"),
}


@dataclass(frozen=True)
class Report:
    """``resources``: as they are sent, in this order. ``digest``: of all but the moment, to know it again."""

    what: What
    title: str
    text: str
    resources: tuple[dict[str, Any], ...]

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:32]

    @property
    def written(self) -> str:
        """The resources, for who wants to read them before they leave."""
        return "\n\n".join(json.indented(each) for each in self.resources)


def write(opened: Open, look: Look, what: What) -> Report:
    """From the records as they are now, in the language of the page."""
    title = str(NAMES[what])
    told, observations = _pressure(opened, look) if what is What.PRESSURE else (_summary(look), [])
    text = render_to_string(f"clinic/{what}.txt", {"title": title, "name": overview.whose(look).name, **told}).strip()
    return Report(what, title, text, (*observations, _document(opened, what, title, text, look.at)))


def _pressure(opened: Open, look: Look) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    shown, seen = readings.shown(look.records, readings.USUAL, zone=look.owner.zone, at=look.at)
    found = overview.pressure(look)
    look.saw(seen)
    compared = found.compared
    days = sorted(
        each.day for each in found.read.readings if each.place is Place.HOME and each.day != compared.home.dropped
    )
    average = compared.home.average
    if average is None:
        return {"shown": shown}, []
    return {"shown": shown}, [_mean(opened, compared, average, (days[0].isoformat(), days[-1].isoformat()))]


def _summary(look: Look) -> dict[str, Any]:
    return {"sections": overview.standing(look), "gaps": overview.gaps(look, overview.held(look))}


def _mean(opened: Open, compared: Compared, average: Average, days: tuple[str, str]) -> dict[str, Any]:
    values = zip(_PARTS, average.pressure, strict=True)
    note = _("Mean of %(count)s home readings on %(days)s days, without the first day, shared by the patient.")
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": _CATEGORY, "code": "vital-signs"}]}],
        "code": _coded(_PANEL),
        "subject": _subject(opened),
        "effectivePeriod": {"start": days[0], "end": days[1]},
        "note": [{"text": note % {"count": average.count, "days": compared.home.days}}],
        "component": [
            {
                "code": _coded(code),
                "valueQuantity": {
                    "value": value,
                    "unit": "mmHg",
                    "system": "http://unitsofmeasure.org",
                    "code": "mm[Hg]",
                },
            }
            for code, value in values
        ],
    }


def _document(opened: Open, what: What, title: str, text: str, at: datetime) -> dict[str, Any]:
    encounter = opened.context.encounter
    around = {"context": {"encounter": [{"reference": f"Encounter/{encounter}"}]}} if encounter else {}
    attachment = {
        "contentType": "text/plain; charset=utf-8",
        "data": base64.b64encode(text.encode()).decode(),
        "title": title,
    }
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "docStatus": "final",
        "type": _coded(_TYPES[what]),
        "subject": _subject(opened),
        "date": dates.instant(at),
        "author": [{"reference": opened.clinician.fhir_user}],
        "description": title,
        "content": [{"attachment": attachment}],
        **around,
    }


def _subject(opened: Open) -> dict[str, str]:
    return {"reference": f"Patient/{opened.context.patient}"}


def _coded(code: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": quantities.LOINC, "code": code[0], "display": code[1]}]}
