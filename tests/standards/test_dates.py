from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standards.fhir import dates
from standards.fhir.dates import Interval, InvalidDate, SearchDate

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30))  # noqa: DTZ001 (made aware below)


def micros(*parts: int) -> int:
    return (datetime(*parts, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2019", micros(2019, 1, 1), micros(2020, 1, 1)),
        ("2019-03", micros(2019, 3, 1), micros(2019, 4, 1)),
        ("2019-12", micros(2019, 12, 1), micros(2020, 1, 1)),
        ("2020-02", micros(2020, 2, 1), micros(2020, 3, 1)),
        ("2019-03-31", micros(2019, 3, 31), micros(2019, 4, 1)),
        ("2019-03-31T10:20Z", micros(2019, 3, 31, 10, 20), micros(2019, 3, 31, 10, 21)),
        ("2019-03-31T10:20:30Z", micros(2019, 3, 31, 10, 20, 30), micros(2019, 3, 31, 10, 20, 31)),
        ("2019-03-31T10:20:30", micros(2019, 3, 31, 10, 20, 30), micros(2019, 3, 31, 10, 20, 31)),
        ("2019-03-31T10:20:30+05:30", micros(2019, 3, 31, 4, 50, 30), micros(2019, 3, 31, 4, 50, 31)),
        ("2019-03-31T22:20:30-14:00", micros(2019, 4, 1, 12, 20, 30), micros(2019, 4, 1, 12, 20, 31)),
        ("2019-03-31T10:20:30.5Z", micros(2019, 3, 31, 10, 20, 30, 500000), micros(2019, 3, 31, 10, 20, 30, 600000)),
        (
            "2019-03-31T10:20:30.123456789Z",
            micros(2019, 3, 31, 10, 20, 30, 123456),
            micros(2019, 3, 31, 10, 20, 30, 123457),
        ),
        ("2019-03-31T24:00:00Z", micros(2019, 4, 1), micros(2019, 4, 1, 0, 0, 1)),
        ("2016-12-31T23:59:60Z", micros(2017, 1, 1), micros(2017, 1, 1, 0, 0, 1)),
        ("9999-12-31", micros(9999, 12, 31), micros(9999, 12, 31) + dates.DAY),
    ],
)
def test_date_covers_its_own_precision(text, low, high):
    assert dates.interval(text) == Interval(low, high)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0000",
        "19",
        "2019-13",
        "2019-00",
        "2019-02-29",
        "2019-3-1",
        "2019-03-31T10",
        "2019-03-31T25:00:00Z",
        "2019-03-31T24:00:01Z",
        "2019-03-31T10:60:00Z",
        "2019-03-31T10:20:61Z",
        "2019-03-31T10:20:30+15:00",
        "2019-03-31 10:20:30",
        "20190331",
        "2019-03-31T10:20:30.Z",
        "２０１９",
        "today",
        "2019\n",
        None,
        2019,
    ],
)
def test_what_is_no_date_is_refused(text):
    with pytest.raises(InvalidDate):
        dates.interval(text)


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_instant_agrees_with_the_calendar_of_python(moment, offset):
    sign, minutes = "-" if offset < 0 else "+", abs(offset)
    text = f"{moment:%H:%M:%S}.{moment.microsecond:06}{sign}{minutes // 60:02}:{minutes % 60:02}"
    text = f"{moment.year:04}-{moment.month:02}-{moment.day:02}T{text}"

    low = (moment.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) - offset * 60 * dates.SECOND
    assert dates.interval(text) == Interval(low, low + 1)


@given(MOMENTS)
def test_coarser_precision_contains_the_finer(moment):
    parts = [f"{moment.year:04}", f"-{moment.month:02}", f"-{moment.day:02}", f"T{moment:%H:%M}", f":{moment:%S}", ".5"]
    spans = [dates.interval("".join(parts[: n + 1])) for n in range(len(parts))]

    assert all(wide.contains(narrow) for wide, narrow in itertools.pairwise(spans))


@given(st.text(max_size=30) | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", fullmatch=True))
def test_any_text_is_an_interval_or_refused(text):
    try:
        span = dates.interval(text)
    except InvalidDate:
        return

    assert dates.FOREVER_PAST < span.low < span.high < dates.FOREVER_FUTURE


def test_period_reaches_from_start_to_the_end_of_its_last_moment():
    assert dates.period({"start": "2019-03", "end": "2019-04-02"}) == Interval(micros(2019, 3, 1), micros(2019, 4, 3))


def test_period_without_an_end_is_open():
    assert dates.period({"start": "2019"}) == Interval(micros(2019, 1, 1), dates.FOREVER_FUTURE)
    assert dates.period({"end": "2019"}) == Interval(dates.FOREVER_PAST, micros(2020, 1, 1))
    assert (dates.FOREVER_PAST, dates.FOREVER_FUTURE) == (-(2**63), 2**63 - 1)


@pytest.mark.parametrize("element", [{}, None, "2019", {"start": 5}, {"start": "2020", "end": "2019"}])
def test_period_that_covers_nothing_is_refused(element):
    with pytest.raises(InvalidDate):
        dates.period(element)


def test_timing_spans_events_and_bounds():
    element = {
        "event": ["2019-03-02", "2019-03-01"],
        "repeat": {"boundsPeriod": {"end": "2019-05", "start": "2019-04"}},
    }

    assert dates.timing(element) == Interval(micros(2019, 3, 1), micros(2019, 6, 1))


@pytest.mark.parametrize("element", [{}, None, {"event": "2019"}, {"event": []}, {"repeat": {"count": 3}}])
def test_timing_without_a_date_is_refused(element):
    with pytest.raises(InvalidDate):
        dates.timing(element)


def test_reversed_period_in_data_counts_as_its_start():
    assert dates.covered({"start": "2020", "end": "2019"}) == dates.interval("2020")
    assert dates.covered({"start": {"start": "2020"}}) is None
    assert dates.covered(["2020"]) is None


# (what the resource holds, what is asked, the prefixes that match); R4 search.html#prefix
HELD = {
    "inside": "2020-01-15T12:00:00Z",
    "same": "2020-01",
    "wider": "2020",
    "before": "2019",
    "after": "2020-02-01",
}
ANSWERS = {
    "inside": {"eq", "ge", "le", "ap"},
    "same": {"eq", "ge", "le", "ap"},
    "wider": {"ne", "gt", "ge", "ap"},
    "before": {"ne", "lt", "le", "eb"},
    "after": {"ne", "gt", "ge", "sa"},
}


@pytest.mark.parametrize("name", HELD)
def test_prefix_compares_intervals(name):
    held, asked = dates.interval(HELD[name]), dates.interval("2020-01")

    assert {prefix for prefix in dates.PREFIXES if dates.compare(prefix, held, asked)} == ANSWERS[name]


def test_open_period_reaches_past_every_search():
    held = dates.period({"start": "2020-01-10"})

    assert SearchDate.parse("gt2500").matches(held)
    assert not SearchDate.parse("lt2020").matches(held)


def test_search_date_without_prefix_means_equal():
    assert SearchDate.parse("2020-01") == SearchDate("eq", dates.interval("2020-01"))
    assert SearchDate.parse("ge2020-01") == SearchDate("ge", dates.interval("2020-01"))


@pytest.mark.parametrize("text", ["", "xx2020", "ge", "GE2020", "ge 2020", "-2020"])
def test_search_date_that_means_nothing_is_refused(text):
    with pytest.raises(InvalidDate):
        SearchDate.parse(text)
