"""What she chose on the consent page, read from its form: boxes, sources, sensitive kinds, a time, an end.

Nothing here trusts the form: what is not offered, not hers or no date is left out or told as a problem.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

from django.http import QueryDict
from django.utils import timezone

from consent import terms
from consent.terms import Terms
from gateway.models import Application
from records import labels

ONCE: Final = "once"
STUDY: Final = "study"
USUAL: Final = "90"
_DAYS: Final = {USUAL: timedelta(days=90), "395": timedelta(days=395)}
LIFE_ONCE: Final = timedelta(hours=1)
"""``once`` ends with the life of the first token; there is none after it."""


class InvalidTime(ValueError):
    """A first or last day that is no day, or the last before the first."""


@dataclass(frozen=True, slots=True)
class Selection:
    """``ticked`` None: as the app asked. ``sources`` None: all of hers, also those that come later.

    ``first``/``last`` are days as she wrote them, both included, empty for no bound.
    """

    ticked: frozenset[str] | None = None
    sources: frozenset[int] | None = None
    labels: frozenset[str] = field(default_factory=frozenset)
    first: str = ""
    last: str = ""
    length: str = USUAL

    def terms(self, zone: tzinfo) -> Terms:
        """Her days are by the clock in this zone. Raises InvalidTime."""
        first, last = _day(self.first), _day(self.last)
        if first and last and last < first:
            raise InvalidTime("the last day is before the first")
        try:
            since, until = terms.window(first, last, zone)
        except OverflowError as error:
            raise InvalidTime("no day of the calendar") from error
        return Terms(sources=self.sources, since=since, until=until, labels=self.labels)


def of_form(form: QueryDict, *, sources: Collection[int]) -> Selection:
    """``sources`` are those the page offers. The hidden ``by_source`` says that it offered them at all."""
    return Selection(
        ticked=frozenset(form.getlist("box")),
        sources=_sources(form.getlist("source"), sources) if "by_source" in form else None,
        labels=frozenset(form.getlist("label")) & frozenset(labels.names(labels.SENSITIVE)),
        first=form.get("first", "").strip(),
        last=form.get("last", "").strip(),
        length=form.get("length", USUAL),
    )


def lengths(application: Application, *, at: datetime) -> dict[str, datetime]:
    """The ends she can choose for this app, in the order of the page; the first day of nobody's is past."""
    found = {ONCE: at + LIFE_ONCE, **{value: at + life for value, life in _DAYS.items()}}
    if application.study_ends is not None:
        after = application.study_ends + timedelta(days=1)
        ends = timezone.make_aware(datetime.combine(after, time()))
        if ends > at:
            found[STUDY] = ends
    return found


def end(selection: Selection, application: Application, *, at: datetime) -> tuple[str, datetime]:
    """The chosen length and its end; for what is not offered the usual one."""
    offered = lengths(application, at=at)
    chosen = selection.length if selection.length in offered else USUAL
    return chosen, offered[chosen]


def _sources(ticked: Iterable[str], offered: Collection[int]) -> frozenset[int] | None:
    chosen = frozenset(source for source in offered if str(source) in set(ticked))
    return None if chosen == frozenset(offered) else chosen


def _day(text: str) -> date | None:
    """Raises InvalidTime."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidTime("not a day") from error
