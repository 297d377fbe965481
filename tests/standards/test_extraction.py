from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standards.fhir import dates, extraction, search_parameters, types
from standards.fhir.extraction import Quantity, Token

LOINC = "http://loinc.org"


def parameter(type_: str, code: str) -> search_parameters.SearchParameter:
    return search_parameters.for_type(type_)[code]


OBSERVATION = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "category": [{"coding": [{"system": "urn:c", "code": "vital-signs"}]}],
    "code": {"coding": [{"system": LOINC, "code": "85354-9"}, {"code": "bp", "display": "Pressure"}], "text": "BP"},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2020-03",
    "component": [
        {
            "code": {"coding": [{"system": LOINC, "code": "8480-6"}]},
            "valueQuantity": {"value": Decimal(120), "unit": "mmHg", "system": "urn:u", "code": "mm[Hg]"},
        },
        {"code": {"coding": [{"system": LOINC, "code": "8462-4"}]}, "valueQuantity": {"value": 80, "comparator": "<"}},
    ],
}
PATIENT = {
    "resourceType": "Patient",
    "active": True,
    "gender": "female",
    "identifier": [{"system": "urn:mrn", "value": "7"}, {"value": "8"}, {"system": "urn:mrn"}],
    "name": [{"family": "García", "given": ["Ana", "Luz"], "text": "Ana Luz García"}],
    "telecom": [{"system": "phone", "value": "555"}, {"system": "email", "value": "a@x.example"}],
    "address": [{"line": ["Main St 1"], "city": "Bern", "postalCode": "3000"}],
    "birthDate": "1970-05-01",
    "extension": [
        {
            "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
            "extension": [{"url": "ombCategory", "valueCoding": {"system": "urn:oid:1", "code": "2106-3"}}],
        }
    ],
}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("_id", [Token(None, "o1")]),
        ("status", [Token("http://hl7.org/fhir/observation-status", "final")]),
        ("category", [Token("urn:c", "vital-signs")]),
        ("code", [Token(LOINC, "85354-9"), Token(None, "bp")]),
        ("combo-code", [Token(LOINC, "85354-9"), Token(None, "bp"), Token(LOINC, "8480-6"), Token(LOINC, "8462-4")]),
        ("data-absent-reason", []),
    ],
)
def test_tokens_of_an_observation(code, found):
    assert extraction.tokens(parameter("Observation", code), OBSERVATION) == found


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("active", [Token(None, "true")]),
        ("identifier", [Token("urn:mrn", "7"), Token(None, "8")]),
        ("phone", [Token(None, "555")]),
        ("telecom", [Token(None, "555"), Token(None, "a@x.example")]),
        ("deceased", [Token(None, "false")]),
        ("race", [Token(None, "2106-3")]),
    ],
)
def test_tokens_of_a_patient(code, found):
    assert extraction.tokens(parameter("Patient", code), PATIENT) == found


def test_deceased_is_true_by_date_or_flag():
    deceased = parameter("Patient", "deceased")

    assert extraction.tokens(deceased, {"deceasedDateTime": "2020"}) == [Token(None, "true")]
    assert extraction.tokens(deceased, {"deceasedBoolean": True}) == [Token(None, "true")]
    assert extraction.tokens(deceased, {"deceasedBoolean": False}) == [Token(None, "false")]


def test_texts_are_apart_from_tokens():
    assert extraction.texts(parameter("Observation", "code"), OBSERVATION) == ["BP", "Pressure"]


def test_reference_that_must_be_a_patient():
    patient = parameter("Observation", "patient")

    assert extraction.references(patient, OBSERVATION) == ["Patient/p1"]
    assert extraction.references(patient, {"subject": {"reference": "https://x.example/fhir/Patient/p1"}}) == [
        "https://x.example/fhir/Patient/p1"
    ]
    assert extraction.references(patient, {"subject": {"reference": "Group/p1"}}) == []
    assert extraction.references(patient, {"subject": {"reference": "urn:uuid:1"}}) == []
    assert extraction.references(patient, {"subject": {"reference": "urn:uuid:1", "type": "Patient"}}) == ["urn:uuid:1"]


def test_dates_keep_their_precision():
    date = parameter("Observation", "date")

    assert extraction.dates(date, OBSERVATION) == [dates.interval("2020-03")]
    assert extraction.dates(date, {"effectivePeriod": {"start": "2020"}}) == [dates.period({"start": "2020"})]
    assert extraction.dates(date, {"effectiveDateTime": "2020-02-30"}) == []


def test_quantities_know_their_open_ends():
    found = extraction.quantities(parameter("Observation", "combo-value-quantity"), OBSERVATION)

    assert found == [
        Quantity(Decimal(120), Decimal(120), "urn:u", "mm[Hg]", "mmHg"),
        Quantity(None, Decimal(80)),
    ]


def test_range_is_a_quantity_with_two_ends():
    found = extraction.quantities(
        parameter("Condition", "onset-age"), {"onsetRange": {"low": {"value": 3, "code": "a"}, "high": {"value": 5}}}
    )

    assert found == [Quantity(Decimal(3), Decimal(5), code="a")]


def test_strings_are_every_part_of_names_and_addresses():
    assert extraction.strings(parameter("Patient", "name"), PATIENT) == ["García", "Ana", "Luz", "Ana Luz García"]
    assert extraction.strings(parameter("Patient", "family"), PATIENT) == ["García"]
    assert extraction.strings(parameter("Patient", "address"), PATIENT) == ["Main St 1", "Bern", "3000"]


def test_uris():
    assert extraction.uris(parameter("Patient", "_profile"), {"meta": {"profile": ["urn:p"]}}) == ["urn:p"]


def test_elements_come_with_their_type():
    assert extraction.elements(parameter("Observation", "date"), OBSERVATION) == [("2020-03", "dateTime")]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("  García   Márquez ", "garcia marquez"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("Ångström", "angstrom"),
        ("İstanbul", "istanbul"),
        ("", ""),
        ("ﬁne", "fine"),
    ],
)
def test_normalised_text_has_no_case_and_no_accents(text, form):
    assert extraction.normalise(text) == form


@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(text):
    once = extraction.normalise(text)

    assert extraction.normalise(once) == once


KEYS = [
    "code",
    "coding",
    "system",
    "value",
    "subject",
    "reference",
    "effectivePeriod",
    "start",
    "component",
    "low",
    "valueQuantity",
    "meta",
    "tag",
    "category",
    "text",
    "extension",
    "url",
    "resourceType",
]
BROKEN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=5) | st.just("2020-01-01"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)


@given(
    st.dictionaries(st.sampled_from(KEYS), BROKEN), st.sampled_from(["Observation", "Patient", "Condition", "Bundle"])
)
def test_broken_shapes_hold_nothing_and_never_fail(resource, type_):
    for each in search_parameters.for_type(type_).values():
        assert all(isinstance(token.code, str) for token in extraction.tokens(each, resource))
        assert all(isinstance(text, str) for text in extraction.texts(each, resource))
        assert all(isinstance(text, str) for text in extraction.references(each, resource))
        assert all(isinstance(text, str) for text in extraction.strings(each, resource))
        assert all(isinstance(text, str) for text in extraction.uris(each, resource))
        extraction.dates(each, resource)
        extraction.quantities(each, resource)
    extraction.occurred({**resource, "resourceType": type_})


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        ({"resourceType": "Observation", "effectiveDateTime": "2020-03", "issued": "2021-01-01T00:00:00Z"}, "2020-03"),
        ({"resourceType": "Observation", "issued": "2021-01-01T00:00:00Z"}, "2021-01-01T00:00:00Z"),
        (
            {"resourceType": "Observation", "effectiveDateTime": "2020-99", "issued": "2021-01-01T00:00:00Z"},
            "2021-01-01T00:00:00Z",
        ),
        ({"resourceType": "Condition", "onsetDateTime": "1999", "recordedDate": "2005-01-01"}, "1999"),
        ({"resourceType": "Condition", "onsetString": "as a child", "recordedDate": "2005-01-01"}, "2005-01-01"),
        ({"resourceType": "MedicationRequest", "authoredOn": "2020-01-05"}, "2020-01-05"),
        ({"resourceType": "DocumentReference", "date": "2020-01-05T00:00:00Z"}, "2020-01-05T00:00:00Z"),
    ],
)
def test_occurred_prefers_the_clinical_time(resource, text):
    assert extraction.occurred(resource) == dates.interval(text)


def test_occurred_of_periods():
    context = {"period": {"start": "2019-01-01", "end": "2019-01-02"}}
    document = {"resourceType": "DocumentReference", "date": "2020-01-05T00:00:00Z", "context": context}

    assert extraction.occurred(document) == dates.period(context["period"])
    assert extraction.occurred({"resourceType": "Encounter", "period": {"start": "2020"}}).high == dates.FOREVER_FUTURE


@pytest.mark.parametrize(
    "resource",
    [
        None,
        [],
        {},
        {"resourceType": "Patient"},
        {"resourceType": []},
        {"resourceType": "Encounter", "period": "2020-99"},
    ],
)
def test_what_has_no_time_has_none(resource):
    assert extraction.occurred(resource) is None


def test_every_type_extracts_from_an_empty_resource():
    for type_ in types.RESOURCE_TYPES:
        for each in search_parameters.for_type(type_).values():
            assert extraction.references(each, {}) == []
