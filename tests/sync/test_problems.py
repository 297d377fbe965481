from __future__ import annotations

import pytest
from django.utils import translation

from sync.problems import WORDS, Problem, explain


@pytest.mark.parametrize("problem", Problem)
def test_every_problem_has_words_and_a_way_on(problem: Problem):
    explained = explain(problem, "Cedar Hospital")

    assert explained is not None
    assert explained.says.strip()
    assert explained.do.strip()
    assert "%(" not in explained.says + explained.do


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("problem", Problem)
def test_no_health_plan_and_no_maker_of_devices_is_called_a_hospital(problem: Problem, language: str):
    with translation.override(language):
        explained = explain(problem, "Withings")

    assert explained is not None
    assert "hospital" not in (explained.says + explained.do).lower()


def test_no_words_are_left_over():
    assert set(WORDS) == set(Problem)


def test_no_problem_needs_no_words():
    assert explain("", "Cedar Hospital") is None
