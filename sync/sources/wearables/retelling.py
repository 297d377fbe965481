"""Stored Observations and Devices as readings again: what sync.sources.wearables.observations made of them, or an app
that writes in the same codes. What is no such reading is None."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sync.sources.wearables import metrics, observations, packing
from sync.sources.wearables.metrics import METRICS, Metric
from sync.sources.wearables.readings import Device, DeviceKind, Sample, Stream, Total

_STATISTICS: Final = {"average": "value", "minimum": "lowest", "maximum": "highest"}


def device(resource: Mapping[str, Any]) -> Device:
    """By its id in the record, which is one device's alone, whatever source it is from."""
    named = [each.get("name") for each in resource.get("deviceName", []) if isinstance(each, dict)]
    codings = resource.get("type", {}).get("coding", [])
    said = [each.get("code") for each in codings if each.get("system") == observations.SYSTEM]
    kind = DeviceKind(said[0]) if said and said[0] in set(DeviceKind) else DeviceKind.UNKNOWN
    maker = str(resource.get("manufacturer") or "")
    return Device(str(resource["id"]), str(named[0] if named else maker), kind, maker)


def reading(resource: Mapping[str, Any], devices: Mapping[str, Device]) -> Stream | Total | None:
    """A day's stream, or what a device itself says of a day; a night as a stream of one sample. A summary that was made
    from a stream is none of these."""
    metric, measured_by = _metric(resource), _device(resource, devices)
    if metric is None or measured_by is None or resource.get("status") == "entered-in-error":
        return None
    if "valueSampledData" in resource:
        try:
            samples = packing.unpack(dict(resource), metric)
        except packing.NotPacked:
            return None
        return Stream(metric, measured_by, _day(resource["effectivePeriod"]["start"]), samples) if samples else None
    if metric is METRICS["sleep"] and "effectivePeriod" in resource:
        return _sleep(resource, metric, measured_by)
    when = resource.get("effectiveDateTime")
    if "derivedFrom" in resource or not isinstance(when, str) or len(when) != len("2024-05-01"):
        return None
    return _total(resource, metric, measured_by, _day(when))


def _sleep(resource: Mapping[str, Any], metric: Metric, measured_by: Device) -> Stream | None:
    """The minutes asleep of one night, or nap, as an amount of its time; of the day on which it ended."""
    minutes, period = _quantity(resource, metric), resource["effectivePeriod"]
    if minutes is None or not {"start", "end"} <= period.keys():
        return None
    start, end = (datetime.fromisoformat(period[name]) for name in ("start", "end"))
    return Stream(metric, measured_by, end.date(), (Sample(start, end, minutes),))


def _total(resource: Mapping[str, Any], metric: Metric, measured_by: Device, day: date) -> Total | None:
    told: dict[str, Decimal] = {}
    if (value := _quantity(resource, metric)) is not None:
        told["value"] = value
    for part in resource.get("component", []):
        codes = {each.get("code") for each in part["code"]["coding"]}
        for code, name in _STATISTICS.items():
            if code in codes and (value := _quantity(part, metric)) is not None:
                told[name] = value
    if "value" not in told:
        return None
    return Total(metric, measured_by, day, told["value"], told.get("lowest"), told.get("highest"))


def _quantity(node: Mapping[str, Any], metric: Metric) -> Decimal | None:
    quantity = node.get("valueQuantity", {})
    value = quantity.get("value")
    fits = quantity.get("code") == metric.unit and isinstance(value, int | Decimal)
    return Decimal(value) if fits else None


def _metric(resource: Mapping[str, Any]) -> Metric | None:
    codings = resource.get("code", {}).get("coding", [])
    found = ((metrics.BY_CODE.get(each.get("code")), each.get("system")) for each in codings)
    return next((metric for metric, system in found if metric and system in {metric.system, metrics.LOINC}), None)


def _device(resource: Mapping[str, Any], devices: Mapping[str, Device]) -> Device | None:
    return devices.get(str(resource.get("device", {}).get("reference", "")).removeprefix("Device/"))


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])
