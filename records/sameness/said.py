"""What one record says, in terms that can be compared with what another system says. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple

from records.sameness import kinds, wording
from records.sameness.kinds import Kind
from standards.fhir import dates, occurrence
from standards.terminology import sensitivity

NPI: Final = "http://hl7.org/fhir/sid/us-npi"
_NPI_OID: Final = "2.16.840.1.113883.4.6"
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_IDENTIFIER_MIN: Final = 3
# Of a version of FHIR or of this record, not of the thing itself.
_NO_IDENTIFIER: Final = frozenset({"", "urn:ietf:rfc:3986"})
_FAR: Final = dates.FOREVER_FUTURE


class Ref(NamedTuple):
    """A record by its type and logical id."""

    resource_type: str
    logical_id: str

    def __str__(self) -> str:
        return f"{self.resource_type}/{self.logical_id}"


class Code(NamedTuple):
    """``system`` is our name of a known code system, else the uri as it is."""

    system: str
    code: str


@dataclass(frozen=True, slots=True)
class Value:
    """A measured value. ``number`` is None for words; ``places``: digits after the point as written."""

    number: Decimal | None
    unit: str
    words: str
    places: int = 0


class Measured(NamedTuple):
    """A value, and what the part of a result it belongs to is called: codes and names; none for the whole."""

    called: frozenset[str]
    value: Value


@dataclass(frozen=True, slots=True)
class Said:
    """``low``/``high``: the time it is about, µs since 1970 UTC, half-open; ``high`` of what goes on is endless.

    ``day``: the local day it began on as written, "" where none is; ``timed``: whether a time of day is. ``state`` and
    ``sure``: FHIR's words for how it stands and how sure it is. ``about``: further words by aspect.
    """

    ref: Ref
    source_id: int
    kind: Kind
    codes: frozenset[Code] = frozenset()
    names: frozenset[str] = frozenset()
    identifiers: frozenset[Code] = frozenset()
    low: int | None = None
    high: int = _FAR
    day: str = ""
    timed: bool = False
    state: str = ""
    sure: str = ""
    told: int = 0
    about: Mapping[str, frozenset[str]] = field(default_factory=dict)
    values: tuple[Measured, ...] = ()


def of(
    resource: Mapping[str, Any], *, source_id: int, medications: Mapping[str, Mapping[str, Any]] | None = None
) -> Said | None:
    """None for a resource of no kind, one that was entered in error, and one that names nothing.

    ``medications``: Medication resources by their reference, for medicines that only point to one.
    """
    kind = kinds.of(str(resource.get("resourceType")))
    logical_id = resource.get("id")
    if kind is None or not isinstance(logical_id, str):
        return None
    state, sure = _state(resource, "clinicalStatus", "status"), _state(resource, "verificationStatus")
    if "entered-in-error" in (state, sure):
        return None
    concepts = list(_concepts(kind, resource, medications or {}))
    codes, texts = frozenset(_codes(concepts)), list(_texts(concepts))
    names, about = _NAMES[kind](resource, texts), _ABOUT.get(kind, _nothing)(resource, texts)
    identifiers = frozenset(_identifiers(resource))
    if not (codes or names or identifiers or about.get("content")):
        return None
    element = occurrence.element_of(resource)
    span, written = dates.covered(element) if element is not None else None, _written(element)
    return Said(
        Ref(str(resource["resourceType"]), logical_id),
        source_id,
        kind,
        codes,
        names,
        identifiers,
        low=None if span is None or span.low == dates.FOREVER_PAST else span.low,
        high=_end(kind, resource, span),
        day=written[:10] if _DAY.match(written) else "",
        timed="T" in written,
        state=state,
        sure=sure,
        told=_told(resource, span),
        about=about,
        values=tuple(_values(resource)) if kind is Kind.RESULTS else (),
    )


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _every(node: Any, *path: str) -> list[Any]:
    """What stands at the end of the path, in order. Plain loops: it is asked dozens of times of each of thousands."""
    found = listed(node)
    for key in path:
        inner: list[Any] = []
        for each in found:
            if each.__class__ is dict and (value := each.get(key)) is not None:
                if value.__class__ is list:
                    inner += value
                else:
                    inner.append(value)
        found = inner
    return [each for each in found if each is not None]


def _text(node: Any, *path: str) -> str:
    for found in _every(node, *path):
        if found.__class__ is str:
            return str(found).strip()
    return ""


def _state(resource: Mapping[str, Any], *keys: str) -> str:
    for key in keys:
        if found := _text(resource, key, "coding", "code") or _text(resource, key):
            return found
    return ""


_CODED: Final = {
    Kind.VACCINES: ("vaccineCode",),
    Kind.VISITS: ("type",),
    Kind.DOCUMENTS: ("type",),
    Kind.CLINICIANS: (),
    Kind.ORGANIZATIONS: (),
}


def _concepts(
    kind: Kind, resource: Mapping[str, Any], medications: Mapping[str, Mapping[str, Any]]
) -> Iterator[Mapping[str, Any]]:
    if kind is Kind.MEDICINES:
        yield from _medicine(resource, medications)
        return
    for key in _CODED.get(kind, ("code",)):
        yield from (each for each in listed(resource.get(key)) if isinstance(each, Mapping))
    if kind is Kind.ALLERGIES and not resource.get("code"):
        yield from (each for each in _every(resource, "reaction", "substance") if isinstance(each, Mapping))


def _medicine(resource: Mapping[str, Any], medications: Mapping[str, Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    concept = resource.get("medicationCodeableConcept")
    if isinstance(concept, Mapping):
        yield concept
    pointed = _text(resource, "medicationReference", "reference")
    contained = {f"#{_text(each, 'id')}": each for each in _every(resource, "contained") if isinstance(each, Mapping)}
    found = contained.get(pointed) or medications.get(pointed)
    if found is not None and isinstance(found.get("code"), Mapping):
        yield found["code"]
    elif display := _text(resource, "medicationReference", "display"):
        yield {"text": display}


def _codes(concepts: Iterable[Mapping[str, Any]]) -> Iterator[Code]:
    for coding in _every(list(concepts), "coding"):
        system, code = _text(coding, "system"), _text(coding, "code")
        if system and code:
            yield Code(sensitivity.system_of(system) or system, code)


def _texts(concepts: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What its codes are called; the free text only where they have no names. Documents of real systems have the text
    of a reaction there, which would make one of all allergies that cause it."""
    for concept in concepts:
        called = [text for text in _every(concept, "coding", "display") if isinstance(text, str) and text.strip()]
        text = concept.get("text")
        yield from called or ([text] if isinstance(text, str) else [])


def _identifiers(resource: Mapping[str, Any]) -> Iterator[Code]:
    for each in [*listed(resource.get("identifier")), *listed(resource.get("masterIdentifier"))]:
        system, value = _text(each, "system"), _text(each, "value")
        if _NPI_OID in system:
            system = NPI
        if (system not in _NO_IDENTIFIER or value.startswith("urn:")) and len(value) >= _IDENTIFIER_MIN:
            yield Code(system, value)


def _plain(_: Mapping[str, Any], texts: list[str]) -> frozenset[str]:
    return frozenset(found for text in texts if (found := wording.name(text)))


def _substances(_: Mapping[str, Any], texts: list[str]) -> frozenset[str]:
    return frozenset(found for text in texts if (found := wording.substance(text)))


def _ingredients(_: Mapping[str, Any], texts: list[str]) -> frozenset[str]:
    """Each text's ingredients as one name: a combination is another medicine than its parts."""
    return frozenset(" + ".join(sorted(found)) for text in texts if (found := wording.ingredients(text)))


def _people(resource: Mapping[str, Any], _: list[str]) -> frozenset[str]:
    names = (each for each in listed(resource.get("name")) if isinstance(each, Mapping))
    return frozenset(found for each in names if (found := wording.person(_person_name(each))))


def _person_name(name: Mapping[str, Any]) -> str:
    parts = [*_every(name, "given"), *_every(name, "family")]
    return " ".join(part for part in parts if isinstance(part, str)) or _text(name, "text")


def _organization(resource: Mapping[str, Any], _: list[str]) -> frozenset[str]:
    texts = [_text(resource, "name"), *(text for text in listed(resource.get("alias")) if isinstance(text, str))]
    return frozenset(found for text in texts if (found := wording.organization(text)))


_NAMES: Final = dict.fromkeys(Kind, _plain) | {
    Kind.ALLERGIES: _substances,
    Kind.MEDICINES: _ingredients,
    Kind.CLINICIANS: _people,
    Kind.ORGANIZATIONS: _organization,
}


def _nothing(_: Mapping[str, Any], __: list[str]) -> dict[str, frozenset[str]]:
    return {}


def _of_allergy(resource: Mapping[str, Any], texts: list[str]) -> dict[str, frozenset[str]]:
    none = {found for text in texts if (found := wording.none_known(text)) is not None}
    none |= {
        found
        for code in _every(resource, "code", "coding", "code")
        if isinstance(code, str) and (found := wording.none_known_code(code)) is not None
    }
    return _filled(
        none_known=none,
        category=[each for each in listed(resource.get("category")) if isinstance(each, str)],
        criticality=[_text(resource, "criticality")],
    )


def _of_medicine(resource: Mapping[str, Any], texts: list[str]) -> dict[str, frozenset[str]]:
    instructions = [*listed(resource.get("dosageInstruction")), *listed(resource.get("dosage"))]
    return _filled(
        strength=[found for text in texts for found in wording.strengths(text)],
        dose=[found for each in instructions if (found := _dose(each))],
    )


def _dose(instruction: Any) -> str:
    """Amount and rhythm where they are in elements, else the words: ``2 tablet 1/1d``."""
    amount = next(iter(_every(instruction, "doseAndRate", "doseQuantity")), None)
    repeat = next(iter(_every(instruction, "timing", "repeat")), None)
    parts = [_quantity(amount).words] if isinstance(amount, Mapping) else []
    if isinstance(repeat, Mapping) and repeat.get("period") is not None:
        parts.append(f"{repeat.get('frequency', 1)}/{repeat['period']}{_text(repeat, 'periodUnit')}")
    return " ".join(parts) or wording.name(_text(instruction, "text"))


def _of_document(resource: Mapping[str, Any], _: list[str]) -> dict[str, frozenset[str]]:
    """The content by its hash: the one the source states, else the same of what is there."""
    return _filled(content=[_digest(attachment) for attachment in _every(resource, "content", "attachment")])


def _digest(attachment: Any) -> str:
    """As ``Attachment.hash`` is defined: SHA-1 of the decoded data, in base64."""
    stated, data = _text(attachment, "hash"), _text(attachment, "data")
    if stated or not data:
        return stated
    try:
        return base64.b64encode(hashlib.sha1(base64.b64decode(data), usedforsecurity=False).digest()).decode()
    except (binascii.Error, ValueError):
        return ""


def _of_place(resource: Mapping[str, Any], _: list[str]) -> dict[str, frozenset[str]]:
    streets = (text for text in _every(resource, "address", "line") if isinstance(text, str))
    phones = (_text(each, "value") for each in _every(resource, "telecom") if _text(each, "system") == "phone")
    return _filled(
        street=[wording.name(text) for text in streets],
        city=[wording.name(text) for text in _every(resource, "address", "city") if isinstance(text, str)],
        phone=["".join(sign for sign in text if sign.isdigit())[-10:] for text in phones],
    )


def _of_visit(resource: Mapping[str, Any], _: list[str]) -> dict[str, frozenset[str]]:
    return _filled(form=[_text(resource, "class", "code")])


_ABOUT: Final = {
    Kind.ALLERGIES: _of_allergy,
    Kind.MEDICINES: _of_medicine,
    Kind.DOCUMENTS: _of_document,
    Kind.CLINICIANS: _of_place,
    Kind.ORGANIZATIONS: _of_place,
    Kind.VISITS: _of_visit,
}


def _filled(**aspects: Iterable[str]) -> dict[str, frozenset[str]]:
    """``none_known`` of "" means any allergy; elsewhere an empty text says nothing."""
    made = {name: frozenset(each for each in found if each or name == "none_known") for name, found in aspects.items()}
    return {name: found for name, found in made.items() if found}


def _written(element: Any) -> str:
    return element if isinstance(element, str) else _text(element, "start")


def _end(kind: Kind, resource: Mapping[str, Any], span: dates.Interval | None) -> int:
    """When it ended; a problem that is over without saying when may have ended at any time."""
    if kind is Kind.PROBLEMS:
        ends = [dates.covered(resource.get(name)) for name in ("abatementDateTime", "abatementPeriod")]
        known = [end.high for end in ends if end is not None]
        return min(known) if known else _FAR
    return _FAR if span is None else span.high


def _told(resource: Mapping[str, Any], span: dates.Interval | None) -> int:
    """When its source said it, to know its newest word: µs since 1970 UTC, 0 where it does not say."""
    for name in ("recordedDate", "authoredOn", "dateAsserted", "whenHandedOver", "recorded", "issued", "date"):
        if isinstance(resource.get(name), str) and (found := dates.covered(resource[name])) is not None:
            return found.low
    return 0 if span is None or span.low == dates.FOREVER_PAST else span.low


def _values(resource: Mapping[str, Any]) -> Iterator[Measured]:
    """What was measured: of the whole, and of each part."""
    if (found := _value(resource)) is not None:
        yield Measured(frozenset(), found)
    for part in _every(resource, "component"):
        concepts = [each for each in _every(part, "code") if isinstance(each, Mapping)]
        called = {each.code for each in _codes(concepts)} | {wording.name(text) for text in _texts(concepts)}
        if (found := _value(part)) is not None:
            yield Measured(frozenset(called), found)


def _value(node: Any) -> Value | None:
    if not isinstance(node, Mapping):
        return None
    if isinstance(node.get("valueQuantity"), Mapping):
        return _quantity(node["valueQuantity"])
    concept = node.get("valueCodeableConcept")
    texts = (_text(concept, "coding", "display"), _text(concept, "text"), _text(concept, "coding", "code"))
    words = next((text for text in texts if text), "") or _text(node, "valueString")
    return Value(None, "", wording.name(words)) if words else None


def _quantity(node: Mapping[str, Any]) -> Value:
    number, unit = node.get("value"), _text(node, "code") or _text(node, "unit")
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
        return Value(None, "", wording.name(str(number)))
    exact = Decimal(str(number))
    places = max(0, -int(exact.as_tuple().exponent))
    comparator = _text(node, "comparator")
    folded = unit.casefold().replace(" ", "")
    return Value(exact, comparator + folded, f"{comparator}{exact.normalize():f} {folded}".strip(), places)
