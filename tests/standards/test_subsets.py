"""``_summary`` and ``_elements``: what stays of a resource, what never goes, and that it says so."""

from __future__ import annotations

import pytest

from standards.fhir import json, subsets, validation

TAGGED = {"tag": [subsets.TAG]}


def observation():
    return json.loads(
        b"""{"resourceType":"Observation","id":"1","meta":{"versionId":"3","tag":[{"code":"own"}]},
        "text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">x</div>"},
        "status":"final","_status":{"id":"s"},"code":{"text":"Pressure"},"subject":{"reference":"Patient/1"},
        "effectiveDateTime":"2020","valueQuantity":{"value":1.10},"interpretation":[{"text":"high"}],
        "note":[{"text":"said"}],
        "component":[{"code":{"text":"Systolic"},"valueQuantity":{"value":120.0},"interpretation":[{"text":"high"}]}]}"""
    )


@pytest.mark.spec("FHIR R4", "search.html#summary", "true keeps what the definition marks")
def test_summary_true_keeps_what_is_marked_in_nested_elements_too():
    kept = subsets.summarised(observation())

    assert list(kept) == [
        *("resourceType", "id", "meta", "status", "_status", "code", "subject", "effectiveDateTime"),
        *("valueQuantity", "component"),
    ]
    assert kept["component"] == [{"code": {"text": "Systolic"}, "valueQuantity": {"value": json.loads(b"120.0")}}]
    assert b'"value":1.10' in json.dumps(kept)


def test_summary_data_leaves_out_the_text_only():
    assert subsets.without_text(observation()).keys() == observation().keys() - {"text"}


def test_summary_text_keeps_the_text_and_what_must_be_there():
    assert list(subsets.text_only(observation())) == [
        *("resourceType", "id", "meta", "text", "status", "_status", "code")
    ]


@pytest.mark.spec("FHIR R4", "search.html#elements", "the elements asked for and the mandatory ones")
@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (("note",), {"note"}),
        (("value",), {"valueQuantity"}),
        (("valueQuantity",), {"valueQuantity"}),
        (("effective", "subject"), {"effectiveDateTime", "subject"}),
        (("id",), set()),
    ],
)
def test_elements_keeps_what_is_named_and_what_must_be_there(names, kept):
    assert subsets.only(observation(), names).keys() == {
        *("resourceType", "id", "meta", "status", "_status", "code"),
        *kept,
    }


def test_what_was_cut_says_so_beside_what_it_said():
    for cut in (*subsets.SUMMARIES.values(), lambda one: subsets.only(one, ("note",))):
        meta = cut(observation())["meta"]
        assert meta == {"versionId": "3", "tag": [{"code": "own"}, subsets.TAG]}
    bare = {"resourceType": "Basic", "id": "1", "code": {"text": "x"}}
    assert subsets.summarised(bare)["meta"] == TAGGED
    assert subsets.summarised({**bare, "meta": "odd"})["meta"] == TAGGED


def test_what_was_cut_is_still_valid():
    for cut in subsets.SUMMARIES.values():
        assert validation.problems(cut(observation())) == []


def test_the_given_resource_stays_as_it_was():
    given = observation()
    for cut in subsets.SUMMARIES.values():
        cut(given)

    assert given == observation()


def test_unknown_names_are_told_from_known_ones():
    assert subsets.unknown("Observation", ["value", "valueQuantity", "id", "colour"]) == ["colour"]
