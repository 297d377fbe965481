"""HL7 v2 into FHIR: results, visits, vaccinations and documents, kept whole as well, nothing lost unseen."""

from __future__ import annotations

import base64

import pytest

from local import seeding
from standards.fhir import validation
from sync.sources.hl7v2 import mapping
from sync.sources.upload.accounts import Fate, Reason
from sync.sources.upload.readings import Refused
from tests import imports

RECEIVED = "2026-01-02T03:04:05.000Z"
PID = (
    "PID|1||998^^^Hill&2.16.840.1.113883.19.5&ISO^MR||Example^Ana^M^^^^L||19700501|F|||1 Hill Rd^^Springfield^IL^62704"
)


def message(kind: str, *segments: str, sent: str = "20240305101500-0500") -> bytes:
    return "\r".join([f"MSH|^~\\&|LAB|Hill Clinic|||{sent}||{kind}|1|P|2.5.1", PID, *segments]).encode()


def read(data: bytes):
    reading = mapping.read(data, title="letter.hl7", received=RECEIVED)
    for each in reading.resources:
        assert [problem for problem in validation.problems(each) if problem.severity == "error"] == [], each
    return reading


def only(reading, resource_type):
    (found,) = [each for each in reading.resources if each["resourceType"] == resource_type]
    return found


ORDER = "OBR|1|P7^Hill|F8|58410-2^CBC^LN|||202403050900|||||||||77^Doctor^Dora||||||20240305101000-0500||LAB|F"


def oru(*observations: str):
    return message("ORU^R01^ORU_R01", ORDER, *observations)


def test_header_tells_who_she_is_and_who_sent_it():
    reading = read(oru("OBX|1|NM|718-7^Hemoglobin^LN||13.50|g/dL^^UCUM|12-16|N|||F"))

    patient = only(reading, "Patient")
    assert patient["name"] == [{"use": "official", "family": "Example", "given": ["Ana", "M"]}]
    assert (patient["birthDate"], patient["gender"]) == ("1970-05-01", "female")
    assert patient["identifier"][0]["system"] == "urn:oid:2.16.840.1.113883.19.5"
    assert reading.maker == "Hill Clinic"


def test_result_is_an_observation_of_its_report():
    reading = read(
        oru("OBX|1|NM|718-7^Hemoglobin^LN||0013.50|g/dL^^UCUM|12-16|H|||F|||20240305090000", "NTE|1||a\\T\\b")
    )

    found, report = only(reading, "Observation"), only(reading, "DiagnosticReport")
    assert found["code"]["coding"] == [{"system": "http://loinc.org", "code": "718-7", "display": "Hemoglobin"}]
    assert found["valueQuantity"]["value"].literal == "13.50"
    assert found["valueQuantity"]["code"] == "g/dL"
    assert found["effectiveDateTime"] == "2024-03-05T09:00:00-05:00"
    assert found["interpretation"][0]["coding"][0]["code"] == "H"
    assert (found["referenceRange"], found["note"]) == ([{"text": "12-16"}], [{"text": "a&b"}])
    assert report["result"] == [{"reference": "Observation/Observation-1"}]
    assert [each["value"] for each in report["identifier"]] == ["P7", "F8"]
    assert only(reading, "ServiceRequest")["requester"]["display"] == "Dora Doctor"


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("SN", "<^5", {"valueQuantity": ("<", "5")}),
        ("SN", "^1^-^3", {"valueRange": None}),
        ("SN", "^1^:^128", {"valueRatio": None}),
        ("CWE", "260373001^Detected^SCT", {"valueCodeableConcept": None}),
        ("ST", "yellow", {"valueString": None}),
        ("TX", "one~two", {"valueString": None}),
        ("DT", "20240305", {"valueDateTime": None}),
        ("NM", "about 5", {"valueString": None}),
    ],
)
def test_value_of_every_type(kind, value, expected):
    found = only(read(oru(f"OBX|1|{kind}|1-8^x^LN||{value}||||||F")), "Observation")

    ((name, bound),) = expected.items()
    assert name in found
    if bound:
        assert (found[name]["comparator"], found[name]["value"].literal) == bound


@pytest.mark.parametrize(
    ("code", "status"), [("F", "final"), ("C", "corrected"), ("P", "preliminary"), ("W", "entered-in-error")]
)
def test_result_status(code, status):
    assert only(read(oru(f"OBX|1|ST|1-8^x^LN||y||||||{code}")), "Observation")["status"] == status


def test_time_without_a_zone_anywhere_is_told_as_its_day():
    data = oru("OBX|1|ST|1-8^x^LN||y||||||F|||202403050915").replace(b"20240305101500-0500", b"20240305101500")

    assert only(read(data), "Observation")["effectiveDateTime"] == "2024-03-05"


def test_code_system_of_the_sender_alone_has_no_uri():
    coding = only(read(oru("OBX|1|ST|H7^Haemoglobin^99HILL^718-7^Hemoglobin^LN||y||||||F")), "Observation")["code"][
        "coding"
    ]

    assert coding[0] == {"code": "H7", "display": "Haemoglobin"}
    assert coding[1]["system"] == "http://loinc.org"


def test_visit_with_allergy_diagnosis_and_procedure():
    reading = read(
        message(
            "ADT^A03",
            "PV1|1|I|CCU^2^1^Hill|||| 77^Doctor^Dora||||||||||||V1|||||||||||||||||||||||||20240301|20240305",
            "AL1|1|DA|7980^Penicillin^RXNORM|SV|Hives",
            "DG1|1||I10^Hypertension^I10C||20240301",
            "PR1|1||76164006^Biopsy^SCT||20240302",
        )
    )

    visit = only(reading, "Encounter")
    assert (visit["status"], visit["class"]["code"]) == ("finished", "IMP")
    assert visit["period"] == {"start": "2024-03-01", "end": "2024-03-05"}
    assert only(reading, "AllergyIntolerance")["reaction"][0] == {
        "manifestation": [{"text": "Hives"}],
        "severity": "severe",
    }
    assert only(reading, "Condition")["code"]["coding"][0]["system"] == "http://hl7.org/fhir/sid/icd-10-cm"
    assert only(reading, "Procedure")["encounter"] == {"reference": "Encounter/Encounter-1"}


def field(numbers: dict[int, str], name: str) -> str:
    return "|".join([name, *(numbers.get(number, "") for number in range(1, max(numbers) + 1))])


def test_visit_has_its_stay_its_places_and_its_reason():
    pv1 = field(
        {
            2: "I",
            3: "Ward^12^B^Hill",
            4: "E^Emergency",
            5: "PRE1",
            6: "Hall^1",
            10: "MED^Medical",
            13: "R",
            14: "7^Emergency room",
            16: "VIP~V2",
            19: "V1^^^Hill&2.16.840.1.113883.19.5&ISO^^^20240101^20250101",
            36: "01^Home",
            37: "H1&Hill Nursing Home",
            38: "D^Diabetic",
            42: "Ward^13",
            44: "20240305",
            50: "ALT1",
        },
        "PV1",
    )
    pv2 = field({1: "Ward^14", 3: "C^Chest pain", 11: "3", 13: "9^House^Greg", 25: "1^Urgent"}, "PV2")

    reading = read(message("ADT^A01", pv1, pv2))

    visit = only(reading, "Encounter")
    assert visit["class"]["display"] == "inpatient encounter"
    assert [(each["value"], each.get("period")) for each in visit["identifier"]] == [
        ("V1", {"start": "2024-01-01", "end": "2025-01-01"}),
        ("ALT1", None),
    ]
    assert [(each["location"]["display"], each["status"]) for each in visit["location"]] == [
        ("Hill Ward 12 B", "active"),
        ("Hall 1", "completed"),
        ("Ward 13", "planned"),
        ("Ward 14", "planned"),
    ]
    stay = visit["hospitalization"]
    assert stay["preAdmissionIdentifier"] == {"value": "PRE1"}
    assert stay["destination"] == {"display": "Hill Nursing Home"}
    assert [each["coding"][0]["code"] for each in stay["specialCourtesy"]] == ["VIP", "V2"]
    said = {name: stay[name]["coding"][0]["code"] for name in ("reAdmission", "admitSource", "dischargeDisposition")}
    assert said == {"reAdmission": "R", "admitSource": "7", "dischargeDisposition": "01"}
    assert visit["length"]["value"] == 3
    assert visit["reasonCode"][0]["coding"][0]["display"] == "Chest pain"
    assert [(each["type"][0]["coding"][0]["code"], each["individual"]["display"]) for each in visit["participant"]] == [
        ("REF", "Greg House")
    ]
    assert "meta" not in visit


@pytest.mark.parametrize(("said", "restricted"), [("", False), ("N", False), ("Y", True), ("SEC", True)])
def test_visit_that_is_to_be_protected_is_marked(said, restricted):
    reading = read(message("ADT^A01", "PV1|1|O", field({22: said}, "PV2")))

    assert ("security" in only(reading, "Encounter").get("meta", {})) is restricted


def test_second_part_of_a_visit_without_the_first_is_told():
    reading = read(message("ADT^A01", field({3: "C^Chest pain"}, "PV2")))

    assert ("error", "no_place", "PV2") in {(f.value, r.value, w) for f, r, w in reading.account.lines}


def test_visit_before_admission_is_planned():
    assert only(read(message("ADT^A04", "PV1|1|P|Ward")), "Encounter")["status"] == "planned"


@pytest.mark.parametrize(
    ("ending", "status"),
    [("CP|A", "completed"), ("RE|A", "not-done"), ("NA|A", "not-done"), ("CP|D", "entered-in-error")],
)
def test_vaccination(ending, status):
    shot = f"RXA|0|1|20211015||88^Influenza^CVX|0.5|mL||||||||L-1|20221231|PMC^Sanofi^MVX|||{ending}"

    reading = read(
        message(
            "VXU^V04^VXU_V04",
            "ORC|RE",
            shot,
            "RXR|IM^Intramuscular^HL70162",
            "OBX|1|CE|64994-7^Eligible^LN|1|V01^No^HL70064||||||F",
        )
    )

    found = only(reading, "Immunization")
    assert (found["status"], found["occurrenceDateTime"], found["lotNumber"]) == (status, "2021-10-15", "L-1")
    assert found["route"]["coding"][0]["system"] == "http://terminology.hl7.org/CodeSystem/v2-0162"
    assert found["programEligibility"][0]["coding"][0]["code"] == "V01"


def test_document_with_its_text_and_its_file():
    pdf = base64.b64encode(b"%PDF-1.4").decode()

    reading = read(
        message(
            "MDM^T02",
            "TXA|1|DS|TX|20240305|||||||D^1||||||AU|R",
            "OBX|1|TX|x||one",
            "OBX|2|TX|x||two",
            f"OBX|3|ED|x||^application^pdf^Base64^{pdf}",
        )
    )

    letter, whole = [each for each in reading.resources if each["resourceType"] == "DocumentReference"]
    text, file = (base64.b64decode(each["attachment"]["data"]) for each in letter["content"])
    assert (text, file) == (b"one\ntwo", b"%PDF-1.4")
    assert letter["meta"]["security"][0]["code"] == "R"
    assert {"reference": "DocumentReference/DocumentReference-1"} in whole["context"]["related"]


def test_restricted_message_is_private_in_all_its_parts():
    restricted = read(message("ADT^A01", "PV1|1|I", "ARV|1|A|DEM|PAT|not for all"))

    assert only(restricted, "Encounter")["meta"]["security"][0]["code"] == "R"
    assert only(restricted, "DocumentReference")["meta"]["security"][0]["code"] == "R"


def test_message_is_kept_byte_for_byte_whatever_kind_it_is():
    data = message("ORM^O01", "ORC|NW", "OBR|1|P7||58410-2^CBC^LN")

    reading = read(data)

    attachment = only(reading, "DocumentReference")["content"][0]["attachment"]
    assert base64.b64decode(attachment["data"]) == data
    assert reading.account.lines[Fate.AS_TEXT, Reason.NARRATIVE, "ORM^O01"] == 1


def test_field_and_segment_without_a_place_are_told_by_their_number():
    reading = read(oru("OBX|1|ST|1-8^x^LN||y||||||F|||||||||eq7", "ZXX|1|local"))

    told = reading.account.lines
    assert told[Fate.DROPPED, Reason.NO_PLACE, "OBX-20"] + told[Fate.DROPPED, Reason.NO_PLACE, "OBX-18"] == 1
    assert told[Fate.DROPPED, Reason.NO_PLACE, "ZXX"] == 1


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_like_and_break_inside_of_fields(ending):
    data = oru("OBX|1|TX|1-8^x^LN||first", "and more of it||||||F").replace(b"\r", ending.encode())

    assert only(read(b"\x0b" + data + b"\x1c\r"), "Observation")["valueString"] == "first and more of it"


def test_batch_about_one_person_is_one_and_about_two_is_refused():
    one = oru("OBX|1|ST|1-8^x^LN||y||||||F")
    batch = b"FHS|^~\\&|a\rBHS|^~\\&|a\r" + one + b"\r" + one + b"\rBTS|2\rFTS|1"

    assert [each["resourceType"] for each in read(batch).resources].count("Observation") == 2
    with pytest.raises(Refused) as refused:
        mapping.read(one + b"\r" + one.replace(b"Example^Ana", b"Other^Berta"), title="", received=RECEIVED)
    assert refused.value.reason is Reason.SEVERAL_PEOPLE


@pytest.mark.parametrize("data", [b"MSH|", b"MSH|^~\\&", b"MSH", b"MSH\x00|^~\\&|a"])
def test_what_is_no_message_is_refused(data):
    with pytest.raises(Refused) as refused:
        mapping.read(data, title="", received=RECEIVED)

    assert refused.value.reason is Reason.DAMAGED


@pytest.mark.skipif(not seeding.SHARED_DATA.exists(), reason="the public data sets do not lie beside the checkout")
def test_pairs_of_cdc_are_met_as_closely_as_before():
    pairs, close = imports.closeness()

    assert pairs > 100
    for kind, least in (("Observation", 0.75), ("DiagnosticReport", 0.75), ("Patient", 0.7), ("ServiceRequest", 0.6)):
        assert close.both[kind] / close.expected[kind] >= least, kind


def test_specimen_is_told_with_its_numbers_how_it_was_taken_and_by_whom():
    spm = (
        "SPM|1|P9&Hill^F9&Lab||119297000^Blood^SCT||HEP^Heparin^HL70371|BCAP^Capillary^HL70488|368208006^Arm^SCT||||"
        "5^mL|||||202403050850-0500^202403050855-0500|202403050930-0500||Y||||CLOT^Clotted^HL70493|||TUBE^Tube^X"
    )
    order = ORDER.replace("|202403050900|||||||||77", "|202403050900|||12^Nurse^Nora||||||77")

    reading = read(message("ORU^R01^ORU_R01", order, spm))

    told = only(reading, "Specimen")
    assert [each["value"] for each in told["identifier"]] == ["P9", "F9"]
    assert [each["type"]["coding"][0]["code"] for each in told["identifier"]] == ["PGN", "FGN"]
    assert told["status"] == "available"
    assert told["receivedTime"] == "2024-03-05T09:30:00-05:00"
    taken = told["collection"]
    assert taken["collectedPeriod"] == {"start": "2024-03-05T08:50:00-05:00", "end": "2024-03-05T08:55:00-05:00"}
    assert taken["quantity"] == {"value": 5, "unit": "mL", "system": "http://unitsofmeasure.org", "code": "mL"}
    assert taken["collector"]["display"] == "Nora Nurse"
    assert taken["method"]["coding"][0]["code"] == "BCAP"
    assert told["container"][0]["additiveCodeableConcept"]["coding"][0]["code"] == "HEP"
    assert told["condition"][0]["coding"][0]["code"] == "CLOT"
    assert only(reading, "DiagnosticReport")["specimen"] == [{"reference": "Specimen/Specimen-1"}]


def test_specimen_that_only_the_order_tells_of_is_kept_too():
    order = "OBR|1|P7|F8|58410-2^CBC^LN|||202403050900||5^mL|||||202403050930-0500|BLD&Blood&HL70487^HEP^^LA&Arm&X"

    told = only(read(message("ORU^R01^ORU_R01", order, "OBX|1|ST|1^a^L||x||||||F")), "Specimen")

    assert told["type"]["coding"][0]["code"] == "BLD"
    assert told["collection"]["collectedDateTime"] == "2024-03-05T09:00:00-05:00"
    assert told["collection"]["bodySite"]["coding"][0]["code"] == "LA"
    assert told["container"][0]["additiveCodeableConcept"]["coding"][0]["code"] == "HEP"


def test_order_that_tells_nothing_of_a_specimen_makes_none():
    assert "Specimen" not in {each["resourceType"] for each in read(message("ORU^R01", ORDER)).resources}


def test_whoever_interpreted_a_result_stands_inside_of_the_field():
    order = ORDER + "|||||||31&Reader&Rita&&&DR&MD^202403051000"

    reading = read(message("ORU^R01^ORU_R01", order))

    assert only(reading, "DiagnosticReport")["resultsInterpreter"][0]["display"] == "DR Rita Reader MD"


def test_name_of_a_clinician_has_its_kind_degree_and_dates():
    visit = "PV1|1|O|||||77^Doctor^Dora^B^II^Dr^MD^^Hill^L^^^NPI^^^^^^20200101^20251231^FACP"

    name = only(read(message("ADT^A01", visit)), "Practitioner")["name"][0]

    assert (name["use"], name["prefix"], name["suffix"]) == ("official", ["Dr"], ["II", "MD", "FACP"])
    assert name["period"] == {"start": "2020-01-01", "end": "2025-12-31"}
