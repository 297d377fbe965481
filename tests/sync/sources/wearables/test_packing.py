from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.sources.wearables import packing
from sync.sources.wearables.metrics import METRICS
from sync.sources.wearables.readings import Device, DeviceKind, Sample, Stream, later

WATCH = Device("watch", "Watch", DeviceKind.WATCH)
PARIS = ZoneInfo("Europe/Paris")
STEPS, PULSE = METRICS["steps"], METRICS["heart-rate"]
MINUTE = timedelta(minutes=1)


def minutes(start: datetime, count: int, value: int = 1) -> list[Sample]:
    """One sample a minute, of real minutes, in the offset that the zone has then."""
    begin = start.astimezone(UTC)
    return [
        Sample((begin + n * MINUTE).astimezone(PARIS), (begin + (n + 1) * MINUTE).astimezone(PARIS), Decimal(value))
        for n in range(count)
    ]


def one(metric, samples):
    (stream,) = packing.by_day(metric, WATCH, samples).streams
    return stream


@pytest.mark.parametrize(("day", "count"), [(date(2024, 3, 31), 1380), (date(2024, 10, 27), 1500)])
def test_day_of_a_clock_change_has_23_or_25_hours(day, count):
    midnight = datetime.combine(day, datetime.min.time(), PARIS)
    samples = minutes(midnight, count + 60)  # and one hour of the next day

    first, second = packing.by_day(STEPS, WATCH, samples).streams

    assert (first.day, len(first.samples), sum(each.value for each in first.samples)) == (day, count, count)
    assert (second.day, len(second.samples)) == (day + timedelta(days=1), 60)


def test_packed_day_of_a_clock_change_tells_both_offsets_and_comes_back_whole():
    stream = one(STEPS, minutes(datetime(2024, 10, 27, tzinfo=PARIS), 1500))

    packed = packing.pack(stream)

    assert packed["effectivePeriod"] == {"start": "2024-10-27T00:00:00+02:00", "end": "2024-10-28T00:00:00+01:00"}
    assert packed["valueSampledData"]["period"] == 60_000
    assert packed["valueSampledData"]["data"] == " ".join(["1"] * 1500)
    assert packing.unpack(packed, STEPS) == stream.samples


def test_day_is_the_local_one_where_it_was_measured():
    east, west = timezone(timedelta(hours=9)), timezone(timedelta(hours=-8))
    before = Sample.at(datetime(2024, 5, 2, 0, 30, tzinfo=east), Decimal(60))  # 1 May, 15:30 UTC
    after = Sample.at(datetime(2024, 5, 1, 23, 30, tzinfo=west), Decimal(61))  # 2 May, 07:30 UTC

    streams = packing.by_day(PULSE, WATCH, [before, after]).streams

    assert [(each.day, each.samples[0].value) for each in streams] == [
        (date(2024, 5, 1), Decimal(61)),
        (date(2024, 5, 2), Decimal(60)),
    ]


def test_gap_of_a_regular_stream_is_marked_and_not_filled():
    start = datetime(2024, 5, 1, 8, tzinfo=UTC)
    levels = [Sample.at(start + n * 5 * MINUTE, Decimal(100 + n)) for n in (0, 1, 3)]

    data = packing.pack(one(METRICS["glucose-sensor"], levels))["valueSampledData"]

    assert (data["period"], data["data"]) == (300_000, "100 101 E 103")
    assert data["origin"] == {"value": 0, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"}


def test_samples_at_odd_times_carry_their_places():
    start = datetime(2024, 5, 1, 8, tzinfo=UTC)
    levels = [Sample.at(start + timedelta(seconds=n), Decimal(60 + n % 7)) for n in (0, 7, 1000, 5003)]

    data = packing.pack(one(PULSE, levels))["valueSampledData"]

    assert (data["period"], data["data"]) == (0, "60 60 66 65")
    assert [each.get("valueString") for each in data["extension"]] == [None, "0 7000 1000000 5003000"]


def test_amounts_of_different_lengths_end_where_they_ended():
    start = datetime(2024, 5, 1, 8, tzinfo=UTC)
    walks = [
        Sample(start, start + 10 * MINUTE, Decimal(900)),
        Sample(start + 10 * MINUTE, start + 13 * MINUTE, Decimal(200)),
        Sample(start + 60 * MINUTE, start + 61 * MINUTE, Decimal(50)),
    ]
    stream = one(STEPS, walks)

    packed = packing.pack(stream)

    assert packed["valueSampledData"]["data"] == "900 200 E 50"
    assert packing.unpack(packed, STEPS) == tuple(walks)


def test_what_one_device_counts_twice_counts_once():
    start = datetime(2024, 5, 1, 8, tzinfo=UTC)
    walks = [
        Sample(start, start + 10 * MINUTE, Decimal(900)),
        Sample(start + 2 * MINUTE, start + 5 * MINUTE, Decimal(300)),  # within it: the same steps again
        Sample(start + 8 * MINUTE, start + 12 * MINUTE, Decimal(80)),  # begins within it
    ]

    days = packing.by_day(STEPS, WATCH, walks)

    assert days.repeated == 1
    assert [(each.start.minute, each.end.minute, each.value) for each in days.streams[0].samples] == [
        (0, 10, Decimal(900)),
        (10, 12, Decimal(80)),
    ]


def test_last_word_on_an_instant_stands():
    at = datetime(2024, 5, 1, 8, tzinfo=UTC)

    stream = one(PULSE, [Sample.at(at, Decimal(60)), Sample.at(at, Decimal(62))])

    assert [each.value for each in stream.samples] == [Decimal(62)]


def test_later_samples_of_a_day_join_those_before():
    start = datetime(2024, 5, 1, 8, tzinfo=UTC)
    morning = one(PULSE, [Sample.at(start, Decimal(60)), Sample.at(start + MINUTE, Decimal(61))])

    whole = packing.merge(morning, [Sample.at(start + MINUTE, Decimal(61)), Sample.at(start + 2 * MINUTE, Decimal(62))])

    assert [each.value for each in whole.samples] == [Decimal(60), Decimal(61), Decimal(62)]


def test_what_is_no_stream_of_ours_is_refused():
    with pytest.raises(packing.NotPacked):
        packing.unpack({"effectivePeriod": {"start": "2024-05-01", "end": "2024-05-01"}}, PULSE)


values = st.decimals(min_value=0, max_value=300, places=1, allow_nan=False)


@given(
    st.dictionaries(st.integers(0, 86_000_000), values, min_size=1, max_size=12),
    st.sampled_from([-480, 0, 60, 330, 840]),
    st.sampled_from([1, 1000, 60_000]),
)
def test_levels_come_back_exactly(said, offset_minutes, grid):
    zone = timezone(timedelta(minutes=offset_minutes))
    midnight = datetime(2024, 5, 1, tzinfo=zone)
    placed = {at // grid * grid: value for at, value in said.items()}
    stream = one(PULSE, [Sample.at(midnight + timedelta(milliseconds=at), value) for at, value in placed.items()])

    assert packing.unpack(packing.pack(stream), PULSE) == stream.samples


@given(
    st.lists(st.tuples(st.integers(1, 900_000), st.integers(0, 900_000), st.integers(0, 500)), max_size=12, min_size=1)
)
def test_amounts_come_back_exactly(said):
    at, samples = datetime(2024, 5, 1, tzinfo=UTC), []
    for length, gap, value in said:
        end = later(at, timedelta(milliseconds=length))
        samples.append(Sample(at, end, Decimal(value)))
        at = later(end, timedelta(milliseconds=gap))
    stream = Stream(STEPS, WATCH, date(2024, 5, 1), tuple(samples))

    assert packing.unpack(packing.pack(stream), STEPS) == stream.samples
