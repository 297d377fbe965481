"""FHIR dates for people: at the precision they were written with, times in the person's time zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from portal import elements
from standards.fhir import dates, occurrence

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def said(text: Any) -> str:
    """``2019`` → "2019", ``2019-03`` → "March 2019", an instant → local date and time; not a date → as written."""
    if not isinstance(text, str):
        return ""
    try:
        span = dates.interval(text)
        return _formatted(text, span)
    except (dates.InvalidDate, OverflowError):
        return text


def _formatted(text: str, span: dates.Interval) -> str:
    if len(text) == 4:
        return text
    if len(text) == 7:
        return formats.date_format(date(int(text[:4]), int(text[5:]), 1), "YEAR_MONTH_FORMAT")
    if _DAY.fullmatch(text):
        return formats.date_format(date.fromisoformat(text), "DATE_FORMAT")
    return moment(_EPOCH + timedelta(microseconds=span.low))


def sortable(text: str) -> str:
    """The same for a spreadsheet: ``2019``, ``2019-03-05``, and of an instant the local date and time."""
    try:
        span = dates.interval(text)
        local = timezone.localtime(_EPOCH + timedelta(microseconds=span.low))
    except (dates.InvalidDate, OverflowError):
        return text
    return f"{local:%Y-%m-%d %H:%M}" if "T" in text else text


def moment(instant: datetime | None) -> str:
    """An instant in the active time zone, to the minute."""
    return formats.date_format(timezone.localtime(instant), "DATETIME_FORMAT") if instant else ""


def local_day(instant: datetime) -> str:
    """The day of an instant in the active time zone."""
    return formats.date_format(timezone.localtime(instant), "DATE_FORMAT")


def span(period: Any) -> str:
    """A Period: "3 March 2019 to 5 March 2019", "3 March 2019, 14:00 to 14:30", "since …", "until …"."""
    first, last = elements.first(period, "start"), elements.first(period, "end")
    start, end = said(first), said(last)
    if start and end:
        if start != end and (time := _later_that_day(first, last)):
            end = time
        return start if start == end else _("%(start)s to %(end)s") % {"start": start, "end": end}
    if start:
        return _("since %(start)s") % {"start": start}
    return _("until %(end)s") % {"end": end} if end else ""


def _later_that_day(first: Any, last: Any) -> str:
    """The time of ``last``, where both are instants of one local day."""
    began, ended = _instant(first), _instant(last)
    if began is None or ended is None or began.date() != ended.date():
        return ""
    return formats.time_format(ended)


def _instant(text: Any) -> datetime | None:
    """Local; None for a day, a month, a year, and what is no date."""
    if not isinstance(text, str) or len(text) <= len("2019-03-03"):
        return None
    try:
        return timezone.localtime(_EPOCH + timedelta(microseconds=dates.interval(text).low))
    except (dates.InvalidDate, OverflowError):
        return None


def happened(resource: Any) -> str:
    """When what a resource tells of happened; of a Period its start. "" where the resource does not say."""
    element = occurrence.element_of(resource)
    if isinstance(element, str):
        return said(element)
    return said(elements.first(element, "start") or elements.first(element, "event")) or span(element)


def day(microseconds: int) -> str:
    """The day (UTC) of an instant in µs since 1970: the bound of a window is a day as she wrote it."""
    return formats.date_format((_EPOCH + timedelta(microseconds=microseconds)).date(), "DATE_FORMAT")


def year(microseconds: int) -> str:
    """The year of an interval's start; a counter keeps no precision, so a finer answer could be a padded one."""
    try:
        return str((_EPOCH + timedelta(microseconds=microseconds)).year)
    except OverflowError:
        return ""
