"""What several devices said of the same day, counted once, and how (DESIGN D12).

The person's order of devices decides. An amount of a device counts as far as none before it counted in that time (the
union of intervals; of an interval that is covered in part, the part that is not, as if it had come evenly). An interval
in which a device counted nothing covers nothing: a watch on its charger hides no step of the phone. A level counts
where no device before it has one within the metric's reach. A total of a whole day that has no times cannot be laid
beside intervals: it counts alone, and only where no device before it said anything.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from sync.sources.wearables import metrics, packing
from sync.sources.wearables.metrics import Metric, Shape
from sync.sources.wearables.readings import Device, DeviceKind, Sample, Stream, Total, elapsed, offset_of

# From the body outwards: what is worn knows of steps that a phone on the table does not.
_TRUSTED: Final = {kind: rank for rank, kind in enumerate(DeviceKind)}
_MAX_GAP: Final = timedelta(minutes=2)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the day for which one device counted. ``amount``: of an amount; of levels their number."""

    start: datetime
    end: datetime
    device: Device
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Share:
    """What became of one device's day: ``said`` in all, ``counted`` of it; ``whole``: it gave a day's total only."""

    device: Device
    said: Decimal
    counted: Decimal
    samples: int
    used: int
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A day's value and how it was made. ``value``: the amount, or the mean of the levels that count.

    ``shares`` stand in the order in which devices were asked, ``spans`` in that of the day. ``said_of_the_day`` are
    the totals that devices gave themselves, whether used or not.
    """

    metric: Metric
    day: date
    value: Decimal
    lowest: Decimal | None
    highest: Decimal | None
    shares: tuple[Share, ...]
    spans: tuple[Span, ...]
    said_of_the_day: tuple[Total, ...]


def in_order(devices: Iterable[Device], chosen: Sequence[str] = ()) -> list[Device]:
    """Devices as the person put them (by their keys); the others after them, worn ones first, then by name."""
    place = {key: number for number, key in enumerate(chosen)}
    found = {each.key: each for each in devices}.values()
    return sorted(found, key=lambda each: (place.get(each.key, len(place)), _TRUSTED[each.kind], each.name, each.key))


def made(streams: Iterable[Stream], totals: Iterable[Total] = (), *, chosen: Sequence[str] = ()) -> Made | None:
    """The day's value of one metric from what all devices say of it; None where none says anything.

    All streams and totals are of one metric and one local day.
    """
    by_device = _by_device(each for each in streams if each.samples)
    of_day = {each.device.key: each for each in totals}
    said: list[Stream | Total] = [*by_device.values(), *of_day.values()]
    if not said:
        return None
    metric, day = said[0].metric, said[0].day
    devices = in_order((each.device for each in said), chosen)
    shares: list[Share] = []
    pieces: list[tuple[Sample, Device]] = []
    covered = Covered(metric.reach if metric.shape is Shape.LEVEL else timedelta())
    for device in devices:
        if device.key in by_device:
            share, used = _share(by_device[device.key], covered, closed=any(each.whole for each in shares))
        else:
            share, used = _whole(of_day[device.key], alone=not pieces and not shares), []
        shares.append(share)
        pieces += [(each, device) for each in used]
    value, lowest, highest = _value(metric, shares, pieces, of_day)
    return Made(
        metric, day, value, lowest, highest, tuple(shares), tuple(_spans(metric, pieces)), tuple(of_day.values())
    )


def _by_device(streams: Iterable[Stream]) -> dict[str, Stream]:
    """A device may tell of its day in several streams (each sleep is one)."""
    found: dict[str, Stream] = {}
    for each in streams:
        before = found.get(each.device.key)
        found[each.device.key] = packing.merge(before, each.samples) if before else each
    return found


class Covered:
    """The time that devices have counted already: disjoint spans in order.

    ``reach``: levels stand for a time around them; then ``spans`` are instants.
    """

    def __init__(self, reach: timedelta) -> None:
        self._reach = reach
        self._starts: list[datetime] = []
        self._ends: list[datetime] = []

    def add(self, samples: Sequence[Sample]) -> None:
        """Samples of one device, which do not overlap each other."""
        spans = sorted(
            [
                *zip(self._starts, self._ends, strict=True),
                *((each.start.astimezone(UTC), each.end.astimezone(UTC)) for each in samples),
            ]
        )
        self._starts, self._ends = [], []
        for start, end in spans:
            if self._ends and start <= self._ends[-1] and not self._reach:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def has_level_near(self, at: datetime) -> bool:
        here = at.astimezone(UTC)
        place = bisect_left(self._starts, here)
        near = self._starts[max(place - 1, 0) : place + 1]
        return any(abs(each - here) <= self._reach for each in near)

    def free(self, sample: Sample) -> Iterator[tuple[datetime, datetime]]:
        """The parts of an interval that are not covered."""
        at, end = sample.start.astimezone(UTC), sample.end.astimezone(UTC)
        place = bisect_left(self._ends, at)
        while at < end and place < len(self._starts) and self._starts[place] < end:
            if self._starts[place] > at:
                yield at, self._starts[place]
            at = max(at, self._ends[place])
            place += 1
        if at < end:
            yield at, end


def _share(stream: Stream, covered: Covered, *, closed: bool) -> tuple[Share, list[Sample]]:
    """``closed``: a day's total counts already, and nothing may be added to that."""
    samples = stream.samples
    if stream.metric.shape is Shape.LEVEL:
        used = [] if closed else [each for each in samples if not covered.has_level_near(each.start)]
        covered.add(used)
        mean = sum((each.value for each in samples), Decimal()) / len(samples)
        rounded = rounded_to(stream.metric, Fraction(mean))
        return Share(stream.device, rounded, Decimal(len(used)), len(samples), len(used)), used
    used = [] if closed else [part for each in samples if each.value > 0 for part in _parts(each, covered)]
    covered.add([each for each in samples if each.value > 0])
    said = sum((each.value for each in samples), Decimal())
    # Parts are kept exactly by their length and rounded once, at the end.
    counted = rounded_to(stream.metric, sum((Fraction(each.value) for each in used), Fraction()))
    touched = len({each.start for each in used})
    return Share(stream.device, said, counted, len(samples), touched), used


def _parts(sample: Sample, covered: Covered) -> Iterator[Sample]:
    zone, whole = offset_of(sample.start), elapsed(sample.start, sample.end)
    for start, end in covered.free(sample):
        part = Fraction((end - start) // _MICROSECOND, whole // _MICROSECOND)
        value = sample.value if part == 1 else _decimal(Fraction(sample.value) * part)
        yield Sample(start.astimezone(zone), end.astimezone(zone), value)


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def rounded_to(metric: Metric, value: Fraction) -> Decimal:
    return metrics.plain(_decimal(value).quantize(Decimal(1).scaleb(-metric.digits)))


def _whole(total: Total, *, alone: bool) -> Share:
    counted = total.value if alone else Decimal()
    return Share(total.device, total.value, counted, 1, int(alone), whole=alone)


def _value(
    metric: Metric, shares: Sequence[Share], pieces: Sequence[tuple[Sample, Device]], of_day: dict[str, Total]
) -> tuple[Decimal, Decimal | None, Decimal | None]:
    whole = next((each for each in shares if each.whole), None)
    if whole is not None:
        total = of_day[whole.device.key]
        return total.value, total.lowest, total.highest
    values = [each.value for each, _ in pieces]
    total_value = sum((Fraction(each) for each in values), Fraction())
    if metric.shape is Shape.AMOUNT:
        return rounded_to(metric, total_value), None, None
    return rounded_to(metric, total_value / len(values)), min(values), max(values)


def _spans(metric: Metric, pieces: Sequence[tuple[Sample, Device]]) -> Iterator[Span]:
    """Neighbouring pieces of one device as one stretch; a short silence does not end it."""
    gap = metric.reach if metric.shape is Shape.LEVEL else _MAX_GAP
    stretches: list[list[tuple[Sample, Device]]] = []
    for piece in sorted(pieces, key=lambda each: each[0].start):
        last = stretches[-1][-1] if stretches else None
        if last is not None and last[1] == piece[1] and elapsed(last[0].end, piece[0].start) <= gap:
            stretches[-1].append(piece)
        else:
            stretches.append([piece])
    for each in stretches:
        amount = len(each) if metric.shape is Shape.LEVEL else sum((Fraction(one.value) for one, _ in each), Fraction())
        yield Span(each[0][0].start, each[-1][0].end, each[0][1], rounded_to(metric, Fraction(amount)))
