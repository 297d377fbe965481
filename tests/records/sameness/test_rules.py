from __future__ import annotations

from decimal import Decimal

from records.sameness import said
from records.sameness.rules import Rule
from tests.records.sameness.telling import CVX, SNOMED, allergy, concept, link, medicine, problem, read, result


def rule(one, other):
    found = link(one, other)
    return found and found.rule


def test_one_problem_has_one_code_or_one_name():
    assert rule(problem("a"), problem("b", text="Bronchial asthma")) is Rule.CODE
    assert rule(problem("a"), problem("b", text="ASTHMA (disorder)", code="")) is Rule.NAME
    assert rule(problem("a"), problem("b", text="Hypertension", code="38341003")) is None


def test_what_both_say_is_given_as_the_keys():
    found = link(problem("a"), problem("b", text="Something"))

    assert found is not None
    assert found.keys == ("snomed 195967001",)
    assert found.score == 0.95


def test_a_number_in_common_does_not_make_one_of_two_diagnoses():
    number = {"identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:4adc1020-7b14-11db-9fe1-0800200c9a66"}]}

    assert rule(allergy("a", "Codeine", "2670", **number), allergy("b", "Aspirin", "1191", **number)) is None
    assert rule(problem("a", **number), problem("b", "Gout", "90560007", **number)) is None
    assert rule(medicine("a", "Codeine", "2670", **number), medicine("b", "Aspirin", "1191", **number)) is None


def test_free_text_beside_a_named_code_is_not_its_name():
    def hives(logical_id, display, code):
        coded = {"coding": [{"system": SNOMED, "code": code, "display": display}], "text": "Hives"}
        return allergy(logical_id, "") | {"code": coded}

    assert rule(hives("a", "Aspirin", "1"), hives("b", "Penicillin", "2")) is None
    assert rule(hives("a", "Aspirin", "1"), hives("b", "ASPIRIN", "3")) is Rule.NAME


def test_a_code_counts_by_its_system_however_that_is_spelled():
    oid = problem("b", text="")
    oid["code"] = concept("", "195967001", "urn:oid:2.16.840.1.113883.6.96")

    assert rule(problem("a", text=""), oid) is Rule.CODE


def test_a_problem_that_came_back_years_later_is_another_episode():
    ended = problem("a", onsetDateTime="2010-01-01", abatementDateTime="2010-02-01")

    assert rule(ended, problem("b", onsetDateTime="2010-01-20")) is Rule.CODE
    assert rule(ended, problem("b", onsetDateTime="2015-03-01")) is None
    assert rule(problem("a", onsetDateTime="2010-01-01"), problem("b", onsetDateTime="2015-03-01")) is Rule.CODE


def test_what_was_entered_in_error_says_nothing():
    resource = problem("a", verificationStatus={"coding": [{"code": "entered-in-error"}]})

    assert said.of(problem("a"), source_id=1) is not None
    assert said.of(resource, source_id=1) is None


def test_an_allergy_is_to_one_substance_and_none_known_is_no_allergy():
    assert rule(allergy("a", "Peanut"), allergy("b", "Allergy to peanuts")) is Rule.NAME
    assert rule(allergy("a", "No known allergies"), allergy("b", "Peanut")) is None
    assert rule(allergy("a", "No known allergies"), allergy("b", "NKA")) is Rule.NAME


def test_a_medicine_is_known_by_what_acts_in_it_whatever_its_strength():
    assert rule(medicine("a", "Lisinopril 10 MG Oral Tablet", "314076"), medicine("b", "lisinopril 20mg")) is (
        Rule.INGREDIENT
    )
    assert rule(medicine("a", "Lisinopril", "29046"), medicine("b", "Zestril", "29046")) is Rule.CODE
    combined = medicine("b", "Hydrochlorothiazide 25 MG / Lisinopril 20 MG Oral Tablet")
    assert rule(medicine("a", "Lisinopril 10 MG"), combined) is None


def test_a_medicine_may_be_said_by_another_record():
    pointing = {"resourceType": "MedicationStatement", "id": "b", "status": "active",
                "medicationReference": {"reference": "Medication/m"}}  # fmt: skip
    inside = {**pointing, "contained": [{"resourceType": "Medication", "id": "m", "code": concept("Lisinopril 5 mg")}]}
    inside["medicationReference"] = {"reference": "#m"}
    known = {"Medication/m": {"resourceType": "Medication", "id": "m", "code": concept("Lisinopril 5 mg")}}

    assert said.of(pointing, source_id=2) is None
    found = said.of(pointing, source_id=2, medications=known)
    assert found is not None
    assert found.names == read(inside).names == {"lisinopril"}


def test_one_result_has_one_value_at_one_time_to_the_digits_both_give():
    at = "2024-05-06T07:08:09Z"
    mine = result("a", Decimal("13.25"), at)

    assert rule(mine, result("b", Decimal("13.2"), "2024-05-06T09:08:30+02:00")) is Rule.VALUE_AND_TIME
    assert rule(mine, result("b", Decimal("13.25"), "2024-05-06")) is Rule.VALUE_AND_TIME
    assert rule(mine, result("b", Decimal("13.25"), "2024-05-06T08:08:09Z")) is None
    assert rule(mine, result("b", Decimal("13.25"), at, code="4548-4")) is None
    assert rule(mine, result("b", Decimal("14.25"), at)) is Rule.OTHER_VALUE
    assert rule(mine, result("b", Decimal("14.25"), "2024-05-06")) is None
    assert rule(mine, result("b", Decimal("132.5"), at, unit="g/L")) is None


def test_an_immunization_is_one_on_its_local_day():
    def vaccine(logical_id, at):
        return {"resourceType": "Immunization", "id": logical_id, "status": "completed",
                "vaccineCode": concept("Influenza", "140", CVX), "occurrenceDateTime": at}  # fmt: skip

    assert rule(vaccine("a", "2023-10-01T22:00:00-05:00"), vaccine("b", "2023-10-01")) is Rule.CODE_AND_TIME
    assert rule(vaccine("a", "2023-10-01"), vaccine("b", "2024-10-01")) is None
    assert rule(vaccine("a", "2023"), vaccine("b", "2023")) is None


def test_a_visit_is_one_when_it_begins_at_once_and_is_of_one_kind():
    def visit(logical_id, start, end="", kind="185349003", form="AMB"):
        return {"resourceType": "Encounter", "id": logical_id, "status": "finished", "class": {"code": form},
                "type": [concept("", kind)], "period": {"start": start, **({"end": end} if end else {})}}  # fmt: skip

    mine = visit("a", "2024-05-06T10:00:00Z", "2024-05-06T10:15:00Z")
    assert rule(mine, visit("b", "2024-05-06T10:10:00Z")) is Rule.CODE_AND_TIME
    assert rule(mine, visit("b", "2024-05-06T10:00:00Z", "2024-05-06T10:15:00Z", kind="1")) is Rule.VISIT_TIME
    assert rule(mine, visit("b", "2024-05-06T10:10:00Z", kind="1")) is None
    assert rule(mine, visit("b", "2024-05-06T15:00:00Z")) is None


def test_a_document_is_one_by_its_number_or_its_content():
    def document(logical_id, **more):
        return {"resourceType": "DocumentReference", "id": logical_id, "status": "current",
                "type": concept("Note", "34109-9"), "date": "2024-05-06T10:00:00Z", **more}  # fmt: skip

    def content(data):
        return [{"attachment": {"contentType": "text/plain", "data": data}}]

    number = {"masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3.4"}}
    assert rule(document("a", **number), document("b", **number)) is Rule.IDENTIFIER
    assert rule(document("a", content=content("SGVsbG8=")), document("b", content=content("SGVsbG8="))) is Rule.CONTENT
    assert rule(document("a", content=content("SGVsbG8=")), document("b", content=content("R29vZA=="))) is None
    hashed = [{"attachment": {"contentType": "text/plain", "hash": "9/+ei3uy4Jtwk1pdeF4MxdnQq/A="}}]
    assert rule(document("a", content=content("SGVsbG8=")), document("b", content=hashed)) is Rule.CONTENT


def test_a_clinician_is_one_by_the_national_number_or_by_name_and_place():
    def clinician(logical_id, *, npi="", family="Kshlerin", city=""):
        number = [{"system": "http://hl7.org/fhir/sid/us-npi", "value": npi}] if npi else []
        return {"resourceType": "Practitioner", "id": logical_id, "identifier": number,
                "name": [{"family": family, "given": ["Monica"]}],
                "address": [{"city": city}] if city else []}  # fmt: skip

    assert rule(clinician("a", npi="1234567893"), clinician("b", npi="1234567893")) is Rule.IDENTIFIER
    assert rule(clinician("a", npi="1234567893"), clinician("b", npi="1987654328")) is None
    assert rule(clinician("a", city="Boston"), clinician("b", city="BOSTON")) is Rule.NAME_AND_PLACE
    assert rule(clinician("a", city="Boston"), clinician("b", city="Salem")) is None
    assert rule(clinician("a"), clinician("b")) is Rule.NAME
    assert rule(clinician("a"), clinician("b", family="Stone")) is None
