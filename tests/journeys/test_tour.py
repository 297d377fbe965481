"""The tour can be walked in the demo as it was made: every stop has its page."""

from __future__ import annotations

import pytest

from local import tour

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


def test_every_stop_of_the_tour_is_there(stack, tmp_path):
    taken = tour.take(stack.demo, tmp_path)

    assert [path.stem for path in taken] == [stop.name for stop in tour.STOPS]
    assert all(path.stat().st_size > 5_000 for path in taken)
