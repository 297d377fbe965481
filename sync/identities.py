"""Identity guard: whether a Patient from outside can be the person whose record it would go into (DESIGN, issue 5).

Nothing is merged on a guess: what does not fit is held back and she is asked, for a file as for a connection.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from accounts.models import Person
from records import patient
from standards.fhir import dates
from standards.fhir.dates import Interval

_WORD: Final = re.compile(r"[^\W\d_]+")
_FULL_DATE: Final = 10


class Verdict(StrEnum):
    FITS = "fits"
    NAME_DIFFERS = "name_differs"
    BIRTH_DATE_DIFFERS = "birth_date_differs"
    UNKNOWN = "unknown"
    """It names somebody, and we know too little of her to compare."""
    UNNAMED = "unnamed"
    """It does not say who it is about."""


@dataclass(frozen=True, slots=True)
class Name:
    """Folded words: of a whole name where its parts are not told apart, ``family`` is empty."""

    family: frozenset[str]
    given: tuple[str, ...]
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Identity:
    names: tuple[Name, ...]
    born: tuple[Interval, ...]
    exactly_born: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.names and not self.born


def of_person(person: Person) -> Identity:
    """What is known of her: the name of her account, and what her sources' Patients say."""
    sources = list(patient.of_sources(person))
    found = [of_patient(each) for each in sources]
    own = [_whole(person.name)] if person.name.strip() else []
    return Identity(
        (*own, *(name for each in found for name in each.names)),
        tuple(span for each in found for span in each.born),
        any(each.exactly_born for each in found),
    )


def of_patient(resource: Mapping[str, Any]) -> Identity:
    """What a Patient resource says, read leniently."""
    said = resource.get("name")
    names = [_name(each) for each in said if isinstance(each, dict)] if isinstance(said, list) else []
    born = resource.get("birthDate")
    span = dates.covered(born) if isinstance(born, str) else None
    exactly = span is not None and isinstance(born, str) and len(born) >= _FULL_DATE
    return Identity(tuple(name for name in names if name.words), (span,) if span else (), exactly)


def told(resource: Mapping[str, Any], verdict: Verdict) -> dict[str, str]:
    """Whom a Patient that was held back names, and why it was: what she is asked about."""
    listed = resource.get("name")
    names = [_whole_name(each) for each in _listed(listed) if isinstance(each, dict)]
    born = resource.get("birthDate")
    return {
        "name": next(iter(names), ""),
        "birthDate": born if isinstance(born, str) else "",
        "verdict": verdict.value,
    }


def _whole_name(name: Mapping[str, Any]) -> str:
    parts = [*_listed(name.get("given")), name.get("family")]
    return str(name.get("text") or " ".join(part for part in parts if isinstance(part, str)))


def compare(known: Identity, said: Identity) -> Verdict:
    """A birth date that differs never fits; a family name may have changed where the exact birth date is the same."""
    if said.is_empty:
        return Verdict.UNNAMED
    same_birth = _same_birth(known, said)
    if same_birth is False:
        return Verdict.BIRTH_DATE_DIFFERS
    if not known.names or not said.names:
        return Verdict.FITS if same_birth else Verdict.UNKNOWN
    if any(_alike(one, other) for one in known.names for other in said.names):
        return Verdict.FITS
    certain = bool(same_birth) and known.exactly_born and said.exactly_born
    if certain and any(_given_alike(one, other) for one in known.names for other in said.names):
        return Verdict.FITS
    return Verdict.NAME_DIFFERS


def _same_birth(known: Identity, said: Identity) -> bool | None:
    if not known.born or not said.born:
        return None
    return any(one.overlaps(other) for one in known.born for other in said.born)


def _alike(one: Name, other: Name) -> bool:
    if one.family and other.family:
        return bool(one.family & other.family) and _given_alike(one, other)
    shared = one.words & other.words
    # One word in common, of a name whose parts are not told apart, is shared by too many.
    return len(shared) >= 2 or one.words == other.words


def _given_alike(one: Name, other: Name) -> bool:
    """Any given name in common; an initial stands for each name that begins with it. None said contradicts nothing."""
    ours, theirs = one.given or tuple(one.words - other.family), other.given or tuple(other.words - one.family)
    if not ours or not theirs:
        return True
    return any(_same_word(mine, yours) for mine in ours for yours in theirs)


def _same_word(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return one == other or (len(shorter) == 1 and longer.startswith(shorter))


def _name(node: Mapping[str, Any]) -> Name:
    family, given = _words([node.get("family")]), _words(_listed(node.get("given")))
    words = frozenset([*family, *given]) or frozenset(_words([node.get("text")]))
    return Name(frozenset(family), tuple(given), words)


def _whole(text: str) -> Name:
    return Name(frozenset(), (), frozenset(_words([text])))


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _words(values: Iterable[Any]) -> list[str]:
    """Without accents and case: ``Núñez-Ruiz`` is nunez and ruiz."""
    texts = (value for value in values if isinstance(value, str))
    return [word for text in texts for word in _WORD.findall(_folded(text))]


def _folded(text: str) -> str:
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in split if not unicodedata.combining(sign))
