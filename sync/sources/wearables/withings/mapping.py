"""Withings: measures, activity, and sleep, as its public API has them. Pure.

A measure is ``value × 10^unit``; a time is epoch seconds with the name of a zone beside it or, for a group of measures,
of the whole answer. ``attrib`` tells how sure it is that it is hers, ``category`` 2 is a goal and no measurement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from sync.sources.wearables import maker, packing
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
    Total,
    offset_of,
)

MAKER: Final = "Withings"
# Type of a measure -> (metric, its unit there).
MEASURES: Final[Mapping[int, str]] = {
    1: "weight",
    4: "height",
    5: "lean-mass",
    6: "body-fat",
    11: "heart-rate",
    54: "oxygen-saturation",
    12: "body-temperature",
    71: "body-temperature",
}
_DIASTOLIC, _SYSTOLIC, _HEIGHT = 9, 10, 4
_GOAL: Final = 2
_SLEEP_SENSOR: Final = 32
_BY_HAND: Final = frozenset({2, 4})
_SOMEBODYS: Final = frozenset({1})  # on a scale that several people use, and not told apart
_KINDS: Final = (
    ("BPM", DeviceKind.CUFF),
    ("Body", DeviceKind.SCALE),
    ("Scale", DeviceKind.SCALE),
    ("Sleep", DeviceKind.BED),
    ("Aura", DeviceKind.BED),
    ("Scan", DeviceKind.WATCH),
    ("Steel", DeviceKind.WATCH),
    ("Activit", DeviceKind.WATCH),
    ("Move", DeviceKind.WATCH),
    ("Pulse", DeviceKind.BAND),
)
_STAGES: Final = {0: Stage.AWAKE, 1: Stage.LIGHT, 2: Stage.DEEP, 3: Stage.REM}
_LASTED: Final = {
    "lightsleepduration": Stage.LIGHT,
    "deepsleepduration": Stage.DEEP,
    "remsleepduration": Stage.REM,
    "wakeupduration": Stage.AWAKE,
}
_DAILY: Final = {"steps": "steps", "distance": "distance", "calories": "energy"}
_BEATS, _STEPS = METRICS["heart-rate"], METRICS["steps"]


def measures(answers: Sequence[Answer], about: About) -> Found:
    """``measure?action=getmeas``."""
    zoned = [(group, _zone(answer.get("timezone"))) for answer in answers for group in answer.get("measuregrps") or []]
    return maker.gather(zoned, lambda each: _group(*each))


def _group(group: Mapping[str, Any], zone: tzinfo) -> list[Reading] | None:
    if group["category"] == _GOAL or group["attrib"] in _SOMEBODYS:
        return None
    at = _at(group["date"], zone)
    device, by_hand = _device(group), group["attrib"] in _BY_HAND
    said = {each["type"]: _decimal(each) for each in group["measures"]}
    key = str(group["grpid"])
    found: list[Reading] = []
    if _SYSTOLIC in said and _DIASTOLIC in said:
        parts = ((METRICS["systolic"], said[_SYSTOLIC]), (METRICS["diastolic"], said[_DIASTOLIC]))
        found.append(Spot(None, at, device, key, parts=parts, by_hand=by_hand))
    for kind, value in said.items():
        if kind in MEASURES:
            whole = value * 100 if kind == _HEIGHT else value  # metres there
            found.append(Spot(METRICS[MEASURES[kind]], at, device, key, whole, by_hand=by_hand))
    return found or None


def activities(answers: Sequence[Answer], about: About) -> Found:
    """``v2/measure?action=getactivity``: one row a day and tracker."""

    def day(row: Mapping[str, Any]) -> list[Reading]:
        on, device = date.fromisoformat(row["date"]), _tracker(row)
        found: list[Reading] = [
            Total(METRICS[metric], device, on, _number(row[name]))
            for name, metric in _DAILY.items()
            if row.get(name) is not None
        ]
        exercised = [row[name] for name in ("moderate", "intense") if row.get(name) is not None]
        if exercised:
            found.append(Total(METRICS["exercise"], device, on, Decimal(sum(exercised) // 60)))
        return found

    return maker.gather(maker.rows(answers, "activities"), day)


def intraday(answers: Sequence[Answer], about: About) -> Found:
    """``v2/measure?action=getintradayactivity``: by the second at which something was measured."""
    pulses: dict[Device, list[Sample]] = {}
    walks: dict[Device, list[Sample]] = {}
    found = Found()

    def moment(row: tuple[str, Mapping[str, Any]]) -> list[Reading]:
        at, said = _at(int(row[0]), about.zone), row[1]
        device = _tracker(said)
        if said.get("heart_rate") is not None:
            pulses.setdefault(device, []).append(Sample.at(at, _number(said["heart_rate"])))
        if said.get("steps") is not None:
            end = at + timedelta(seconds=int(said.get("duration") or 60))
            walks.setdefault(device, []).append(Sample(at, end, _number(said["steps"])))
        return []

    series = [row for answer in answers for row in (answer.get("series") or {}).items()]
    found.unusable = maker.gather(series, moment).unusable
    for metric, by_device in ((_BEATS, pulses), (_STEPS, walks)):
        for device, samples in by_device.items():
            found.readings += packing.by_day(metric, device, samples).streams
    return found


def nights(answers: Sequence[Answer], about: About) -> Found:
    """``v2/sleep?action=getsummary``: one row a night; and ``action=get``: a row for each stage of any of them."""
    told = list(maker.rows(answers, "series"))
    spans = sorted(filter(_is_stage, filter(_is_part, told)), key=lambda each: int(each["startdate"]))

    def night(row: Mapping[str, Any]) -> list[Reading]:
        zone, said = _zone(row.get("timezone")), row["data"]
        start, end = _at(row["startdate"], zone), _at(row["enddate"], zone)
        lasted = {stage: timedelta(seconds=said[name]) for name, stage in _LASTED.items() if name in said}
        key, stages = str(row.get("id") or row["startdate"]), tuple(_stages(row, spans, zone))
        return [Night(start, end, _sleeper(row), key, stages, lasted)]

    return maker.gather((each for each in told if not _is_part(each)), night)


def _is_part(row: Any) -> bool:
    """A part of a night, and no night."""
    return isinstance(row, Mapping) and "state" in row and "data" not in row


def _is_stage(row: Mapping[str, Any]) -> bool:
    """One that we have a word for, and that says when it was."""
    return row["state"] in _STAGES and all(isinstance(row.get(name), int) for name in ("startdate", "enddate"))


def _stages(
    night: Mapping[str, Any], spans: Sequence[Mapping[str, Any]], zone: tzinfo
) -> Iterator[tuple[datetime, datetime, Stage]]:
    """Those of the same device that lie in the night, no time twice; they may have been told by two answers."""
    reached = int(night["startdate"])
    for span in spans:
        first, last = max(int(span["startdate"]), reached), min(int(span["enddate"]), int(night["enddate"]))
        if first < last and _may_be_of(night, span):
            yield _at(first, zone), _at(last, zone), _STAGES[span["state"]]
            reached = last


def _may_be_of(night: Mapping[str, Any], span: Mapping[str, Any]) -> bool:
    """Whether one device told both; one that is not named may be any."""
    return len({each.get("hash_deviceid") for each in (night, span)} - {None}) < 2


def read_zone(answer: Answer) -> About:
    """The zone of the account, as any answer to ``getmeas`` says it."""
    return About(_zone(answer.get("timezone")))


def _device(group: Mapping[str, Any]) -> Device:
    """What has no device came from the app: she typed it in, or it took it from elsewhere."""
    key, model = group.get("deviceid") or group.get("hash_deviceid"), group.get("model") or ""
    if not key:
        return Device("app", "Withings app", DeviceKind.PHONE, MAKER)
    return Device(str(key), model or MAKER, _kind(model), MAKER, model)


def _tracker(row: Mapping[str, Any]) -> Device:
    model = row.get("model") or ""
    key = row.get("hash_deviceid") or row.get("deviceid")
    if not key:
        return Device("tracker", "Withings activity", DeviceKind.UNKNOWN, MAKER)
    return Device(str(key), model or MAKER, _kind(model), MAKER, model)


def _sleeper(row: Mapping[str, Any]) -> Device:
    """A night names its device by a number alone: it stands beside the device that the same one is elsewhere."""
    kind = DeviceKind.BED if row.get("model") == _SLEEP_SENSOR else DeviceKind.UNKNOWN
    key = row.get("hash_deviceid")
    return Device(f"sleep-{key}" if key else "sleep", "Withings sleep", kind, MAKER)


def _kind(model: str) -> DeviceKind:
    return next((kind for begins, kind in _KINDS if begins in model), DeviceKind.UNKNOWN)


def _zone(name: object) -> tzinfo:
    """UTC where it says none. Raises ValueError (ZoneInfoNotFoundError is a KeyError) for one that does not exist."""
    return ZoneInfo(name) if isinstance(name, str) and name else UTC


def _at(seconds: int, zone: tzinfo) -> datetime:
    at = datetime.fromtimestamp(int(seconds), zone)
    return at.astimezone(offset_of(at))


def _decimal(measure: Mapping[str, int]) -> Decimal:
    """Exactly: 11400 × 10^-2 is 114."""
    value = Decimal(measure["value"]).scaleb(measure["unit"])
    return Decimal(format(value.normalize(), "f"))


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError("no number")
    return Decimal(str(value))
