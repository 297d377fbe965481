"""HL7 v2 data types as FHIR's, as HL7's v2-to-FHIR guide maps them."""

from __future__ import annotations

import re
from typing import Any, Final

from standards.cda import datatypes, systems
from standards.fhir.json import ExactDecimal
from standards.hl7v2.messages import Value

Node = dict[str, Any]

# HL7 table 0396, as senders write it.
_SYSTEM: Final = {
    "LN": systems.LOINC,
    "SCT": systems.SNOMED,
    "SNOMED": systems.SNOMED,
    "SNOMED-CT": systems.SNOMED,
    "RXNORM": systems.RXNORM,
    "UCUM": systems.UCUM,
    "I10": "http://hl7.org/fhir/sid/icd-10-cm",
    "I10C": "http://hl7.org/fhir/sid/icd-10-cm",
    "I9": "http://hl7.org/fhir/sid/icd-9-cm",
    "I9C": "http://hl7.org/fhir/sid/icd-9-cm",
    "I9CDX": "http://hl7.org/fhir/sid/icd-9-cm",
    "I9M": "http://hl7.org/fhir/sid/icd-9-cm",
    "CVX": "http://hl7.org/fhir/sid/cvx",
    "MVX": "http://hl7.org/fhir/sid/mvx",
    "NDC": "http://hl7.org/fhir/sid/ndc",
    "C4": "http://www.ama-assn.org/go/cpt",
    "CPT": "http://www.ama-assn.org/go/cpt",
    "NCIT": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
    "CDCREC": "urn:oid:2.16.840.1.113883.6.238",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
}
_ZEROS: Final = re.compile(r"^([+-]?)0+(?=\d)")
_TABLE: Final = re.compile(r"HL7(\d{4})")
_V2: Final = "http://terminology.hl7.org/CodeSystem/v2-"
_NAME_USE: Final = {"L": "official", "D": "usual", "M": "maiden", "N": "nickname", "A": "anonymous", "B": "official"}
_ADDRESS_USE: Final = {"H": "home", "B": "work", "O": "work", "C": "temp", "BA": "old"}
_TELECOM_USE: Final = {"PRN": "home", "ORN": "home", "VHN": "home", "WPN": "work", "PRS": "mobile"}
_EQUIPMENT: Final = {"PH": "phone", "CP": "phone", "FX": "fax", "Internet": "email", "X.400": "email", "BP": "pager"}
_COMPARATOR: Final = {"<": "<", ">": ">", "<=": "<=", ">=": ">="}


def system(name: str) -> str:
    if name in _SYSTEM:
        return _SYSTEM[name]
    if table := _TABLE.fullmatch(name):
        return f"{_V2}{table[1]}"
    return systems.uri(name) if name else ""


def concept(value: Value) -> Node:
    """A CWE or CE: its code, its alternate, its words."""
    codings = []
    for first in (1, 4):
        code, display, named = (value.part(first + offset) for offset in range(3))
        if code:
            uri = system(named)
            coding = {**({"system": uri} if uri else {}), "code": code, **({"display": display} if display else {})}
            codings.append(coding)
    text = value.part(9) or ("" if codings else value.part(2) or value.part(5))
    return {**({"coding": codings} if codings else {}), **({"text": text} if text else {})}


def identifier(value: Value, *, kind: str = "") -> Node:
    """A CX: who gave the number stands in its fourth component, from when to when it is good in the last."""
    found = _identifier(value.part(1), value.part(4, 1), value.part(4, 2), kind or value.part(5))
    dates = {key: at for key, number in (("start", 7), ("end", 8)) if (at := datatypes.moment(value.part(number)))}
    return {**found, "period": dates} if found and dates else found


def assigned(value: Value) -> list[Node]:
    """Both numbers of an EIP: whoever ordered gave the first, whoever fills the order the second."""
    found = []
    for component, kind in ((1, "PGN"), (2, "FGN")):
        told, named, authority = (value.part(component, sub) for sub in (1, 2, 3))
        found.append(_identifier(told, named, authority, kind))
    return [each for each in found if each]


def entity(value: Value, *, kind: str = "") -> Node:
    """An EI; of an EIP its first."""
    if len(value.parts[0]) > 1:
        told, named, authority = (value.part(1, sub) for sub in (1, 2, 3))
    else:
        told, named, authority = (value.part(number) for number in (1, 2, 3))
    return _identifier(told, named, authority, kind)


def person_identifier(value: Value) -> Node:
    """That of an XCN."""
    return _identifier(value.part(1), value.part(9, 1), value.part(9, 2), value.part(13))


def _identifier(told: str, named: str, authority: str, kind: str) -> Node:
    uri = systems.IDENTIFIER_URI.get(authority) or systems.urn(authority)
    if not told:
        return {}
    return {
        **({"type": {"coding": [{"system": f"{_V2}0203", "code": kind}]}} if kind else {}),
        **({"system": uri} if uri else {}),
        "value": told,
        **({"assigner": {"display": named}} if named else {}),
    }


def amount(text: str) -> ExactDecimal | None:
    """An NM: it may have zeros before it."""
    return datatypes.number(_ZEROS.sub(r"\1", text))


def inner(value: Value, component: int) -> Node:
    """A coded element inside of one component (CM and SPS: what was a field became a part of one)."""
    code, display, named = (value.part(component, sub) for sub in (1, 2, 3))
    uri = system(named)
    coding = {**({"system": uri} if uri else {}), "code": code, **({"display": display} if display else {})}
    return {"coding": [coding]} if code else {"text": display} if display else {}


def quantity(value: Value) -> Node:
    """A CQ: its unit is coded inside of its second component."""
    found = amount(value.part(1))
    if found is None:
        return {}
    words = value.part(2, 2)
    return {"value": found, **datatypes.unit(value.part(2)), **({"unit": words} if words else {})}


def name(value: Value, *, first: int = 1) -> Node:
    """An XPN; of an XCN the name begins at its second component.

    A degree and what is written behind the name by profession are suffixes as well; an XCN has its kind and dates
    elsewhere.
    """
    family, given, further, suffix, prefix, degree = (value.part(first + offset) for offset in range(6))
    kind, start, end, behind = (7, 12, 13, 14) if first == 1 else (10, 19, 20, 21)
    use = _NAME_USE.get(value.part(kind), "")
    givens = [each for each in (given, further) if each]
    suffixes = [each for each in (suffix, degree, value.part(behind)) if each]
    told = {
        **({"family": family} if family else {}),
        **({"given": givens} if givens else {}),
        **({"prefix": [prefix]} if prefix else {}),
        **({"suffix": suffixes} if suffixes else {}),
    }
    dates = {
        **({"start": at} if (at := datatypes.moment(value.part(start))) else {}),
        **({"end": at} if (at := datatypes.moment(value.part(end))) else {}),
    }
    if not told:
        return {}
    return {**({"use": use} if use else {}), **told, **({"period": dates} if dates else {})}


def full_name(told: Node) -> str:
    parts = [*told.get("prefix", []), *told.get("given", []), told.get("family", ""), *told.get("suffix", [])]
    return " ".join(part for part in parts if part)


def address(value: Value) -> Node:
    lines = [each for each in (value.part(1), value.part(2)) if each]
    told = {
        key: text
        for key, text in (
            ("city", value.part(3)),
            ("district", value.part(9)),
            ("state", value.part(4)),
            ("postalCode", value.part(5)),
            ("country", value.part(6)),
        )
        if text
    }
    use = _ADDRESS_USE.get(value.part(7))
    return {**({"use": use} if use else {}), **({"line": lines} if lines else {}), **told} if lines or told else {}


def telecom(value: Value) -> Node:
    kind = _EQUIPMENT.get(value.part(3), "phone")
    number = "-".join(part for part in (value.part(6), value.part(7)) if part)
    country = f"+{value.part(5)} " if value.part(5) and number else ""
    told = value.part(4) if kind == "email" or (value.part(4) and not number) else ""
    told = told or value.part(12) or (country + number if number else "") or value.part(1)
    use = "mobile" if value.part(3) == "CP" else _TELECOM_USE.get(value.part(2))
    return {"system": "email" if "@" in told else kind, "value": told, **({"use": use} if use else {})} if told else {}


def unit(value: Value) -> Node:
    """OBX-6: a unit is UCUM where the message says so, or nothing else and it is written like UCUM."""
    code, words, named = value.part(1), value.part(2), value.part(3)
    if not code:
        return {"unit": words} if words else {}
    if named in ("UCUM", ""):
        return {**datatypes.unit(code), **({"unit": words} if words else {})}
    return {"unit": words or code}


def structured(value: Value, units: Node) -> Node:
    """An SN: a bounded number, a range or a ratio; {} for what is none of these."""
    comparator, low, sign, high = (value.part(number) for number in range(1, 5))
    first, second = amount(low), amount(high)
    if first is None:
        return {}
    one = {"value": first, **units}
    if second is None:
        bound = _COMPARATOR.get(comparator)
        return {"valueQuantity": {"value": first, **({"comparator": bound} if bound else {}), **units}}
    other = {"value": second, **units}
    if sign == "-":
        return {"valueRange": {"low": one, "high": other}}
    return {"valueRatio": {"numerator": one, "denominator": other}} if sign in (":", "/") else {}
