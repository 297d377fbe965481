"""The readings of a time, gathered from what a reader may read and from nothing else, in a fixed number of queries.

Of each measure at most ``MOST`` of her devices and ``MOST`` of everybody else are read, the newest; a page says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta, tzinfo
from typing import Any, Final

from records import reading, sources
from records.models import SourceKind
from records.query import COUNT_MAX, Query
from records.trends import anomalies, measures, places, pressure, quantities
from records.trends.anomalies import Anomaly
from records.trends.measures import Measure, Value
from records.trends.places import Kind
from records.trends.pressure import Compared, Read, Told

MOST: Final = COUNT_MAX
_KINDS: Final = {
    SourceKind.WEARABLE: Kind.HOME,
    SourceKind.APP: Kind.HOME,
    SourceKind.SELF: Kind.HOME,
    SourceKind.EHR: Kind.CLINIC,
}


@dataclass(frozen=True, slots=True)
class Period:
    """Days of her clock, both included."""

    first: date
    last: date

    @classmethod
    def back(cls, days: int, *, until: date) -> Period:
        return cls(until - timedelta(days=days - 1), until)

    @property
    def length(self) -> timedelta:
        return self.last - self.first

    def holds(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Gathered:
    """``seen``: the records a page shows of, for the access log. ``since``: where there was more than could be read,
    the day from which on her devices' readings were; None where all of the time was."""

    told: tuple[Told, ...]
    seen: tuple[reading.Stored, ...]
    period: Period
    since: date | None


@dataclass(frozen=True, slots=True)
class Pressures:
    read: Read
    compared: Compared
    anomalies: tuple[Anomaly, ...]
    gathered: Gathered


@dataclass(frozen=True, slots=True)
class Trend:
    measure: Measure
    values: tuple[Value, ...]
    anomalies: tuple[Anomaly, ...]
    gathered: Gathered
    months: tuple[measures.Month, ...] = field(default=())


def pressures(records: reading.RecordSet, period: Period, *, zone: tzinfo) -> Pressures:
    """Both sides of her blood pressure. Five queries at most."""
    gathered = gather(records, pressure.CODES, period, zone=zone)
    found = pressure.read(gathered.told, zone=zone)
    return Pressures(found, pressure.compare(found.readings), tuple(anomalies.of_pressure(found.readings)), gathered)


def trend(records: reading.RecordSet, measure: Measure, period: Period, *, zone: tzinfo) -> Trend:
    gathered = gather(records, measure.codes, period, zone=zone)
    values = measures.read(gathered.told, measure, zone=zone)
    odd = {"glucose": anomalies.of_glucose, "weight": anomalies.of_weight}.get(measure.name)
    return Trend(measure, tuple(values), tuple(odd(values) if odd else ()), gathered, tuple(measures.by_month(values)))


def gather(records: reading.RecordSet, codes: Iterable[str], period: Period, *, zone: tzinfo) -> Gathered:
    """The Observations with one of these LOINC codes, each with its place."""
    query = (
        Query.of("Observation")
        .where("code", *(f"{quantities.LOINC}|{code}" for code in codes))
        # A day of hers may lie in the UTC day before or after.
        .where("date", f"ge{(period.first - timedelta(days=1)).isoformat()}")
        .where("date", f"le{(period.last + timedelta(days=1)).isoformat()}")
    )
    every, others = records.search(query.page(MOST)), None
    if every.next:
        # Devices measure so often that nobody else would be left among the newest.
        others = records.search(query.apart_from_devices().page(MOST))
    found = {each.logical_id: each for each in (*every.entries, *(others.entries if others else ()))}
    oldest = quantities.moment(every.entries[-1].resource, zone) if every.next else None
    dated = [(stored, stored.resource) for stored in found.values()]
    within = [each for each in dated if _is_within(each[1], period, zone)]
    seen = tuple(stored for stored, _ in within)
    return Gathered(_told(records, within), seen, period, oldest.day if oldest else None)


def _told(records: reading.RecordSet, found: list[tuple[reading.Stored, dict[str, Any]]]) -> tuple[Told, ...]:
    kinds = _kinds({stored.source_id for stored, _ in found})
    devices = _devices(records, (resource for _, resource in found))
    told = []
    for stored, resource in found:
        where = places.of(resource, kind=kinds.get(stored.source_id, Kind.OTHER), devices=devices)
        told.append((resource, stored.source_id, where.place, where.sign))
    return tuple(told)


def _is_within(resource: dict[str, Any], period: Period, zone: tzinfo) -> bool:
    when = quantities.moment(resource, zone)
    return when is not None and period.holds(when.day)


def _kinds(ids: Iterable[int]) -> dict[int, Kind]:
    return {
        source: Kind.HOME if url == sources.PHONE_URL else _KINDS.get(SourceKind(kind), Kind.OTHER)
        for source, (kind, url) in sources.kinds(ids).items()
    }


def _devices(records: reading.RecordSet, resources: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    named = {
        reference.removeprefix("Device/")
        for resource in resources
        if isinstance(device := resource.get("device"), dict)
        and isinstance(reference := device.get("reference"), str)
        and reference.startswith("Device/")
    }
    if not named:
        return {}
    found = records.search(Query.of("Device").where("_id", *sorted(named)[:MOST]).page(MOST)).entries
    return {f"Device/{each.logical_id}": each.resource for each in found}
