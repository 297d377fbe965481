"""Garmin's Health API: the summaries that it hands over, kind by kind. Pure.

Times are epoch seconds with the offset of her device beside them; a series is offsets from its summary's start. What a
sensor could not tell comes as zero or less. The same word may be spelt in two ways, by the age of a device's software.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from sync.sources.wearables import maker, metrics, packing
from sync.sources.wearables.maker import About, Answer, Found
from sync.sources.wearables.metrics import METRICS
from sync.sources.wearables.readings import (
    Device,
    DeviceKind,
    Night,
    Reading,
    Sample,
    Spot,
    Stage,
    Stream,
    Total,
    Workout,
    elapsed,
    later,
)

Row = Mapping[str, Any]

MAKER: Final = "Garmin"
WEARABLE: Final = Device("garmin", "Garmin", DeviceKind.WATCH, MAKER)
_SCALE: Final = Device("garmin-weight", "Garmin weight", DeviceKind.SCALE, MAKER)
_CUFF: Final = Device("garmin-pressure", "Garmin blood pressure", DeviceKind.CUFF, MAKER)
_LONGEST: Final = timedelta(hours=48)
_FURTHEST: Final = timedelta(hours=15)
_DIGITS: Final = 15
_SECOND: Final = timedelta(seconds=1)
_DAILY: Final = {
    "steps": "steps",
    "distanceInMeters": "distance",
    "activeKilocalories": "energy",
    "floorsClimbed": "floors",
    "restingHeartRateInBeatsPerMinute": "resting-heart-rate",
}
_EXERCISED: Final = ("moderateIntensityDurationInSeconds", "vigorousIntensityDurationInSeconds")
_COUNTED: Final = {"steps": "steps", "distanceInMeters": "distance", "activeKilocalories": "energy"}
_LASTED: Final = {
    "deepSleepDurationInSeconds": Stage.DEEP,
    "lightSleepDurationInSeconds": Stage.LIGHT,
    "remSleepInSeconds": Stage.REM,
    "awakeDurationInSeconds": Stage.AWAKE,
}
_UNMEASURED: Final = ("unmeasurableSleepInSeconds", "unmeasurableSleepDurationInSeconds")
_STAGES: Final = {"deep": Stage.DEEP, "light": Stage.LIGHT, "rem": Stage.REM, "awake": Stage.AWAKE}
_NOT_WORN: Final = "OFF_WRIST"
_BODY: Final = {
    "weightInGrams": ("weight", "g"),
    "bodyFatInPercent": ("body-fat", "%"),
    "bodyMassIndex": ("body-mass-index", "kg/m2"),
}
_DONE: Final = {
    "distanceInMeters": "distance",
    "activeKilocalories": "energy",
    "averageHeartRateInBeatsPerMinute": "heart-rate",
    "steps": "steps",
}


def dailies(answers: Sequence[Answer], about: About) -> Found:
    """One a day, handed over again as the day goes on; her pulse by fifteen seconds. The mean pulse in it is one of
    several days, and is left where it is."""
    pulses: list[Sample] = []

    def day(row: Row) -> list[Reading] | None:
        start = _at(row)
        on = date.fromisoformat(row["calendarDate"]) if "calendarDate" in row else start.date()
        said = ((metric, _number(row.get(name))) for name, metric in _DAILY.items())
        found: list[Reading] = [Total(METRICS[metric], WEARABLE, on, value) for metric, value in said if value]
        exercised = sum((_number(row.get(name)) or Decimal() for name in _EXERCISED), Decimal())
        if exercised:
            found.append(Total(METRICS["exercise"], WEARABLE, on, exercised // 60))
        samples = list(_series(row.get("timeOffsetHeartRateSamples"), start))
        pulses.extend(samples)
        return found if found or samples else None

    found = maker.gather(maker.rows(answers, "dailies"), day)
    found.readings += _streams("heart-rate", pulses)
    return found


def epochs(answers: Sequence[Answer], about: About) -> Found:
    """Quarters of an hour, each once for every way of moving in it: these are counted together."""
    counted: dict[tuple[str, datetime], tuple[timedelta, Decimal]] = {}

    def epoch(row: Row) -> list[Reading]:
        start, lasted = _at(row), _lasted(row)
        for name, metric in _COUNTED.items():
            if amount := _number(row.get(name)):
                before, sum_before = counted.get((metric, start), (lasted, Decimal()))
                counted[metric, start] = (max(before, lasted), sum_before + amount)
        return []

    found = maker.gather(maker.rows(answers, "epochs"), epoch)
    for metric in _COUNTED.values():
        samples = [
            Sample(start, later(start, lasted), amount)
            for (name, start), (lasted, amount) in counted.items()
            if name == metric
        ]
        found.readings += _streams(metric, samples)
    return found


def nights(answers: Sequence[Answer], about: About) -> Found:
    """Sleeps, and naps inside of them. Of what is told of one time the last word stands, under the first one's name."""
    found = maker.gather(maker.rows(answers, "sleeps"), _night)
    kept: list[Night] = []
    naps: list[Reading] = []
    for each in found.readings:
        if not isinstance(each, Night) or each.key.startswith("nap-"):
            naps.append(each)
            continue
        earlier = next((place for place, one in enumerate(kept) if one.start < each.end and each.start < one.end), None)
        if earlier is None:
            kept.append(each)
        else:
            kept[earlier] = Night(each.start, each.end, each.device, kept[earlier].key, each.stages, each.lasted)
    found.readings = [*kept, *naps]
    return found


def _night(row: Row) -> list[Reading] | None:
    if row.get("validation") == _NOT_WORN:
        return None
    start = _at(row)
    lasted = {
        stage: timedelta(seconds=_whole(row[name])) for name, stage in _LASTED.items() if row.get(name) is not None
    }
    unmeasured = timedelta(seconds=sum(_whole(row.get(name) or 0) for name in _UNMEASURED))
    # Whether being awake is part of how long it lasted is not the same with every device: it is the longer one.
    end = later(start, max(_lasted(row), sum(lasted.values(), unmeasured)))
    stages = tuple(_stages(row.get("sleepLevelsMap"), start, end))
    naps = [_nap(each) for each in row.get("naps") or ()]
    # Else one entry could tell of days without end, and would be kept whole under each.
    if any(abs(elapsed(start, each.start)) > _LONGEST for each in naps):
        raise ValueError("a nap far from its night")
    return [Night(start, end, WEARABLE, str(row["summaryId"]), stages, lasted), *naps]


def _nap(row: Row) -> Night:
    start = _epoch(row["napStartTimeInSeconds"], row.get("napOffsetInSeconds"))
    lasted = timedelta(seconds=_whole(row["napDurationInSeconds"]))
    if not timedelta() < lasted <= _LONGEST:
        raise ValueError("a nap of no length")
    key = f"nap-{_whole(row['napStartTimeInSeconds'])}"
    return Night(start, later(start, lasted), WEARABLE, key, lasted={Stage.ASLEEP: lasted})


def _stages(levels: Any, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, Stage]]:
    """In order, within the night, and no time twice; a stage that we have no word for is left out."""
    if not isinstance(levels, Mapping):
        return
    spans = sorted(
        (_whole(each["startTimeInSeconds"]), _whole(each["endTimeInSeconds"]), stage)
        for name, stage in _STAGES.items()
        for each in levels.get(name) or ()
    )
    reached = start
    for first, last, stage in spans:
        begun = max(datetime.fromtimestamp(first, start.tzinfo), reached)
        over = min(datetime.fromtimestamp(last, start.tzinfo), end)
        if begun < over:
            yield begun, over, stage
            reached = over


def weights(answers: Sequence[Answer], about: About) -> Found:
    """Body composition: weight, its index, fat."""

    def weight(row: Row) -> list[Reading] | None:
        at, key = _at(row), str(row["summaryId"])
        return [
            Spot(METRICS[metric], at, _SCALE, key, metrics.convert(value, unit, METRICS[metric]))
            for name, (metric, unit) in _BODY.items()
            if (value := _number(row.get(name)))
        ] or None

    return maker.gather(maker.rows(answers, "bodyComps"), weight)


def pressures(answers: Sequence[Answer], about: About) -> Found:
    """Blood pressure, by a cuff or typed in."""

    def pressure(row: Row) -> list[Reading]:
        at, key, by_hand = _at(row), str(row["summaryId"]), row.get("sourceType") == "MANUAL"
        parts = tuple((METRICS[name], _known(row[name])) for name in ("systolic", "diastolic"))
        found: list[Reading] = [Spot(None, at, _CUFF, key, parts=parts, by_hand=by_hand)]
        if pulse := _number(row.get("pulse")):
            found.append(Spot(METRICS["heart-rate"], at, _CUFF, key, pulse, by_hand=by_hand))
        return found

    return maker.gather(maker.rows(answers, "bloodPressures"), pressure)


def series(kind: str, name: str, metric: str) -> maker.Read:
    """A kind whose summaries hold one series of values by offset."""

    def read(answers: Sequence[Answer], about: About) -> Found:
        samples: list[Sample] = []

        def summary(row: Row) -> list[Reading] | None:
            listed = list(_series(row.get(name), _at(row)))
            samples.extend(listed)
            return [] if listed else None

        found = maker.gather(maker.rows(answers, kind), summary)
        found.readings += _streams(metric, samples)
        return found

    return read


def activities(answers: Sequence[Answer], about: About) -> Found:
    """Exercise that she or her device recorded."""

    def activity(row: Row) -> list[Reading]:
        start = _at(row)
        name = str(row.get("deviceName") or MAKER)
        known = name != MAKER and not row.get("manual")
        device = Device(f"garmin-{name}", name, DeviceKind.WATCH, MAKER) if known else WEARABLE
        amounts = tuple(
            (METRICS[metric], metrics.plain(value))
            for name, metric in _DONE.items()
            if (value := _number(row.get(name)))
        )
        key = str(row.get("activityId") or row["summaryId"])
        return [Workout(start, later(start, _lasted(row)), device, key, str(row["activityType"]), amounts)]

    return maker.gather(maker.rows(answers, "activities"), activity)


def _streams(metric: str, samples: Sequence[Sample]) -> Sequence[Stream]:
    return packing.by_day(METRICS[metric], WEARABLE, samples).streams


def _series(values: Any, start: datetime) -> Iterator[Sample]:
    """``{"15": 75}``: seconds from the start, and a value."""
    for offset, said in (values or {}).items():
        after = _whole(offset) * _SECOND
        if not timedelta() <= after <= _LONGEST:
            raise ValueError("a sample far from its summary")
        if value := _number(said):
            yield Sample.at(later(start, after), value)


def _at(row: Row) -> datetime:
    """Where it began or was measured, in the offset of her device then; UTC where that is not said."""
    if row.get("measurementTimeInSeconds") is not None:
        return _epoch(row["measurementTimeInSeconds"], row.get("measurementTimeOffsetInSeconds"))
    offset = row.get("startTimeOffsetInSeconds", row.get("offsetStartTimeInSeconds"))
    return _epoch(row["startTimeInSeconds"], offset)


def _epoch(seconds: Any, offset: Any) -> datetime:
    after = timedelta(seconds=_whole(offset or 0))
    if abs(after) > _FURTHEST:
        raise ValueError("no offset of any place")
    try:
        return datetime.fromtimestamp(_whole(seconds), UTC).astimezone(timezone(after))
    except (OSError, OverflowError) as error:
        raise ValueError("no time") from error


def _lasted(row: Row) -> timedelta:
    lasted = timedelta(seconds=_whole(row["durationInSeconds"]))
    if not timedelta() < lasted <= _LONGEST:
        raise ValueError("a summary of no length, or of days")
    return lasted


def _whole(value: Any) -> int:
    """Seconds. What is written with an exponent may have more digits than anybody can wait for: ValueError."""
    number = Decimal(value)
    if not number.is_finite() or number.adjusted() > _DIGITS:
        raise ValueError("no number of any measurement")
    return int(number)


def _known(value: Any) -> Decimal:
    number = _number(value)
    if number is None:
        raise ValueError("no number")
    return number


def _number(value: Any) -> Decimal | None:
    """None for what was not measured: nothing, zero, or a mark below it. Raises TypeError for what is no number."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError("no number")
    number = Decimal(str(value))
    if number.is_finite() and number.adjusted() > _DIGITS:
        raise ValueError("no number of any measurement")
    return number if number.is_finite() and number > 0 else None


READS: Final[Mapping[str, maker.Read]] = {
    "dailies": dailies,
    "epochs": epochs,
    "sleeps": nights,
    "bodyComps": weights,
    "bloodPressures": pressures,
    "pulseox": series("pulseox", "timeOffsetSpo2Values", "oxygen-saturation"),
    "allDayRespiration": series("allDayRespiration", "timeOffsetEpochToBreaths", "respiratory-rate"),
    "activities": activities,
}
