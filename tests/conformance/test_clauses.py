"""The list of clauses is whole: each is shown by tests that exist, or says why it is not supported."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.conformance import clauses


@pytest.mark.parametrize("clause", clauses.every(), ids=lambda clause: clause.id)
def test_a_clause_is_shown_by_tests_that_exist_or_says_why_not(clause):
    assert bool(clause.tests) != bool(clause.why)
    assert clause.level in ("SHALL", "SHOULD", "MAY")
    for test in clause.tests:
        file, _, function = test.partition("::")
        text = (clauses.TESTS / file).read_text()
        assert not function or re.search(rf"^def {re.escape(function.partition('[')[0])}\(", text, re.MULTILINE), test


def test_clauses_are_numbered_once():
    assert [number for number, times in Counter(one.id for one in clauses.every()).items() if times > 1] == []
