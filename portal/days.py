"""A day as her devices saw it: each measure once, and in words how it was made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from django.utils import formats
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from records import reading
from records.query import Query
from sync.sources.wearables import metrics, overlaps, retelling
from sync.sources.wearables.metrics import Metric, Shape
from sync.sources.wearables.overlaps import Made, Share, Span
from sync.sources.wearables.readings import Stream, Total

NAMES: Final[Mapping[str, str | Promise]] = {
    "steps": gettext_lazy("Steps"),
    "distance": gettext_lazy("Distance walked"),
    "energy": gettext_lazy("Energy burned"),
    "floors": gettext_lazy("Floors climbed"),
    "exercise": gettext_lazy("Exercise"),
    "heart-rate": gettext_lazy("Heart rate"),
    "resting-heart-rate": gettext_lazy("Heart rate at rest"),
    "heart-rate-variability": gettext_lazy("Heart rate variability"),
    "respiratory-rate": gettext_lazy("Breathing rate"),
    "oxygen-saturation": gettext_lazy("Oxygen in the blood"),
    "body-temperature": gettext_lazy("Body temperature"),
    "glucose-sensor": gettext_lazy("Glucose by sensor"),
    "sleep": gettext_lazy("Sleep"),
}
_UNITS: Final[Mapping[str, str | Promise]] = {
    "steps": gettext_lazy("steps"),
    "floors": gettext_lazy("floors"),
    "beats/minute": gettext_lazy("beats per minute"),
    "breaths/minute": gettext_lazy("breaths per minute"),
    "min": gettext_lazy("minutes"),
}
HOUR: Final = 60
_SPANS_SHOWN: Final = 40
_ACTIVITY: Final = "activity"


@dataclass(frozen=True)
class Stretch:
    """For how long which device counted, and how much."""

    times: str
    device: str
    amount: str


@dataclass(frozen=True)
class Measure:
    """One measure of the day. ``how``: sentences on how it was made; ``more``: stretches that are not shown;
    ``others``: (id, name) of the devices that could be asked first instead."""

    metric: str
    name: str
    value: str
    about: str
    how: tuple[str, ...]
    stretches: tuple[Stretch, ...]
    more: int
    others: tuple[tuple[str, str], ...]


def newest(records: reading.RecordSet) -> date | None:
    """The newest day that a device tells of."""
    found = records.search(Query.of("Observation").where("category", _ACTIVITY).page(1)).entries
    told = [each.resource for each in found]
    when = [each.get("effectiveDateTime") or each.get("effectivePeriod", {}).get("start") for each in told]
    return next((date.fromisoformat(each[:10]) for each in when if isinstance(each, str) and len(each) >= 10), None)


def near(records: reading.RecordSet, day: date) -> list[reading.Stored]:
    """What may be of this local day, wherever on earth it was lived: devices' Observations, and then the Devices."""
    before, after = (day + timedelta(days=days) for days in (-1, 1))
    codes = [f"{metrics.LOINC}|{code}" for code in metrics.BY_CODE]
    measured = Query.of("Observation").where("code", *codes)
    within = measured.where("date", f"ge{before.isoformat()}").where("date", f"le{after.isoformat()}")
    return [*records.every(within), *records.every(Query.of("Device"))]


def told(entries: Iterable[reading.Stored], day: date, orders: Mapping[str, Sequence[str]]) -> list[Measure]:
    """The measures of a day, in the order of NAMES. ``orders``: of her devices, by metric."""
    resources = [each.resource for each in entries]
    devices = {each["id"]: retelling.device(each) for each in resources if each["resourceType"] == "Device"}
    said = [
        found
        for each in resources
        if each["resourceType"] == "Observation" and (found := retelling.reading(each, devices)) and found.day == day
    ]
    measures = []
    for name in NAMES:
        metric = metrics.METRICS[name]
        streams = [each for each in said if isinstance(each, Stream) and each.metric is metric]
        totals = [each for each in said if isinstance(each, Total) and each.metric is metric]
        if made := overlaps.made(streams, totals, chosen=orders.get(name, ())):
            measures.append(_measure(made))
    return measures


def knows(records: reading.RecordSet, metric: str, device: str) -> bool:
    """Whether there is such a metric, and such a device in her record."""
    return metric in NAMES and records.read("Device", device) is not None


def _measure(made: Made) -> Measure:
    level = made.metric.shape is Shape.LEVEL
    spans = [each for each in made.spans if each.amount]
    return Measure(
        metric=made.metric.name,
        name=str(NAMES[made.metric.name]),
        value=_amount(made.metric, made.value),
        about=_extremes(made) if level else "",
        how=tuple(_how(made)),
        stretches=tuple(_stretch(made.metric, each) for each in spans[:_SPANS_SHOWN]),
        more=max(len(spans) - _SPANS_SHOWN, 0),
        others=tuple((each.device.key, each.device.name) for each in made.shares[1:]),
    )


def _extremes(made: Made) -> str:
    if made.lowest is None or made.highest is None:
        return ""
    low, high = _number(made.metric, made.lowest), _number(made.metric, made.highest)
    return _("on average; between %(low)s and %(high)s") % {"low": low, "high": high}


def _how(made: Made) -> Iterable[str]:
    level = made.metric.shape is Shape.LEVEL
    for number, share in enumerate(made.shares):
        yield _level_share(made, share) if level else _amount_share(made, share, first=not number)
    streamed = {each.device.key for each in made.shares if not each.whole and each.samples > 1}
    for total in made.said_of_the_day:
        if total.device.key in streamed:
            names = {"device": total.device.name, "amount": _amount(made.metric, total.value)}
            yield _("%(device)s itself says %(amount)s for the whole day.") % names


def _amount_share(made: Made, share: Share, *, first: bool) -> str:
    names = {
        "device": share.device.name,
        "said": _amount(made.metric, share.said),
        "counted": _amount(made.metric, share.counted),
    }
    if share.whole:
        return _("%(device)s says %(said)s for the whole day, without times, so nothing is added to it.") % names
    if share.counted == share.said:
        return _("%(device)s counted %(said)s; all of it counts.") % names
    if first:
        return _("%(device)s counted %(said)s; %(counted)s of it counts.") % names
    return (
        _("%(device)s counted %(said)s; %(counted)s of it counts: the rest was counted at the same time already.")
        % names
    )


def _level_share(made: Made, share: Share) -> str:
    names = {"device": share.device.name, "used": share.used, "samples": share.samples}
    if share.whole or share.samples == 1:
        return _("%(device)s says it of the day.") % names
    if share.used == share.samples:
        return _("%(device)s measured %(samples)s times; each counts.") % names
    return (
        _("%(device)s measured %(samples)s times; %(used)s of them count. At the other times another device did, too.")
        % names
    )


def _stretch(metric: Metric, span: Span) -> Stretch:
    times = f"{span.start:%H:%M}\N{EN DASH}{span.end:%H:%M}"
    if metric.shape is Shape.LEVEL:
        return Stretch(times, span.device.name, _("%(count)s values") % {"count": span.amount})
    return Stretch(times, span.device.name, _amount(metric, span.amount))


def _amount(metric: Metric, value: Decimal) -> str:
    if metric.unit_said == "min" and value >= HOUR:
        hours, minutes = divmod(int(value.to_integral_value()), HOUR)
        return _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}
    return f"{_number(metric, value)} {_UNITS.get(metric.unit_said, metric.unit_said)}"


def _number(metric: Metric, value: Decimal) -> str:
    return formats.number_format(value.quantize(Decimal(1).scaleb(-metric.digits)), metric.digits, force_grouping=True)
