"""The terms of a grant beyond its scopes: which sources, which time, which sensitive kinds (DESIGN D7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from records import labels


@dataclass(frozen=True, slots=True)
class Terms:
    """``sources``: ids, None for all, also those that come later. ``since``/``until``: µs since 1970 UTC.

    ``labels``: the sensitive kinds she chose to include; every other labelled record is withheld.
    """

    sources: frozenset[int] | None = None
    since: int | None = None
    until: int | None = None
    labels: frozenset[str] = field(default_factory=frozenset)

    def as_json(self) -> dict[str, Any]:
        return {
            "sources": None if self.sources is None else sorted(self.sources),
            "since": self.since,
            "until": self.until,
            "labels": sorted(self.labels),
        }

    @classmethod
    def of(cls, said: dict[str, Any]) -> Terms:
        sources = said["sources"]
        return cls(
            sources=None if sources is None else frozenset(sources),
            since=said["since"],
            until=said["until"],
            labels=frozenset(said["labels"]),
        )

    @property
    def withheld(self) -> int:
        """The label bits a record must not carry for an app or a link; of a delegate more is withheld."""
        return labels.SENSITIVE & ~labels.bits(self.labels)

    @property
    def withheld_from_delegate(self) -> int:
        """The same for a delegate: also what nobody can classify, and what is an adolescent's own affair."""
        return labels.ALL & ~labels.bits(self.labels)
