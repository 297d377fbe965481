"""What common tests, problems and words mean, in plain words of our own, and where more can be read.

``explanations.json`` has each in both languages, found by its codes; an entry without codes is a word for the glossary.
MedlinePlus Connect (U.S. National Library of Medicine) explains far more codes than these: a link leads there, and
nothing is sent before she follows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from accounts import languages
from portal import elements

FILE: Final = Path(__file__).with_name("explanations.json")
MEDLINEPLUS: Final = "https://connect.medlineplus.gov/application"
# The code systems that MedlinePlus Connect answers for, by their OIDs (https://medlineplus.gov/medlineplus-connect/).
_OIDS: Final[Mapping[str, str]] = {
    "http://loinc.org": "2.16.840.1.113883.6.1",
    "http://snomed.info/sct": "2.16.840.1.113883.6.96",
    "http://hl7.org/fhir/sid/icd-10-cm": "2.16.840.1.113883.6.90",
    "http://hl7.org/fhir/sid/icd-9-cm": "2.16.840.1.113883.6.103",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "2.16.840.1.113883.6.88",
    "http://hl7.org/fhir/sid/ndc": "2.16.840.1.113883.6.69",
}
_EXPLAINED: Final = ("code", "vaccineCode", "medicationCodeableConcept")
_CODES_MAX: Final = 5

Code = tuple[str, str]


@dataclass(frozen=True)
class Explanation:
    """``name`` and ``words`` are ours; "" where we have none for this code. ``more``: where others explain it."""

    name: str
    words: str
    more: str


@dataclass(frozen=True)
class _Entry:
    codes: tuple[Code, ...]
    told: Mapping[str, tuple[str, str]]

    def read(self, language: str) -> tuple[str, str]:
        return self.told.get(language) or self.told["en"]


@cache
def entries() -> tuple[_Entry, ...]:
    return tuple(
        _Entry(
            tuple((system, code) for system, code in each["codes"]),
            {language: (each[language][0], each[language][1]) for language in ("en", "es")},
        )
        for each in json.loads(FILE.read_text("utf-8"))
    )


@cache
def _by_code() -> Mapping[Code, _Entry]:
    return {code: entry for entry in entries() for code in entry.codes}


def of(resource: Any) -> Explanation | None:
    """What a record is about, explained; None where neither we nor a page we know explain any of its codes."""
    codes = list(_codes(resource))
    language = languages.current()
    found = next((_by_code()[code] for code in codes if code in _by_code()), None)
    more = next((url for code in codes if (url := address(code, language))), "")
    if found is None:
        return Explanation("", "", more) if more else None
    return Explanation(*found.read(language), more)


def name(resource: Any) -> str:
    """What we call what a record is about, in her language; "" where none of its codes is explained here."""
    found = next((_by_code()[code] for code in _codes(resource) if code in _by_code()), None)
    return found.read(languages.current())[0] if found else ""


def _codes(resource: Any) -> Iterator[Code]:
    for name in _EXPLAINED:
        for coding in list(elements.every(resource, name, "coding"))[:_CODES_MAX]:
            code = (elements.text(coding, "system"), elements.text(coding, "code"))
            if all(code):
                yield code


def address(code: Code, language: str) -> str:
    """The page of MedlinePlus Connect about a code; "" for a system it knows nothing of."""
    oid = _OIDS.get(code[0])
    asked = {
        "mainSearchCriteria.v.cs": oid,
        "mainSearchCriteria.v.c": code[1],
        "informationRecipient.languageCode.c": language,
    }
    return f"{MEDLINEPLUS}?{urlencode(asked)}" if oid else ""


def glossary() -> list[Explanation]:
    """Everything explained here, by name."""
    language = languages.current()
    told = [Explanation(*entry.read(language), _first(entry.codes, language)) for entry in entries()]
    return sorted(told, key=lambda each: each.name.casefold())


def _first(codes: Iterable[Code], language: str) -> str:
    return next((url for code in codes if (url := address(code, language))), "")
