"""Blood pressure, glucose and weight over a time in words: for her own page, and for the clinician she lets in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Final

from django.utils import formats
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from portal import sources
from records import reading
from records.trends import anomalies, gathering, guidelines, measures, pressure
from records.trends.anomalies import Anomaly, Rule
from records.trends.gathering import Period, Pressures, Trend
from records.trends.guidelines import Pressure, Region
from records.trends.places import Place, Sign
from records.trends.pressure import Average, Home, Lack, Pattern, Reading, Verdict

Text = str | Promise
MONTHS: Final = (1, 3, 6, 12, 24)
USUAL: Final = 6
_DAYS: Final = {1: 31, 3: 92, 6: 183, 12: 366, 24: 731}
_SHOWN: Final = 30

PLACES: Final[Mapping[Place, Text]] = {
    Place.HOME: gettext_lazy("At home"),
    Place.CLINIC: gettext_lazy("In the clinic"),
    Place.UNTOLD: gettext_lazy("Not told where"),
}
SIGNS: Final[Mapping[Sign, Text]] = {
    Sign.BY_HERSELF: gettext_lazy("it says that the patient, or somebody for her, measured it"),
    Sign.BY_STAFF: gettext_lazy("it names a clinician or an organization that measured it"),
    Sign.AT_A_VISIT: gettext_lazy("it belongs to a visit"),
    Sign.CATEGORY: gettext_lazy("it was part of an examination or a procedure"),
    Sign.HER_DEVICE: gettext_lazy("the device is the patient's own"),
    Sign.FROM_HOME: gettext_lazy("it came from a maker of devices, an app or a phone"),
    Sign.FROM_A_CLINIC: gettext_lazy("it came from a hospital and says nothing else"),
    Sign.NOTHING: gettext_lazy("it came in a file or from a health plan and says nothing else"),
}
_REGIONS: Final[Mapping[Region, Text]] = {
    Region.EUROPE: gettext_lazy("Europe"),
    Region.UNITED_STATES: gettext_lazy("United States"),
}
_PATTERNS: Final[Mapping[Pattern, Text]] = {
    Pattern.BELOW: gettext_lazy("Below the threshold at home and in the clinic."),
    Pattern.SUSTAINED: gettext_lazy("At or above the threshold at home and in the clinic."),
    Pattern.WHITE_COAT: gettext_lazy(
        "White-coat pattern: at or above the threshold in the clinic, below it at home. Under treatment this is called "
        "a white-coat effect."
    ),
    Pattern.MASKED: gettext_lazy(
        "Masked pattern: below the threshold in the clinic, at or above it at home. Under treatment this is called "
        "masked uncontrolled hypertension."
    ),
}
_LACKS: Final[Mapping[Lack, Text]] = {
    Lack.READINGS: gettext_lazy("fewer than 12 home readings after the first day"),
    Lack.DAYS: gettext_lazy("home readings on fewer than 3 days after the first"),
    Lack.MORNINGS: gettext_lazy("no home reading in the morning (4 to 12)"),
    Lack.EVENINGS: gettext_lazy("no home reading in the evening (17 to 24)"),
    Lack.VISITS: gettext_lazy("clinic readings on fewer than 2 days"),
}
_RULES: Final[Mapping[Rule, tuple[Text, Text]]] = {
    Rule.PRESSURE_SEVERE: (
        gettext_lazy("Very high blood pressure"),
        gettext_lazy("A reading above 180 systolic or above 120 diastolic."),
    ),
    Rule.PRESSURE_LOW: (
        gettext_lazy("Low blood pressure"),
        gettext_lazy("A reading below 90 systolic or below 60 diastolic."),
    ),
    Rule.GLUCOSE_VERY_LOW: (gettext_lazy("Very low glucose"), gettext_lazy("A value below 54 mg/dL (3.0 mmol/L).")),
    Rule.GLUCOSE_VERY_HIGH: (
        gettext_lazy("Very high glucose"),
        gettext_lazy("A value above 250 mg/dL (13.9 mmol/L)."),
    ),
    Rule.WEIGHT_LOST: (
        gettext_lazy("Weight lost"),
        gettext_lazy("More than 5 percent less than the first weight of the six months before the last one."),
    ),
    Rule.WEIGHT_GAINED: (
        gettext_lazy("Weight gained quickly"),
        gettext_lazy("More than 2 kg more than the first weight of the three days before the last one."),
    ),
}
_MEASURES: Final[Mapping[str, Text]] = {
    "glucose": gettext_lazy("Glucose"),
    "a1c": gettext_lazy("Hemoglobin A1c"),
    "weight": gettext_lazy("Weight"),
}


@dataclass(frozen=True)
class Side:
    """``figure``: the mean with its unit, "" for none. ``about``: how many readings, of how many days, how fresh."""

    name: Text
    figure: str
    about: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """How the means stand to one guideline. ``says``: the pattern, or why none is told."""

    name: str
    home: str
    clinic: str
    says: str
    told: bool
    documents: tuple[str, ...]


@dataclass(frozen=True)
class MonthRow:
    month: str
    home: str
    clinic: str


@dataclass(frozen=True)
class ReadingRow:
    """``why``: by what its place was known. ``target``: type and id of the record."""

    when: str
    figure: str
    place: Text
    why: Text
    source: str
    target: tuple[str, str]


@dataclass(frozen=True)
class Odd:
    name: Text
    rule: Text
    says: str
    document: str
    target: tuple[str, str]


@dataclass(frozen=True)
class PressureShown:
    sides: tuple[Side, ...]
    judged: tuple[Judged, ...]
    notes: tuple[str, ...]
    months: tuple[MonthRow, ...]
    rows: tuple[ReadingRow, ...]
    left: int
    odd: tuple[Odd, ...]

    @property
    def any(self) -> bool:
        return bool(self.rows)


@dataclass(frozen=True)
class TrendMonth:
    month: str
    mean: str
    span: str
    count: int


@dataclass(frozen=True)
class TrendShown:
    name: Text
    latest: str
    about: tuple[str, ...]
    months: tuple[TrendMonth, ...]
    notes: tuple[str, ...]
    odd: tuple[Odd, ...]


@dataclass(frozen=True)
class Shown:
    """``choices``: (months, whether it is this one), to choose another time."""

    months: int
    period: str
    choices: tuple[tuple[int, bool], ...]
    pressure: PressureShown
    trends: tuple[TrendShown, ...]
    protocol: tuple[str, ...] = guidelines.PROTOCOL

    @property
    def odd(self) -> tuple[Odd, ...]:
        return (*self.pressure.odd, *(odd for each in self.trends for odd in each.odd))


def months_asked(text: str | None) -> int:
    """How many months an address asks for; the usual ones where it asks for nothing that is offered."""
    asked = int(text) if text and text.isascii() and text.isdigit() and len(text) < 4 else USUAL
    return asked if asked in MONTHS else USUAL


def shown(
    records: reading.RecordSet, months: int, *, zone: tzinfo, at: datetime
) -> tuple[Shown, tuple[reading.Stored, ...]]:
    """The page, and the records it tells of. The same number of queries however many there are."""
    period = Period.back(_DAYS[months], until=at.astimezone(zone).date())
    pressures = gathering.pressures(records, period, zone=zone)
    trends = [gathering.trend(records, measure, period, zone=zone) for measure in measures.MEASURES]
    seen = (*pressures.gathered.seen, *(stored for each in trends for stored in each.gathered.seen))
    called = sources.names(stored.source_id for stored in seen)
    page = Shown(
        months=months,
        period=_("%(start)s to %(end)s") % {"start": _day(period.first), "end": _day(period.last)},
        choices=tuple((each, each == months) for each in MONTHS),
        pressure=of_pressure(pressures, called),
        trends=tuple(of_trend(each, called) for each in trends if each.values),
    )
    return page, seen


def of_pressure(found: Pressures, called: Mapping[int, str]) -> PressureShown:
    readings, compared = found.read.readings, found.compared
    newest_first = sorted(readings, key=lambda each: (each.day, each.at.timestamp() if each.at else 0), reverse=True)
    return PressureShown(
        sides=tuple(_sides(found)),
        judged=tuple(_judged(each, compared.home.lacks + compared.clinic.lacks) for each in compared.verdicts),
        notes=tuple(_notes(found)),
        months=tuple(_months(readings)),
        rows=tuple(_row(each, called) for each in newest_first[:_SHOWN]),
        left=max(len(readings) - _SHOWN, 0),
        odd=tuple(_odd(each) for each in found.anomalies),
    )


def of_trend(found: Trend, called: Mapping[int, str]) -> TrendShown:
    last, unit = found.values[-1], found.measure.unit
    said = _("%(value)s %(unit)s") % {"value": _number(last.value), "unit": unit}
    notes = []
    if found.gathered.since:
        notes.append(_since(found.gathered.since))
    if found.measure is measures.WEIGHT and len(found.values) > 1:
        change = measures.change(found.values, within=found.gathered.period.length, until=last.day)
        if change:
            names = {"by": _signed(change.by), "percent": _signed(change.percent), "day": _day(change.first.day)}
            notes.append(_("%(by)s kg (%(percent)s %%) since %(day)s.") % names)
    return TrendShown(
        name=_MEASURES[found.measure.name],
        latest=said,
        about=tuple(part for part in (_day(last.day), str(PLACES[last.place]), called.get(last.source, "")) if part),
        months=tuple(
            TrendMonth(
                _month(each.year, each.month),
                _number(each.mean),
                f"{_number(each.lowest)}\N{EN DASH}{_number(each.highest)}",
                each.count,
            )
            for each in reversed(found.months)
        ),
        notes=tuple(notes),
        odd=tuple(_odd(each) for each in found.anomalies),
    )


def _sides(found: Pressures) -> Iterator[Side]:
    home, clinic = found.compared.home, found.compared.clinic
    yield Side(PLACES[Place.HOME], _figure(home.average), tuple(_about(home.average, home.days, Place.HOME, found)))
    yield from _times(home)
    about = tuple(_about(clinic.average, clinic.visits, Place.CLINIC, found))
    yield Side(PLACES[Place.CLINIC], _figure(clinic.average), about)


def _times(home: Home) -> Iterator[Side]:
    for name, average in ((_("At home, mornings"), home.morning), (_("At home, evenings"), home.evening)):
        if average:
            yield Side(name, _figure(average), (_readings(average.count),))


def _about(average: Average | None, days: int, place: Place, found: Pressures) -> Iterator[str]:
    if average is None:
        yield _("no readings to average")
        return
    yield _readings(average.count)
    yield ngettext("on %(days)s day", "on %(days)s days", days) % {"days": days}
    newest = max((each.day for each in found.read.readings if each.place is place), default=None)
    if newest:
        yield _("newest %(day)s") % {"day": _day(newest)}


def _judged(verdict: Verdict, lacks: Iterable[Lack]) -> Judged:
    guideline = verdict.guideline
    if verdict.pattern is not None:
        says = str(_PATTERNS[verdict.pattern])
    else:
        reasons = "; ".join(str(_LACKS[lack]) for lack in lacks)
        says = _("No pattern is told: %(reasons)s.") % {"reasons": reasons}
    return Judged(
        name=f"{_REGIONS[guideline.region]}: {guideline.name}",
        home=_against(verdict.home_high, guideline.home),
        clinic=_against(verdict.clinic_high, guideline.clinic),
        says=says,
        told=verdict.pattern is not None,
        documents=guideline.documents,
    )


def _against(high: bool | None, threshold: Pressure) -> str:
    limit = {"limit": f"{threshold.systolic}/{threshold.diastolic}"}
    if high is None:
        return _("nothing to compare with %(limit)s") % limit
    return _("at or above %(limit)s") % limit if high else _("below %(limit)s") % limit


def _notes(found: Pressures) -> Iterator[str]:
    home, told = found.compared.home, found.read
    if found.gathered.since:
        yield _since(found.gathered.since)
    if home.dropped:
        count = {"count": home.dropped_count, "day": _day(home.dropped)}
        yield (
            ngettext(
                "The first day at home, %(day)s, is left out (%(count)s reading).",
                "The first day at home, %(day)s, is left out (%(count)s readings).",
                home.dropped_count,
            )
            % count
        )
    if home.by_hand:
        yield ngettext(
            "%(count)s of the home readings was entered by hand.",
            "%(count)s of the home readings were entered by hand.",
            home.by_hand,
        ) % {"count": home.by_hand}
    if found.compared.untold:
        yield ngettext(
            "%(count)s reading does not say where it was taken and counts on neither side.",
            "%(count)s readings do not say where they were taken and count on neither side.",
            found.compared.untold,
        ) % {"count": found.compared.untold}
    if told.twice:
        yield ngettext(
            "%(count)s reading came from two sources and counts once.",
            "%(count)s readings came from two sources and count once.",
            told.twice,
        ) % {"count": told.twice}
    if told.unusable:
        yield ngettext(
            "%(count)s entry is no usable reading: half of it, its unit or its day is missing, or it is impossible.",
            "%(count)s entries are no usable readings: half, the unit or the day is missing, or they are impossible.",
            told.unusable,
        ) % {"count": told.unusable}


def _months(readings: Iterable[Reading]) -> Iterator[MonthRow]:
    listed = list(readings)
    home, clinic = (pressure.by_month(listed, place) for place in (Place.HOME, Place.CLINIC))
    for month in sorted({*home, *clinic}, reverse=True):
        yield MonthRow(_month(*month), _counted(home.get(month)), _counted(clinic.get(month)))


def _row(one: Reading, called: Mapping[int, str]) -> ReadingRow:
    return ReadingRow(
        when=formats.date_format(one.at, "DATETIME_FORMAT") if one.at else _day(one.day),
        figure=_joined(one.pressure),
        place=PLACES[one.place],
        why=SIGNS[one.sign],
        source=", ".join(filter(None, (called.get(each, "") for each in one.sources))),
        target=_target(one.refs[0]),
    )


def _odd(found: Anomaly) -> Odd:
    name, rule = _RULES[found.rule]
    values = {"value": _odd_value(found), "day": _day(found.day), "count": found.count}
    if found.rule in (Rule.WEIGHT_LOST, Rule.WEIGHT_GAINED):
        says = _("%(value)s until %(day)s") % values
    else:
        said = ngettext(
            "%(count)s time, last %(value)s on %(day)s", "%(count)s times, last %(value)s on %(day)s", found.count
        )
        says = said % values
    return Odd(name, rule, says, anomalies.DOCUMENTS[found.rule], _target(found.ref))


def _odd_value(found: Anomaly) -> str:
    if found.rule in (Rule.PRESSURE_SEVERE, Rule.PRESSURE_LOW):
        return f"{_number(found.value[0])}/{_number(found.value[1])} mmHg"
    if found.rule in (Rule.WEIGHT_LOST, Rule.WEIGHT_GAINED):
        return f"{_signed(found.value[0])} kg ({_signed(found.value[1])} %)"
    return f"{_number(found.value[0])} mg/dL"


def _target(ref: str) -> tuple[str, str]:
    resource_type, _slash, logical_id = ref.partition("/")
    return resource_type, logical_id


def _since(day: date) -> str:
    return _("There is more than is read here: what devices measured counts from %(day)s on.") % {"day": _day(day)}


def _readings(count: int) -> str:
    return ngettext("%(count)s reading", "%(count)s readings", count) % {"count": count}


def _counted(average: Average | None) -> str:
    return f"{_joined(average.pressure)} ({average.count})" if average else "\N{EN DASH}"


def _figure(average: Average | None) -> str:
    return f"{_joined(average.pressure)} mmHg" if average else "\N{EN DASH}"


def _joined(value: Pressure) -> str:
    return f"{_number(value.systolic)}/{_number(value.diastolic)}"


def _number(value: Decimal) -> str:
    """To a tenth, where it has any."""
    rounded = value.quantize(Decimal("0.1"))
    whole = value == value.to_integral_value() and value.as_tuple().exponent == 0
    return formats.number_format(rounded, 0 if whole else 1, force_grouping=True)


def _signed(value: Decimal) -> str:
    """To a tenth; what rounds to nothing has no sign."""
    rounded = round(value, 1)
    sign = "\N{MINUS SIGN}" if rounded < 0 else "+" if rounded else ""
    return f"{sign}{formats.number_format(abs(rounded), 1)}"


def _day(day: date) -> str:
    return formats.date_format(day, "DATE_FORMAT")


def _month(year: int, month: int) -> str:
    return formats.date_format(date(year, month, 1), "YEAR_MONTH_FORMAT")
