"""Units: what is exactly the same is brought together, and nothing else is."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standards.terminology import ucum


@pytest.mark.parametrize(
    ("source", "target", "value", "expected"),
    [
        ("g", "kg", "71500", "71.5"),
        ("[lb_av]", "kg", "100", "45.359237"),
        ("[in_i]", "cm", "70", "177.8"),
        ("[degF]", "Cel", "98.6", "37"),
        ("Cel", "[degF]", "40", "104"),
        ("10*3/uL", "10*9/L", "4.5", "4.5"),
        ("mg/dL", "g/L", "95", "0.95"),
        ("umol/L", "mmol/L", "88", "0.088"),
        ("kPa", "mm[Hg]", "133.322", "1000"),
        ("{beats}/min", "/min", "72", "72"),
        ("{score}", "1", "3", "3"),
        ("kg/m2", "kg/m2", "24.9", "24.9"),
        ("kcal", "kJ", "10", "41.84"),
        ("Hz", "/min", "1.2", "72"),
        ("m[IU]/L", "u[iU]/mL", "2.5", "2.5"),
        ("mL/min/{1.73_m2}", "L/h", "60", "3.6"),
    ],
)
def test_exact_conversions(source, target, value, expected):
    assert ucum.conversion(source, target)(Fraction(value)) == Fraction(expected)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("mg/dL", "mmol/L"),  # depends on the substance
        ("meq/L", "mmol/L"),  # depends on the valence
        ("mmol/mol", "%"),  # of HbA1c no plain share of one another
        ("[iU]/L", "U/L"),
        ("[pH]", "1"),
        ("kg", "m"),
        ("kg", "K"),
        ("mg per dl", "mg/dL"),
        ("<script>", "1"),
        ("0", "1"),
        ("m" * 70, "m"),
        ("m99", "m"),
    ],
)
def test_what_is_not_exactly_the_same_is_not_converted(source, target):
    assert ucum.conversion(source, target) is None


@given(st.text(max_size=80))
def test_any_text_is_a_unit_or_none(text):
    found = ucum.parse(text)

    assert found is None or found.size > 0
