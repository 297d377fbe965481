"""HL7 v2 messages into FHIR R4: visits (ADT), results (ORU), vaccinations (VXU), documents (MDM).

Segments are taken in their order, since what a segment belongs to is told by what stands before it. Each message is
kept whole as well; fields without a place are told in the account by their number.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from records import labels
from standards.cda.datatypes import moment
from standards.hl7v2 import messages
from standards.hl7v2.messages import Message, Segment, Value
from sync.sources.hl7v2 import datatypes, visits
from sync.sources.hl7v2.datatypes import Node
from sync.sources.papers import mapping as papers
from sync.sources.upload.accounts import Reason
from sync.sources.upload.readings import Format, Reading, Refused

READ: Final = frozenset({"ADT", "ORU", "VXU", "MDM"})
MEDIA_TYPE: Final = "x-application/hl7-v2+er7"
PATIENT: Final = "patient"
_V2: Final = "http://terminology.hl7.org/CodeSystem/v2-"
_GENDER: Final = {"M": "male", "F": "female", "O": "other", "A": "other", "U": "unknown"}
_RESULT: Final = {
    "F": "final",
    "U": "final",
    "C": "corrected",
    "P": "preliminary",
    "R": "preliminary",
    "S": "preliminary",
    "I": "registered",
    "O": "registered",
    "X": "cancelled",
    "D": "entered-in-error",
    "W": "entered-in-error",
}
_REPORT: Final = {**_RESULT, "A": "partial", "Y": "registered", "Z": "registered"}
_AVAILABLE: Final = {"Y": "available", "N": "unavailable"}
_GIVEN: Final = {"CP": "completed", "PA": "completed", "RE": "not-done", "NA": "not-done", "": "completed"}
_SEVERITY: Final = {"MI": "mild", "MO": "moderate", "SV": "severe"}
_ALLERGEN: Final = {"DA": "medication", "FA": "food", "EA": "environment", "PA": "environment", "LA": "environment"}
# Observations beside a vaccination that have an element of their own.
_BESIDE: Final = {"64994-7": "programEligibility", "30963-3": "fundingSource"}
_RESTRICTED: Final = {"system": labels.CONFIDENTIALITY, "code": "R"}
_IGNORED: Final = frozenset({"MSH", "SFT", "EVN", "PD1", "UAC", "PID", "NK1", "ARV"})
_FIELDS: Final = MappingProxyType(
    {
        "PID": {1, 2, 3, 5, 6, 7, 8, 10, 11, 13, 14, 15, 16, 18, 19, 22, 29, 30},
        "PV1": {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 16, 17, 19, 36, 37, 38, 42, 43, 44, 45, 50, 52},
        "PV2": {1, 3, 11, 13, 22, 25},
        "ORC": {1, 2, 3, 4, 5, 9, 10, 12},
        "OBR": {1, 2, 3, 4, 7, 8, 9, 10, 14, 15, 16, 22, 24, 25, 32},
        "OBX": {1, 2, 3, 4, 5, 6, 7, 8, 11, 14, 16, 17, 19},
        "SPM": {1, 2, 4, 6, 7, 8, 12, 17, 18, 20, 24, 27, 30},
        "RXA": {1, 2, 3, 4, 5, 6, 7, 10, 15, 16, 17, 18, 20, 21},
        "RXR": {1, 2},
        "AL1": {1, 2, 3, 4, 5, 6},
        "DG1": {1, 2, 3, 4, 5, 6},
        "PR1": {1, 2, 3, 4, 5, 11, 12},
        "TXA": {1, 2, 3, 4, 6, 9, 12, 16, 17, 18},
        "NTE": {1, 2, 3},
    }
)


def read(data: bytes, *, title: str, received: str) -> Reading:
    """Raises Refused for what is no message, or messages about several people."""
    try:
        found, careless = messages.parse(data)
    except messages.Malformed as error:
        raise Refused(Reason.DAMAGED, form=Format.HL7V2) from error
    reading = Reading(Format.HL7V2, patient=PATIENT)
    if careless:
        reading.account.note(Reason.REPAIRED)
    _patient(found, reading)
    counts: Counter[str] = Counter()
    letters = [_Letter(message, reading, counts) for message in found]
    for letter in letters:
        letter.read()
    reading.maker = next((name for each in found if (name := each.head.first(4).part(1) or each.head.text(3))), "")
    named = [{"reference": f"{each['resourceType']}/{each['id']}"} for each in reading.resources[1:]]
    whole = papers.reference(data, media_type=MEDIA_TYPE, title=title, date=received, patient=PATIENT)
    if named:
        whole["context"] = {"related": [each for each in named if not _is_of_nobody(each["reference"])]}
    if any(letter.restricted for letter in letters):
        whole["meta"] = {"security": [dict(_RESTRICTED)]}
    reading.resources.append(whole)
    reading.account.mapped("DocumentReference")
    reading.account.as_text(Reason.WHOLE)
    return reading


def _is_of_nobody(reference: str) -> bool:
    return reference.startswith(("Practitioner/", "Organization/"))


def _patient(found: list[Message], reading: Reading) -> None:
    """The one person all messages are about."""
    pids = [each for message in found for each in message.segments if each.name == "PID"]
    told = [(pid, _person(pid)) for pid in pids]
    people = {(str(each.get("name", [])[:1]), each.get("birthDate", "")) for _, each in told}
    if len(people) > 1:
        raise Refused(Reason.SEVERAL_PEOPLE, form=Format.HL7V2)
    # The newest message knows best.
    patient = told[-1][1] if told else {}
    contacts = [_contact(each) for message in found[-1:] for each in message.segments if each.name == "NK1"]
    if contacts := [each for each in contacts if each]:
        patient["contact"] = contacts
    reading.resources.append({"resourceType": "Patient", "id": PATIENT, **patient})
    reading.account.mapped("Patient")


def _person(pid: Segment) -> Node:
    death = moment(pid.text(29))
    codes = {number: [datatypes.concept(each) for each in pid.all(number)] for number in (10, 15, 16, 22)}
    body: Node = {
        "extension": [
            *_category("race", codes[10]),
            *_category("ethnicity", codes[22]),
        ],
        "identifier": [
            *(datatypes.identifier(each) for each in (*pid.all(3), *pid.all(2))),
            *(datatypes.identifier(each, kind="AN") for each in pid.all(18)),
            *({"system": "http://hl7.org/fhir/sid/us-ssn", "value": each.part(1)} for each in pid.all(19)),
        ],
        "name": [found for each in pid.all(5) if (found := datatypes.name(each))],
        "telecom": [found for number in (13, 14) for each in pid.all(number) if (found := datatypes.telecom(each))],
        "gender": _GENDER.get(pid.text(8), "unknown") if pid.text(8) else "",
        "birthDate": moment(pid.text(7))[:10],
        **({"deceasedDateTime": death} if death else {"deceasedBoolean": True} if pid.text(30) == "Y" else {}),
        "address": [found for each in pid.all(11) if (found := datatypes.address(each))],
        "maritalStatus": next(iter(codes[16]), {}),
        "communication": [{"language": each} for each in codes[15] if each],
    }
    return {key: value for key, value in body.items() if value}


def _category(name: str, concepts: list[Node]) -> list[Node]:
    said = [coding for each in concepts for coding in each.get("coding", [])]
    text = next((each.get("display") or each["code"] for each in said), "")
    if not said:
        return []
    parts = [{"url": "ombCategory", "valueCoding": said[0]}, {"url": "text", "valueString": text}]
    return [{"url": f"http://hl7.org/fhir/us/core/StructureDefinition/us-core-{name}", "extension": parts}]


def _contact(nk1: Segment) -> Node:
    told: Node = {
        "relationship": [found] if (found := datatypes.concept(nk1.first(3))) else [],
        "name": datatypes.name(nk1.first(2)),
        "telecom": [found for each in nk1.all(5) if (found := datatypes.telecom(each))],
        "address": datatypes.address(nk1.first(4)),
    }
    return {key: value for key, value in told.items() if value}


@dataclass(slots=True)
class _Letter:
    """One message being read. ``report``, ``shot``, ``document``, ``last``: what the segments that follow belong to.

    ``source``: the OBR whose words on the specimen no SPM has taken up yet.
    """

    message: Message
    reading: Reading
    counts: Counter[str]
    report: Node | None = None
    shot: Node | None = None
    document: Node | None = None
    last: Node | None = None
    order: Segment | None = None
    source: Segment | None = None
    lines: list[str] = field(default_factory=list)
    encounter: str = ""
    visit: Node | None = None
    restricted: bool = False
    people: dict[str, Node] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Whoever restricts access to a part of it does not say to which of its resources: it holds for all.
        segments = self.message.segments
        protected = any(each.name == "PD1" and each.text(12) == "Y" for each in segments)
        guarded = any(each.name == "PV2" and visits.is_protected(each) for each in segments)
        self.restricted = protected or guarded or any(each.name == "ARV" for each in segments)

    def read(self) -> None:
        kind = self.message.type
        if kind not in READ:
            self.reading.account.as_text(Reason.NARRATIVE, f"{kind}^{self.message.event}".strip("^"))
            return
        readers: dict[str, Callable[[Segment], None]] = {
            "PV1": self._visit,
            "PV2": self._visit_goes_on,
            "AL1": self._allergy,
            "DG1": self._diagnosis,
            "PR1": self._procedure,
            "ORC": self._ordered,
            "OBR": self._order,
            "OBX": self._observation,
            "SPM": self._specimen,
            "RXA": self._vaccination,
            "RXR": self._route,
            "TXA": self._document,
            "NTE": self._note,
        }
        for segment in self.message.segments:
            reader = readers.get(segment.name)
            if reader is not None:
                reader(segment)
                self._leftovers(segment)
            elif segment.name not in _IGNORED:
                self.reading.account.drop(Reason.NO_PLACE, segment.name)
        self._close()

    def _close(self) -> None:
        """A document that brought no content is only said to exist; there is nothing to keep of it."""
        self._specimen_of_order()
        if self.document is not None and not self.document["content"]:
            self.reading.resources.remove(self.document)
            self.reading.account.mapped("DocumentReference", -1)
            self.reading.account.drop(Reason.NOT_STATED, "TXA")

    def _leftovers(self, segment: Segment) -> None:
        for field_number in segment.said():
            if field_number not in _FIELDS[segment.name]:
                self.reading.account.drop(Reason.NO_PLACE, f"{segment.name}-{field_number}")

    # --- parts

    def _add(self, resource_type: str, body: Node) -> Node:
        self.counts[resource_type] += 1
        resource: Node = {"resourceType": resource_type, "id": f"{resource_type}-{self.counts[resource_type]}"}
        if self.restricted:
            resource["meta"] = {"security": [dict(_RESTRICTED)]}
        resource |= {key: value for key, value in body.items() if value not in (None, "", [], {})}
        if resource_type in ("AllergyIntolerance", "Immunization"):
            resource["patient"] = {"reference": f"Patient/{PATIENT}"}
        elif resource_type not in ("Practitioner", "Organization"):
            resource["subject"] = {"reference": f"Patient/{PATIENT}"}
        self.reading.resources.append(resource)
        self.reading.account.mapped(resource_type)
        return resource

    def _at(self, text: str) -> str:
        sent = self.message.head.text(7)
        zone = sent[-5:] if len(sent) > 5 and sent[-5] in "+-" else ""
        return moment(text, zone=zone)

    def _instant(self, text: str) -> str:
        at = self._at(text)
        return at if "T" in at else ""

    def _people(self, segment: Segment, *numbers: int) -> list[Node]:
        """References to those whom XCN fields name."""
        return [found for one in numbers for each in segment.all(one) if (found := self._person(each))]

    def _person(self, value: Value) -> Node:
        name = datatypes.name(value, first=2)
        told = datatypes.full_name(name)
        if not told:
            return {}
        key = f"{value.part(1)} {told}"
        if key not in self.people:
            known = [found] if (found := datatypes.person_identifier(value)) else []
            made = self._add("Practitioner", {"identifier": known, "name": [name]})
            self.people[key] = {"reference": f"Practitioner/{made['id']}", "display": told}
        return dict(self.people[key])

    def _visited(self) -> Node:
        return {"encounter": {"reference": self.encounter}} if self.encounter else {}

    # --- segments

    def _visit(self, pv1: Segment) -> None:
        event = self.message.event if self.message.type == "ADT" else ""
        self.visit = self._add("Encounter", visits.begin(pv1, event=event, at=self._at, people=self._people))
        self.encounter = f"Encounter/{self.visit['id']}"

    def _visit_goes_on(self, pv2: Segment) -> None:
        if self.visit is None:
            self.reading.account.drop(Reason.NO_PLACE, "PV2")
        else:
            visits.go_on(self.visit, pv2, people=self._people)

    def _allergy(self, al1: Segment) -> None:
        code = datatypes.concept(al1.first(3))
        if not code:
            self.reading.account.drop(Reason.NOT_STATED, "AL1")
            return
        reactions = [{"text": each.text} for each in al1.all(5)]
        severity = _SEVERITY.get(al1.text(4), "")
        reaction = {"manifestation": reactions or [{"text": "unknown"}], **({"severity": severity} if severity else {})}
        category = _ALLERGEN.get(al1.text(2))
        self._add(
            "AllergyIntolerance",
            {
                "clinicalStatus": _coded("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "active"),
                "verificationStatus": _coded(
                    "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "confirmed"
                ),
                "type": "allergy",
                "category": [category] if category else [],
                "code": code,
                "onsetDateTime": self._at(al1.text(6)),
                "reaction": [reaction] if reactions or severity else [],
            },
        )

    def _diagnosis(self, dg1: Segment) -> None:
        code = datatypes.concept(dg1.first(3)) or ({"text": dg1.text(4)} if dg1.text(4) else {})
        if not code:
            self.reading.account.drop(Reason.NOT_STATED, "DG1")
            return
        self._add(
            "Condition",
            {
                "category": [_coded("http://terminology.hl7.org/CodeSystem/condition-category", "encounter-diagnosis")],
                "code": {**code, **({"text": dg1.text(4)} if dg1.text(4) else {})},
                "recordedDate": self._at(dg1.text(5)),
                **self._visited(),
            },
        )

    def _procedure(self, pr1: Segment) -> None:
        code = datatypes.concept(pr1.first(3)) or ({"text": pr1.text(4)} if pr1.text(4) else {})
        if not code:
            self.reading.account.drop(Reason.NOT_STATED, "PR1")
            return
        at = self._at(pr1.text(5))
        self._add(
            "Procedure",
            {
                "status": "completed",
                "code": {**code, **({"text": pr1.text(4)} if pr1.text(4) else {})},
                **({"performedDateTime": at} if at else {}),
                "performer": [{"actor": each} for each in self._people(pr1, 11, 12)],
                **self._visited(),
            },
        )

    def _ordered(self, orc: Segment) -> None:
        """What is common to the orders that follow."""
        self.order = orc

    def _order(self, obr: Segment) -> None:
        self._specimen_of_order()
        identifiers = [
            *(datatypes.entity(each, kind="PLAC") for each in obr.all(2)),
            *(datatypes.entity(each, kind="FILL") for each in obr.all(3)),
            *(datatypes.entity(each, kind="PGN") for each in (self.order.all(4) if self.order else ())),
        ]
        code = datatypes.concept(obr.first(4))
        if not code:
            self.reading.account.drop(Reason.NOT_STATED, "OBR")
            self.report = self.last = None
            return
        start, end = self._at(obr.text(7)), self._at(obr.text(8))
        when: Node = {"effectivePeriod": {"start": start, "end": end}} if start and end and start != end else {}
        request = self._add(
            "ServiceRequest",
            {
                "identifier": identifiers,
                "status": "unknown",
                "intent": "order",
                "code": code,
                "requester": next(
                    iter(self._people(obr, 16) or (self._people(self.order, 12) if self.order else [])), {}
                ),
                **self._visited(),
            },
        )
        section = obr.text(24) or "LAB"
        self.report = self.last = self._add(
            "DiagnosticReport",
            {
                "identifier": identifiers,
                "basedOn": [{"reference": f"ServiceRequest/{request['id']}"}],
                "status": _REPORT.get(obr.text(25), "unknown"),
                "category": [_coded(f"{_V2}0074", section)],
                "code": code,
                **(when or ({"effectiveDateTime": start} if start else {})),
                "issued": self._instant(obr.text(22)),
                "resultsInterpreter": [found for each in obr.all(32) if (found := self._person(each.first_inside()))],
                **self._visited(),
            },
        )
        self.shot, self.source = None, obr

    def _specimen(self, spm: Segment) -> None:
        obr, self.source = self.source, None
        additives = [found for each in spm.all(6) if (found := datatypes.concept(each))]
        container = {
            **({"type": kind} if (kind := datatypes.concept(spm.first(27))) else {}),
            **({"additiveCodeableConcept": additives[0]} if additives else {}),
        }
        self._taken(
            {
                "identifier": [found for each in spm.all(2) for found in datatypes.assigned(each)],
                "accessionIdentifier": next((datatypes.entity(each) for each in spm.all(30)), {}),
                "status": _AVAILABLE.get(spm.text(20), ""),
                "type": datatypes.concept(spm.first(4)),
                "receivedTime": self._at(spm.text(18)) or (self._at(obr.text(14)) if obr else ""),
                "container": [container] if container else [],
                "condition": [found for each in spm.all(24) if (found := datatypes.concept(each))],
            },
            {
                **self._collected(spm.text(17), spm.first(17).part(2)),
                "method": datatypes.concept(spm.first(7)),
                "bodySite": datatypes.concept(spm.first(8)),
                "quantity": datatypes.quantity(spm.first(12)) or (datatypes.quantity(obr.first(9)) if obr else {}),
                "collector": next(iter(self._people(obr, 10)), {}) if obr else {},
            },
        )

    def _specimen_of_order(self) -> None:
        """What an OBR itself tells of the specimen (OBR-9, 10, 14, 15), where no SPM followed it."""
        obr, self.source = self.source, None
        if obr is None or not any(obr.text(number) for number in (9, 10, 14, 15)):
            return
        source = obr.first(15)
        additive = datatypes.inner(source, 2)
        self._taken(
            {
                "type": datatypes.inner(source, 1),
                "receivedTime": self._at(obr.text(14)),
                "container": [{"additiveCodeableConcept": additive}] if additive else [],
            },
            {
                **self._collected(obr.text(7), obr.text(8)),
                "bodySite": datatypes.inner(source, 4),
                "quantity": datatypes.quantity(obr.first(9)),
                "collector": next(iter(self._people(obr, 10)), {}),
            },
        )

    def _collected(self, start: str, end: str) -> Node:
        begun, ended = self._at(start), self._at(end)
        if begun and ended and begun != ended:
            return {"collectedPeriod": {"start": begun, "end": ended}}
        return {"collectedDateTime": begun} if begun else {}

    def _taken(self, body: Node, collection: Node) -> None:
        told = {key: value for key, value in collection.items() if value}
        made = self._add("Specimen", {**body, "collection": told})
        if self.report is not None:
            self.report.setdefault("specimen", []).append({"reference": f"Specimen/{made['id']}"})

    def _observation(self, obx: Segment) -> None:
        if self.document is not None:
            self._content(obx)
        elif self.shot is not None:
            self._beside(obx)
        elif obx.text(2) in ("ED", "RP"):
            self._enclosed(obx)
        else:
            self._finding(obx)

    def _finding(self, obx: Segment) -> None:
        code = datatypes.concept(obx.first(3))
        if not code:
            self.reading.account.drop(Reason.NOT_STATED, "OBX")
            return
        at = self._at(obx.text(14))
        here: Node = {"effectiveDateTime": at} if at else {}
        vital = self.report is None and self.message.type == "ADT"
        said = self.report or {}
        when: Node = {name: said[name] for name in ("effectiveDateTime", "effectivePeriod") if name in said}
        made = self._add(
            "Observation",
            {
                "status": _RESULT.get(obx.text(11), "unknown"),
                "category": []
                if vital
                else [_coded("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")],
                "code": code,
                **(here or when),
                "issued": self._instant(obx.text(19)),
                **_value(obx),
                "interpretation": [found for each in obx.all(8) if (found := _interpretation(each))],
                "referenceRange": [{"text": obx.first(7).text}] if obx.first(7) else [],
                "performer": self._people(obx, 16),
                "method": datatypes.concept(obx.first(17)),
                **self._visited(),
            },
        )
        if self.report is not None:
            self.report.setdefault("result", []).append({"reference": f"Observation/{made['id']}"})
        self.last = made

    def _enclosed(self, obx: Segment) -> None:
        """A file inside of a report."""
        attached = _file(obx.first(5))
        if attached and self.report is not None:
            self.report.setdefault("presentedForm", []).append(attached)
        else:
            self.reading.account.drop(Reason.UNREADABLE_PART, "OBX-5")

    def _vaccination(self, rxa: Segment) -> None:
        self.report = None
        code = datatypes.concept(rxa.first(5))
        if not code:
            self.reading.account.drop(Reason.NOT_STATED, "RXA")
            self.shot = None
            return
        at, amount = self._at(rxa.text(3)), datatypes.amount(rxa.text(6))
        dose = {"value": amount, **datatypes.unit(rxa.first(7))} if amount is not None and amount != 999 else {}
        maker = datatypes.concept(rxa.first(17))
        named = maker.get("text") or next((each.get("display") or each["code"] for each in maker.get("coding", [])), "")
        deleted = rxa.text(21) == "D"
        self.shot = self.last = self._add(
            "Immunization",
            {
                "status": "entered-in-error" if deleted else _GIVEN.get(rxa.text(20), "completed"),
                "statusReason": datatypes.concept(rxa.first(18)),
                "vaccineCode": code,
                **({"occurrenceDateTime": at} if at else {"occurrenceString": "unknown"}),
                "doseQuantity": dose,
                "lotNumber": rxa.text(15),
                "expirationDate": self._at(rxa.text(16))[:10],
                "manufacturer": {"display": named} if named else {},
                "performer": [{"actor": each} for each in self._people(rxa, 10)],
                **self._visited(),
            },
        )

    def _route(self, rxr: Segment) -> None:
        if self.shot is not None:
            for name, number_ in (("route", 1), ("site", 2)):
                if found := datatypes.concept(rxr.first(number_)):
                    self.shot[name] = found

    def _beside(self, obx: Segment) -> None:
        assert self.shot is not None
        name = _BESIDE.get(obx.text(3))
        found = datatypes.concept(obx.first(5))
        if name and found:
            self.shot[name] = [found] if name == "programEligibility" else found
        else:
            self.reading.account.drop(Reason.NO_PLACE, f"OBX {obx.first(3).part(2) or obx.text(3)}")

    def _document(self, txa: Segment) -> None:
        status = txa.text(17)
        authors = self._people(txa, 9)
        kind = datatypes.concept(txa.first(2))
        self.document = self.last = self._add(
            "DocumentReference",
            {
                "identifier": [found for each in txa.all(12) if (found := datatypes.entity(each))],
                "status": "entered-in-error" if status in ("CA", "OB") else "current",
                "docStatus": "preliminary" if status in ("IP", "IN", "PA", "DI") else "final" if status else "",
                "type": _coded(f"{_V2}0270", txa.text(2)) if kind and not txa.first(2).part(3) else kind,
                "date": self._instant(txa.text(6)) or self._instant(txa.text(4)),
                "author": authors,
                "description": txa.text(16),
            },
        )
        self.document["content"], self.lines = [], []
        if txa.text(18) in ("R", "V"):
            self.document["meta"] = {"security": [{**_RESTRICTED, "code": txa.text(18)}]}

    def _content(self, obx: Segment) -> None:
        """The document itself: files as they are, lines of text together."""
        assert self.document is not None
        content = self.document["content"]
        if attached := _file(obx.first(5)):
            content.append({"attachment": attached})
        elif text := "\n".join(each.text for each in obx.all(5)):
            self.lines.append(text)
            held = papers.attachment("\n".join(self.lines).encode(), media_type="text/plain; charset=utf-8")
            content[:] = [each for each in content if each["attachment"]["contentType"] != held["contentType"]]
            content.append({"attachment": held})

    def _note(self, nte: Segment) -> None:
        text = "\n".join(each.text for each in nte.all(3))
        if not text:
            return
        if self.last is None or self.last["resourceType"] not in ("Observation", "Immunization"):
            self.reading.account.drop(Reason.NO_PLACE, "NTE")
            return
        self.last.setdefault("note", []).append({"text": text})


def _coded(system: str, code: str) -> Node:
    return {"coding": [{"system": system, "code": code}]}


def _interpretation(value: Value) -> Node:
    """OBX-8 is of table 0078, which FHIR's interpretation codes took over."""
    if value.part(1) and not value.part(3):
        return _coded("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", value.part(1))
    return datatypes.concept(value)


def _value(obx: Segment) -> Node:
    """OBX-5 by the type that OBX-2 says."""
    kind, first, units = obx.text(2), obx.first(5), datatypes.unit(obx.first(6))
    if not first:
        return {}
    if kind == "NM" and (amount := datatypes.amount(first.part(1))) is not None:
        return {"valueQuantity": {"value": amount, **units}}
    if kind == "SN" and (found := datatypes.structured(first, units)):
        return found
    if kind in ("CE", "CWE", "CNE", "CF", "IS", "ID") and (found := datatypes.concept(first)):
        return {"valueCodeableConcept": found}
    if kind in ("DT", "TS", "DTM") and (at := moment(first.part(1))):
        return {"valueDateTime": at}
    return {"valueString": "\n".join(each.text for each in obx.all(5))}


def _file(value: Value) -> Node:
    """An ED: type of data, subtype, encoding, data."""
    if value.part(4).lower() != "base64" or not value.part(5):
        return {}
    try:
        data = base64.b64decode(value.part(5), validate=False)
    except (binascii.Error, ValueError):
        return {}
    kind, sub = value.part(2).lower(), value.part(3).lower()
    media_type = f"{kind}/{sub}" if "/" not in sub and kind else sub or "application/octet-stream"
    return papers.attachment(data, media_type=media_type)
