"""Dates at the precision they were written with."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from portal import when


@pytest.mark.parametrize(
    ("written", "english", "spanish"),
    [
        ("2019", "2019", "2019"),
        ("2019-03", "March 2019", "marzo de 2019"),
        ("2019-03-05", "March 5, 2019", "5 de marzo de 2019"),
        ("2019-03-05T23:30:00-05:00", "March 5, 2019, 11:30 PM", "5 de marzo de 2019 a las 23:30"),
        ("2019-13", "2019-13", "2019-13"),
        ("some day", "some day", "some day"),
    ],
)
def test_dates_are_said_as_precisely_as_written(written, english, spanish):
    with timezone.override(ZoneInfo("America/New_York")):
        assert when.said(written) == english
        with translation.override("es"):
            assert when.said(written) == spanish


def test_instant_is_said_in_the_persons_zone():
    with timezone.override(ZoneInfo("Asia/Tokyo")):
        assert when.said("2019-03-05T23:30:00Z") == "March 6, 2019, 8:30 AM"


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Midway", "UTC"])
def test_partial_date_is_the_same_everywhere(zone):
    with timezone.override(ZoneInfo(zone)):
        assert when.said("2019-03") == "March 2019"
        assert when.said("2019-03-01") == "March 1, 2019"


def test_time_it_happened_is_the_one_of_its_type():
    resource = {"resourceType": "Encounter", "period": {"start": "2020-01-02", "end": "2020-01-03"}, "date": "1999"}

    assert when.happened(resource) == "Jan. 2, 2020"


@pytest.mark.parametrize(
    ("period", "said"),
    [
        (
            {"start": "2024-05-01T09:00:00Z", "end": "2024-05-01T09:30:00Z"},
            "May 1, 2024, 11:00 AM to 11:30 AM",
        ),
        (
            {"start": "2024-05-01T21:00:00Z", "end": "2024-05-01T22:30:00Z"},
            "May 1, 2024, 11:00 PM to May 2, 2024, 12:30 AM",
        ),
        ({"start": "2024-05-01", "end": "2024-05-01"}, "May 1, 2024"),
        ({"start": "2024-05", "end": "2024-06"}, "May 2024 to June 2024"),
        ({"start": "soon", "end": "later than this"}, "soon to later than this"),
    ],
)
def test_a_time_within_one_day_of_hers_names_the_day_once(period, said):
    with timezone.override(ZoneInfo("Europe/Madrid")):
        assert when.span(period) == said
