"""What a person takes along to hand on: a document a doctor reads, a table, FHIR; and what her emergency card says."""

from __future__ import annotations

import csv
import io
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.conf import settings
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from accounts.models import Person
from portal import elements, lines, logfiles, names, phrases, sources, when
from records.numbering import TYPE_NUMBER
from records.query import Query
from records.reading import RecordSet, Stored
from sharing import contents, wording
from standards.fhir import json, occurrence
from standards.fhir.ips import sections
from standards.fhir.ips import wording as ips_wording

URGENT: Final = ("48765-2", "11450-4", "10160-0", "46264-8", "104605-1", "42348-3")
"""Sections of a summary for whoever finds her unconscious, in this order."""
BLOOD: Final = ("http://loinc.org|882-1", "http://loinc.org|883-9", "http://loinc.org|10331-7")
"""LOINC: ABO and Rh group, ABO group, Rh type."""
AT_ONCE: Final = 500
_LATEST: Final = frozenset(section.code for section in sections.SECTIONS if section.latest)
_LEFT_OUT: Final = frozenset({"Binary", "Provenance"})


@dataclass(frozen=True)
class Row:
    what: str
    found: str
    when: str


@dataclass(frozen=True)
class Section:
    code: str
    title: str | Promise
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Summary:
    """An International Patient Summary in words. ``types``: how many records of each type are in it."""

    name: str
    about: tuple[str, ...]
    sections: tuple[Section, ...]
    types: dict[str, int]


@dataclass(frozen=True)
class Taken:
    """A file, and what is in it."""

    data: Iterable[bytes]
    types: dict[str, int]


def summary(records: RecordSet, *, at: datetime) -> Summary:
    """Raises sharing.errors.LinkClosed where her own Patient is not admitted."""
    return _told(records, _section, at=at)


def urgent(records: RecordSet, *, at: datetime) -> Summary:
    """What an emergency card says: the sections of URGENT, in each once what several say alike. Raises LinkClosed."""
    told = _told(records, _urgent, at=at)
    return replace(told, sections=tuple(sorted(told.sections, key=lambda section: URGENT.index(section.code))))


def _told(records: RecordSet, section: Callable[..., Section | None], *, at: datetime) -> Summary:
    bundle, types = contents.summarized(records, at=at)
    held = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
    composition = bundle["entry"][0]["resource"]
    patient = held[composition["subject"]["reference"]]
    return Summary(
        name=phrases.person_name(elements.first(patient, "name")),
        about=tuple(_about(patient)),
        sections=tuple(filter(None, (section(each, held) for each in composition["section"]))),
        types=types,
    )


def blood(records: RecordSet) -> str:
    """The newest that was found of her blood group, in words; "" for nothing."""
    found = records.search(Query.of("Observation").where("code", *BLOOD).page(1)).entries
    return lines.value(found[0].resource) if found else ""


def contacts(records: RecordSet) -> list[str]:
    """Whom to call, as her hospitals noted it: name, what to her, phone; each once."""
    found = [
        ", ".join(filter(None, (_called(each), _phones(each))))
        for stored in records.every(Query.of("Patient"))
        for each in elements.every(stored.resource, "contact")
        if isinstance(each, dict)
    ]
    return list(dict.fromkeys(filter(None, found)))


def document(records: RecordSet, person: Person, *, at: datetime) -> Taken:
    """The summary as a PDF that screen readers can read."""
    told = summary(records, at=at)
    said = {
        "language": translation.get_language() or "en",
        "title": _("Health summary of %(name)s") % {"name": told.name or person.name or person.email},
        "about": [*told.about, _("put together on %(moment)s") % {"moment": when.moment(at)}],
        "note": _(
            "Given by the person herself or himself. It holds what was chosen, from the sources that are connected;"
            " what is not in it may exist all the same."
        ),
        "empty": str(wording.words()["empty"]),
        "heads": [_("What"), _("Details"), _("When")],
        "sections": [
            {"title": str(each.title), "rows": [[row.what, row.found, row.when] for row in each.rows]}
            for each in told.sections
        ],
        "foot": f"{settings.SITE_NAME} · {settings.PUBLIC_URL}",
    }
    return Taken([_set(json.dumps(said).decode())], told.types)


def table(records: RecordSet, person: Person, *, at: datetime) -> Taken:
    """Every record as a line for a spreadsheet, values as they were written."""
    counts: Counter[str] = Counter()
    for one in records.counts():
        if one.resource_type not in _LEFT_OUT:
            counts[one.resource_type] += one.total
    types = sorted(counts, key=lambda name: TYPE_NUMBER[name])
    return Taken(_rows(records, types, person, translation.get_language() or "en"), counts)


def bundle(records: RecordSet, person: Person, *, at: datetime) -> Taken:
    """The records themselves as one FHIR Bundle."""
    written = contents.collection(records, at=at)
    return Taken([written.data], written.types)


def ips(records: RecordSet, person: Person, *, at: datetime) -> Taken:
    """The summary as the FHIR document it is."""
    written = contents.summary(records, at=at)
    return Taken([written.data], written.types)


FORMS: Final[dict[str, tuple[str, str, Callable[..., Taken]]]] = {
    "pdf": ("application/pdf", "health-summary.pdf", document),
    "csv": ("text/csv; charset=utf-8", "health-records.csv", table),
    "ips": ("application/fhir+json", "health-summary.json", ips),
    "bundle": ("application/fhir+json", "health-records.json", bundle),
}
"""Media type, name of the file, who writes it."""


def _rows(records: RecordSet, types: Iterable[str], person: Person, language: str) -> Iterator[bytes]:
    """A part at a time, in her language and time zone: whoever asked may be gone from the page meanwhile."""
    with translation.override(language):
        heads = [_("kind"), _("what"), _("value"), _("details"), _("date"), _("from"), _("type"), _("id")]
    yield BOM_UTF8 + _written([heads])  # without it spreadsheets take it for another encoding
    for resource_type in types:
        found = records.every(Query.of(resource_type))
        while some := list(islice(found, AT_ONCE)):
            with translation.override(language), timezone.override(person.zone):
                called = sources.names(one.source_id for one in some)
                part = _written([_cells(one, called) for one in some])
            yield part


def _cells(stored: Stored, called: dict[int, str]) -> list[str]:
    resource, kind = stored.resource, str(names.type_name(stored.resource_type))
    return [
        kind,
        lines.title(resource) or kind,
        lines.value(resource),
        details(resource),
        _sortable(resource),
        called.get(stored.source_id, ""),
        stored.resource_type,
        stored.logical_id,
    ]


def _sortable(resource: dict[str, Any]) -> str:
    """When it happened, to the precision it is said, so that a spreadsheet can sort by it; a moment in her time."""
    element = occurrence.element_of(resource)
    return when.sortable(elements.text(element) or elements.text(element, "start") or elements.text(element, "event"))


def _written(rows: Iterable[list[str]]) -> bytes:
    csv.writer(out := io.StringIO()).writerows([logfiles.plain(cell) for cell in row] for row in rows)
    return out.getvalue().encode()


def details(resource: dict[str, Any]) -> str:
    """What else a reader of one line has to know: doses, reactions, ranges, how it stands."""
    reactions = [phrases.concept(each) for each in elements.every(resource, "reaction", "manifestation")]
    risk = elements.text(resource, "criticality")
    ranges = [elements.text(each, "text") or phrases.of(each) for each in elements.every(resource, "referenceRange")]
    states = [elements.first(resource, key) for key in ("clinicalStatus", "lifecycleStatus", "status")]
    parts = [
        *(elements.text(each, "text") or lines.dose(each) or phrases.of(each) for each in lines.dosages(resource)),
        ", ".join(filter(None, reactions)),
        f"{wording.words()['risk']}: {phrases.of(risk)}" if risk else "",
        *(phrases.concept(each) for each in elements.every(resource, "activity", "detail", "code")),
        phrases.concept(elements.first(resource, "interpretation")),
        *(_("usual: %(range)s") % {"range": each} for each in ranges if each),
        _("lot %(lot)s") % {"lot": resource["lotNumber"]} if isinstance(resource.get("lotNumber"), str) else "",
        next((names.word(each) if isinstance(each, str) else phrases.concept(each) for each in states if each), ""),
    ]
    return "; ".join(part for part in parts if part)


def _section(said: dict[str, Any], held: dict[str, Any]) -> Section:
    code, taken = _code(said), _taken(said, held)
    title = wording.words().get(f"section {code}", said["title"])
    if code in _LATEST:
        title = _("%(section)s: the latest of each kind") % {"section": title}
    return Section(code, title, tuple(Row(*_words(each, held), when.happened(each)) for each in taken))


def _urgent(said: dict[str, Any], held: dict[str, Any]) -> Section | None:
    """Without days, which differ where the words are alike."""
    code = _code(said)
    if code not in URGENT:
        return None
    rows = dict.fromkeys(Row(*_words(each, held), "") for each in _taken(said, held))
    return Section(code, wording.words().get(f"section {code}", said["title"]), tuple(rows))


def _code(said: dict[str, Any]) -> str:
    return elements.text(said, "code", "coding", "code")


def _taken(said: dict[str, Any], held: dict[str, Any]) -> list[dict[str, Any]]:
    return [held[each["reference"]] for each in said.get("entry", []) if each["reference"] in held]


def _words(resource: dict[str, Any], held: dict[str, Any]) -> tuple[str, str]:
    """What it is, and what was found of it."""
    pointed_at = (elements.text(resource, field, "reference") for field in ips_wording.pointers(resource))
    named = next((held[each] for each in pointed_at if each in held), None)
    what = lines.title(resource) if named is None else lines.title(named)
    found = "; ".join(filter(None, (lines.value(resource), details(resource))))
    return what or str(names.type_name(resource["resourceType"])), found


def _about(patient: dict[str, Any]) -> Iterator[str]:
    if born := when.said(patient.get("birthDate")):
        yield _("born %(day)s") % {"day": born}
    if (gender := patient.get("gender")) and gender != "unknown":
        yield phrases.of(gender)
    yield from islice(filter(None, map(phrases.of, elements.every(patient, "telecom"))), 2)


def _called(contact: dict[str, Any]) -> str:
    name, kind = phrases.person_name(contact.get("name", {})), phrases.concept(elements.first(contact, "relationship"))
    return f"{name} ({kind})" if name and kind else name or kind


def _phones(contact: dict[str, Any]) -> str:
    return ", ".join(elements.text(each, "value") for each in elements.every(contact, "telecom"))


def _set(told: str) -> bytes:
    source = (settings.BASE_DIR / "portal" / "summary.typ").read_bytes()
    return logfiles.compiled(source, told)
