from __future__ import annotations

import pytest

from sync.problems import WORDS, Problem, explain


@pytest.mark.parametrize("problem", Problem)
def test_every_problem_has_words_and_a_way_on(problem: Problem):
    explained = explain(problem, "Cedar Hospital")

    assert explained is not None
    assert explained.says.strip()
    assert explained.do.strip()
    assert "%(" not in explained.says + explained.do


def test_no_words_are_left_over():
    assert set(WORDS) == set(Problem)


def test_no_problem_needs_no_words():
    assert explain("", "Cedar Hospital") is None
