"""What US Core's SHALL searches mean, read straight off the JSON: no search definitions, no index, no code of ours.

Each parameter is a list of plain values of a resource and a test of one searched value against them.
"""

from __future__ import annotations

import unicodedata
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

Resource = dict[str, Any]

TOKENS = {
    "category": "category",
    "code": "code",
    "type": "type",
    "status": "status",
    "intent": "intent",
    "identifier": "identifier",
    "gender": "gender",
    "specialty": "specialty",
}
DATES = {
    "Encounter": ("period",),
    "Procedure": ("performedDateTime", "performedPeriod"),
    "DiagnosticReport": ("effectiveDateTime", "effectivePeriod"),
    "Observation": ("effectiveDateTime", "effectivePeriod", "effectiveInstant"),
    "DocumentReference": ("date",),
    "ServiceRequest": ("authoredOn",),
    "Patient": ("birthDate",),
}
NAMES = ("family", "given", "prefix", "suffix", "text")
ADDRESS = ("line", "city", "district", "state", "country", "postalCode", "text")
MORNING, NIGHT = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def values(code: str, resource: Resource) -> list[str]:
    """Values that are to find this resource."""
    if code in TOKENS:
        pairs = tokens(resource, TOKENS[code])
        return [text for system, one in pairs for text in ([one, f"{system}|{one}"] if system else [one])]
    if code in ("date", "authored", "birthdate"):
        said = [one for one in texts_of_dates(resource) if one]
        return [f"{prefix}{one[:10]}" for one in said for prefix in ("", "ge", "lt")]
    if code in ("name", "address"):
        return [text[:5] for text in strings(code, resource) if text.strip()[:5]]
    if code == "practitioner":
        return [resource.get("practitioner", {}).get("reference", "")]
    return [resource["id"]] if code == "_id" else []


def matches(code: str, value: str, resource: Resource) -> bool:
    if code in ("patient", "subject"):
        return True  # all of it is one person's
    if code == "_id":
        return resource["id"] == value
    if code in TOKENS:
        system, bar, one = value.rpartition("|")
        return any(one == held and (not bar or system == of) for of, held in tokens(resource, TOKENS[code]))
    if code == "practitioner":
        return resource.get("practitioner", {}).get("reference") == value
    if code in ("name", "address"):
        return any(plain(text).startswith(plain(value)) for text in strings(code, resource))
    return any(compares(value, *span) for span in spans(resource))


def tokens(resource: Resource, element: str) -> Iterator[tuple[str, str]]:
    held = resource.get(element)
    for one in held if isinstance(held, list) else [held]:
        if isinstance(one, str):
            yield "", one
        elif isinstance(one, dict):
            codings = one.get("coding", [one] if {"code", "value"} & set(one) else [])
            for coding in codings:
                code = coding.get("code", coding.get("value"))
                if code:
                    yield coding.get("system", ""), code


def strings(code: str, resource: Resource) -> Iterator[str]:
    held = resource.get(code)
    for one in held if isinstance(held, list) else [held]:
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            for part in NAMES if code == "name" else ADDRESS:
                said = one.get(part, [])
                yield from said if isinstance(said, list) else [said]
    if code == "name":
        yield from resource.get("alias", [])


def plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text)
    return " ".join("".join(one for one in folded if not unicodedata.combining(one)).casefold().split())


def texts_of_dates(resource: Resource) -> Iterator[str]:
    for element in DATES.get(resource["resourceType"], ()):
        said = resource.get(element)
        yield said.get("start", "") if isinstance(said, dict) else said or ""


def spans(resource: Resource) -> Iterator[tuple[datetime, datetime]]:
    for element in DATES.get(resource["resourceType"], ()):
        said = resource.get(element)
        if isinstance(said, str):
            yield span(said)
        elif isinstance(said, dict):
            start, end = said.get("start"), said.get("end")
            yield span(start)[0] if start else MORNING, span(end)[1] if end else NIGHT


def span(text: str) -> tuple[datetime, datetime]:
    """From the first moment of a date to the first after it; without a zone it is UTC."""
    if len(text) > 10:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at, at + (timedelta(milliseconds=1) if "." in text else timedelta(seconds=1))
    year, month, day = ([*map(int, text.split("-")), 0, 0])[:3]
    first = datetime(year, month or 1, day or 1, tzinfo=UTC)
    if day:
        return first, first + timedelta(days=1)
    days = monthrange(year, month)[1] if month else (datetime(year + 1, 1, 1, tzinfo=UTC) - first).days
    return first, first + timedelta(days=days)


def compares(value: str, low: datetime, high: datetime) -> bool:
    prefix, text = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
    first, after = span(text)
    equal = first <= low and high <= after
    return {"eq": equal, "ge": equal or high > after, "lt": low < first}[prefix]
