"""Hand-worked truths: each number below was added up on paper."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from sync.sources.wearables import overlaps
from sync.sources.wearables.metrics import METRICS
from sync.sources.wearables.readings import Device, DeviceKind, Sample, Stream, Total

WATCH = Device("watch", "Watch", DeviceKind.WATCH)
PHONE = Device("phone", "Phone", DeviceKind.PHONE)
RING = Device("ring", "Ring", DeviceKind.RING)
DAY = date(2024, 5, 1)
STEPS, PULSE = METRICS["steps"], METRICS["heart-rate"]


def walked(device, *said, metric=STEPS, zone=UTC):
    """``said``: (from, to, value) in minutes after eight."""
    eight = datetime(2024, 5, 1, 8, tzinfo=zone)
    samples = (Sample(eight + timedelta(minutes=a), eight + timedelta(minutes=b), Decimal(n)) for a, b, n in said)
    return Stream(metric, device, DAY, tuple(samples))


def test_steps_of_watch_and_phone_count_once():
    watch = walked(WATCH, (0, 10, 1000), (10, 20, 500))
    phone = walked(PHONE, (0, 10, 900), (20, 30, 700))  # the first is the same walk, the second without the watch

    made = overlaps.made([phone, watch])

    assert made.value == 2200
    assert [(each.device.key, each.said, each.counted) for each in made.shares] == [
        ("watch", 1500, 1500),
        ("phone", 1600, 700),
    ]
    assert [(each.device.key, each.start.minute, each.end.minute, each.amount) for each in made.spans] == [
        ("watch", 0, 20, 1500),
        ("phone", 20, 30, 700),
    ]


def test_partly_covered_interval_counts_for_its_free_part():
    watch = walked(WATCH, (0, 6, 300))
    phone = walked(PHONE, (0, 10, 1000))  # six of ten minutes are covered: 4/10 of 1000

    made = overlaps.made([watch, phone])

    assert (made.value, [each.counted for each in made.shares]) == (700, [300, 400])


def test_interval_around_two_others_counts_for_all_its_free_parts():
    watch = walked(WATCH, (2, 4, 100), (6, 8, 100))
    phone = walked(PHONE, (0, 10, 1000))  # free: 0-2, 4-6, 8-10, together 6/10

    made = overlaps.made([watch, phone])

    assert made.value == 800
    assert [each.device.key for each in made.spans] == ["phone", "watch", "phone", "watch", "phone"]


def test_the_persons_order_decides():
    watch, phone = walked(WATCH, (0, 10, 1000)), walked(PHONE, (0, 10, 900))

    assert overlaps.made([watch, phone], chosen=["phone"]).value == 900
    assert overlaps.made([watch, phone], chosen=["watch", "phone"]).value == 1000


def test_watch_on_its_charger_hides_no_step_of_the_phone():
    watch = walked(WATCH, *((n, n + 1, 0) for n in range(60)))
    phone = walked(PHONE, (0, 30, 3000))

    assert overlaps.made([watch, phone]).value == 3000


def test_three_devices_fill_each_others_gaps():
    watch = walked(WATCH, (0, 10, 100))
    ring = walked(RING, (5, 15, 200))  # half covered: 100
    phone = walked(PHONE, (10, 30, 400))  # 10-15 covered: 15/20 of 400

    made = overlaps.made([phone, ring, watch])

    assert (made.value, [each.counted for each in made.shares]) == (500, [100, 100, 300])


def test_devices_in_different_zones_meet_in_time():
    here = walked(WATCH, (0, 10, 100), zone=ZoneInfo("Europe/Paris"))  # 06:00 UTC
    there = walked(PHONE, (0, 10, 90), zone=ZoneInfo("Europe/London"))  # 07:00 UTC: an hour later

    assert overlaps.made([here, there]).value == 190


def test_hour_that_the_clock_shows_twice_is_two_hours():
    paris = ZoneInfo("Europe/Paris")
    first = datetime(2024, 10, 27, 2, 0, tzinfo=paris)
    again = datetime(2024, 10, 27, 2, 0, fold=1, tzinfo=paris)
    half = timedelta(minutes=30)
    watch = Stream(STEPS, WATCH, first.date(), (Sample(first, first + half, Decimal(100)),))
    phone = Stream(STEPS, PHONE, first.date(), (Sample(again, (again + half).replace(fold=1), Decimal(70)),))

    assert overlaps.made([watch, phone]).value == 170


def test_total_without_times_is_never_added_to_intervals():
    ring = Total(STEPS, RING, DAY, Decimal(8000))
    phone = walked(PHONE, (0, 10, 900))

    ring_first = overlaps.made([phone], [ring])
    phone_first = overlaps.made([phone], [ring], chosen=["phone"])

    assert (ring_first.value, [each.counted for each in ring_first.shares]) == (8000, [8000, 0])
    assert (phone_first.value, [each.counted for each in phone_first.shares]) == (900, [900, 0])


def test_devices_own_total_stands_beside_its_minutes():
    watch = walked(WATCH, (0, 10, 1000))

    made = overlaps.made([watch], [Total(STEPS, WATCH, DAY, Decimal(1010))])

    assert (made.value, [each.value for each in made.said_of_the_day]) == (1000, [1010])


def test_pulse_of_a_second_device_counts_where_the_first_was_silent():
    watch = walked(WATCH, (0, 0, 60), (5, 5, 62), metric=PULSE)
    ring = walked(RING, (3, 3, 90), (15, 15, 64), (16, 16, 70), metric=PULSE)  # 15 is ten minutes after 5: in reach

    made = overlaps.made([watch, ring])

    assert (made.value, made.lowest, made.highest) == (64, 60, 70)  # (60 + 62 + 70) / 3
    assert [(each.device.key, each.used, each.samples) for each in made.shares] == [("watch", 2, 2), ("ring", 1, 3)]


def test_day_that_nobody_speaks_of_has_no_value():
    assert overlaps.made([]) is None


def test_day_of_a_watch_that_counted_nothing_is_zero():
    assert overlaps.made([walked(WATCH, (0, 10, 0))]).value == 0


whole_minutes = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 30)), max_size=12)


def streamed(device, said):
    """One step a minute: so the truth is the number of minutes in which anybody counted."""
    minutes = sorted({n for start, length in said for n in range(start, start + length)})
    return walked(device, *((n, n + 1, 1) for n in minutes)), set(minutes)


@given(whole_minutes, whole_minutes, whole_minutes, st.permutations(["watch", "ring", "phone"]))
def test_one_step_a_minute_makes_as_many_steps_as_minutes_in_any_order(first, second, third, chosen):
    streams, minutes = zip(*(streamed(d, s) for d, s in ((WATCH, first), (RING, second), (PHONE, third))), strict=True)

    made = overlaps.made(streams, chosen=chosen)

    truth = len(set().union(*minutes))
    assert (made.value if made else 0) == truth
    assert sum(each.amount for each in made.spans) == truth if made else True
