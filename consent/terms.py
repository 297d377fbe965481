"""The terms of a grant beyond its scopes: which sources, which time, which sensitive kinds (DESIGN D7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from records import labels
from records.searching import microseconds


@dataclass(frozen=True, slots=True)
class Terms:
    """``sources``: ids, None for all, also those that come later. ``since``/``until``: µs since 1970 UTC.

    ``labels``: the sensitive kinds she chose to include; every other labelled record is withheld. ``apps``: of a
    delegation, whether the delegate may let apps read what she may see herself.
    """

    sources: frozenset[int] | None = None
    since: int | None = None
    until: int | None = None
    labels: frozenset[str] = field(default_factory=frozenset)
    apps: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "sources": None if self.sources is None else sorted(self.sources),
            "since": self.since,
            "until": self.until,
            "labels": sorted(self.labels),
            # Decisions from before there was this say nothing of it, and neither does whoever does not allow it.
            **({"apps": True} if self.apps else {}),
        }

    @classmethod
    def of(cls, said: dict[str, Any]) -> Terms:
        sources = said["sources"]
        return cls(
            sources=None if sources is None else frozenset(sources),
            since=said["since"],
            until=said["until"],
            labels=frozenset(said["labels"]),
            apps=said.get("apps", False),
        )

    def within(self, wider: Terms) -> Terms:
        """What both admit. Where they share no time ``since`` is after ``until``: only what spans both is in both."""
        return Terms(
            sources=_common(self.sources, wider.sources),
            since=max(_said(self.since, wider.since), default=None),
            until=min(_said(self.until, wider.until), default=None),
            labels=self.labels & wider.labels,
        )

    @property
    def withheld(self) -> int:
        """The label bits a record must not carry for an app or a link; of a delegate more is withheld."""
        return labels.SENSITIVE & ~labels.bits(self.labels)

    @property
    def withheld_from_delegate(self) -> int:
        """The same for a delegate: also what nobody can classify, and what is an adolescent's own affair."""
        return labels.ALL & ~labels.bits(self.labels)


def window(first: date | None, last: date | None, zone: tzinfo) -> tuple[int | None, int | None]:
    """``since`` and ``until`` of the days from ``first`` to ``last``, both included, by a clock in ``zone``.

    What a source wrote down as a bare day is kept from midnight to midnight UTC, and is in or out by its day alone. So
    each edge is at the narrower of both midnights: nothing of another day comes along by either clock, at the price of
    what happened in the hours between them. Raises OverflowError at the ends of the calendar.
    """
    since = max(_midnights(first, zone)) if first else None
    until = min(_midnights(last + timedelta(days=1), zone)) if last else None
    return since, until


def _midnights(day: date, zone: tzinfo) -> tuple[int, int]:
    """Where a day begins by her clock and in UTC, µs since 1970."""
    here, there = (microseconds(datetime.combine(day, time(), tzinfo=clock)) for clock in (zone, UTC))
    return here, there


def _common(one: frozenset[int] | None, other: frozenset[int] | None) -> frozenset[int] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _said(*edges: int | None) -> Iterable[int]:
    return [edge for edge in edges if edge is not None]
