from __future__ import annotations

import copy
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standards.fhir import json, types, validation
from standards.fhir.validation import Problem

GOOD = {
    "resourceType": "Observation",
    "id": "o1",
    "meta": {"lastUpdated": "2020-03-10T10:00:00.000+01:00"},
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>BP</p></div>'},
    "contained": [{"resourceType": "Practitioner", "id": "d", "name": [{"family": "Doe", "given": ["A", "B"]}]}],
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
    "subject": {"reference": "Patient/p1"},
    "performer": [{"reference": "#d"}],
    "effectiveDateTime": "2020-02-29T10:00:00Z",
    "component": [{"code": {"text": "x"}, "valueQuantity": {"value": Decimal("1.10"), "unit": "mmHg"}}],
}


def observation(**changes):
    """GOOD with members replaced; None takes one away."""
    resource = copy.deepcopy(GOOD) | changes
    return {key: value for key, value in resource.items() if value is not None}


def found(resource) -> list[tuple[str, str]]:
    return [(problem.path, problem.message) for problem in validation.problems(resource)]


def test_good_resource_has_no_problems():
    assert validation.problems(GOOD) == []


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"status": "finished"}, "status", "not a code of observation-status"),
        ({"status": None}, "status", "is required"),
        ({"code": None}, "code", "is required"),
        ({"colour": "red"}, "colour", "Observation has no such field"),
        ({"valueAge": {"value": 1}}, "valueAge", "Observation has no such field"),
        ({"category": {"text": "x"}}, "category", "an array is expected, not an object"),
        ({"code": [{"text": "x"}]}, "code", "an object is expected, not an array"),
        ({"status": ["final"]}, "status", "a single value is expected, not an array"),
        ({"category": []}, "category", "an empty array is not allowed"),
        ({"method": {}}, "method", "an empty object is not allowed"),
        ({"issued": None, "valueString": ""}, "valueString", "an empty string is not allowed"),
        ({"id": "a b"}, "id", "an id of 1 to 64 letters, digits, - and . is expected"),
        ({"effectiveDateTime": "2019-02-29"}, "effectiveDateTime", "no such day in the calendar"),
        ({"effectiveDateTime": "2020-02-01T10:00:00"}, "effectiveDateTime",
         "a date, or a date with time to the second and zone is expected"),
        ({"issued": "2020-02-01"}, "issued", "a date with time to the second and zone is expected"),
        ({"valueQuantity": {"value": "72"}}, "valueQuantity.value", "a number is expected"),
        ({"valueBoolean": "true"}, "valueBoolean", "true or false is expected"),
        ({"valueInteger": 2**31}, "valueInteger", "a whole number of 32 bits is expected"),
        ({"valueInteger": True}, "valueInteger", "a whole number of 32 bits is expected"),
        ({"valueString": "a", "valueInteger": 1}, "value[x]", "only one of the choices is allowed"),
        ({"subject": "Patient/p1"}, "subject", "an object is expected, not a string"),
        ({"subject": {"reference": "Medication/m"}}, "subject.reference",
         "points at Medication, not at Device or Group or Location or Patient"),
        ({"subject": {"reference": "https://x.example/fhir/Coverage/1"}}, "subject.reference",
         "points at Coverage, not at Device or Group or Location or Patient"),
        ({"subject": {"reference": "#gone"}}, "subject.reference", "nothing contained has that id (ref-1)"),
        ({"subject": {"reference": "no such thing"}}, "subject.reference", "no kind of reference FHIR knows"),
        ({"component": [{"code": {"text": "x"}}, {"valueString": "y"}]}, "component[1].code", "is required"),
        ({"component": [{"code": {"coding": [{"kode": "x"}]}}]}, "component[0].code.coding[0].kode",
         "Coding has no such field"),
        ({"component": [None]}, "component[0]", "an object is expected, not null"),
        ({"valueString": "x", "dataAbsentReason": {"text": "y"}}, "dataAbsentReason", "only without a value (obs-6)"),
        ({"extension": [{"url": "urn:x"}]}, "extension[0]", "an extension has either a value or extensions (ext-1)"),
        ({"extension": [{"valueString": "x"}]}, "extension[0].url", "is required"),
        ({"effectiveDateTime": None, "effectivePeriod": {"start": "2020", "end": "2019"}}, "effectivePeriod",
         "ends before it starts (per-1)"),
        ({"text": {"status": "generated", "div": "<div><script>x</script></div>"}}, "text.div",
         "HTML that a narrative may not have (txt-1)"),
        ({"text": {"status": "generated", "div": '<div><p onclick="x">y</p></div>'}}, "text.div",
         "HTML that a narrative may not have (txt-1)"),
        ({"contained": [{"resourceType": "Practitioner", "id": "d", "gender": "x"}]}, "contained[0].gender",
         "not a code of administrative-gender"),
        ({"contained": [{"id": "d"}]}, "contained[0].resourceType", "is required"),
        ({"contained": [{"resourceType": "Practitioner", "id": "d", "contained": [{"resourceType": "Basic", "id": "b",
          "code": {"text": "x"}}]}]}, "contained[0].contained", "a contained resource may contain none (dom-2)"),
    ],
)  # fmt: skip
def test_problem_is_named_with_its_place(changes, path, message):
    assert found(observation(**changes)) == [(f"Observation.{path}", message)]


def test_null_is_no_value():
    resource = observation()
    resource["issued"] = None

    assert found(resource) == [("Observation.issued", "null is not allowed")]


def test_all_problems_come_at_once():
    assert len(validation.problems(observation(status="x", code=None, id="?", colour=1, component=[{}]))) == 6


def test_primitive_may_have_only_its_sibling():
    unknown = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    }

    assert found(observation(status=None, _status=unknown)) == []
    assert found({"resourceType": "Patient", "name": [{"given": ["A", None], "_given": [None, unknown]}]}) == []


def test_sibling_without_content_is_refused():
    patient = {"resourceType": "Patient", "name": [{"given": ["A", None], "_given": [None, {}]}], "_active": {"x": 1}}

    assert found(patient) == [
        ("Patient.name[0]._given[1]", "an empty object is not allowed"),
        ("Patient._active.x", "Element has no such field"),
    ]


def test_null_in_an_array_needs_a_sibling():
    patient = {"resourceType": "Patient", "name": [{"given": ["A", None]}]}

    assert found(patient) == [("Patient.name[0].given[1]", "null is not allowed")]


def test_concept_of_a_required_value_set_needs_one_of_its_codes():
    system = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    condition = {"resourceType": "Condition", "subject": {"reference": "Patient/1"}}

    assert found(condition | {"clinicalStatus": {"coding": [{"system": system, "code": "active"}]}}) == []
    assert found(condition | {"clinicalStatus": {"coding": [{"system": "urn:x", "code": "active"}]}}) == [
        ("Condition.clinicalStatus", "no code of condition-clinical")
    ]
    assert found(condition | {"clinicalStatus": {"text": "active"}}) == [
        ("Condition.clinicalStatus", "no code of condition-clinical")
    ]


def test_entries_of_a_bundle_are_checked_with_their_own_contained_resources():
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": GOOD}, {"resource": observation(id="?")}],
    }

    assert found(bundle) == [("Bundle.entry[1].resource.id", "an id of 1 to 64 letters, digits, - and . is expected")]


@pytest.mark.parametrize("literal", ["1.10", "-0", "1e5", "123456789012345678901234567890", "7"])
def test_decimal_may_be_written_any_way_json_allows(literal):
    assert found(json.loads(json.dumps(observation(valueQuantity={"value": json.ExactDecimal(literal)})))) == []


@pytest.mark.parametrize(
    ("resource", "problem"),
    [
        ([], Problem("Resource", "a resource is expected, not an array", "error")),
        (None, Problem("Resource", "a resource is expected, not null", "error")),
        ({}, Problem("Resource.resourceType", "is required", "error")),
        ({"resourceType": "Observacion"}, Problem("Observacion.resourceType", "no such resource type", "error")),
        ({"resourceType": "DomainResource"}, Problem("DomainResource.resourceType", "no such resource type", "error")),
        ({"resourceType": 5}, Problem("Resource.resourceType", "no such resource type", "error")),
    ],
)
def test_what_is_no_resource(resource, problem):
    assert validation.problems(resource) == [problem]


def test_odd_reference_and_stray_characters_are_only_warnings():
    resource = observation(subject={"reference": "Patient/1|x"}, valueString="a\x00b")

    assert [(p.path, p.severity) for p in validation.problems(resource)] == [
        ("Observation.subject.reference", "warning"),
        ("Observation.valueString", "warning"),
    ]


def test_too_deep_a_resource_is_a_problem_not_a_failure():
    extension: dict = {"url": "urn:x", "valueString": "y"}
    for _ in range(5000):
        extension = {"url": "urn:x", "extension": [extension]}

    assert ("Observation", "nested too deep to be checked") in found(observation(extension=[extension]))


def test_problems_are_not_listed_without_end():
    assert len(validation.problems(observation(component=[1] * 5000))) == validation.MAX_PROBLEMS


KEYS = [
    *GOOD,
    "coding",
    "value",
    "reference",
    "extension",
    "_status",
    "start",
    "end",
    "valueString",
    "name",
    "given",
    "_given",
    "url",
]
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(KEYS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)


@given(ANY)
def test_any_json_value_is_checked_without_failing(value):
    assert validation.problems(value) != []


@given(st.dictionaries(st.sampled_from(KEYS), ANY, max_size=6), st.sampled_from(sorted(types.RESOURCE_TYPES)))
def test_any_broken_resource_is_checked_without_failing(members, type_):
    assert all(problem.path.startswith(type_) for problem in validation.problems({**members, "resourceType": type_}))


def bundle(*entries, **more):
    return {"resourceType": "Bundle", "type": "collection", **({"entry": list(entries)} if entries else {}), **more}


def entry(address, logical_id="1", **more):
    return {"fullUrl": address, "resource": {"resourceType": "Basic", "id": logical_id, "code": {"text": "x"}}, **more}


@pytest.mark.parametrize(
    ("said", "place"),
    [
        (bundle(entry("Basic/1")), "Bundle.entry[0].fullUrl"),
        (bundle(entry("https://a.example/Basic/2")), "Bundle.entry[0].fullUrl"),
        (bundle(entry("urn:uuid:1"), entry("urn:uuid:1")), "Bundle.entry[1].fullUrl"),
        (
            bundle(link=[{"relation": "self", "url": "urn:a"}, {"relation": "self", "url": "urn:b"}]),
            "Bundle.link[1].relation",
        ),
        (bundle({**entry("urn:uuid:1"), "search": {"mode": "outcome"}}, type="searchset"), "Bundle.entry[0].resource"),
        (
            bundle({"resource": {"resourceType": "Basic", "code": {"text": "x"}}}, type="searchset"),
            "Bundle.entry[0].resource",
        ),
    ],
)
def test_what_is_wrong_with_a_bundle_as_a_whole(said, place):
    assert [one.path for one in validation.problems(said)] == [place]


def test_a_bundle_that_is_right_as_a_whole():
    once, twice = entry("https://a.example/Basic/1"), entry("https://a.example/Basic/1")
    twice["resource"]["meta"] = {"versionId": "2"}

    assert validation.problems(bundle(once, twice, entry("urn:uuid:5", "x"))) == []


def test_several_conditions_of_a_question_say_whether_all_must_hold():
    condition = {"question": "a", "operator": "=", "answerBoolean": True}
    item = {"linkId": "b", "type": "display", "enableWhen": [condition, condition]}
    questions = {
        "resourceType": "Questionnaire",
        "status": "active",
        "item": [{"linkId": "a", "type": "boolean"}, item],
    }

    assert [one.path for one in validation.problems(questions)] == ["Questionnaire.item[1].enableBehavior"]
    item["enableBehavior"] = "all"
    assert validation.problems(questions) == []
