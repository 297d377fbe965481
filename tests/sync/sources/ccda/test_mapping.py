"""C-CDA into FHIR: codes as given, dates as exact as written, what is denied said so, nothing lost unseen."""

from __future__ import annotations

import base64

import pytest

from local import seeding
from standards.fhir import validation
from sync.sources.ccda import mapping
from sync.sources.upload.accounts import Fate, Reason
from sync.sources.upload.readings import Refused
from tests import imports
from tests.sync.sources.ccda import documents
from tests.sync.sources.ccda.documents import LOINC, SNOMED, T, section

RECEIVED = "2026-01-02T03:04:05.000Z"


def read(*sections, **options):
    data = sections[0] if sections and isinstance(sections[0], bytes) else documents.document(*sections, **options)
    reading = mapping.read(data, title="summary.xml", received=RECEIVED)
    for each in reading.resources:
        assert [problem for problem in validation.problems(each) if problem.severity == "error"] == [], each
    return reading


def only(reading, resource_type):
    (found,) = [each for each in reading.resources if each["resourceType"] == resource_type]
    return found


def problems(*entries):
    return section("11450-4", "Problems", *entries, text="<list><item ID='n1'>High blood pressure</item></list>")


def test_header_tells_who_she_is_and_who_made_it():
    reading = read(problems(documents.problem()))

    patient = only(reading, "Patient")
    assert patient["name"] == [{"use": "usual", "family": "Example", "given": ["Ana"]}]
    assert (patient["birthDate"], patient["gender"]) == ("1970-05-01", "female")
    assert patient["identifier"] == [{"system": "urn:oid:2.16.840.1.113883.19.5", "value": "998"}]
    assert reading.maker == "Hill Clinic"


def test_problem_keeps_its_partial_date_code_and_words():
    value = f"""<value xsi:type="CD" code="38341003" {SNOMED} displayName="Hypertension">
      <originalText><reference value="#n1"/></originalText>
      <translation code="I10" codeSystem="2.16.840.1.113883.6.90"/>
      <translation code="L-7" codeSystem="1.2.3.4"/></value>"""

    condition = only(read(problems(documents.problem(value))), "Condition")

    assert condition["code"] == {
        "coding": [
            {"system": "http://snomed.info/sct", "code": "38341003", "display": "Hypertension"},
            {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I10"},
            {"system": "urn:oid:1.2.3.4", "code": "L-7"},
        ],
        "text": "High blood pressure",
    }
    assert condition["onsetDateTime"] == "2019-03"
    assert condition["clinicalStatus"]["coding"][0]["code"] == "active"
    assert condition["identifier"] == [{"system": "urn:oid:2.16.840.1.113883.19.5", "value": "p1"}]


@pytest.mark.parametrize(
    ("time", "act", "expected"),
    [
        ('<effectiveTime><low value="2019"/><high value="2020"/></effectiveTime>', "active", "resolved"),
        ('<effectiveTime><low value="2019"/><high nullFlavor="UNK"/></effectiveTime>', "completed", "resolved"),
        ('<effectiveTime><low value="2019"/></effectiveTime>', "completed", "inactive"),
        ("", "active", "active"),
    ],
)
def test_problem_that_is_over_is_not_called_active(time, act, expected):
    condition = only(read(problems(documents.problem(time=time, act=act))), "Condition")

    assert condition["clinicalStatus"]["coding"][0]["code"] == expected


def test_no_known_problems_is_said_and_a_denied_one_is_refuted():
    nothing = f'<value xsi:type="CD" code="55607006" {SNOMED}/>'

    assert (
        only(read(problems(documents.problem(nothing, negated=True))), "Condition")["code"]["coding"][0]["code"]
        == "160245001"
    )
    denied = only(read(problems(documents.problem(negated=True))), "Condition")
    assert denied["verificationStatus"]["coding"][0]["code"] == "refuted"


def test_allergy_has_its_substance_reaction_and_criticality():
    more = f"""<entryRelationship typeCode="MFST" inversionInd="true"><observation classCode="OBS" moodCode="EVN">
       <templateId root="{T}9"/><value xsi:type="CD" code="247472004" {SNOMED} displayName="Hives"/>
       <entryRelationship typeCode="SUBJ"><observation><templateId root="{T}8"/>
        <value xsi:type="CD" code="24484000" {SNOMED}/></observation></entryRelationship></observation>
      </entryRelationship>
      <entryRelationship typeCode="SUBJ"><observation><templateId root="{T}145"/>
       <value xsi:type="CD" code="CRITH"/></observation></entryRelationship>"""
    substance = '<code code="7980" codeSystem="2.16.840.1.113883.6.88" displayName="Penicillin"/>'

    reading = read(section("48765-2", "Allergies", documents.allergy(substance=substance, more=more)))

    found = only(reading, "AllergyIntolerance")
    assert (found["type"], found["category"], found["criticality"]) == ("allergy", ["medication"], "high")
    assert found["reaction"][0]["severity"] == "severe"
    assert found["reaction"][0]["manifestation"][0]["coding"][0]["display"] == "Hives"
    assert reading.account.total(Fate.DROPPED) == 0


@pytest.mark.parametrize(
    ("kind", "code"), [("416098002", "409137002"), ("414285001", "429625007"), ("419199007", "716186003")]
)
def test_no_known_allergy_is_said_as_such_and_never_as_an_allergy(kind, code):
    negated = documents.allergy(substance='<code nullFlavor="NA"/>', kind=kind, negated=True)

    found = only(read(section("48765-2", "Allergies", negated)), "AllergyIntolerance")

    assert found["code"]["coding"][0]["code"] == code


def test_medicine_taken_and_medicine_ordered():
    taken = only(read(section("10160-0", "Medications", documents.medication())), "MedicationStatement")
    ordered = only(read(section("10160-0", "Medications", documents.medication(mood="INT"))), "MedicationRequest")
    not_taken = only(read(section("10160-0", "Medications", documents.medication(negated=True))), "MedicationStatement")

    assert taken["medicationCodeableConcept"]["coding"][0]["system"] == "http://www.nlm.nih.gov/research/umls/rxnorm"
    assert (taken["status"], taken["effectiveDateTime"]) == ("active", "2024-01-01")
    dosage = taken["dosage"][0]
    assert dosage["timing"] == {"repeat": {"frequency": 1, "period": 12, "periodUnit": "h"}}
    assert str(dosage["doseAndRate"][0]["doseQuantity"]["value"].literal) == "1.50"
    assert (ordered["intent"], ordered["dosageInstruction"]) == ("order", taken["dosage"])
    assert not_taken["status"] == "not-taken"


def test_shot_given_and_shot_refused():
    refusal = f"""<entryRelationship typeCode="RSON"><observation><templateId root="{T}53"/>
      <code code="PATOBJ" codeSystem="2.16.840.1.113883.5.8"/></observation></entryRelationship>"""
    given = only(read(section("11369-6", "Immunizations", documents.shot())), "Immunization")
    refused = only(
        read(section("11369-6", "Immunizations", documents.shot(negated=True, more=refusal))), "Immunization"
    )

    assert (given["status"], given["occurrenceDateTime"], given["lotNumber"]) == ("completed", "2021-10-15", "L-1")
    assert given["vaccineCode"]["coding"] == [{"system": "http://hl7.org/fhir/sid/cvx", "code": "88"}]
    assert (refused["status"], refused["statusReason"]["coding"][0]["code"]) == ("not-done", "PATOBJ")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('<value xsi:type="PQ" value="13.50" unit="g/dL"/>', ("valueQuantity", "g/dL")),
        ('<value xsi:type="PQ" value="7" unit="thousand per cubic"/>', ("valueQuantity", None)),
        (
            '<value xsi:type="IVL_PQ"><high value="5" unit="mg/dL" inclusive="false"/></value>',
            ("valueQuantity", "mg/dL"),
        ),
        (f'<value xsi:type="CD" code="260373001" {SNOMED} displayName="Detected"/>', ("valueCodeableConcept", None)),
        ('<value xsi:type="ST">yellow</value>', ("valueString", None)),
        ('<value xsi:type="INT" value="3"/>', ("valueInteger", None)),
        ('<value xsi:type="PQ" nullFlavor="UNK"/>', ("dataAbsentReason", None)),
    ],
)
def test_value_of_a_result_in_every_type(value, expected):
    reading = read(section("30954-2", "Results", documents.organizer("1", documents.result(value))))

    found = only(reading, "Observation")
    name, unit = expected
    assert name in found
    assert unit is None or found[name]["code"] == unit
    assert only(reading, "DiagnosticReport")["result"] == [{"reference": "Observation/Observation-1"}]


def test_number_below_a_bound_is_not_taken_for_the_number():
    value = '<value xsi:type="IVL_PQ"><high value="5" unit="mg/dL" inclusive="false"/></value>'

    found = only(read(section("30954-2", "Results", documents.result(value))), "Observation")

    assert found["valueQuantity"]["comparator"] == "<"


def test_unit_that_is_no_ucum_stays_words():
    value = '<value xsi:type="PQ" value="7" unit="thousand per cubic"/>'

    found = only(read(section("30954-2", "Results", documents.result(value))), "Observation")

    assert found["valueQuantity"] == {"value": 7, "unit": "thousand per cubic"}


def test_blood_pressure_is_one_reading():
    pair = [
        documents.result(f'<value xsi:type="PQ" value="{value}" unit="mm[Hg]"/>', code=code)
        for code, value in (("8480-6", 120), ("8462-4", 80))
    ]
    pulse = documents.result('<value xsi:type="PQ" value="61" unit="/min"/>', code="8867-4")

    reading = read(section("8716-3", "Vital signs", documents.organizer("26", *pair, pulse)))

    pressure, rate = [each for each in reading.resources if each["resourceType"] == "Observation"]
    assert pressure["code"]["coding"][0]["code"] == "85354-9"
    assert [part["valueQuantity"]["value"] for part in pressure["component"]] == [120, 80]
    assert rate["category"][0]["coding"][0]["code"] == "vital-signs"


def test_time_without_a_zone_takes_the_documents_and_never_a_made_up_one():
    timed = section("30954-2", "Results", documents.result('<value xsi:type="INT" value="1"/>', time="202403051015"))
    zoned = documents.document(timed)

    assert only(read(zoned), "Observation")["effectiveDateTime"] == "2024-03-05T10:15:00-05:00"
    bare = zoned.replace(b"20240305101500-0500", b"20240305")
    assert only(read(bare), "Observation")["effectiveDateTime"] == "2024-03-05"


def test_section_we_do_not_read_is_kept_as_narrative_and_told():
    table = "<table><tr onclick='x()'><td>Mother</td><td>Diabetes &amp; <content>gout</content></td></tr></table>"
    reading = read(section("10157-6", "Family History", text=table), problems(documents.problem()))

    told = only(reading, "Composition")["section"][0]["text"]["div"]
    assert "<td>Mother</td><td>Diabetes &amp; <span>gout</span></td>" in told
    assert "onclick" not in told
    assert reading.account.lines[Fate.AS_TEXT, Reason.NARRATIVE, "Family History"] == 1


def test_part_of_an_entry_without_a_place_is_told_with_its_name():
    more = f"""<entryRelationship typeCode="SUBJ"><observation><templateId root="{T}31"/>
      <code code="445518008" {SNOMED} displayName="Age At Onset"/><value xsi:type="PQ" value="57" unit="a"/>
      </observation></entryRelationship>"""

    reading = read(problems(documents.problem(more=more)))

    assert reading.account.lines[Fate.DROPPED, Reason.NO_PLACE, "Problems: entryRelationship (Age At Onset)"] == 1


def test_document_itself_is_kept_byte_for_byte_and_names_what_came_of_it():
    data = documents.document(problems(documents.problem()))

    original = only(read(data), "DocumentReference")

    assert base64.b64decode(original["content"][0]["attachment"]["data"]) == data
    assert {"reference": "Condition/Condition-1"} in original["context"]["related"]


def test_privacy_of_the_document_holds_for_each_entry_unless_its_section_says_otherwise():
    restricted = '<confidentialityCode code="R" codeSystem="2.16.840.1.113883.5.25"/>'
    normal = restricted.replace('"R"', '"N"')
    private = problems(documents.problem())
    open_one = section("8716-3", "Vital signs", documents.result('<value xsi:type="INT" value="1"/>'), more=normal)

    reading = read(private, open_one, header=restricted)

    tag = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
    assert only(reading, "Condition")["meta"]["security"] == [tag]
    assert "meta" not in only(reading, "Observation")
    assert only(reading, "DocumentReference")["meta"]["security"] == [tag]
    assert only(reading, "Composition")["meta"]["security"] == [tag]


def test_privacy_marking_of_an_entry_is_its_own():
    marking = """<entryRelationship typeCode="COMP"><organizer classCode="CLUSTER" moodCode="EVN">
      <component><observation><code code="SECCLASSOBS"/><value xsi:type="CE" code="R"/></observation></component>
      <component><observation><code code="SECCATOBS"/><value xsi:type="CE" code="ETHUD"/></observation></component>
      </organizer></entryRelationship>"""

    reading = read(problems(documents.problem(more=marking), documents.problem()))

    marked, plain = [each for each in reading.resources if each["resourceType"] == "Condition"]
    assert {tag["code"] for tag in marked["meta"]["security"]} == {"R", "ETHUD"}
    assert "meta" not in plain
    assert {tag["code"] for tag in only(reading, "DocumentReference")["meta"]["security"]} == {"R", "ETHUD"}


def test_file_inside_a_document_is_kept_as_what_it_is():
    carried = base64.b64encode(b"%PDF-1.4 scan").decode()
    body = f'<nonXMLBody><text mediaType="application/pdf" representation="B64">{carried}</text></nonXMLBody>'

    reading = read(documents.document(body=body))

    scan, _ = [each for each in reading.resources if each["resourceType"] == "DocumentReference"]
    attachment = scan["content"][0]["attachment"]
    assert (attachment["contentType"], base64.b64decode(attachment["data"])) == ("application/pdf", b"%PDF-1.4 scan")


def test_careless_xml_is_read_and_said_to_be():
    careless = documents.document(problems(documents.problem())).replace(
        b"<title>Problems</title>", b"<title>A & B</title>"
    )

    reading = read(careless)

    assert only(reading, "Condition")
    assert reading.account.lines[Fate.MAPPED, Reason.REPAIRED, ""] == 1


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;">]><ClinicalDocument xmlns="urn:hl7-org:v3"/>'
)
FILE = b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/passwd"><ClinicalDocument xmlns="urn:hl7-org:v3"/>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (BOMB, Reason.DOCTYPE),
        (FILE, Reason.DOCTYPE),
        (BOMB.decode().encode("utf-16"), Reason.DOCTYPE),
        (b"<Patient xmlns='http://hl7.org/fhir'/>", Reason.FHIR_XML),
        (b"<html><body/></html>", Reason.NOT_CDA),
        (b"<", Reason.DAMAGED),
        (b"<a>" * 100_000, Reason.NOT_CDA),
    ],
)
def test_xml_that_is_harmful_or_something_else_is_refused(data, reason):
    with pytest.raises(Refused) as refused:
        mapping.read(data, title="", received=RECEIVED)

    assert refused.value.reason is reason


def test_deeply_nested_sections_end_no_worker():
    nested = "<component><section><title>x</title>" * 200 + "</section></component>" * 200
    body = f"<structuredBody>{nested}</structuredBody>"

    assert only(read(documents.document(body=body)), "Patient")


def test_document_of_two_people_is_refused():
    one = documents.document(problems(documents.problem()))
    both = one.replace(b"<author>", one[one.index(b"<recordTarget>") : one.index(b"<author>")] + b"<author>", 1)

    with pytest.raises(Refused) as refused:
        mapping.read(both, title="", received=RECEIVED)

    assert refused.value.reason is Reason.SEVERAL_PEOPLE


def test_plan_goal_team_note_and_visit():
    team = f"{T}500"
    plan = f"""<observation classCode="OBS" moodCode="RQO"><templateId root="{T}44"/><code code="24357-6" {LOINC}/>
      <statusCode code="active"/><effectiveTime value="20240401"/></observation>"""
    goal = f"""<observation classCode="OBS" moodCode="GOL"><templateId root="{T}121"/><code nullFlavor="UNK"/>
      <statusCode code="active"/><value xsi:type="ST">Walk every day</value></observation>"""
    members = f"""<organizer><templateId root="{team}"/><component><act><templateId root="{team}.1"/><performer>
      <assignedEntity><id root="1.2.3"/><assignedPerson><name><given>Nora</given><family>Nurse</family></name>
      </assignedPerson></assignedEntity></performer></act></component></organizer>"""
    note = f"""<act classCode="ACT" moodCode="EVN"><templateId root="{T}202"/><code code="11506-3" {LOINC}/>
      <text>She feels well.</text><effectiveTime value="20240305"/></act>"""
    visit = f"""<encounter classCode="ENC" moodCode="EVN"><templateId root="{T}49"/>
      <code code="99213" codeSystem="2.16.840.1.113883.6.12">
       <translation code="AMB" codeSystem="2.16.840.1.113883.5.4"/></code>
      <effectiveTime><low value="20240305"/></effectiveTime>
      <entryRelationship><act><templateId root="{T}80"/><entryRelationship typeCode="SUBJ"><observation>
       <templateId root="{T}4"/><value xsi:type="CD" code="386661006" {SNOMED}/></observation></entryRelationship></act>
      </entryRelationship></encounter>"""

    reading = read(
        section("18776-5", "Plan", plan, text="Come back in April."),
        section("61146-7", "Goals", goal),
        section("85847-2", "Care Team", members),
        section("11506-3", "Notes", note),
        section("46240-8", "Encounters", visit),
    )

    assert only(reading, "ServiceRequest")["intent"] == "order"
    assert "Come back in April." in only(reading, "CarePlan")["text"]["div"]
    assert only(reading, "Goal")["description"] == {"text": "Walk every day"}
    assert only(reading, "CareTeam")["participant"][0]["member"]["display"] == "Nora Nurse"
    written = next(each for each in reading.resources if each["resourceType"] == "DocumentReference")
    assert base64.b64decode(written["content"][0]["attachment"]["data"]) == b"She feels well."
    encounter = only(reading, "Encounter")
    assert encounter["class"]["code"] == "AMB"
    assert encounter["diagnosis"] == [{"condition": {"reference": "Condition/Condition-1"}}]


def test_relative_is_told_with_what_she_had_and_how_old_she_was():
    age = f"""<entryRelationship typeCode="SUBJ"><observation><templateId root="{T}31"/>
      <code code="445518008" {SNOMED}/><value xsi:type="PQ" value="57" unit="a"/></observation></entryRelationship>"""
    death = f"""<entryRelationship typeCode="CAUS"><observation><templateId root="{T}47"/>
      <value xsi:type="CD" code="419099009" {SNOMED}/></observation></entryRelationship>"""
    had = f"""<component><observation classCode="OBS" moodCode="EVN"><templateId root="{T}46"/>
      <code code="64572001" {SNOMED}/><statusCode code="completed"/>
      <value xsi:type="CD" code="22298006" {SNOMED} displayName="Myocardial infarction"/>{age}{death}</observation>
      </component>"""
    had_not = had.replace('moodCode="EVN"', 'moodCode="EVN" negationInd="true"').replace(age + death, "")
    mother = f"""<organizer classCode="CLUSTER" moodCode="EVN"><templateId root="{T}45"/><statusCode code="completed"/>
      <subject><relatedSubject classCode="PRS"><code code="MTH" codeSystem="2.16.840.1.113883.5.111"
        displayName="mother"/><subject><administrativeGenderCode code="F"/><birthTime value="1910"/></subject>
      </relatedSubject></subject>{had}{had_not}</organizer>"""

    reading = read(section("10157-6", "Family History", mother))

    told = only(reading, "FamilyMemberHistory")
    assert told["patient"] == {"reference": "Patient/patient"}
    assert told["relationship"]["coding"][0]["code"] == "MTH"
    assert (told["sex"]["coding"][0]["code"], told["bornDate"], told["deceasedBoolean"]) == ("female", "1910", True)
    (condition,) = told["condition"]
    assert condition["code"]["coding"][0]["code"] == "22298006"
    assert (condition["contributedToDeath"], condition["onsetAge"]["value"]) == (True, 57)
    # What a relative did not have has no place in FHIR, and is never told as what she had.
    assert reading.account.lines[Fate.DROPPED, Reason.NO_PLACE, "Family History: negationInd"] == 1


def test_age_at_onset_is_that_of_a_problem_without_a_date():
    age = f"""<entryRelationship typeCode="SUBJ"><observation><templateId root="{T}31"/>
      <code code="445518008" {SNOMED}/><value xsi:type="PQ" value="57"/></observation></entryRelationship>"""

    told = only(read(problems(documents.problem(more=age, time=""))), "Condition")

    assert told["onsetAge"] == {"value": 57, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}


def test_how_she_gets_along_device_policy_directive_and_concern():
    walks = f"""<observation classCode="OBS" moodCode="EVN"><templateId root="{T}67"/>
      <code code="54522-8" {LOINC}/><statusCode code="completed"/><effectiveTime value="20240305"/>
      <value xsi:type="CD" code="165245003" {SNOMED} displayName="Independent walking"/></observation>"""
    grouped = f"""<organizer classCode="CLUSTER" moodCode="EVN"><templateId root="{T}75"/><code code="d3" {LOINC}/>
      <statusCode code="completed"/><component>{walks}</component></organizer>"""
    loss = f"""<observation classCode="OBS" moodCode="EVN"><templateId root="{T}73"/>
      <value xsi:type="CD" code="386807006" {SNOMED} displayName="Memory impairment"/></observation>"""
    pacemaker = f"""<supply classCode="SPLY" moodCode="EVN"><templateId root="{T}50"/><statusCode code="completed"/>
      <participant typeCode="PRD"><participantRole classCode="MANU"><templateId root="{T}37"/>
       <id root="2.16.840.1.113883.3.3719" extension="(01)0064"/><playingDevice>
       <code code="14106009" {SNOMED} displayName="Cardiac pacemaker"/></playingDevice>
       <scopingEntity><desc>Good Devices</desc></scopingEntity></participantRole></participant></supply>"""
    policy = f"""<act classCode="ACT" moodCode="EVN"><templateId root="{T}60"/><entryRelationship typeCode="COMP">
      <act classCode="ACT" moodCode="EVN"><templateId root="{T}61"/><id root="1.2.3" extension="group"/>
       <code code="SELF" codeSystem="2.16.840.1.113883.5.110"/><statusCode code="completed"/>
       <performer typeCode="PRF"><assignedEntity><code code="PAYOR"/><representedOrganization><name>Good Plan</name>
       </representedOrganization></assignedEntity></performer>
       <participant typeCode="COV"><participantRole><id root="1.2.3" extension="member-1"/>
       <code code="SELF" codeSystem="2.16.840.1.113883.5.111"/></participantRole></participant></act>
      </entryRelationship></act>"""
    will = f"""<observation classCode="OBS" moodCode="EVN"><templateId root="{T}48"/>
      <code code="304251008" {SNOMED} displayName="Resuscitation"/><statusCode code="completed"/>
      <value xsi:type="CD" code="304253006" {SNOMED} displayName="Not for resuscitation"/></observation>"""
    about = documents.problem().partition('<entryRelationship typeCode="SUBJ">')[2].partition("</entryRelationship>")[0]
    concern = f"""<act classCode="ACT" moodCode="EVN"><templateId root="{T}132"/><code code="75310-3" {LOINC}/>
      <statusCode code="active"/><entryRelationship typeCode="REFR">{about}</entryRelationship></act>"""

    reading = read(
        section("47420-5", "Functional Status", walks),
        section("10190-7", "Mental Status", grouped, loss),
        section("46264-8", "Medical Equipment", pacemaker),
        section("48768-6", "Insurance", policy),
        section("42348-3", "Advance Directives", will),
        section("75310-3", "Health Concerns", concern),
    )

    observations = [each for each in reading.resources if each["resourceType"] == "Observation"]
    assert [each["category"][0]["coding"][0]["code"] for each in observations] == [
        "functional-status",
        "cognitive-status",
        "42348-3",
    ]
    conditions = [each for each in reading.resources if each["resourceType"] == "Condition"]
    assert [each["category"][0]["coding"][0]["code"] for each in conditions] == ["problem-list-item", "health-concern"]
    device = only(reading, "Device")
    assert device["udiCarrier"] == [{"carrierHRF": "(01)0064"}]
    assert device["manufacturer"] == "Good Devices"
    assert device["patient"] == {"reference": "Patient/patient"}
    coverage = only(reading, "Coverage")
    assert (coverage["subscriberId"], coverage["payor"][0]["display"]) == ("member-1", "Good Plan")
    assert coverage["beneficiary"] == {"reference": "Patient/patient"}
    assert "subject" not in coverage


def test_interventions_are_what_was_done_and_what_is_intended_each_by_itself():
    def step(kind, mood, name, template="14"):
        return f"""<{kind} classCode="PROC" moodCode="{mood}"><templateId root="{T}{template}"/>
          <code code="1" {SNOMED} displayName="{name}"/><statusCode code="completed"/></{kind}>"""

    elsewhere = f'<act classCode="ACT" moodCode="EVN"><templateId root="{T}122"/><id root="1.2"/></act>'
    handoff = f"""<act classCode="ACT" moodCode="EVN"><templateId root="{T}141"/>
      <code code="432138007" {SNOMED}/><statusCode code="completed"/></act>"""

    def group(template, mood, *held):
        links = "".join(f'<entryRelationship typeCode="REFR">{each}</entryRelationship>' for each in held)
        return f"""<act classCode="ACT" moodCode="{mood}"><templateId root="{T}{template}"/>
          <code code="362956003" {SNOMED}/><statusCode code="active"/>{links}</act>"""

    reading = read(
        section(
            "62387-6",
            "Interventions",
            group("131", "EVN", step("procedure", "EVN", "Raised the bed"), elsewhere, handoff),
            group("146", "INT", step("procedure", "INT", "Give oxygen", "41")),
            step("act", "EVN", "Counselling", "12"),
            text="All that is told in words",
        )
    )

    done = [each["code"]["coding"][0]["display"] for each in reading.resources if each["resourceType"] == "Procedure"]
    assert done == ["Raised the bed", "Counselling"]
    asked = only(reading, "ServiceRequest")
    assert (asked["intent"], asked["code"]["coding"][0]["display"]) == ("plan", "Give oxygen")
    # What has no place among records is told, and stands in the narrative of the section.
    kept = [what for (fate, reason, what) in reading.account.lines if reason is Reason.NARRATIVE]
    assert kept == ["Interventions: act"]
    told = only(reading, "Composition")["section"][0]
    assert "All that is told in words" in told["text"]["div"]


def test_assessment_is_an_impression_in_its_words():
    reading = read(section("51848-0", "Assessments", text="Much better than in March."))

    impression = only(reading, "ClinicalImpression")
    assert (impression["status"], impression["summary"], impression["description"]) == (
        "completed",
        "Much better than in March.",
        "Assessments",
    )
    assert impression["date"] == "2024-03-05T10:15:00-05:00"
    assert impression["assessor"]["display"] == "Dora Doctor"
    assert "Much better" in impression["text"]["div"]
    assert [each for each in validation.problems(impression) if each.severity == "error"] == []
    assert all(reason is not Reason.NARRATIVE for _, reason, _ in reading.account.lines)


@pytest.mark.parametrize("words", ["No Assessments Information", "None.", "N/A", "not recorded"])
def test_assessment_of_nothing_is_none(words):
    reading = read(section("51848-0", "Assessments", text=words), section("61146-7", "Goals", text=words))

    assert {each["resourceType"] for each in reading.resources} & {"ClinicalImpression", "Goal"} == set()
    assert [what for _, reason, what in reading.account.lines if reason is Reason.NARRATIVE] == ["Assessments", "Goals"]


def test_goals_in_words_are_one_goal_in_these_words():
    reading = read(section("61146-7", "Goals", text="Walk to the shop and back."))

    goal = only(reading, "Goal")
    assert (goal["lifecycleStatus"], goal["description"]) == ("active", {"text": "Walk to the shop and back."})


@pytest.mark.skipif(not seeding.SHARED_DATA.exists(), reason="the public data sets do not lie beside the checkout")
@pytest.mark.parametrize(("name", "folder", "pattern"), imports.SETS[:3])
def test_documents_of_vendors_are_read_and_fit_the_models(name, folder, pattern):
    found = imports.tally(folder, pattern)

    assert found.documents > 0
    assert found.imported == found.documents
    assert found.flagged <= found.resources.total() // 100
