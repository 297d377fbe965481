"""A chart being written: one patient's resources at one hospital, in the shape of US Core 6.1."""

from __future__ import annotations

import base64
import random
import uuid
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from sandbox import catalogue
from sandbox.catalogue import TERMINOLOGY, UCUM, US_CORE, Answer, Code, Measure, Panel
from sandbox.staff import Hospital, Staff
from standards.fhir.json import ExactDecimal

Resource = dict[str, Any]
_CATEGORIES: Final = {
    "vital-signs": "Vital signs",
    "laboratory": "Laboratory",
    "social-history": "Social history",
    "survey": "Survey",
}


def concept(*codes: Code, text: str | None = None) -> dict[str, Any]:
    """A CodeableConcept; its text is that of the first code unless given."""
    coding = [{"system": code.system, "code": code.code, "display": code.display} for code in codes]
    return {"coding": coding, "text": codes[0].display if text is None else text}


def token(system: str, code: str, display: str | None = None) -> dict[str, Any]:
    """A CodeableConcept of HL7's own terminology, without text."""
    coding = {"system": f"{TERMINOLOGY}/{system}", "code": code}
    return {"coding": [{**coding, "display": display} if display else coding]}


def quantity(value: ExactDecimal | int, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def profile(*names: str) -> dict[str, Any]:
    return {"profile": [f"{US_CORE}/{name}" for name in names]}


def drawn(rng: random.Random, measure: Measure, *, near: float | None = None) -> ExactDecimal | int:
    """A value of ``measure``, around ``near`` if given, with exactly its decimal places (``1.10`` stays ``1.10``)."""
    spread = (measure.high - measure.low) / 12
    value = rng.uniform(measure.low, measure.high) if near is None else rng.gauss(near, spread)
    value = max(measure.low, min(measure.high, value)) if near is None else max(0.0, value)
    return round(value) if measure.places == 0 else ExactDecimal(f"{value:.{measure.places}f}")


class Chart:
    """Resources of one patient, in the order they were written down; every id follows from the chart's name."""

    def __init__(self, hospital: Hospital, *, name: str, rng: random.Random) -> None:
        self.hospital = hospital
        self.rng = rng
        self.resources: list[Resource] = []
        self._namespace = uuid.uuid5(hospital.namespace, name)
        self._written = 0
        self.patient_id = str(uuid.uuid5(self._namespace, "Patient"))
        self.shown = name

    # --- the frame ------------------------------------------------------------------------------------------------
    def write(self, resource_type: str, meta: dict[str, Any] | None, /, **elements: Any) -> Resource:
        """Add a resource; elements given as None are left out. ``class_`` stands for FHIR's ``class``."""
        self._written += 1
        resource: Resource = {
            "resourceType": resource_type,
            "id": str(uuid.uuid5(self._namespace, f"{resource_type} {self._written}")),
        }
        if meta:
            resource["meta"] = meta
        resource |= {key.rstrip("_"): value for key, value in elements.items() if value is not None}
        self.resources.append(resource)
        return resource

    def when(self, at: datetime) -> str:
        """An instant as this hospital writes it."""
        return self.hospital.clock(at)

    @property
    def subject(self) -> dict[str, str]:
        return {"reference": f"Patient/{self.patient_id}"}

    # --- who ------------------------------------------------------------------------------------------------------
    def patient(
        self,
        *,
        given: Sequence[str],
        family: str,
        gender: str,
        birth: str,
        race: Code | None,
        hispanic: bool,
        language: Code,
        city: str,
        record_number: str,
        phone: str,
        maiden: str | None = None,
    ) -> Resource:
        self.shown = f"{given[0]} {family}"
        ethnicity = catalogue.HISPANIC if hispanic else catalogue.NOT_HISPANIC
        sex = {"female": "F", "male": "M"}.get(gender, "UNK")
        names: list[dict[str, Any]] = [{"use": "official", "family": family, "given": list(given)}]
        if maiden:
            names.append({"use": "maiden", "family": maiden, "given": list(given)})
        patient: Resource = {
            "resourceType": "Patient",
            "id": self.patient_id,
            "meta": profile("us-core-patient"),
            "text": {
                "status": "generated",
                "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{self.shown}, a synthetic person.</div>',
            },
            "extension": [
                *([_population("us-core-race", race)] if race else []),
                _population("us-core-ethnicity", ethnicity),
                {"url": f"{US_CORE}/us-core-birthsex", "valueCode": sex},
            ],
            "identifier": [
                {
                    "type": {**token("v2-0203", "MR", "Medical Record Number"), "text": "Medical Record Number"},
                    "system": self.hospital.identifiers,
                    "value": record_number,
                }
            ],
            "active": True,
            "name": names,
            "telecom": [{"system": "phone", "value": phone, "use": "home"}],
            "gender": gender,
            "birthDate": birth,
            "address": [
                {"line": ["1 Example Street"], "city": city, "state": "MA", "postalCode": "02101", "country": "US"}
            ],
            "communication": [{"language": concept(language)}],
        }
        self.resources.append(patient)
        return patient

    # --- visits ---------------------------------------------------------------------------------------------------
    def encounter(
        self, at: datetime, kind: tuple[str, Code], staff: Staff, *, minutes: int = 15, reason: Code | None = None
    ) -> Resource:
        period = {"start": self.when(at), "end": self.when(at + timedelta(minutes=minutes))}
        encounter = self.write(
            "Encounter",
            profile("us-core-encounter"),
            identifier=None,
            status="finished",
            class_={"system": f"{TERMINOLOGY}/v3-ActCode", "code": kind[0]},
            type=[concept(kind[1])],
            subject={**self.subject, "display": self.shown},
            participant=[
                {
                    "type": [
                        {**token("v3-ParticipationType", "PPRF", "primary performer"), "text": "primary performer"}
                    ],
                    "period": period,
                    "individual": staff.reference,
                }
            ],
            period=period,
            reasonCode=[{"coding": concept(reason)["coding"]}] if reason else None,
            hospitalization=(
                {"dischargeDisposition": {**token("discharge-disposition", "home", "Home"), "text": "Home"}}
                if kind[0] == "IMP"
                else None
            ),
            location=[{"location": self.hospital.location_reference}],
            serviceProvider=self.hospital.organization_reference,
        )
        encounter["identifier"] = [
            {"use": "official", "system": self.hospital.identifiers, "value": str(encounter["id"])}
        ]
        return encounter

    # --- problems and allergies -----------------------------------------------------------------------------------
    def condition(
        self,
        at: datetime,
        codes: Sequence[Code],
        encounter: Resource | None,
        *,
        category: str = "encounter-diagnosis",
        ended: datetime | None = None,
        status: str = "confirmed",
        onset: str | None = None,
    ) -> Resource:
        wrong = status == "entered-in-error"
        shown = {"encounter-diagnosis": "Encounter Diagnosis", "problem-list-item": "Problem List Item"}[category]
        name = "encounter-diagnosis" if category == "encounter-diagnosis" else "problems-health-concerns"
        return self.write(
            "Condition",
            profile(f"us-core-condition-{name}"),
            clinicalStatus=None if wrong else token("condition-clinical", "resolved" if ended else "active"),
            verificationStatus=token("condition-ver-status", status),
            category=[token("condition-category", category, shown)],
            code=concept(*codes),
            subject=self.subject,
            encounter=_reference(encounter),
            onsetDateTime=onset or self.when(at),
            abatementDateTime=self.when(ended) if ended else None,
            recordedDate=self.when(at),
        )

    def allergy(self, at: datetime, name: str) -> Resource:
        substance, category, reaction = catalogue.ALLERGIES[name]
        return self.write(
            "AllergyIntolerance",
            profile("us-core-allergyintolerance"),
            clinicalStatus=token("allergyintolerance-clinical", "active"),
            verificationStatus=token("allergyintolerance-verification", "confirmed"),
            type="allergy",
            category=[category],
            criticality=self.rng.choice(["low", "high"]),
            code=concept(substance),
            patient=self.subject,
            recordedDate=self.when(at),
            reaction=[
                {
                    "substance": {"coding": concept(substance)["coding"]},
                    "manifestation": [concept(catalogue.snomed(*reaction))],
                    "severity": self.rng.choice(["mild", "moderate", "severe"]),
                }
            ],
        )

    def no_known_allergy(self, at: datetime) -> Resource:
        return self.write(
            "AllergyIntolerance",
            profile("us-core-allergyintolerance"),
            clinicalStatus=token("allergyintolerance-clinical", "active"),
            verificationStatus=token("allergyintolerance-verification", "confirmed"),
            code=concept(catalogue.NO_KNOWN_ALLERGY),
            patient=self.subject,
            recordedDate=self.when(at),
        )

    # --- observations ---------------------------------------------------------------------------------------------
    def observation(
        self,
        at: datetime,
        category: str,
        codes: Sequence[Code],
        encounter: Resource | None,
        *,
        profiles: Sequence[str],
        status: str = "final",
        **value: Any,
    ) -> Resource:
        return self.write(
            "Observation",
            profile(*profiles),
            status=status,
            category=[token("observation-category", category, _CATEGORIES[category])],
            code=concept(*codes),
            subject=self.subject,
            encounter=_reference(encounter),
            effectiveDateTime=self.when(at),
            issued=self.hospital.instant(at),
            **value,
        )

    def vital(self, at: datetime, measure: Measure, encounter: Resource, *, near: float | None = None) -> Resource:
        codes = [catalogue.loinc(measure.code, measure.display)]
        if measure is catalogue.OXYGEN:
            codes.append(catalogue.OXYGEN_OXIMETRY)
        return self.observation(
            at,
            "vital-signs",
            codes,
            encounter,
            profiles=[catalogue.VITAL_PROFILES.get(measure.code, "us-core-vital-signs")],
            valueQuantity=quantity(drawn(self.rng, measure, near=near), measure.unit),
        )

    def blood_pressure(self, at: datetime, encounter: Resource, *, systolic: float = 126) -> Resource:
        pairs = ((catalogue.DIASTOLIC, systolic * 0.64), (catalogue.SYSTOLIC, systolic))
        return self.observation(
            at,
            "vital-signs",
            [catalogue.PRESSURE_PANEL],
            encounter,
            profiles=["us-core-blood-pressure"],
            component=[
                {
                    "code": concept(catalogue.loinc(measure.code, measure.display)),
                    "valueQuantity": quantity(drawn(self.rng, measure, near=near), measure.unit),
                }
                for measure, near in pairs
            ],
        )

    def smoking(self, at: datetime, encounter: Resource, answer: Code) -> Resource:
        return self.observation(
            at,
            "social-history",
            [catalogue.loinc(catalogue.SMOKING.code, catalogue.SMOKING.display)],
            encounter,
            profiles=["us-core-smokingstatus", "us-core-observation-social-history"],
            valueCodeableConcept=concept(answer),
        )

    def survey(self, at: datetime, encounter: Resource, which: tuple[Code, Measure, Code], staff: Staff) -> Resource:
        panel, score, procedure = which
        names = ["us-core-observation-survey"]
        if panel.code == "76499-3":
            names.insert(0, "us-core-observation-sdoh-assessment")
        observation = self.observation(
            at,
            "survey",
            [catalogue.loinc(score.code, score.display)],
            encounter,
            profiles=names,
            valueQuantity=quantity(drawn(self.rng, score), score.unit),
        )
        self.procedure(at, procedure, encounter)
        self._report(at, panel, encounter, [observation], staff)
        return observation

    def needs(self, at: datetime, encounter: Resource) -> Resource:
        """The social needs questionnaire (PRAPARE), one component a question."""
        return self.observation(
            at,
            "survey",
            [catalogue.NEEDS_PANEL],
            encounter,
            profiles=["us-core-observation-sdoh-assessment", "us-core-observation-survey"],
            component=[
                {
                    "code": concept(catalogue.loinc(question.code, question.display)),
                    "valueCodeableConcept": concept(self.rng.choice(question.answers)),
                }
                for question in catalogue.NEEDS
            ],
        )

    def lab(self, at: datetime, measure: Measure, encounter: Resource | None, *, near: float | None = None) -> Resource:
        return self.observation(
            at,
            "laboratory",
            [catalogue.loinc(measure.code, measure.display)],
            encounter,
            profiles=["us-core-observation-lab"],
            valueQuantity=quantity(drawn(self.rng, measure, near=near), measure.unit),
        )

    def lab_answer(self, at: datetime, question: Answer, encounter: Resource | None) -> Resource:
        return self.observation(
            at,
            "laboratory",
            [catalogue.loinc(question.code, question.display)],
            encounter,
            profiles=["us-core-observation-lab"],
            valueCodeableConcept=concept(self.rng.choice(question.answers)),
        )

    def panel(self, at: datetime, panel: Panel, encounter: Resource | None, staff: Staff) -> Resource:
        results = [self.lab(at, measure, encounter) for measure in panel.measures]
        results += [self.lab_answer(at, question, encounter) for question in panel.answers]
        return self._report(at, catalogue.loinc(panel.code, panel.display), encounter, results, staff)

    def _report(
        self, at: datetime, code: Code, encounter: Resource | None, results: Iterable[Resource], staff: Staff
    ) -> Resource:
        return self.write(
            "DiagnosticReport",
            profile("us-core-diagnosticreport-lab"),
            status="final",
            category=[token("v2-0074", "LAB", "Laboratory")],
            code=concept(code),
            subject=self.subject,
            encounter=_reference(encounter),
            effectiveDateTime=self.when(at),
            issued=self.hospital.instant(at),
            performer=[staff.reference],
            result=[
                {"reference": f"Observation/{result['id']}", "display": result["code"]["text"]} for result in results
            ],
        )

    # --- notes ----------------------------------------------------------------------------------------------------
    def note(
        self,
        at: datetime,
        text: str,
        encounter: Resource,
        staff: Staff,
        *,
        codes: Sequence[Code] = (catalogue.HISTORY_NOTE, catalogue.PLAN_NOTE),
        current: bool = True,
    ) -> Resource:
        """The note twice, as hospitals send it: a DiagnosticReport and a DocumentReference with the same text."""
        attachment = {
            "contentType": "text/plain; charset=utf-8",
            "data": base64.b64encode(text.encode()).decode(),
        }
        coding = {"coding": concept(*codes)["coding"]}
        self.write(
            "DiagnosticReport",
            profile("us-core-diagnosticreport-note"),
            status="final",
            category=[coding],
            code=coding,
            subject=self.subject,
            encounter=_reference(encounter),
            effectiveDateTime=self.when(at),
            issued=self.hospital.instant(at),
            performer=[staff.reference],
            presentedForm=[attachment],
        )
        return self.write(
            "DocumentReference",
            profile("us-core-documentreference"),
            identifier=[
                {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.UUID(int=self.rng.getrandbits(128))}"}
            ],
            status="current" if current else "superseded",
            type=coding,
            category=[
                {
                    "coding": [
                        {
                            "system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
                            "code": "clinical-note",
                            "display": "Clinical Note",
                        }
                    ]
                }
            ],
            subject=self.subject,
            date=self.hospital.instant(at),
            author=[staff.reference],
            custodian=self.hospital.organization_reference,
            content=[
                {
                    "attachment": attachment,
                    "format": {
                        "system": "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode",
                        "code": "urn:ihe:iti:xds:2017:mimeTypeSufficient",
                        "display": "mimeType Sufficient",
                    },
                }
            ],
            context={
                "encounter": [{"reference": f"Encounter/{encounter['id']}"}],
                "period": encounter["period"],
            },
        )

    # --- treatment ------------------------------------------------------------------------------------------------
    def prescription(
        self,
        at: datetime,
        medicine: Code,
        encounter: Resource | None,
        staff: Staff,
        *,
        active: bool = False,
        reason: Resource | None = None,
        by_reference: bool = False,
    ) -> Resource:
        named: dict[str, Any] = {"medicationCodeableConcept": concept(medicine)}
        if by_reference:
            stock = self.write("Medication", profile("us-core-medication"), status="active", code=concept(medicine))
            named = {"medicationReference": {"reference": f"Medication/{stock['id']}", "display": medicine.display}}
        return self.write(
            "MedicationRequest",
            profile("us-core-medicationrequest"),
            status="active" if active else "stopped",
            intent="order",
            category=[{**token("medicationrequest-category", "community", "Community"), "text": "Community"}],
            **named,
            subject=self.subject,
            encounter=_reference(encounter),
            authoredOn=self.when(at),
            requester=staff.reference,
            reasonReference=(
                [{"reference": f"Condition/{reason['id']}", "display": reason["code"]["text"]}] if reason else None
            ),
            dosageInstruction=[self._dose()],
        )

    def _dose(self) -> dict[str, Any]:
        if self.rng.random() < 0.3:
            return {"sequence": 1, "text": "Take as needed.", "asNeededBoolean": True}
        times = self.rng.choice([1, 1, 2, 3])
        return {
            "sequence": 1,
            "timing": {"repeat": {"frequency": times, "period": ExactDecimal("1.0"), "periodUnit": "d"}},
            "asNeededBoolean": False,
            "doseAndRate": [
                {
                    "type": {
                        "coding": [{"system": f"{TERMINOLOGY}/dose-rate-type", "code": "ordered", "display": "Ordered"}]
                    },
                    "doseQuantity": {"value": ExactDecimal("1.0")},
                }
            ],
        }

    def immunization(self, at: datetime, vaccine: Code, encounter: Resource, *, done: bool = True) -> Resource:
        return self.write(
            "Immunization",
            profile("us-core-immunization"),
            status="completed" if done else "not-done",
            statusReason=None if done else token("v3-ActReason", "PATOBJ", "patient objection"),
            vaccineCode=concept(vaccine),
            patient=self.subject,
            encounter=_reference(encounter),
            occurrenceDateTime=self.when(at),
            primarySource=True,
            location=self.hospital.location_reference,
        )

    def procedure(
        self,
        at: datetime,
        code: Code,
        encounter: Resource | None,
        *,
        minutes: int = 15,
        reason: Resource | None = None,
        order: Resource | None = None,
    ) -> Resource:
        return self.write(
            "Procedure",
            profile("us-core-procedure"),
            basedOn=[{"reference": f"ServiceRequest/{order['id']}"}] if order else None,
            status="completed",
            code=concept(code),
            subject=self.subject,
            encounter=_reference(encounter),
            performedPeriod={"start": self.when(at), "end": self.when(at + timedelta(minutes=minutes))},
            location=self.hospital.location_reference,
            reasonReference=(
                [{"reference": f"Condition/{reason['id']}", "display": reason["code"]["text"]}] if reason else None
            ),
        )

    def order(self, at: datetime, code: Code, encounter: Resource, staff: Staff) -> Resource:
        return self.write(
            "ServiceRequest",
            profile("us-core-servicerequest"),
            status="completed",
            intent="order",
            category=[concept(catalogue.snomed("387713003", "Surgical procedure"))],
            code=concept(code),
            subject=self.subject,
            encounter=_reference(encounter),
            occurrenceDateTime=self.when(at),
            authoredOn=self.when(at),
            requester=staff.reference,
        )

    def device(self, at: datetime, kind: Code) -> Resource:
        lot, serial = self.rng.randrange(10**11, 10**12), self.rng.randrange(10**9, 10**10)
        item = f"{self.rng.randrange(10**13, 10**14)}"
        until = at + timedelta(days=9131)
        return self.write(
            "Device",
            profile("us-core-implantable-device"),
            udiCarrier=[
                {
                    "deviceIdentifier": item,
                    "carrierHRF": f"(01){item}(11){at:%y%m%d}(17){until:%y%m%d}(10){lot}(21){serial}",
                }
            ],
            status="active",
            distinctIdentifier=item,
            manufactureDate=self.when(at),
            expirationDate=self.when(until),
            lotNumber=str(lot),
            serialNumber=str(serial),
            deviceName=[{"name": kind.display, "type": "user-friendly-name"}],
            type=concept(kind),
            patient=self.subject,
        )

    # --- plans, cover and where it came from ----------------------------------------------------------------------
    def plan(self, at: datetime, name: str, condition: Resource, encounter: Resource, staff: Staff) -> Resource:
        """A care team, a goal and the plan that names both."""
        kind, activities, aim = catalogue.PLANS[name]
        addresses = [{"reference": f"Condition/{condition['id']}"}]
        team = self.write(
            "CareTeam",
            profile("us-core-careteam"),
            status="active",
            subject=self.subject,
            encounter=_reference(encounter),
            period={"start": self.when(at)},
            participant=[
                {
                    "role": [concept(catalogue.snomed("116154003", "Patient"))],
                    "member": {**self.subject, "display": self.shown},
                },
                {
                    "role": [concept(catalogue.snomed("223366009", "Healthcare professional (occupation)"))],
                    "member": staff.role_reference,
                },
            ],
            managingOrganization=[self.hospital.organization_reference],
        )
        goal = self.write(
            "Goal",
            profile("us-core-goal"),
            lifecycleStatus="active",
            achievementStatus=token("goal-achievement", "in-progress"),
            description={"text": aim},
            subject=self.subject,
            startDate=f"{at:%Y-%m-%d}",
            target=[{"dueDate": f"{at + timedelta(days=365):%Y-%m}"}],
            addresses=addresses,
        )
        return self.write(
            "CarePlan",
            profile("us-core-careplan"),
            text={
                "status": "generated",
                "div": f'<div xmlns="http://www.w3.org/1999/xhtml">Care Plan for {kind.display}.</div>',
            },
            status="active",
            intent="order",
            category=[
                {
                    "coding": [
                        {
                            "system": "http://hl7.org/fhir/us/core/CodeSystem/careplan-category",
                            "code": "assess-plan",
                        }
                    ]
                },
                concept(kind),
            ],
            subject=self.subject,
            encounter=_reference(encounter),
            period={"start": self.when(at)},
            careTeam=[{"reference": f"CareTeam/{team['id']}"}],
            addresses=addresses,
            goal=[{"reference": f"Goal/{goal['id']}"}],
            activity=[
                {
                    "detail": {
                        "code": concept(activity),
                        "status": "in-progress",
                        "location": self.hospital.location_reference,
                    }
                }
                for activity in activities
            ],
        )

    def coverage(self, start: date, member: str) -> Resource:
        return self.write(
            "Coverage",
            profile("us-core-coverage"),
            identifier=[
                {
                    "type": {**token("v2-0203", "MB", "Member Number"), "text": "Member Number"},
                    "system": "https://health-plan.example/members",
                    "value": member,
                }
            ],
            status="active",
            type={
                "coding": [
                    {"system": "https://nahdo.org/sopt", "code": "512", "display": "Commercial Managed Care - PPO"}
                ],
                "text": "Preferred provider",
            },
            subscriberId=member,
            beneficiary=self.subject,
            relationship={**token("subscriber-relationship", "self", "Self"), "text": "Self"},
            period={"start": f"{start:%Y-%m-%d}"},
            payor=[{**self.hospital.payer_reference}],
        )

    def provenance(self, at: datetime, targets: Iterable[Resource], staff: Staff) -> Resource:
        author = {
            **token("provenance-participant-type", "author", "Author"),
            "text": "Author",
        }
        return self.write(
            "Provenance",
            profile("us-core-provenance"),
            target=[{"reference": f"{target['resourceType']}/{target['id']}"} for target in targets],
            recorded=self.hospital.instant(at),
            agent=[
                {"type": author, "who": staff.reference, "onBehalfOf": self.hospital.organization_reference},
            ],
        )


def _population(name: str, code: Code) -> dict[str, Any]:
    return {
        "url": f"{US_CORE}/{name}",
        "extension": [
            {
                "url": "ombCategory",
                "valueCoding": {"system": code.system, "code": code.code, "display": code.display},
            },
            {"url": "text", "valueString": code.display},
        ],
    }


def _reference(resource: Resource | None) -> dict[str, str] | None:
    return {"reference": f"{resource['resourceType']}/{resource['id']}"} if resource else None
