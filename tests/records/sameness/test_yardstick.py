"""What docs/sameness.md says is held: the sets with a known truth, when they are beside this checkout."""

from __future__ import annotations

import pytest

from tests.records.sameness import yardstick

pytestmark = pytest.mark.skipif(not yardstick.DATA.exists(), reason="the shared data sets are not beside this checkout")


def test_all_that_two_ehrs_share_is_found_and_nothing_else():
    total = yardstick.dealt().total()

    assert (total.true, total.met, total.found) == (20, 20, 20)


def test_what_is_told_again_in_other_ways_is_found():
    table = yardstick.retold()

    assert table.total().precision > 0.99
    assert table.total().recall > 0.98
    for kind, score in table.scores.items():
        assert score.precision > 0.97, kind
        assert score.recall > 0.97, kind
