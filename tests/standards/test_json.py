from __future__ import annotations

import copy
import json as stdlib
import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standards.fhir import json

NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.mark.parametrize("literal", ["1.10", "0.010", "1e2", "1.0E-3", "-0.0", "-0", "123456789012345678901234567890"])
def test_number_keeps_the_text_it_was_written_with(literal):
    assert json.dumps(json.loads(f'{{"value":{literal}}}')) == f'{{"value":{literal}}}'.encode()


@given(st.lists(NUMBERS, max_size=5))
def test_every_number_comes_back_as_written(literals):
    text = "[" + ",".join(literals) + "]"

    assert json.dumps(json.loads(text)) == text.encode()


@given(
    st.recursive(
        st.none() | st.booleans() | TEXTS | st.integers(-(2**63), 2**63 - 1),
        lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
        max_leaves=20,
    )
)
def test_every_value_comes_back_equal(value):
    assert json.loads(json.dumps(value)) == value
    assert json.loads(stdlib.dumps(value)) == value


def test_exact_decimal_is_a_decimal_with_its_literal():
    number = json.loads("1.10")

    assert number == Decimal("1.1")
    assert number.literal == "1.10"
    assert number * 2 == Decimal("2.20")


def test_exact_decimal_survives_copying_and_pickling():
    number = json.loads("1.0e2")

    assert copy.deepcopy(number).literal == "1.0e2"
    assert pickle.loads(pickle.dumps(number)).literal == "1.0e2"  # noqa: S301 (our own bytes)


def test_small_whole_numbers_are_ints():
    assert type(json.loads("9223372036854775807")) is int
    assert type(json.loads("9223372036854775808")) is json.ExactDecimal


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"a":1,"a":2}', 'duplicate key "a"'),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b"[-Infinity]", "-Infinity is no JSON number"),
        (b'{"a":"\\ud800"}', 'lone surrogate in key "a"'),
        (b'"\xff"', "invalid UTF-8 at byte 1"),
        (b'{\n "a": }', "Expecting value at line 2 column 7"),
        (b"[" * 121 + b"]" * 121, "nested deeper than 120 levels"),
        (b"[" * 100_000, "nested deeper than 120 levels"),
        (b"[1e99999999999999999999]", "a number beyond what a decimal can hold"),
        (b"[1e999999999]", "a number beyond what a decimal can hold"),
        (b"[-1e-999999999]", "a number beyond what a decimal can hold"),
        (b"[" + b"7" * 5000 + b"]", "a number beyond what a decimal can hold"),
        (b"", "Expecting value at line 1 column 1"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(text, message):
    with pytest.raises(json.MalformedJSON) as refused:
        json.loads(text)

    assert str(refused.value) == message


def test_nesting_up_to_the_limit_is_read_and_written():
    text = b"[" * 120 + b"]" * 120

    assert json.dumps(json.loads(text)) == text


def test_paired_surrogates_are_a_character():
    assert json.loads(r'"\ud83d\ude00"') == "\N{GRINNING FACE}"


def test_byte_order_mark_is_passed_over():
    assert json.loads(b"\xef\xbb\xbf{}") == {}


def test_lenient_reading_keeps_what_can_be_kept_and_says_what_was_wrong():
    value, wrong = json.loads_lenient(b'{"a":1,"a":2.50,"b":"\\ud800x","c":NaN,"d":"\\u0000"}')

    assert value == {"a": Decimal("2.50"), "b": "\ufffdx", "c": "NaN", "d": "\x00"}
    assert wrong == [
        "NaN is no JSON number, kept as text",
        'duplicate key "a", the last value kept',
        'lone surrogate in key "b", replaced',
    ]


def test_lenient_reading_keeps_a_number_that_nobody_can_calculate_with_as_text():
    value, wrong = json.loads_lenient(b"[1e999999999,1.50]")

    assert (value[0], str(value[1])) == ("1e999999999", "1.50")
    assert wrong == ["a number beyond what a decimal can hold, kept as text"]


def test_lenient_reading_of_bytes_that_are_no_text():
    value, wrong = json.loads_lenient(b'{"a":"\xff\nb"}')

    assert value == {"a": "\ufffd\nb"}
    assert wrong == ["invalid UTF-8 at byte 6, replaced", "raw control character in a string"]


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_lenient_reading_never_fails_otherwise_and_can_be_written(data):
    try:
        value, _ = json.loads_lenient(data)
    except json.MalformedJSON:
        return

    assert json.loads(json.dumps(value)) == value


def test_lenient_reading_finds_nothing_wrong_with_good_json():
    assert json.loads_lenient('{"a":[1,"\\ud83d\\ude00"]}') == ({"a": [1, "\N{GRINNING FACE}"]}, [])


def test_lenient_reading_refuses_what_is_no_json_at_all():
    with pytest.raises(json.MalformedJSON):
        json.loads_lenient("<html>")


def test_numbers_json_cannot_say_are_not_written():
    with pytest.raises(TypeError):
        json.dumps(Decimal("NaN"))
