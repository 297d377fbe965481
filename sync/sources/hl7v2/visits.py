"""Visits: PV1 and PV2 as one Encounter, as HL7's v2-to-FHIR guide maps them (PV1[Encounter], PV2[Encounter])."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from standards.hl7v2.messages import Segment, Value
from sync.sources.hl7v2 import datatypes
from sync.sources.hl7v2.datatypes import Node

_ACT: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_UNKNOWN: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"}
_CLASSES: Final = {
    "E": ("EMER", "emergency"),
    "I": ("IMP", "inpatient encounter"),
    "O": ("AMB", "ambulatory"),
    "P": ("PRENC", "pre-admission"),
    "R": ("AMB", "ambulatory"),
    "B": ("IMP", "inpatient encounter"),
}
_EVENTS: Final = {"A03": "finished", "A05": "planned", "A14": "planned", "A11": "cancelled", "A27": "cancelled"}
_PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_ROLES: Final = {
    7: ("ATND", "attender"),
    8: ("REF", "referrer"),
    9: ("CON", "consultant"),
    17: ("ADM", "admitter"),
    52: ("PART", "Participation"),
}
# Where else she was or is going to be: (field of PV1, what that place is to the visit).
_PLACES: Final = ((6, "completed"), (11, "active"), (42, "planned"), (43, "completed"))
_STAY: Final = {13: "reAdmission", 14: "admitSource", 36: "dischargeDisposition"}
_STAY_LISTED: Final = {16: "specialCourtesy", 38: "dietPreference"}

People = Callable[[Segment, int], list[Node]]


def begin(pv1: Segment, *, event: str, at: Callable[[str], str], people: People) -> Node:
    """The body of an Encounter. ``event``: of an ADT message; ``at``: a time with the zone of the message."""
    period = {name: told for name, number in (("start", 44), ("end", 45)) if (told := at(pv1.text(number)))}
    status = _status(pv1, event, period)
    return {
        "identifier": [
            *(datatypes.identifier(each, kind="VN") for each in pv1.all(19)),
            *(found for each in pv1.all(50) if (found := datatypes.identifier(each))),
        ],
        "status": status,
        "class": _class(pv1.text(2)),
        "type": _concepts(pv1, 4),
        "serviceType": datatypes.concept(pv1.first(10)),
        "participant": [each for number in _ROLES for each in _participants(pv1, number, people)],
        "period": period,
        "hospitalization": _stay(pv1),
        "location": [
            *_places(pv1, 3, "completed" if status == "finished" else "planned" if status == "planned" else "active"),
            *(each for number, was in _PLACES for each in _places(pv1, number, was)),
        ],
    }


def go_on(visit: Node, pv2: Segment, *, people: People) -> None:
    """What PV2 adds."""
    days = datatypes.amount(pv2.text(11))
    told: Node = {
        "reasonCode": _concepts(pv2, 3),
        "length": {"value": days, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"} if days else {},
        "priority": datatypes.concept(pv2.first(25)),
    }
    visit.update({name: value for name, value in told.items() if value})
    for name, more in (
        ("participant", _participants(pv2, 13, people, _ROLES[8])),
        ("location", _places(pv2, 1, "planned")),
    ):
        if more:
            visit.setdefault(name, []).extend(more)


def is_protected(pv2: Segment) -> bool:
    """PV2-22, the visit protection indicator: whoever sent it wants few to know of the visit."""
    return pv2.text(22) not in ("", "N")


def _status(pv1: Segment, event: str, period: Node) -> str:
    if event in _EVENTS:
        return _EVENTS[event]
    if pv1.text(2) == "P":
        return "planned"
    return "finished" if "end" in period else "in-progress" if period else "unknown"


def _class(said: str) -> Node:
    code, display = _CLASSES.get(said, ("", ""))
    return {"system": _ACT, "code": code, "display": display} if code else dict(_UNKNOWN)


def _concepts(segment: Segment, number: int) -> list[Node]:
    return [found for each in segment.all(number) if (found := datatypes.concept(each))]


def _participants(segment: Segment, number: int, people: People, role: tuple[str, str] = ("", "")) -> list[Node]:
    code, display = role if role[0] else _ROLES[number]
    kind = {"coding": [{"system": _PARTICIPATION, "code": code, "display": display}]}
    return [{"type": [kind], "individual": each} for each in people(segment, number)]


def _stay(pv1: Segment) -> Node:
    destination = pv1.first(37)
    named = destination.part(1, 2) or destination.part(2) or destination.part(1)
    told: Node = {
        "preAdmissionIdentifier": datatypes.identifier(pv1.first(5)),
        **{name: datatypes.concept(pv1.first(number)) for number, name in _STAY.items()},
        **{name: _concepts(pv1, number) for number, name in _STAY_LISTED.items()},
        "destination": {"display": named} if named else {},
    }
    return {name: value for name, value in told.items() if value}


def _places(segment: Segment, number: int, status: str) -> list[Node]:
    return [
        {"location": {"display": named}, "status": status} for each in segment.all(number) if (named := _place(each))
    ]


def _place(value: Value) -> str:
    """A PL in words: facility, point of care, room, bed."""
    return " ".join(part for part in (value.part(4), *(value.part(number) for number in (1, 2, 3))) if part)
