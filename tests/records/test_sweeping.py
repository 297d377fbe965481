"""A sweep over one owner's range: order, places to go on from, and what cannot be told of a past version."""

from __future__ import annotations

import base64

import pytest

from records import sweeping
from records.query import InvalidSearch, Position
from records.rules import Rule
from records.sweeping import Sweep


def test_a_cursor_names_the_last_record():
    for record in (1, 10**6, 2**62):
        assert sweeping.position(Sweep(frozenset(), cursor=sweeping.cursor(record))) == record
    assert sweeping.position(Sweep(frozenset())) is None


@pytest.mark.parametrize("text", ["", "x", "äöü", "AAAA", "=" * 50, "A" * 60])
def test_a_cursor_that_was_never_written_is_refused(text):
    with pytest.raises(InvalidSearch):
        sweeping.position(Sweep(frozenset(), cursor=text))


def test_a_cursor_of_something_else_is_refused():
    with pytest.raises(InvalidSearch):
        sweeping.position(Sweep(frozenset(), cursor=Position(1, 2).cursor("-occurred")))


def test_a_cursor_does_not_tell_the_number_of_the_record():
    number = 0x0102030405060708
    cursor = sweeping.cursor(number)

    assert sweeping.position(Sweep(frozenset(), cursor=cursor)) == number
    assert number.to_bytes(8, "big") not in base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


def test_no_rule_reads_nothing():
    everything = Sweep(frozenset({"Observation", "Patient"}))

    assert sweeping.statement(everything, (), owner_id=1, blind_key=b"k" * 32) is None
    assert sweeping.statement(everything, (Rule("Condition"),), owner_id=1, blind_key=b"k" * 32) is None


def test_types_that_rules_treat_alike_are_asked_for_together():
    everything = Sweep(frozenset({"Observation", "Patient", "Condition"}))

    alike = sweeping.statement(everything, (Rule(withheld=4),), owner_id=1, blind_key=b"k" * 32)

    assert str(alike).count("r.resource_type + 0 = ANY") == 1


def test_a_past_binary_is_not_admitted_by_what_only_rows_know():
    rule = Rule("Binary", (("context", "DocumentReference"),))

    assert not rule.admits_opened({"resourceType": "Binary", "id": "1"}, labels=0, source_id=1)
    assert Rule("Binary").admits_opened({"resourceType": "Binary", "id": "1"}, labels=0, source_id=1)
