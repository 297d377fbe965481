"""Readings as FHIR R4: Observations with LOINC and UCUM, the Device of each, and a Provenance that names both.

Ids and references are the source's own, as everything is before it becomes one person's (``patient`` is the id of her
Patient there). The same reading always has the same id, so that what is fetched again changes nothing. What LOINC has
no code for has one of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import gcd
from typing import Any, Final

from standards.fhir.ips import document
from sync.sources.upload.readings import made_id
from sync.sources.wearables import metrics, overlaps, packing, readings
from sync.sources.wearables.metrics import METRICS, Category, Metric, Shape
from sync.sources.wearables.readings import (
    Device,
    DeviceKind,
    Event,
    Night,
    Reading,
    Spot,
    Stage,
    Stream,
    Total,
    Workout,
)

SYSTEM: Final = "urn:tributary:wearables"
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_STATISTIC: Final = "http://terminology.hl7.org/CodeSystem/observation-statistics"
_ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_PARTICIPANT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_STAGES: Final[Mapping[Stage, tuple[str, str]]] = {
    Stage.LIGHT: ("93830-8", "Light sleep duration"),
    Stage.DEEP: ("93831-6", "Deep sleep duration"),
    Stage.REM: ("93829-0", "REM sleep duration"),
    Stage.AWAKE: ("93828-2", "Nighttime awakening duration"),
}
STAGE_NUMBERS: Final[Mapping[Stage, int]] = {
    Stage.AWAKE: 0,
    Stage.LIGHT: 1,
    Stage.DEEP: 2,
    Stage.REM: 3,
    Stage.ASLEEP: 4,
}
# Which says to everybody that it only measures: no implant, and nothing that an emergency has to know of.
_READER: Final = {
    "system": document.MDC,
    "code": document.PERSONAL_HEALTH_DEVICE[0],
    "display": document.PERSONAL_HEALTH_DEVICE[1],
}
_STAGES_SAID: Final = "Sleep stages: 0 awake, 1 light, 2 deep, 3 REM, 4 asleep"
_KINDS: Final[Mapping[DeviceKind, str]] = {
    DeviceKind.STRAP: "Chest strap",
    DeviceKind.WATCH: "Watch",
    DeviceKind.RING: "Ring",
    DeviceKind.BAND: "Activity tracker",
    DeviceKind.SENSOR: "Body-worn sensor",
    DeviceKind.SCALE: "Scale",
    DeviceKind.CUFF: "Blood pressure monitor",
    DeviceKind.BED: "Sleep sensor",
    DeviceKind.PHONE: "Phone",
    DeviceKind.UNKNOWN: "Device",
}
Resource = dict[str, Any]


def compose(found: Sequence[Reading], *, patient: str, assembler: str, part: str = "") -> list[Resource]:
    """All of it in FHIR: each Device once, the Observations, and for each device and local day one Provenance.

    ``assembler``: who handed the readings on (the vendor, the app), by name. ``part``: what of a day these are, where
    the rest of the day is composed at other times.
    """
    observations: dict[str, Resource] = {}
    days: dict[tuple[Device, date], list[Resource]] = {}
    said = {(each.metric.name, each.device.key, each.day) for each in found if isinstance(each, Total)}
    for reading in found:
        for each in _observations(reading, patient, said):
            _mark(each, reading)
            # Of the same reading said twice the last word stands.
            if each["id"] not in observations:
                days.setdefault((reading.device, readings.day_of(reading)), []).append(each)
            observations[each["id"]] = each
    devices = {each.key: each for each, _ in days}
    provenances = [
        _provenance(device, day, [observations[each["id"]] for each in listed], assembler, part)
        for (device, day), listed in days.items()
    ]
    return [*(device(each, patient) for each in devices.values()), *observations.values(), *provenances]


def device(one: Device, patient: str) -> Resource:
    """R4 device.html: hers, active, by the name she knows it by."""
    resource: Resource = {
        "resourceType": "Device",
        "id": device_id(one),
        "identifier": [{"system": SYSTEM, "value": one.key}],
        "status": "active",
        "manufacturer": one.maker,
        "deviceName": [{"name": one.name, "type": "user-friendly-name"}],
        "modelNumber": one.model,
        "type": {"coding": [{"system": SYSTEM, "code": one.kind.value, "display": _KINDS[one.kind]}, _READER]},
        "patient": {"reference": f"Patient/{patient}"},
    }
    return {name: value for name, value in resource.items() if value}


def device_id(one: Device) -> str:
    return made_id("device", one.key)


def _observations(reading: Reading, patient: str, said: set[tuple[str, str, date]]) -> list[Resource]:
    match reading:
        case Spot():
            return [_observation(reading.device, patient, **_spot(reading))]
        case Stream():
            packed = _observation(reading.device, patient, **_stream(reading))
            if (reading.metric.name, reading.device.key, reading.day) in said:
                return [packed]  # the device's own word for the day stands beside it
            made = made_id("summary", reading.metric.name, reading.device.key, reading.day.isoformat())
            source = [{"reference": f"Observation/{packed['id']}"}]
            summary = _total(summarized(reading)) | {"id": made, "derivedFrom": source}
            return [packed, _observation(reading.device, patient, **summary)]
        case Total():
            return [_observation(reading.device, patient, **_total(reading))]
        case Night():
            return [_observation(reading.device, patient, **_night(reading))]
        case Workout():
            return [_observation(reading.device, patient, **_workout(reading))]
        case Event():
            return [_observation(reading.device, patient, **_event(reading))]


def _mark(observation: Resource, reading: Reading) -> None:
    """The sensitivity that only its source's name tells."""
    policy = reading.sensitivity if isinstance(reading, Event) else ""
    if isinstance(reading, Spot | Stream | Total) and reading.metric is not None:
        policy = reading.metric.sensitivity
    if policy:
        observation["meta"] = {"security": [{"system": _ACT_CODE, "code": policy}]}


def _observation(one: Device, patient: str, *, category: Category, **rest: Any) -> Resource:
    return {
        "resourceType": "Observation",
        "id": rest.pop("id"),
        "status": "final",
        "category": [{"coding": [{"system": _CATEGORY, "code": category.value}]}],
        "subject": {"reference": f"Patient/{patient}"},
        **rest,
        "device": {"reference": f"Device/{device_id(one)}", "display": one.name},
    }


def _spot(spot: Spot) -> Resource:
    if spot.metric is None:
        code = {
            "coding": [
                {"system": metrics.LOINC, "code": metrics.BLOOD_PRESSURE[0], "display": metrics.BLOOD_PRESSURE[1]}
            ]
        }
        said: Resource = {"component": [{"code": coded(part), **_value(part, value)} for part, value in spot.parts]}
        category, name = Category.VITAL_SIGNS, "blood-pressure"
    else:
        code, category, name = coded(spot.metric), spot.metric.category, spot.metric.name
        said = _value(spot.metric, spot.value or Decimal())
    by_hand = {"method": {"text": "Entered by hand"}} if spot.by_hand else {}
    return {
        "id": made_id("spot", name, spot.device.key, spot.key),
        "category": category,
        "code": code,
        "effectiveDateTime": packing.instant(spot.at),
        **by_hand,
        **said,
    }


def _stream(stream: Stream) -> Resource:
    return {
        "id": made_id("stream", stream.metric.name, stream.device.key, stream.day.isoformat()),
        "category": stream.metric.category,
        "code": coded(stream.metric),
        **packing.pack(stream),
    }


def summarized(stream: Stream) -> Total:
    """A day by what one device's stream says of it: the sum, or mean, lowest and highest."""
    values = [each.value for each in stream.samples]
    total = sum((Fraction(each) for each in values), Fraction())
    if stream.metric.shape is Shape.AMOUNT:
        return Total(stream.metric, stream.device, stream.day, metrics.plain(sum(values, Decimal())))
    mean = overlaps.rounded_to(stream.metric, total / len(values))
    return Total(stream.metric, stream.device, stream.day, mean, min(values), max(values), len(values))


def _total(total: Total) -> Resource:
    """The day is a date, which is the whole local day however long it is."""
    metric = total.metric
    said: Resource = {
        "id": made_id("day", metric.name, total.device.key, total.day.isoformat()),
        "category": metric.category,
        "effectiveDateTime": total.day.isoformat(),
    }
    if metric.shape is Shape.AMOUNT:
        code = {"coding": [{"system": metrics.LOINC, "code": metric.day_code, "display": metric.day_display}]}
        return said | {"code": code if metric.day_code else coded(metric), **_value(metric, total.value)}
    parts = [
        _statistic(metric, "average", metric.day_code, total.value),
        _statistic(metric, "minimum", metric.lowest, total.lowest),
        _statistic(metric, "maximum", metric.highest, total.highest),
    ]
    if total.lowest is None and total.highest is None:
        return said | {"code": coded(metric), **_value(metric, total.value)}
    counted = {"code": _statistic_code("count", ""), "valueInteger": total.count}
    return said | {
        "code": coded(metric),
        "component": [each for each in parts if each] + ([counted] if total.count is not None else []),
    }


def _statistic(metric: Metric, code: str, loinc: str, value: Decimal | None) -> Resource | None:
    return None if value is None else {"code": _statistic_code(code, loinc), **_value(metric, value)}


def _statistic_code(code: str, loinc: str) -> Resource:
    own = [{"system": metrics.LOINC, "code": loinc}] if loinc else []
    return {"coding": [*own, {"system": _STATISTIC, "code": code, "display": code.capitalize()}]}


def _night(night: Night) -> Resource:
    durations = night.durations()
    asleep = sum((lasted for stage, lasted in durations.items() if stage is not Stage.AWAKE), timedelta())
    parts = [
        {
            "code": {"coding": [{"system": metrics.LOINC, "code": _STAGES[stage][0], "display": _STAGES[stage][1]}]},
            **_value(METRICS["sleep"], _minutes(durations[stage])),
        }
        for stage in _STAGES
        if stage in durations
    ]
    if night.stages:
        code = {"coding": [{"system": SYSTEM, "code": "sleep-stages", "display": "Sleep stages"}], "text": _STAGES_SAID}
        parts.append({"code": code, "valueSampledData": _stages(night)})
    return {
        "id": made_id("night", night.device.key, night.key),
        "category": Category.ACTIVITY,
        "code": coded(METRICS["sleep"]),
        "effectivePeriod": {"start": packing.instant(night.start), "end": packing.instant(night.end)},
        **_value(METRICS["sleep"], _minutes(asleep or readings.elapsed(night.start, night.end))),
        **({"component": parts} if parts else {}),
    }


def _stages(night: Night) -> Resource:
    """On a grid of seconds from the night's start, as coarse as the stages allow."""
    second = timedelta(seconds=1)
    spans = [
        (readings.elapsed(night.start, start) // second, readings.elapsed(night.start, end) // second, stage)
        for start, end, stage in night.stages
    ]
    step = gcd(*(at for start, end, _ in spans for at in (start, end))) or 1
    places = [packing.NONE] * (max(end for _, end, _ in spans) // step)
    for start, end, stage in spans:
        for place in range(max(start, 0) // step, end // step):
            places[place] = str(STAGE_NUMBERS[stage])
    return {"origin": {"value": 0}, "period": step * 1000, "dimensions": 1, "data": " ".join(places)}


def _workout(workout: Workout) -> Resource:
    lasted = METRICS["exercise"]
    amounts = [(metric, value) for metric, value in workout.amounts if metric is not lasted]
    given = next((value for metric, value in workout.amounts if metric is lasted), None)
    minutes = _minutes(readings.elapsed(workout.start, workout.end)) if given is None else given
    return {
        "id": made_id("workout", workout.device.key, workout.key),
        "category": Category.ACTIVITY,
        "code": {"coding": [{"system": metrics.LOINC, "code": "73985-4", "display": "Exercise activity"}]},
        "effectivePeriod": {"start": packing.instant(workout.start), "end": packing.instant(workout.end)},
        "valueCodeableConcept": {"text": workout.said},
        "component": [
            {"code": coded(lasted), **_value(lasted, minutes)},
            *({"code": coded(metric), **_value(metric, value)} for metric, value in amounts),
        ],
    }


def _event(event: Event) -> Resource:
    coding = {"system": event.system, "code": event.code, "display": event.display}
    said = {"coding": [{"system": event.system, "code": event.said}], "text": event.said_in_words}
    return {
        "id": made_id("event", event.code, event.device.key, event.key),
        "category": Category.ACTIVITY,
        "code": {"coding": [coding]},
        "effectivePeriod": {"start": packing.instant(event.start), "end": packing.instant(event.end)},
        **({"valueCodeableConcept": said} if event.said_in_words else {}),
    }


def _provenance(one: Device, day: date, told: Sequence[Resource], assembler: str, part: str) -> Resource:
    """Who measured and who handed it on. Recorded when the last of it was measured, so it stays the same when the same
    day is fetched again."""
    return {
        "resourceType": "Provenance",
        "id": made_id("provenance", one.key, day.isoformat(), part),
        "target": [{"reference": f"Observation/{each['id']}"} for each in told],
        "recorded": max(_ended(each, day) for each in told).isoformat(timespec="seconds"),
        "agent": [
            {
                "type": {"coding": [{"system": _PARTICIPANT, "code": "author"}]},
                "who": {"reference": f"Device/{device_id(one)}", "display": one.name},
            },
            {
                "type": {"coding": [{"system": _PARTICIPANT, "code": "assembler"}]},
                "who": {"display": assembler},
            },
        ],
    }


def _ended(observation: Resource, day: date) -> datetime:
    said = observation.get("effectivePeriod", {}).get("end") or observation.get("effectiveDateTime", "")
    at = datetime.fromisoformat(said) if "T" in said else datetime(day.year, day.month, day.day, tzinfo=UTC)
    return at.astimezone(UTC)


def coded(metric: Metric) -> Resource:
    return {"coding": [{"system": metric.system, "code": metric.code, "display": metric.display}]}


def _value(metric: Metric, value: Decimal) -> Resource:
    return {"valueQuantity": {"value": value, **packing.unit(metric)}}


def _minutes(lasted: timedelta) -> Decimal:
    return metrics.plain((Decimal(lasted // timedelta(seconds=1)) / 60).quantize(Decimal("0.1")))
