"""A day in the past by which she looks at her record: as it was known at its end, and what was not yet held then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Min
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from portal import when
from portal.looking import Look
from records.asof import AsOf
from records.reading import RecordSet
from sync import connections, uploads


@dataclass(frozen=True)
class PastDay:
    """``query``: what a link carries so that the next page is of the same day. ``missing``: what came later, in words:
    hospitals that were not connected yet, files that were not given yet.
    """

    day: date
    at: datetime
    missing: tuple[str, ...]

    @property
    def query(self) -> str:
        return f"?as_of={self.day.isoformat()}"

    @property
    def words(self) -> str:
        return formats.date_format(self.day, "DATE_FORMAT")

    @property
    def value(self) -> str:
        return self.day.isoformat()

    def of(self, records: RecordSet) -> AsOf:
        return AsOf(records, self.at)


def asked(request: HttpRequest, look: Look) -> PastDay | None:
    """The day that ``as_of`` names, to its end by her clock; None for today, for the future and for what is no day."""
    try:
        day = date.fromisoformat(request.GET.get("as_of", ""))
        at = datetime.combine(day + timedelta(days=1), time(), timezone.get_current_timezone()) - timedelta(
            microseconds=1
        )
        past = at < timezone.now()
    except (ValueError, OverflowError):
        return None
    return PastDay(day, at, _missing(look, at)) if past else None


def _missing(look: Look, at: datetime) -> tuple[str, ...]:
    """The owner's own affair: whoever acts for her is told no more than that something may have come later."""
    if look.acting:
        return ()
    # When she connected it first; connecting again says so of the same row.
    since = Coalesce(Min("runs__queued"), "connected")
    later = connections.of(look.owner).annotate(since=since).filter(since__gt=at)
    given = uploads.of(look.owner).filter(received__gt=at).count()
    told = [
        _("%(name)s, connected %(moment)s") % {"name": each.hospital.name, "moment": when.moment(each.since)}
        for each in later
    ]
    return (*told, *([_("%(count)s of the files you gave us") % {"count": given}] if given else ()))
