"""Which codes and words are sensitive (docs/sensitivity.md)."""

from __future__ import annotations

import pytest

from standards.terminology import compile_sensitivity, sensitivity
from standards.terminology.sensitivity import Sureness

SNOMED = "http://snomed.info/sct"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
CPT = "http://www.ama-assn.org/go/cpt"


def kinds(rules) -> set[str]:
    return {rule.label for rule in rules}


@pytest.mark.parametrize(
    ("system", "code", "label"),
    [
        (ICD10, "F10.20", "SUD"),
        ("urn:oid:2.16.840.1.113883.6.90", "F1020", "SUD"),
        ("http://hl7.org/fhir/sid/icd-9-cm", "303.90", "SUD"),
        (SNOMED, "5602001", "SUD"),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "351266", "SUD"),
        ("https://bluebutton.cms.gov/resources/codesystem/hcpcs", "H0020", "SUD"),
        (ICD10, "F33.1", "PSY"),
        ("http://loinc.org", "44261-6", "PSY"),
        (ICD10, "O80", "SEX"),
        (ICD10, "B20", "HIV"),
        (ICD10, "T39.4X2A", "PSY"),
        (ICD10, "T39.4X3A", "VIO"),
        (ICD10, "F11.20", "SUD"),
        (SNOMED, "31676001", "HIV"),
        ("http://hl7.org/fhir/sid/icd-9-cm", "995.81", "SDV"),
        (ICD10, "Z15.01", "GDIS"),
        (ICD10, "T74.11XA", "SDV"),
        (ICD10, "X95.9XXA", "VIO"),
    ],
)
def test_a_code_is_sensitive_by_its_system_and_family(system, code, label):
    found = sensitivity.of_code(system, code)

    assert kinds(found) == {label}
    assert {rule.sure for rule in found} == {Sureness.HIGH}


@pytest.mark.parametrize(
    ("system", "code", "label"),
    [
        (CPT, "90837", "PSY"),
        (CPT, "59400", "SEX"),
        ("http://loinc.org", "75622-1", "HIV"),
        (SNOMED, "86406008", "HIV"),
    ],
)
def test_a_code_that_nothing_at_hand_describes_says_little_for_certain(system, code, label):
    assert [(rule.label, rule.sure) for rule in sensitivity.of_code(system, code)] == [(label, Sureness.LOW)]


@pytest.mark.parametrize(("code", "labels"), [("F00ZCKZ", set()), ("B20ZZZZ", set()), ("HZ2ZZZZ", {"SUD"})])
def test_a_procedure_under_the_uri_of_diagnoses_is_no_diagnosis(code, labels):
    """F00 is dementia and B20 HIV, and procedures of rehabilitation and imaging begin so too."""
    assert kinds(sensitivity.of_code("http://hl7.org/fhir/sid/icd-10", code)) == labels


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (SNOMED, "127348004"),  # victim of a motor vehicle accident
        ("http://loinc.org", "75410-1"),  # hepatitis B surface antigen
        ("https://bluebutton.cms.gov/resources/variables/clm_drg_cd", "522"),  # hip replacement
        (CPT, "11981"),  # any implant that releases a drug
        (ICD10, "Z80.2"),  # cancer of the lung in the family
        ("http://hl7.org/fhir/sid/icd-9-cm", "995.86"),  # malignant hyperthermia
        ("http://hl7.org/fhir/sid/icd-9-cm", "271.3"),  # lactose intolerance
    ],
)
def test_codes_that_only_stand_beside_a_kind_are_not_of_it(system, code):
    assert sensitivity.of_code(system, code) == ()


@pytest.mark.parametrize(
    ("system", "code"), [(ICD10, "F17.210"), (ICD10, "J45.909"), (SNOMED, "38341003"), ("urn:local", "F10.20")]
)
def test_tobacco_asthma_and_codes_of_unknown_systems_are_not(system, code):
    assert sensitivity.of_code(system, code) == ()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Opioid abuse (disorder)", "SUD"),
        ("buprenorphine 2 MG / naloxone 0.5 MG Sublingual Tablet", "SUD"),
        ("Major depressive disorder, single episode", "PSY"),
        ("Sertraline 50 MG Oral Tablet", "PSY"),
        ("Prenatal visit", "SEX"),
        ("HIV 1 RNA [#/volume] (viral load)", "HIV"),
        ("dolutegravir 50 MG Oral Tablet", "HIV"),
        ("BRCA1 gene mutation analysis", "GDIS"),
        ("Victim of intimate partner abuse", "SDV"),
        ("Gunshot wound", "VIO"),
        ("Claustrophobia", "PSY"),
        ("Stress (finding)", "PSY"),
        ("Gaucher disease", "GDIS"),
        ("Embarazo normal", "SEX"),
    ],
)
def test_a_name_is_sensitive_by_its_words_and_less_surely(text, label):
    found = sensitivity.of_text(text)

    assert kinds(found) == {label}
    assert {rule.sure for rule in found} == {Sureness.MEDIUM}


@pytest.mark.parametrize(
    "text",
    [
        "Nonalcoholic steatohepatitis",
        "ST depression",
        "Respiratory depression",
        "Chlamydia pneumoniae IgG",
        "Hearing aids",
        "Drug-induced lupus",
        "Isopropyl alcohol 70 % swab",
        "Tobacco smoking status",
        "Hemoglobin A1c",
        "Premature contraction",
        "Stress fracture, left ulna",
        "Newborn small for gestational age, 2000-2499 grams",
        "Acquired hemophilia",
        "Photophobia",
    ],
)
def test_words_that_only_look_alike_are_not(text):
    assert sensitivity.of_text(text) == ()


def test_the_title_of_a_section_says_little_for_certain():
    assert [(rule.label, rule.sure) for rule in sensitivity.of_title("Recreational")] == [("SUD", Sureness.LOW)]


def test_every_word_is_found_by_the_pieces_it_is_looked_for_with():
    assert compile_sensitivity.stems("(?:drug|substance) abus\\w*") == {" abus"}


def test_every_rule_names_its_source():
    assert all(rule.source and rule.label for rule in sensitivity.rules())


def test_a_range_of_codes_is_its_codes_and_a_loinc_code_is_none():
    assert compile_sensitivity.expand("90832-90834") == ["90832", "90833", "90834"]
    assert compile_sensitivity.expand("J7306-J7307") == ["J7306", "J7307"]
    assert compile_sensitivity.expand("75622-1") == ["75622-1"]
