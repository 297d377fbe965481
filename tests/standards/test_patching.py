"""JSON Patch on resources: right, exact to the digit, and bounded."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standards.fhir import json, patching
from standards.fhir.patching import InvalidPatch, PatchFailed

OBSERVATION = json.loads(b'{"resourceType":"Observation","valueQuantity":{"value":1.10},"note":[{"text":"a"}]}')


@pytest.mark.spec("RFC 6902", "4", "the six operations")
@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "/note/-", "value": {"text": "b"}}, b'"note":[{"text":"a"},{"text":"b"}]'),
        ({"op": "add", "path": "/note/0", "value": {"text": "b"}}, b'"note":[{"text":"b"},{"text":"a"}]'),
        ({"op": "remove", "path": "/note/0"}, b'"note":[]'),
        ({"op": "replace", "path": "/note/0/text", "value": "c"}, b'"note":[{"text":"c"}]'),
        ({"op": "move", "from": "/note/0", "path": "/note/-"}, b'"note":[{"text":"a"}]'),
        ({"op": "copy", "from": "/note/0", "path": "/note/-"}, b'"note":[{"text":"a"},{"text":"a"}]'),
        ({"op": "test", "path": "/note/0/text", "value": "a"}, b'"note":[{"text":"a"}]'),
    ],
)
def test_each_operation_does_what_it_says_and_decimals_keep_their_digits(operation, expected):
    result = json.dumps(patching.apply(OBSERVATION, [operation]))

    assert expected in result
    assert b'"value":1.10' in result
    assert b'"note":[{"text":"a"}]' in json.dumps(OBSERVATION)


def test_a_decimal_of_the_patch_keeps_its_digits():
    patch = json.loads(b'[{"op":"replace","path":"/valueQuantity/value","value":2.500}]')

    assert b'"value":2.500' in json.dumps(patching.apply(OBSERVATION, patch))


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/note/0/text", "value": "z"},
        {"op": "remove", "path": "/nothing"},
        {"op": "replace", "path": "/note/7", "value": 1},
        {"op": "add", "path": "/note/7", "value": 1},
        {"op": "add", "path": "/note/x", "value": 1},
        {"op": "add", "path": "no slash", "value": 1},
        {"op": "remove", "path": ""},
        {"op": "move", "from": "/note", "path": "/note/0/text"},
        {"op": "add", "path": "/resourceType/x", "value": 1},
    ],
)
def test_what_cannot_be_done_is_said_without_a_value(operation):
    with pytest.raises(PatchFailed) as caught:
        patching.apply(OBSERVATION, [operation])

    assert str(caught.value).startswith("operation 0")


@pytest.mark.parametrize(
    "patch", [{}, None, "x", [1], [{}], [{"op": "grow", "path": "/"}], [{"op": "add", "path": "/a"}], [{"op": []}]]
)
def test_what_is_no_patch_is_refused(patch):
    with pytest.raises(InvalidPatch):
        patching.apply(OBSERVATION, patch)


def test_a_patch_that_doubles_at_every_step_ends_soon():
    for place in ("/note/-", "/note/0/extension"):
        patch = [{"op": "copy", "from": "/note", "path": place}] * patching.OPERATIONS_MAX
        started = time.monotonic()
        with pytest.raises(PatchFailed):
            patching.apply(OBSERVATION, patch)
        assert time.monotonic() - started < 5


WORDS = st.sampled_from(
    ["", "/", "/note", "/note/0", "/note/-", "/note/01", "/~", "/note/0/text", "/valueQuantity/value", "/\ud7ff", "x"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(sorted(patching._NEEDS)), "path": WORDS, "from": WORDS, "value": VALUES}
)


@given(st.lists(OPERATIONS | VALUES, max_size=6))
def test_no_patch_fails_in_a_way_nobody_foresaw(patch):
    try:
        patching.apply(OBSERVATION, patch)
    except (InvalidPatch, PatchFailed):
        return
