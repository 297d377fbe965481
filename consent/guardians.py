"""Parents and guardians of minors: what they no longer see from the teens on, and when it is over.

The two ages are the site's (settings.GUARDIAN_TEEN_AGE, GUARDIAN_END_AGE): what a minor may keep from her parents, and
when she is of age, differs from state to state. They are asked at every read, so no job has to run on a birthday.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.conf import settings

from consent.terms import Terms
from records import labels
from standards.fhir import dates

# It is tomorrow in Kiribati already: a birthday counts from the first moment that it is one anywhere.
_FIRST_ZONE: Final = timedelta(hours=14)


def born(patient: dict[str, Any]) -> date | None:
    """The earliest day she can have been born on by her Patient; None where it does not say."""
    said = patient.get("birthDate")
    try:
        low = dates.interval(said).low if isinstance(said, str) else None
    except dates.InvalidDate:
        return None
    return None if low is None else (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=low)).date()


def birthday(birth: date, age: int) -> datetime:
    """The moment from which she is that old."""
    leap = (birth.month, birth.day) == (2, 29)
    day = date(birth.year + age, birth.month, 28 if leap else birth.day)
    return datetime.combine(day, time(), tzinfo=UTC) - _FIRST_ZONE


def is_minor(birth: date | None, *, at: datetime) -> bool:
    """No where nobody knows: a guardian needs a birth date that says so."""
    return birth is not None and at < birthday(birth, settings.GUARDIAN_END_AGE)


def is_teen(birth: date, *, at: datetime) -> bool:
    return at >= birthday(birth, settings.GUARDIAN_TEEN_AGE)


def withheld(terms: Terms, birth: date, *, decided: datetime, at: datetime) -> int:
    """The label bits a guardian does not get.

    Kinds for which minors are let keep their parents out (labels.CONFIDENTIAL_TO_MINORS) are hers alone from the teen
    age on, whatever was decided before it. What she decides as a teenager herself counts.
    """
    bits = terms.withheld_from_delegate
    if is_teen(birth, at=at) and not is_teen(birth, at=decided):
        bits |= labels.CONFIDENTIAL_TO_MINORS
    return bits
