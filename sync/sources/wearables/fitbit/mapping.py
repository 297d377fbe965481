"""Fitbit's Web API: days, minutes, nights, weight. Pure.

Its times have no offset: they are those of the clock of her account's zone, which ``profile`` names. An hour that the
clock shows twice is taken for its first time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from sync.sources.wearables import maker, packing
from sync.sources.wearables.maker import About, Answer, Found
from sync.sources.wearables.metrics import METRICS, Metric
from sync.sources.wearables.readings import (
    Device,
    DeviceKind,
    Night,
    Reading,
    Sample,
    Spot,
    Stage,
    Total,
    later,
    offset_of,
)

TRACKER: Final = Device("tracker", "Fitbit", DeviceKind.BAND, "Fitbit")
_SCALE: Final = Device("scale", "Fitbit weight", DeviceKind.SCALE, "Fitbit")
_STAGES: Final = {
    "wake": Stage.AWAKE,
    "awake": Stage.AWAKE,
    "restless": Stage.AWAKE,
    "light": Stage.LIGHT,
    "deep": Stage.DEEP,
    "rem": Stage.REM,
    "asleep": Stage.ASLEEP,
}
_MINUTE: Final = timedelta(minutes=1)


def read_zone(answer: Answer) -> About:
    """``1/user/-/profile.json``. Raises ZoneInfoNotFoundError (a KeyError) for a zone that does not exist."""
    return About(ZoneInfo(str(maker.said(answer, "user.timezone"))))


def daily(name: str, metric: str) -> maker.Read:
    """``activities/<name>/date/…``: one total a day; a day of 0 is one on which nothing was worn."""

    def read(answers: Sequence[Answer], about: About) -> Found:
        def day(row: Mapping[str, Any]) -> list[Reading] | None:
            value = Decimal(row["value"])
            on = date.fromisoformat(row["dateTime"])
            return [Total(METRICS[metric], TRACKER, on, value)] if value else None

        return maker.gather(maker.rows(answers, f"activities-{name}"), day)

    return read


def minutes(name: str, metric: str) -> maker.Read:
    """``activities/<name>/date/<day>/1d/1min``: values by the minute of the clock."""

    def read(answers: Sequence[Answer], about: About) -> Found:
        found = Found()
        samples: list[Sample] = []
        for answer in answers:
            days = answer.get(f"activities-{name}") or [{}]
            on = date.fromisoformat(days[0].get("dateTime", "0001-01-01"))

            def moment(row: Mapping[str, Any], on: date = on) -> list[Reading]:
                at = _on_the_clock(on, time.fromisoformat(row["time"]), about.zone)
                samples.append(Sample(at, later(at, _MINUTE), Decimal(row["value"])))
                return []

            found.unusable += maker.gather(maker.rows([answer], f"activities-{name}-intraday.dataset"), moment).unusable
        found.readings += packing.by_day(_metric(metric), TRACKER, samples).streams
        return found

    return read


def nights(answers: Sequence[Answer], about: About) -> Found:
    """``1.2/user/-/sleep/date/…``: with stages, or in the older way asleep, restless and awake."""

    def night(row: Mapping[str, Any]) -> list[Reading]:
        start = _local(row["startTime"], about.zone)
        end = later(start, timedelta(milliseconds=int(row["duration"])))
        stages = tuple(
            (begun, later(begun, timedelta(seconds=int(each["seconds"]))), _STAGES[each["level"]])
            for each in maker.said(row, "levels.data") or ()
            for begun in [_local(each["dateTime"], about.zone)]
        )
        return [Night(start, end, TRACKER, str(row["logId"]), stages)]

    return maker.gather(maker.rows(answers, "sleep"), night)


def weights(answers: Sequence[Answer], about: About) -> Found:
    """``body/log/weight``, in kilograms as we ask for no other units."""

    def weight(row: Mapping[str, Any]) -> list[Reading]:
        at = _on_the_clock(date.fromisoformat(row["date"]), time.fromisoformat(row["time"]), about.zone)
        said = (("weight", row["weight"]), ("body-fat", row.get("fat")), ("body-mass-index", row.get("bmi")))
        return [
            Spot(METRICS[metric], at, _SCALE, str(row["logId"]), Decimal(value))
            for metric, value in said
            if value is not None
        ]

    return maker.gather(maker.rows(answers, "weight"), weight)


def _metric(name: str) -> Metric:
    return METRICS[name]


def _local(text: str, zone: tzinfo) -> datetime:
    said = datetime.fromisoformat(text)
    return _on_the_clock(said.date(), said.time(), zone)


def _on_the_clock(on: date, clock: time, zone: tzinfo) -> datetime:
    at = datetime.combine(on, clock, zone)
    return at.astimezone(offset_of(at))
