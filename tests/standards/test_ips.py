"""The International Patient Summary: what gets into which section, how it is told, and that the document is closed."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from standards.fhir import json, validation
from standards.fhir.ips import document, sections, wording
from tests.standards import ips_rules

BASE = "https://record.example/fhir/r4"
AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
NAME = uuid.UUID("6f6c0f6e-5d0c-4b5e-9b9a-0c4a4a4e8f11")
PATIENT = {
    "resourceType": "Patient",
    "id": "ana",
    "name": [{"text": "Ana"}],
    "link": [{"other": {"reference": "Patient/ana-at-the-clinic"}, "type": "seealso"}],
}
SUBJECT = {"reference": "Patient/ana"}


def coded(code, system="http://snomed.info/sct", text=None):
    return {"coding": [{"system": system, "code": code}], **({"text": text} if text else {})}


def condition(logical_id, status="active", verification="confirmed", **more):
    return {
        "resourceType": "Condition",
        "id": logical_id,
        "clinicalStatus": coded(status, "http://terminology.hl7.org/CodeSystem/condition-clinical"),
        "verificationStatus": coded(verification, "http://terminology.hl7.org/CodeSystem/condition-ver-status"),
        "code": coded("38341003", text="Hypertension"),
        "subject": SUBJECT,
        **more,
    }


def observation(logical_id, category, code, when="2020-01-01", **more):
    return {
        "resourceType": "Observation",
        "id": logical_id,
        "status": "final",
        "category": [coded(category, "http://terminology.hl7.org/CodeSystem/observation-category")],
        "code": coded(code, "http://loinc.org"),
        "subject": SUBJECT,
        "effectiveDateTime": when,
        **more,
    }


def write(*resources, company=()):
    return document.write(
        PATIENT,
        resources,
        company=company,
        base=BASE,
        author=document.Author("Tributary"),
        identifier=NAME,
        at=AT,
    )


def entries(bundle):
    """Section title to the ids in it."""
    return {
        section["title"]: [entry["reference"].rpartition("/")[2] for entry in section.get("entry", [])]
        for section in bundle["entry"][0]["resource"]["section"]
    }


def text_of(bundle, title):
    return next(one for one in bundle["entry"][0]["resource"]["section"] if one["title"] == title)["text"]["div"]


def in_it(bundle):
    return [f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in bundle["entry"]]


@pytest.mark.spec("IPS 2.0.1", "Composition-uv-ips", "required sections say why they are empty")
def test_a_summary_of_nothing_says_that_nothing_is_available():
    bundle = write()

    assert ips_rules.broken(bundle) == []
    assert validation.problems(bundle) == []
    assert entries(bundle) == {"Problems": [], "Allergies and Intolerances": [], "Medication Summary": []}
    for section in bundle["entry"][0]["resource"]["section"]:
        assert section["emptyReason"]["coding"][0]["code"] == "unavailable"
    assert bundle["identifier"] == {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{NAME}"}
    assert bundle["timestamp"] == "2026-03-01T12:30:00.000Z"


def test_conditions_are_problems_past_illness_or_neither():
    bundle = write(
        condition("now"),
        condition("again", "relapse"),
        condition("over", "resolved"),
        condition("asleep", "inactive"),
        condition("wrong", "active", "entered-in-error"),
        condition("no", "active", "refuted"),
    )

    assert entries(bundle)["Problems"] == ["again", "now"]
    assert entries(bundle)["History of Past Illness"] == ["asleep", "over"]
    assert ips_rules.broken(bundle) == []


@pytest.mark.parametrize(
    ("resource", "title"),
    [
        (
            {"resourceType": "AllergyIntolerance", "patient": SUBJECT, "code": coded("91936005")},
            "Allergies and Intolerances",
        ),
        (
            {
                "resourceType": "MedicationStatement",
                "status": "active",
                "subject": SUBJECT,
                "medicationCodeableConcept": coded("314076"),
            },
            "Medication Summary",
        ),
        (
            {
                "resourceType": "Immunization",
                "status": "completed",
                "patient": SUBJECT,
                "vaccineCode": coded("140"),
                "occurrenceString": "long ago",
            },
            "Immunizations",
        ),
        (
            {"resourceType": "DiagnosticReport", "status": "final", "code": coded("24323-8"), "subject": SUBJECT},
            "Results",
        ),
        (
            {"resourceType": "Procedure", "status": "completed", "code": coded("80146002"), "subject": SUBJECT},
            "History of Procedures",
        ),
        (
            {
                "resourceType": "DeviceUseStatement",
                "status": "active",
                "subject": SUBJECT,
                "device": {"display": "Pacemaker"},
            },
            "Medical Devices",
        ),
        (
            {
                "resourceType": "Consent",
                "status": "active",
                "scope": coded("adr", "http://terminology.hl7.org/CodeSystem/consentscope"),
                "category": [coded("dnr", "http://terminology.hl7.org/CodeSystem/consentcategorycodes")],
                "policyRule": coded("cric", "http://terminology.hl7.org/CodeSystem/consentpolicycodes"),
            },
            "Advance Directives",
        ),
        ({"resourceType": "Flag", "status": "active", "code": coded("1"), "subject": SUBJECT}, "Alerts"),
        ({"resourceType": "ClinicalImpression", "status": "completed", "subject": SUBJECT}, "Functional Status"),
        ({"resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": SUBJECT}, "Plan of Care"),
        (
            {
                "resourceType": "ImmunizationRecommendation",
                "patient": SUBJECT,
                "date": "2026-01-01",
                "recommendation": [{"vaccineCode": [coded("140")], "forecastStatus": coded("due")}],
            },
            "Plan of Care",
        ),
        (observation("x", "laboratory", "718-7"), "Results"),
        (observation("x", "vital-signs", "8867-4"), "Vital Signs"),
        (observation("x", "social-history", "72166-2"), "Social History"),
        (observation("x", "survey", "82810-3"), "History of Pregnancy"),
    ],
)
def test_each_kind_has_its_section(resource, title):
    bundle = write({"id": "x", **resource})

    assert entries(bundle)[title] == ["x"]
    assert ips_rules.broken(bundle) == []
    assert validation.problems(bundle) == []


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Immunization", "status": "not-done"},
        {"resourceType": "MedicationRequest", "status": "stopped"},
        {"resourceType": "MedicationRequest", "status": "active", "doNotPerform": True},
        {"resourceType": "Flag", "status": "inactive"},
        {"resourceType": "Consent", "status": "active", "scope": coded("research")},
        {"resourceType": "Procedure", "status": "entered-in-error"},
        {**observation("x", "laboratory", "718-7"), "status": "cancelled"},
        observation("x", "survey", "44261-6"),
    ],
)
def test_what_was_not_so_is_not_told(resource):
    assert "x" not in [one for ids in entries(write({"id": "x", **resource})).values() for one in ids]


def test_of_what_is_measured_again_and_again_the_latest_of_each_kind_is_told():
    bundle = write(
        observation("old", "vital-signs", "8867-4", "2019"),
        observation("new", "vital-signs", "8867-4", "2021-02-03"),
        observation("other", "vital-signs", "29463-7", "2018"),
    )

    assert entries(bundle)["Vital Signs"] == ["new", "other"]
    assert "The latest of each kind" in text_of(bundle, "Vital Signs")


def test_a_kind_whose_latest_has_no_value_is_told_by_the_latest_that_has_one():
    absent = {"dataAbsentReason": {"text": "Not performed"}}
    bundle = write(
        observation("measured", "laboratory", "4548-4", "2020", valueInteger=7),
        observation("missed", "laboratory", "4548-4", "2021", **absent),
        observation("never", "laboratory", "2345-7", "2019", **absent),
    )

    assert entries(bundle)["Results"] == ["measured", "never"]


def test_an_observation_is_called_by_what_was_measured_and_not_by_what_with():
    scale = {"resourceType": "Device", "id": "scale", "deviceName": [{"name": "Scale", "type": "user-friendly-name"}]}
    weight = observation("w", "vital-signs", "29463-7", device={"reference": "Device/scale"}, valueInteger=70)

    text = text_of(write(weight, company=[scale]), "Vital Signs")

    assert "<td>29463-7</td><td>70</td>" in text
    assert "Scale" not in text


def test_of_several_categories_the_one_with_words_names_a_plan():
    sorting = coded("assess-plan", "http://hl7.org/fhir/us/core/CodeSystem/careplan-category")
    plan = {
        "resourceType": "CarePlan",
        "id": "plan",
        "status": "active",
        "category": [sorting, coded("698360004", text="Diabetes self management plan")],
        "subject": SUBJECT,
    }

    assert "<td>Diabetes self management plan</td>" in text_of(write(plan), "Plan of Care")
    assert "<td>assess-plan</td>" in text_of(write({**plan, "category": [sorting]}), "Plan of Care")


def test_the_text_tells_name_value_and_time_with_the_digits_as_written():
    quantity = json.loads(b'{"value":1.10,"unit":"mmol/L"}')
    text = text_of(write(observation("x", "laboratory", "2345-7", "2020-05", valueQuantity=quantity)), "Results")

    assert "<td>2345-7</td><td>1.10 mmol/L</td><td>2020-05</td>" in text


def test_the_text_holds_no_markup_of_a_source():
    said = '<script>alert("x")</script> & \x00\x1b </div>'
    bundle = write(condition("x", code={"text": said}))

    text = text_of(bundle, "Problems")
    assert ips_rules.broken(bundle) == []
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "\x00" not in text


def test_decimals_of_the_entries_stay_as_written():
    quantity = json.loads(b'{"value":1.10}')

    assert b'"value":1.10' in json.dumps(write(observation("x", "laboratory", "1", valueQuantity=quantity)))


@pytest.mark.spec("FHIR R4", "documents.html#bundle", "references resolve inside the document")
def test_what_is_pointed_at_comes_along_and_what_is_not_there_loses_its_address():
    request = {
        "resourceType": "MedicationRequest",
        "id": "x",
        "status": "active",
        "intent": "order",
        "subject": SUBJECT,
        "medicationReference": {"reference": "Medication/drug"},
        "requester": {"reference": f"{BASE}/PractitionerRole/role"},
        "encounter": {"reference": "Encounter/visit"},
        "reasonReference": [{"reference": "Condition/none", "display": "Headache"}],
        "recorder": {"reference": "#inside"},
        "contained": [{"resourceType": "Practitioner", "id": "inside"}],
    }
    company = [
        {"resourceType": "Medication", "id": "drug", "code": coded("314076", text="Lisinopril 10 mg")},
        {"resourceType": "PractitionerRole", "id": "role", "practitioner": {"reference": "Practitioner/ada"}},
        {"resourceType": "Practitioner", "id": "ada", "name": [{"family": "Müller"}]},
        {"resourceType": "Practitioner", "id": "bob", "name": [{"family": "Nobody points at him"}]},
    ]

    bundle = write(request, company=company)

    assert ips_rules.broken(bundle) == []
    assert in_it(bundle)[1:-1] == [
        *("Patient/ana", "MedicationRequest/x", "Medication/drug", "PractitionerRole/role", "Practitioner/ada"),
    ]
    written = bundle["entry"][2]["resource"]
    assert written["medicationReference"] == {"reference": f"{BASE}/Medication/drug"}
    assert written["encounter"] == {"display": "Not part of this summary"}
    assert written["reasonReference"] == [{"display": "Headache"}]
    assert written["recorder"] == {"reference": "#inside"}
    assert "Lisinopril 10 mg" in text_of(bundle, "Medication Summary")
    assert request["encounter"] == {"reference": "Encounter/visit"}  # what was given stays as it was


def test_the_one_patient_stands_for_all_of_her():
    bundle = write()

    assert "link" not in bundle["entry"][1]["resource"]
    assert [name for name in in_it(bundle) if name.startswith("Patient/")] == ["Patient/ana"]


def test_an_active_device_is_told_as_in_use():
    devices = [
        {
            "resourceType": "Device",
            "id": "knee",
            "status": "active",
            "type": coded("1", text="Knee"),
            "patient": SUBJECT,
        },
        {"resourceType": "Device", "id": "old", "status": "inactive", "patient": SUBJECT},
        {"resourceType": "Device", "id": "unsaid", "patient": SUBJECT},
    ]

    bundle = write(*devices)

    assert ips_rules.broken(bundle) == []
    assert validation.problems(bundle) == []
    assert next(name for name in in_it(bundle) if name.startswith("Device/")) == "Device/knee"
    assert "Device/old" not in in_it(bundle)
    assert len(entries(bundle)["Medical Devices"]) == 1
    assert "Knee" in text_of(bundle, "Medical Devices")


def test_a_device_that_only_reads_something_off_her_is_none_of_the_medical_ones():
    watch = {"coding": [{"system": document.MDC, "code": "65573"}], "text": "Watch"}
    pacemaker = coded("2", text="Pacemaker")
    heard = {
        "resourceType": "Observation",
        "id": "pulse",
        "status": "final",
        "code": coded("3", text="Pulse"),
        "subject": SUBJECT,
        "device": {"reference": "Device/band"},
    }
    told = heard | {"id": "rhythm", "device": {"reference": "Device/pacemaker"}}
    devices = [
        {"resourceType": "Device", "id": name, "status": "active", "type": kind, "patient": SUBJECT, **more}
        for name, kind, more in (
            ("watch", watch, {}),
            ("band", coded("4", text="Band"), {}),
            ("pacemaker", pacemaker, {"udiCarrier": [{"deviceIdentifier": "0123"}]}),
        )
    ]
    assert len(entries(write(*devices[1:]))["Medical Devices"]) == 2

    bundle = write(*devices, heard, told)

    assert len(entries(bundle)["Medical Devices"]) == 1
    assert "Pacemaker" in text_of(bundle, "Medical Devices")
    assert "Watch" not in text_of(bundle, "Medical Devices")


def test_a_device_with_a_statement_of_its_own_gets_no_second_one():
    device = {"resourceType": "Device", "id": "knee", "status": "active", "patient": SUBJECT}
    use = {
        "resourceType": "DeviceUseStatement",
        "id": "use",
        "status": "active",
        "subject": SUBJECT,
        "device": {"reference": "Device/knee"},
    }

    bundle = write(device, use)

    assert entries(bundle)["Medical Devices"] == ["use"]
    assert "Device/knee" in in_it(bundle)


def test_the_same_document_is_written_twice_alike():
    resources = [condition("b"), condition("a"), observation("x", "vital-signs", "1")]

    assert write(*resources) == write(*reversed(resources))


def test_broken_elements_are_told_as_far_as_they_can_be():
    for odd in (None, 1, "x", [], [1], {}, {"coding": "x"}, {"coding": [1]}, {"text": 1}):
        bundle = write(condition("x", code=odd, category=odd, component=odd, onsetPeriod=odd))
        assert entries(bundle)["Problems"] == ["x"]
        assert json.dumps(bundle)


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ({"valueQuantity": {"value": 5, "comparator": "<", "code": "mg"}}, "< 5 mg"),
        ({"valueCodeableConcept": {"text": "Positive"}}, "Positive"),
        ({"valueBoolean": True}, "yes"),
        ({"valueString": "clear"}, "clear"),
        ({"valueRange": {"low": {"value": 1}, "high": {"value": 2}}}, "1 – 2"),
        (
            {
                "component": [
                    {"code": {"text": "Systolic"}, "valueQuantity": {"value": 120, "unit": "mmHg"}},
                    {"code": {"text": "Diastolic"}, "valueQuantity": {"value": 80, "unit": "mmHg"}},
                ]
            },
            "Systolic 120 mmHg; Diastolic 80 mmHg",
        ),
        ({"dosageInstruction": [{"text": "one a day"}], "status": "active"}, "one a day"),
        ({"status": "completed"}, "completed"),
        ({"status": "final", "dataAbsentReason": {"text": "Not performed"}}, "Not performed"),
        (
            {
                "dosageInstruction": [
                    {
                        "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
                        "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
                        "asNeededBoolean": True,
                    },
                    {"timing": {"repeat": {"period": 12, "periodUnit": "h"}}},
                    {"timing": {"code": {"text": "at bedtime"}}},
                    {"timing": {"repeat": {"periodUnit": ["d"]}}, "doseAndRate": "x"},
                ]
            },
            "1 tablet, 2 × per day, as needed; 1 × in 12 hours; at bedtime",
        ),
        (
            {"reaction": [{"manifestation": [{"text": "Hives"}]}], "criticality": "high", "status": "active"},
            "Hives; criticality high",
        ),
        ({"activity": [{"detail": {"code": {"text": "Diet"}}}, {"detail": "x"}], "status": "active"}, "Diet"),
    ],
)
def test_a_value_is_told_as_people_read_it(resource, said):
    assert wording.found(resource) == said


def test_what_has_to_be_read_covers_what_the_sections_take():
    read = {wanted.resource_type for wanted in sections.WANTED}

    assert {name for section in sections.SECTIONS for name in section.takes} <= read
