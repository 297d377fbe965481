"""The days she chose, by her clock: nothing of another day comes along, whoever wrote it down and how."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import terms
from standards.fhir import dates

ZONES = ("America/Los_Angeles", "Asia/Tokyo", "UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
days = st.dates(date(1930, 1, 1), date(2100, 12, 31))


def overlaps(span: dates.Interval, since: int, until: int) -> bool:
    """As a rule asks it."""
    return span.high > since and span.low < until


@given(first=days, length=st.integers(0, 400), zone=st.sampled_from(ZONES), distance=st.integers(-3, 403))
def test_a_bare_day_is_in_it_exactly_if_she_chose_that_day(first, length, zone, distance):
    last, day = first + timedelta(days=length), first + timedelta(days=distance)

    since, until = terms.window(first, last, ZoneInfo(zone))

    assert overlaps(dates.interval(day.isoformat()), since, until) is (first <= day <= last)


@given(first=days, length=st.integers(0, 400), zone=st.sampled_from(ZONES), hours=st.floats(-40, 24 * 401))
def test_a_moment_in_it_is_of_a_day_she_chose_by_her_clock(first, length, zone, hours):
    last, clock = first + timedelta(days=length), ZoneInfo(zone)
    moment = datetime.combine(first, datetime.min.time(), tzinfo=UTC) + timedelta(hours=hours)
    at = (moment - EPOCH) // timedelta(microseconds=1)

    since, until = terms.window(first, last, clock)

    chosen = first <= moment.astimezone(clock).date() <= last
    assert not (since <= at < until) or chosen
    # And all of hers but the hours between two midnights are.
    if since <= at < until or not chosen:
        return
    assert not first < moment.date() < last


@pytest.mark.parametrize(
    ("zone", "since", "until"),
    [
        ("UTC", "2026-03-01T00:00:00+00:00", "2026-03-03T00:00:00+00:00"),
        ("America/Los_Angeles", "2026-03-01T08:00:00+00:00", "2026-03-03T00:00:00+00:00"),
        ("Asia/Tokyo", "2026-03-01T00:00:00+00:00", "2026-03-02T15:00:00+00:00"),
    ],
)
def test_an_edge_is_at_the_narrower_of_both_midnights(zone, since, until):
    found = terms.window(date(2026, 3, 1), date(2026, 3, 2), ZoneInfo(zone))

    assert [(EPOCH + timedelta(microseconds=edge)).isoformat() for edge in found] == [since, until]


def test_no_day_is_no_edge():
    assert terms.window(None, None, UTC) == (None, None)
