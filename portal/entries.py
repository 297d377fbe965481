"""Her own entries: the forms by which she writes them, what they say in FHIR, how a written one is filled in again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final

from django import forms
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import elements, lines, when
from records.reading import Stored
from standards.fhir import dates
from standards.fhir.json import ExactDecimal
from sync import entries

Text = str | Promise

LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
SNOMED: Final = "http://snomed.info/sct"
_CATEGORIES: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_EARLIEST: Final = timedelta(days=366 * 120)
_CLOCKS_DIFFER: Final = timedelta(minutes=10)
_SEVERITY: Final = {"mild": "255604002", "moderate": "6736007", "severe": "24484000"}
_UNITS: Final[Mapping[str, str]] = {
    "mmHg": "mm[Hg]", "mg/dL": "mg/dL", "mmol/L": "mmol/L", "kg": "kg", "lb": "[lb_av]", "°C": "Cel", "°F": "[degF]",
}  # fmt: skip


class WordsField(forms.CharField):
    """Her own words, without signs that no FHIR text may have (R4 datatypes.html#string)."""

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        return "".join(sign for sign in text if sign in "\n\t" or (sign >= " " and sign != "\x7f")).strip()


class EntryForm(forms.Form):
    """What every entry has; each sort adds its own to what is said, and to what is filled in again.

    ``bounds``: by unit, between which values a reading is taken for one and not a slip.
    """

    code: ClassVar[tuple[str, str]]
    category: ClassVar[str] = ""
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {}

    moment = forms.DateTimeField(
        label=gettext_lazy("When"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["moment"].initial = timezone.localtime().replace(second=0, microsecond=0)
        self.order_fields(["moment", *(name for name in self.fields if name not in ("moment", "note")), "note"])

    def clean_moment(self) -> datetime:
        said: datetime = self.cleaned_data["moment"]
        if said > timezone.now() + _CLOCKS_DIFFER:
            raise forms.ValidationError(_("This time has not come yet."))
        if said < timezone.now() - _EARLIEST:
            raise forms.ValidationError(_("This is too long ago."))
        return said

    def said(self) -> dict[str, Any]:
        """The entry in FHIR, as far as it is hers to say (sync.entries adds the rest). Of a valid form."""
        note = self.cleaned_data.get("note", "")
        category = {"coding": [{"system": _CATEGORIES, "code": self.category}]}
        return {
            **({"category": [category]} if self.category else {}),
            "code": {"coding": [{"system": LOINC, "code": self.code[0], "display": self.code[1]}]},
            "effectiveDateTime": timezone.localtime(self.cleaned_data["moment"]).isoformat(timespec="seconds"),
            **({"note": [{"text": note}]} if note else {}),
        }

    @classmethod
    def again(cls, resource: Any) -> dict[str, Any]:
        """What to fill in of a written entry."""
        at = elements.text(resource, "effectiveDateTime")
        span = dates.interval(at) if at else None
        moment = datetime.fromtimestamp(span.low / 1_000_000, tz=timezone.get_current_timezone()) if span else None
        return {"moment": moment, "note": elements.text(resource, "note", "text")}

    def check_value(self, name: str, unit: str) -> None:
        low, high = self.bounds[unit]
        value = self.cleaned_data.get(name)
        if value is not None and not low <= value <= high:
            self.add_error(name, _("Between %(low)s and %(high)s %(unit)s.") % {"low": low, "high": high, "unit": unit})


def _number(label: Any, *, step: str = "any", required: bool = True) -> forms.DecimalField:
    widget = forms.NumberInput({"inputmode": "decimal", "step": step})
    return forms.DecimalField(label=label, max_digits=6, decimal_places=2, widget=widget, required=required)


def _note() -> WordsField:
    return WordsField(label=gettext_lazy("Note"), max_length=2000, required=False, widget=forms.Textarea({"rows": 3}))


class PressureForm(EntryForm):
    code = ("85354-9", "Blood pressure panel with all children optional")
    category = "vital-signs"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {"mmHg": (20, 320)}

    systolic = _number(gettext_lazy("Upper number (mmHg)"), step="1")
    diastolic = _number(gettext_lazy("Lower number (mmHg)"), step="1")
    note = _note()

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        self.check_value("systolic", "mmHg")
        self.check_value("diastolic", "mmHg")
        upper, lower = said.get("systolic"), said.get("diastolic")
        if upper is not None and lower is not None and lower >= upper:
            self.add_error("diastolic", _("The lower number is not lower than the upper one."))
        return said

    def said(self) -> dict[str, Any]:
        parts = (
            ("8480-6", "Systolic blood pressure", "systolic"),
            ("8462-4", "Diastolic blood pressure", "diastolic"),
        )
        return {
            **super().said(),
            "component": [
                {
                    "code": {"coding": [{"system": LOINC, "code": code, "display": display}]},
                    "valueQuantity": _quantity(self.cleaned_data[name], "mmHg"),
                }
                for code, display, name in parts
            ],
        }

    @classmethod
    def again(cls, resource: Any) -> dict[str, Any]:
        values = {
            elements.text(part, "code", "coding", "code"): elements.first(part, "valueQuantity", "value")
            for part in elements.every(resource, "component")
        }
        return {
            **super().again(resource),
            "systolic": values.get("8480-6"),
            "diastolic": values.get("8462-4"),
        }


class ValueForm(EntryForm):
    """One number with a unit she chooses."""

    value = _number(gettext_lazy("Value"))
    unit = forms.ChoiceField(label=gettext_lazy("Unit"))
    note = _note()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["unit"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(unit, unit) for unit in self.bounds]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("unit") in self.bounds:
            self.check_value("value", said["unit"])
        return said

    def said(self) -> dict[str, Any]:
        value = _quantity(self.cleaned_data["value"], self.cleaned_data["unit"])
        return {**super().said(), "valueQuantity": value}

    @classmethod
    def again(cls, resource: Any) -> dict[str, Any]:
        return {
            **super().again(resource),
            "value": elements.first(resource, "valueQuantity", "value"),
            "unit": elements.text(resource, "valueQuantity", "unit"),
        }


class GlucoseForm(ValueForm):
    code = ("41653-7", "Glucose [Mass/volume] in Capillary blood by Glucometer")
    category = "laboratory"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {"mg/dL": (10, 1000), "mmol/L": (1, 56)}

    def said(self) -> dict[str, Any]:
        """LOINC has a code of its own for the amount of substance."""
        told = super().said()
        if self.cleaned_data["unit"] == "mmol/L":
            molar = {"code": "14743-9", "display": "Glucose [Moles/volume] in Capillary blood by Glucometer"}
            told["code"] = {"coding": [{"system": LOINC, **molar}]}
        return told


class WeightForm(ValueForm):
    code = ("29463-7", "Body weight")
    category = "vital-signs"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {"kg": (1, 650), "lb": (2, 1430)}


class TemperatureForm(ValueForm):
    code = ("8310-5", "Body temperature")
    category = "vital-signs"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {"°C": (25, 45), "°F": (77, 113)}


class SymptomForm(EntryForm):
    code = ("75325-1", "Symptom")

    symptom = WordsField(label=gettext_lazy("What you notice"), max_length=200)
    severity = forms.ChoiceField(
        label=gettext_lazy("How strong"),
        required=False,
        choices=[("", gettext_lazy("not said")), ("mild", gettext_lazy("mild")), ("moderate", gettext_lazy("moderate")),
                 ("severe", gettext_lazy("severe"))],
    )  # fmt: skip
    note = _note()

    def said(self) -> dict[str, Any]:
        chosen = self.cleaned_data["severity"]
        told = {**super().said(), "valueCodeableConcept": {"text": self.cleaned_data["symptom"]}}
        if code := _SEVERITY.get(chosen):
            strength = {"coding": [{"system": SNOMED, "code": code, "display": chosen.capitalize()}]}
            severity = {"coding": [{"system": SNOMED, "code": "246112005", "display": "Severity"}]}
            told["component"] = [{"code": severity, "valueCodeableConcept": strength}]
        return told

    @classmethod
    def again(cls, resource: Any) -> dict[str, Any]:
        code = elements.text(resource, "component", "valueCodeableConcept", "coding", "code")
        words = {code: word for word, code in _SEVERITY.items()}
        return {
            **super().again(resource),
            "symptom": elements.text(resource, "valueCodeableConcept", "text"),
            "severity": words.get(code, ""),
        }


class NoteForm(EntryForm):
    code = ("51855-5", "Patient Note")

    text = WordsField(label=gettext_lazy("Note"), max_length=10_000, widget=forms.Textarea({"rows": 8}))

    def said(self) -> dict[str, Any]:
        return {**super().said(), "valueString": self.cleaned_data["text"]}

    @classmethod
    def again(cls, resource: Any) -> dict[str, Any]:
        return {**super().again(resource), "text": elements.text(resource, "valueString")}


@dataclass(frozen=True)
class Sort:
    """A sort of entry, as its address names it."""

    slug: str
    name: Text
    form: type[EntryForm]


SORTS: Final = (
    Sort("pressure", gettext_lazy("Blood pressure"), PressureForm),
    Sort("glucose", gettext_lazy("Blood sugar"), GlucoseForm),
    Sort("weight", gettext_lazy("Weight"), WeightForm),
    Sort("temperature", gettext_lazy("Temperature"), TemperatureForm),
    Sort("symptom", gettext_lazy("Symptom"), SymptomForm),
    Sort("note", gettext_lazy("Note"), NoteForm),
)
_BY_SLUG: Final = {sort.slug: sort for sort in SORTS}
_BY_CODE: Final = {**{sort.form.code[0]: sort for sort in SORTS}, "14743-9": _BY_SLUG["glucose"]}


@dataclass(frozen=True)
class Entry:
    """One of hers in a list. ``words``: of a note its text."""

    line: lines.Line
    name: Text
    moment: str
    words: str
    note: str
    erred: bool


def named(slug: str) -> Sort | None:
    return _BY_SLUG.get(slug)


def sort_of(resource: Any) -> Sort | None:
    """Which form wrote an entry."""
    codes = elements.every(resource, "code", "coding", "code")
    return next((_BY_CODE[code] for code in codes if isinstance(code, str) and code in _BY_CODE), None)


def listed(stored: Stored) -> Entry:
    resource = stored.resource
    sort = sort_of(resource)
    line = lines.of(stored, source="")
    return Entry(
        line=line,
        name=sort.name if sort else line.title,
        moment=when.happened(resource),
        words=elements.text(resource, "valueString") or elements.text(resource, "valueCodeableConcept", "text"),
        note=elements.text(resource, "note", "text"),
        erred=elements.text(resource, "status") == entries.ERRED,
    )


def _quantity(value: Decimal, unit: str) -> dict[str, Any]:
    """As she wrote it: 72.50 stays 72.50."""
    return {"value": ExactDecimal(str(value)), "unit": unit, "system": UCUM, "code": _UNITS[unit]}
