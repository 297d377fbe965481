"""Which codes, names and titles are sensitive, and by which rule (docs/sensitivity.md).

The rules are compiled from sensitivity.toml; a code is a look-up by its system, or by its beginning in a
classification, and a text is searched for words once and remembered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

_PATH: Final = Path(__file__).parent / "definitions" / "sensitivity.json"
_REMEMBERED: Final = 50_000
"""Distinct names and codes kept with their answer: a record says the same few hundred again and again."""
_FAMILY_MIN: Final = 1
_FAMILY_MAX: Final = 7


class Sureness(StrEnum):
    """How much a match says. CERTAIN is what a source or the person herself stated; no rule has it."""

    CERTAIN = "certain"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Rule:
    """``label`` is the class, a code of v3-ActCode or ours (records.labels)."""

    id: str
    label: str
    sure: Sureness
    source: str


# What stands in the uri of a code system, and what we call the system; the first that fits.
_SYSTEMS: Final = (
    ("snomed.info", "snomed"),
    ("2.16.840.1.113883.6.96", "snomed"),
    ("loinc", "loinc"),
    ("rxnorm", "rxnorm"),
    ("2.16.840.1.113883.6.88", "rxnorm"),
    ("icd-10-pcs", "icd-10-pcs"),
    ("icd10pcs", "icd-10-pcs"),
    ("medicare/coding/icd10", "icd-10-pcs"),
    ("icd-10", "icd-10"),
    ("icd10", "icd-10"),
    ("icd9-cm-proc", "icd-9-procedures"),
    ("icd-9-cm-proc", "icd-9-procedures"),
    ("medicare/coding/icd9", "icd-9-procedures"),
    ("icd-9", "icd-9"),
    ("icd9", "icd-9"),
    ("ama-assn", "hcpcs"),
    ("cpt", "hcpcs"),
    ("hcpcs", "hcpcs"),
    ("drg", "drg"),
    ("sid/cvx", "cvx"),
    ("sid/ndc", "ndc"),
)
# Object identifiers whose last part is the beginning of others: compared whole.
_OIDS: Final = MappingProxyType(
    {
        "2.16.840.1.113883.6.1": "loinc",
        "2.16.840.1.113883.6.3": "icd-10",
        "2.16.840.1.113883.6.90": "icd-10",
        "2.16.840.1.113883.6.4": "icd-10-pcs",
        "2.16.840.1.113883.6.103": "icd-9",
        "2.16.840.1.113883.6.104": "icd-9-procedures",
        "2.16.840.1.113883.6.12": "hcpcs",
        "2.16.840.1.113883.6.285": "hcpcs",
        "2.16.840.1.113883.12.292": "cvx",
        "2.16.840.1.113883.6.69": "ndc",
    }
)


# Claims state procedures under the uri of diagnoses, where B20 is HIV; no diagnosis of seven characters begins so.
_PROCEDURE: Final = re.compile(r"[0-9BCDFGH][0-9A-HJ-NP-Z]{6}")


@dataclass(frozen=True, slots=True)
class _Word:
    """Looked for only in a text that has the ``stem``, and only from where its first three letters stand."""

    stem: str
    pattern: re.Pattern[str]
    rule: Rule


_Index = dict[str, tuple[_Word, ...]]
"""Words by the first three letters of their stem."""


@lru_cache(maxsize=4096)
def system_of(uri: str) -> str | None:
    """Our name of a clinical code system by its uri or object identifier; None for every other system."""
    said = uri.lower()
    if named := _OIDS.get(said.removeprefix("urn:oid:")):
        return named
    return next((name for part, name in _SYSTEMS if part in said), None)


@lru_cache(maxsize=_REMEMBERED)
def of_code(uri: str, code: str) -> tuple[Rule, ...]:
    """The rules by which this code is sensitive."""
    system = system_of(uri)
    if system is None:
        return ()
    if system == "icd-10" and _PROCEDURE.fullmatch(code):
        system = "icd-10-pcs"
    found = list(_CODES.get((system, code), ()))
    families = _FAMILIES.get(system)
    if families:
        plain = code.replace(".", "").upper()
        for length in range(_FAMILY_MIN, min(_FAMILY_MAX, len(plain)) + 1):
            found += families.get(plain[:length], ())
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=_REMEMBERED)
def of_text(text: str) -> tuple[Rule, ...]:
    """The rules whose words stand in a name, a display or a note."""
    return _matching(text, _WORDS)


@lru_cache(maxsize=_REMEMBERED)
def of_title(text: str) -> tuple[Rule, ...]:
    """The rules by which a section of this title is sensitive, its words included."""
    return tuple(dict.fromkeys((*_matching(text, _TITLES), *of_text(text))))


def rules() -> Iterable[Rule]:
    return _RULES.values()


def _matching(text: str, index: _Index) -> tuple[Rule, ...]:
    small = text.lower()
    begun = {word for place in range(len(small) - 2) for word in index.get(small[place : place + 3], ())}
    found = {word.rule.id for word in begun if word.stem in small and word.pattern.search(text)}
    return tuple(_RULES[name] for name in sorted(found))


@cache
def _compiled() -> dict[str, Any]:
    said: dict[str, Any] = json.loads(_PATH.read_text(encoding="utf-8"))
    return said


def _words(kind: str) -> _Index:
    found: dict[str, tuple[_Word, ...]] = {}
    for said in _compiled()["rules"]:
        for word, stems in said.get(kind, ()):
            pattern = re.compile(rf"(?<!\w)(?:{word})", re.IGNORECASE)
            for stem in stems:
                one = _Word(stem, pattern, _RULES[said["id"]])
                found[stem[:3]] = (*found.get(stem[:3], ()), one)
    return found


def _codes() -> dict[tuple[str, str], tuple[Rule, ...]]:
    found: dict[tuple[str, str], tuple[Rule, ...]] = {}
    for said in _compiled()["rules"]:
        for code in said.get("codes", ()):
            key = (said["system"], code)
            found[key] = (*found.get(key, ()), _RULES[said["id"]])
    return found


def _families() -> dict[str, dict[str, tuple[Rule, ...]]]:
    found: dict[str, dict[str, tuple[Rule, ...]]] = {}
    for said in _compiled()["rules"]:
        for family in said.get("families", ()):
            of_system = found.setdefault(said["system"], {})
            of_system[family] = (*of_system.get(family, ()), _RULES[said["id"]])
    return found


VERSION: Final[str] = _compiled()["version"]
"""Changes with every rule; labels made under another one are made anew (records.relabelling)."""
_RULES: Final = {
    said["id"]: Rule(said["id"], said["class"], Sureness(said["sure"]), said["source"]) for said in _compiled()["rules"]
}
_CODES: Final = _codes()
_FAMILIES: Final = _families()
_WORDS: Final = _words("words")
_TITLES: Final = _words("titles")
