"""CDA's data types as FHIR's: codes as given, dates no more exact than written, units as UCUM where they are UCUM."""

from __future__ import annotations

import re
from decimal import InvalidOperation
from typing import Any, Final

from standards.cda import documents, systems
from standards.cda.documents import Element, attribute, child, children, is_null, text_of
from standards.fhir import dates
from standards.fhir.json import ExactDecimal

Node = dict[str, Any]

_TIME: Final = re.compile(r"(\d{4})(\d\d)?(\d\d)?(?:(\d\d)(\d\d)?(\d\d)?(?:\.(\d+))?)?([+-]\d{4})?")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_UCUM: Final = re.compile(r"[!-~]+")
_PARTS: Final = {"prefix": "prefix", "given": "given", "suffix": "suffix"}
_NAME_USE: Final = {"L": "usual", "C": "official", "P": "nickname", "M": "maiden", "OR": "official", "ASGN": "usual"}
_ADDRESS_USE: Final = {"H": "home", "HP": "home", "HV": "home", "WP": "work", "TMP": "temp", "BAD": "old"}
_TELECOM_USE: Final = {"H": "home", "HP": "home", "HV": "home", "WP": "work", "MC": "mobile"}
_TELECOM_SYSTEM: Final = {"tel": "phone", "fax": "fax", "mailto": "email", "http": "url", "https": "url"}


def moment(text: str, *, zone: str = "") -> str:
    """A TS value as a FHIR dateTime of the same precision; "" for none.

    FHIR wants a zone with every time of day: where neither the value nor the document (``zone``) says one, the day is
    all that is told.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return ""
    year, month, day, hour, minute, second, fraction, said = found.groups()
    date = "-".join(part for part in (year, month, day) if part)
    offset = said or zone
    if hour is None or minute is None or day is None or not offset:
        return _existing(date)
    parts = f"{hour}:{minute}:{second or '00'}" + (f".{fraction[:6]}" if fraction and second else "")
    return _existing(f"{date}T{parts}{offset[:3]}:{offset[3:]}") or _existing(date)


def _existing(text: str) -> str:
    try:
        dates.interval(text)
    except dates.InvalidDate:
        return ""
    return text


def zone_of(element: Element | None) -> str:
    """The offset of a TS, as it is written."""
    found = _TIME.fullmatch(attribute(element, "value"))
    return found[8] or "" if found else ""


def point(element: Element | None, *, zone: str = "") -> str:
    """The value of a TS, or where an IVL_TS begins."""
    if element is None:
        return ""
    for one in (element, child(element, "low"), child(element, "center"), child(element, "high")):
        if told := moment(attribute(one, "value"), zone=zone):
            return told
    return ""


def period(element: Element | None, *, zone: str = "") -> Node:
    """An IVL_TS as a Period; a TS is where it starts."""
    low = moment(attribute(child(element, "low"), "value"), zone=zone) or moment(attribute(element, "value"), zone=zone)
    high = moment(attribute(child(element, "high"), "value"), zone=zone)
    return {**({"start": low} if low else {}), **({"end": high} if high else {})}


def occurred(element: Element | None, name: str, *, zone: str = "") -> Node:
    """``{name}DateTime`` or ``{name}Period``, whichever was told; empty for neither."""
    told = period(element, zone=zone)
    if len(told) == 2 and told["start"] != told["end"]:
        return {f"{name}Period": told}
    at = told.get("start") or told.get("end") or point(element, zone=zone)
    return {f"{name}DateTime": at} if at else {}


def number(text: str) -> ExactDecimal | None:
    text = text.strip().removeprefix("+")
    if text.startswith("."):
        text = f"0{text}"
    if _NUMBER.fullmatch(text) is None or re.match(r"-?0\d", text):
        return None
    try:
        return ExactDecimal(text)
    except InvalidOperation:
        return None


def quantity(element: Element | None) -> Node:
    """A PQ; empty where it has no number."""
    value = number(attribute(element, "value"))
    if element is None or value is None:
        return {}
    return {"value": value, **unit(attribute(element, "unit"))}


def unit(text: str) -> Node:
    """What is written like UCUM is taken for it, as CDA demands; other words are words."""
    if not text or text == "1":
        return {}
    if _UCUM.fullmatch(text):
        return {"unit": text, "system": systems.UCUM, "code": text}
    return {"unit": text}


def span(element: Element) -> Node:
    """An IVL_PQ as a Range."""
    found = {name: quantity(child(element, name)) for name in ("low", "high")}
    return {name: value for name, value in found.items() if value}


def bounded(element: Element) -> Node:
    """An IVL_PQ with one end, as a Quantity with a comparator ("less than 5")."""
    for name, inclusive, exclusive in (("low", ">=", ">"), ("high", "<=", "<")):
        end = child(element, name)
        if value := quantity(end):
            comparator = exclusive if attribute(end, "inclusive") == "false" else inclusive
            return {"value": value.pop("value"), "comparator": comparator, **value}
    return {}


def coding(element: Element | None) -> Node:
    """A CD's own code; empty for none."""
    code, system = attribute(element, "code"), systems.uri(attribute(element, "codeSystem"))
    if not code:
        return {}
    display = attribute(element, "displayName")
    return {
        **({"system": system} if system else {}),
        "code": code,
        **({"display": display} if display else {}),
    }


def concept(element: Element | None, *, words: str = "") -> Node:
    """A CD with its translations, as given; ``words``: what the narrative says at its place. Empty for nothing."""
    if element is None:
        return {}
    said = [coding(element), *(coding(each) for each in element.iterchildren("translation"))]
    codings = list({(each.get("system"), each["code"]): each for each in said if each}.values())
    text = words or text_of(child(element, "originalText")) or attribute(element, "displayName")
    return {**({"coding": codings} if codings else {}), **({"text": text} if text else {})}


def identifier(element: Element) -> Node:
    """An II; empty for none. A root alone is the identifier itself (urn:ietf:rfc:3986)."""
    root, extension = attribute(element, "root"), attribute(element, "extension")
    if is_null(element) or not (root or extension):
        return {}
    if not extension:
        urn = systems.urn(root)
        return {"system": "urn:ietf:rfc:3986", "value": urn} if urn else {"value": root}
    system = systems.IDENTIFIER_URI.get(root) or systems.urn(root)
    return {**({"system": system} if system else {}), "value": extension}


def identifiers(element: Element | None) -> list[Node]:
    return [found for each in children(element, "id") if (found := identifier(each))]


def name(element: Element) -> Node:
    """A PN; empty for none."""
    told: Node = {}
    if use := _NAME_USE.get(attribute(element, "use").partition(" ")[0]):
        told["use"] = use
    if family := " ".join(filter(None, (text_of(each) for each in element.iterchildren("family")))):
        told["family"] = family
    for tag, key in _PARTS.items():
        if parts := [text for each in element.iterchildren(tag) if (text := text_of(each))]:
            told[key] = parts
    if told.keys() <= {"use"}:
        text = text_of(element)
        return {**told, "text": text} if text else {}
    return told


def full_name(element: Element | None) -> str:
    """A name in one line."""
    if element is None:
        return ""
    told = name(element)
    parts = [*told.get("prefix", []), *told.get("given", []), told.get("family", ""), *told.get("suffix", [])]
    return str(told.get("text") or " ".join(part for part in parts if part))


def address(element: Element) -> Node:
    told: Node = {}
    if use := _ADDRESS_USE.get(attribute(element, "use").partition(" ")[0]):
        told["use"] = use
    if lines := [text for each in element.iterchildren("streetAddressLine") if (text := text_of(each))]:
        told["line"] = lines
    for tag, key in (
        ("city", "city"),
        ("county", "district"),
        ("state", "state"),
        ("postalCode", "postalCode"),
        ("country", "country"),
    ):
        if text := text_of(child(element, tag)):
            told[key] = text
    if told.keys() <= {"use"}:
        text = text_of(element)
        return {**told, "text": text} if text else {}
    return told


def telecom(element: Element) -> Node:
    value = attribute(element, "value")
    if is_null(element) or not value:
        return {}
    scheme, colon, rest = value.partition(":")
    system = _TELECOM_SYSTEM.get(scheme.lower()) if colon else None
    use = _TELECOM_USE.get(attribute(element, "use").partition(" ")[0])
    told = rest.strip() if system in ("phone", "fax", "email") else value
    kind = system or ("email" if "@" in value else "phone")
    return {"system": kind, "value": told, **({"use": use} if use else {})}


def every(element: Element | None, tag: str, read: Any) -> list[Node]:
    """What ``read`` makes of each child of that name, without what is empty."""
    return [found for each in children(element, tag) if not is_null(each) and (found := read(each))]


def value(element: Element, *, words: str = "", zone: str = "") -> Node:
    """An observation's value as ``value[x]``; empty where it is null or of a type FHIR has no place for."""
    kind = documents.type_of(element)
    if kind in ("PQ", "REAL", "MO") and (found := quantity(element)):
        return {"valueQuantity": found}
    if kind in ("IVL_PQ", "IVL_REAL", "IVL_INT"):
        range_ = span(element)
        return (
            {"valueRange": range_} if len(range_) == 2 else {"valueQuantity": one} if (one := bounded(element)) else {}
        )
    if kind == "INT" and re.fullmatch(r"-?\d{1,9}", attribute(element, "value")):
        return {"valueInteger": int(attribute(element, "value"))}
    if kind == "BL" and attribute(element, "value") in ("true", "false"):
        return {"valueBoolean": attribute(element, "value") == "true"}
    if kind == "TS" and (at := point(element, zone=zone)):
        return {"valueDateTime": at}
    if kind == "IVL_TS" and (told := period(element, zone=zone)):
        return {"valuePeriod": told}
    if kind in ("CD", "CE", "CV", "CO", "CS", "") and (found := concept(element, words=words)):
        return {"valueCodeableConcept": found}
    if kind in ("RTO", "RTO_PQ_PQ", "RTO_QTY_QTY"):
        ratio = {name: quantity(child(element, name)) for name in ("numerator", "denominator")}
        return {"valueRatio": ratio} if all(ratio.values()) else {}
    text = words or text_of(element) or attribute(element, "value")
    return {"valueString": text} if text else {}
