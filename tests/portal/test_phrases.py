"""FHIR datatypes in words: right for what the standard writes, and never an error for what it does not."""

from __future__ import annotations

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from portal import documents, facts, lines, names, phrases
from standards.fhir import json

KEYS = st.sampled_from(
    [
        "resourceType",
        "code",
        "coding",
        "text",
        "display",
        "value",
        "unit",
        "system",
        "start",
        "end",
        "low",
        "high",
        "reference",
        "name",
        "family",
        "given",
        "status",
        "component",
        "valueQuantity",
        "category",
        "content",
        "attachment",
        "contentType",
        "data",
        "div",
        "medicationCodeableConcept",
        "type",
        "effectiveDateTime",
        "period",
        "repeat",
        "frequency",
        "periodUnit",
        "numerator",
        "denominator",
        "clinicalStatus",
        "note",
        "time",
        "url",
    ]
)
TYPES = st.sampled_from(["Observation", "Condition", "Patient", "DocumentReference", "Binary", "Encounter", "Coverage"])
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | TYPES | st.just("text/html"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)


@given(ANY_JSON)
def test_any_json_has_words(node):
    assert isinstance(phrases.of(node), str)


@given(st.dictionaries(KEYS, ANY_JSON, max_size=8), TYPES)
def test_any_resource_can_be_shown(elements, resource_type):
    resource = {**elements, "resourceType": resource_type}

    assert isinstance(lines.title(resource), str)
    assert isinstance(lines.value(resource), str)
    assert all(value.text for fact in facts.of(resource) for value in fact.values)
    assert isinstance(facts.narrative(resource), str)
    assert isinstance(documents.of(resource), list)
    assert all(facts.texts(resource))


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('{"coding": [{"code": "718-7", "display": "Hemoglobin"}], "text": "Hb"}', "Hemoglobin"),
        ('{"coding": [{"code": "718-7"}], "text": "Hb"}', "Hb"),
        ('{"coding": [{"code": "718-7"}]}', "718-7"),
        ('{"value": 1.10, "unit": "mg"}', "1.10 mg"),
        ('{"value": 5, "comparator": "<", "code": "mmol/L"}', "< 5 mmol/L"),
        ('{"low": {"value": 4, "unit": "g"}, "high": {"value": 6, "unit": "g"}}', "4 g to 6 g"),
        ('{"start": "2019-03", "end": "2020"}', "March 2019 to 2020"),
        ('{"start": "2019-03"}', "since March 2019"),
        ('{"family": "Müller", "given": ["Ada", "B."], "prefix": ["Dr."]}', "Dr. Ada B. Müller"),
        ('{"reference": "Practitioner/1", "display": "Dr. Müller"}', "Dr. Müller"),
        ('{"reference": "Practitioner/1"}', "a clinician"),
        ('{"line": ["1 Main St"], "city": "Springfield", "postalCode": "01101"}', "1 Main St, Springfield, 01101"),
        ('{"repeat": {"frequency": 2, "period": 8, "periodUnit": "h"}}', "2 times every 8 hours"),
        ('{"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}', "2 times a day"),
        ('{"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}', "once a day"),
        ('{"repeat": {"period": 1.0, "periodUnit": "wk"}}', "once a week"),
        ('{"repeat": {"frequency": 1, "period": 4, "periodMax": 6, "periodUnit": "h"}}', "every 4 to 6 hours"),
        ('{"repeat": {"frequency": 2, "frequencyMax": 3, "period": 1, "periodUnit": "d"}}', "2 to 3 times a day"),
        ('{"repeat": {"frequency": 1, "period": 0.5, "periodUnit": "h"}}', "every 0.5 hours"),
        ('{"repeat": {"frequency": 1, "period": 1, "periodUnit": "eon"}}', ""),
        ('{"code": {"coding": [{"code": "BID"}]}, "repeat": {}}', "2 times a day"),
        ('{"code": {"text": "at bedtime"}, "repeat": {}}', "at bedtime"),
        ('{"text": "One in the morning", "timing": {"repeat": {"period": 1}}}', "One in the morning"),
        ('{"value": 12.50, "currency": "USD"}', "12.50 USD"),
        ('{"value": "A-17", "type": {"text": "Member number"}}', "A-17 (Member number)"),
        ("true", "yes"),
        ('["final", "2019-03-05"]', "final, March 5, 2019"),
    ],
)
def test_datatypes_in_words(written, words):
    assert phrases.of(json.loads(written)) == words


def test_brief_numbers_say_that_they_are_rounded():
    long = json.loads('{"value": 86.87236428, "unit": "kg"}')

    assert phrases.quantity(long, brief=True) == "≈ 86.87 kg"
    assert phrases.quantity(long) == "86.87236428 kg"
    assert phrases.quantity(json.loads('{"value": 0.0012, "unit": "g"}'), brief=True) == "0.0012 g"


def test_numbers_keep_their_digits_and_take_the_readers_decimal_sign():
    grams, rounded = json.loads('[{"value": 35.394, "unit": "g/dL"}, {"value": 35.39412, "unit": "g/dL"}]')

    with translation.override("es"):
        assert phrases.quantity(grams, brief=True) == "35,394 g/dL"
        assert phrases.quantity(rounded, brief=True) == "≈ 35,39 g/dL"
        assert phrases.of(json.loads('{"low": {"value": 0.50}, "high": {"value": 1000}}')) == "0,50 a 1000"
    assert phrases.quantity(grams) == "35.394 g/dL"


def test_markup_becomes_its_text():
    markup = "<div><p>Well &amp; <b>rested</b></p><script>alert('x')</script><ul><li>one</li><li>two</li></ul></div>"

    assert phrases.plain(markup) == "Well & rested\none\ntwo"


def test_blood_pressure_shares_its_unit():
    parts = [{"valueQuantity": {"value": number, "unit": "mmHg"}} for number in (120, 80)]

    assert lines.value({"resourceType": "Observation", "component": parts}) == "120/80 mmHg"


def test_missing_value_says_why():
    resource = {"resourceType": "Observation", "dataAbsentReason": {"coding": [{"display": "Not performed"}]}}

    assert lines.value(resource) == "Not performed"


def test_fact_links_to_the_record_it_names():
    resource = {
        "resourceType": "Encounter",
        "serviceProvider": {"reference": "Organization/o-1", "display": "Riverside"},
    }

    (fact,) = facts.of(resource)

    assert fact.values == (facts.Value("Riverside", ("Organization", "o-1")),)


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "https://elsewhere.example/Patient/1", "Patient/../x", "#a"]
)
def test_fact_links_nowhere_else(address):
    (fact,) = facts.of({"resourceType": "Encounter", "serviceProvider": {"reference": address, "display": "X"}})

    assert fact.values[0].target is None


def test_attached_text_is_read_without_its_markup():
    page = {"contentType": "text/html; charset=utf-8", "data": "PHA+QmV0dGVyPC9wPjxzY3JpcHQ+eCgpPC9zY3JpcHQ+"}
    picture = {"contentType": "image/png", "data": "iVBORw0KGgo="}

    assert facts.texts({"resourceType": "DocumentReference", "content": [{"attachment": page}]}) == ["Better"]
    assert facts.texts({"resourceType": "DocumentReference", "content": [{"attachment": picture}]}) == []


@pytest.mark.parametrize(
    ("written", "shown"),
    [("mm[Hg]", "mmHg"), ("{score}", ""), ("/min", "/min"), ("10*3/uL", "10³/µL"), ("mg/dL", "mg/dL")],
)
def test_units_are_written_as_people_write_them(written, shown):
    assert names.unit(written) == shown


def test_systolic_pressure_comes_first():
    low = {"code": {"coding": [{"code": "8462-4"}]}, "valueQuantity": {"value": 80, "unit": "mm[Hg]"}}
    high = {"code": {"coding": [{"code": "8480-6"}]}, "valueQuantity": {"value": 120, "unit": "mm[Hg]"}}

    assert lines.value({"resourceType": "Observation", "component": [low, high]}) == "120/80 mmHg"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Essential hypertension (disorder)", "Essential hypertension"),
        ("Smokes tobacco daily (finding)", "Smokes tobacco daily"),
        ("Insulin (human)", "Insulin (human)"),
        ("(disorder)", "(disorder)"),
    ],
)
def test_what_a_terminology_adds_for_those_who_code_is_left_out(said, shown):
    assert phrases.concept({"coding": [{"system": "http://snomed.info/sct", "code": "1", "display": said}]}) == shown


@pytest.mark.parametrize(
    ("language", "code", "display", "title", "beside"),
    [
        ("en", "1742-6", "Alanine aminotransferase [Enzymatic activity/volume] in Serum", "ALT (liver enzyme)", True),
        ("es", "718-7", "Hemoglobin", "Hemoglobina", True),
        ("en", "718-7", "Hemoglobin", "Hemoglobin", False),
        ("en", "x", "Zinc [Mass/volume] in Serum by Atomic spectroscopy", "Zinc in Serum", True),
        ("en", "x", "Total score [AUDIT-C]", "Total score [AUDIT-C]", False),
        ("en", "x", "Weight [Percentile] Per age", "Weight [Percentile] Per age", False),
        ("en", "x", "Driven by Ann", "Driven by Ann", False),
    ],
)
def test_a_measure_is_called_in_plain_words_beside_those_of_its_source(language, code, display, title, beside):
    coded = {"coding": [{"system": "http://loinc.org", "code": code, "display": display}]}

    with translation.override(language):
        assert lines.called({"resourceType": "Observation", "code": coded}) == (title, display if beside else "")


def test_of_several_categories_the_telling_one_is_the_title():
    general = {"coding": [{"code": "assess-plan"}]}

    assert lines.called({"resourceType": "CarePlan", "category": [general, {"text": "Diabetes"}]})[0] == "Diabetes"
    assert lines.called({"resourceType": "CarePlan", "category": [general]})[0] == "Assessment and plan"
