"""How many records stand behind each choice, by the same rules as the gate: what the app would receive now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from consent import gate, preview
from consent.terms import Terms
from gateway import choices, scopes
from gateway.choices import Box
from records import labels, provenances
from records.kinds import KindCount
from standards.smart import scopes as grammar
from standards.smart.scopes import ResourceScope, Scope

_WHOLE = ResourceScope(scopes.LEVEL, "*", scopes.READING)


@dataclass(frozen=True)
class Tally:
    """The numbers of one consent page: for this owner, this app, the scopes granted so far and the terms chosen.

    ``within``: where a delegate is asked, only what she may see herself is counted, or known of at all.

    A Binary is no record of its own: it is read through the one that names it, and not counted.
    """

    owner_id: int
    client_id: str
    granted: tuple[str, ...]
    terms: Terms
    within: gate.Bounds | None = None

    def of_box(self, box: Box) -> Counter[int]:
        """Records behind the box on these terms, ticked or not, by source."""
        return _by_source(kind for kind in self._behind(box) if self._is_chosen(kind))

    def has(self, box: Box) -> bool:
        """Whether there is any record behind the box, whatever the terms say of source and sensitivity."""
        kinds = self._everything if box.resource == provenances.KIND else self._behind(box)
        return any(kind.total for kind in kinds if box.resource in (kind.resource_type, choices.EVERYTHING_ELSE))

    def by_source(self) -> Counter[int]:
        """What each source gives to the granted scopes, chosen or not; the terms' other choices count."""
        return _by_source(self._counts(scopes.parse(self.granted), replace(self.terms, sources=None)))

    def by_label(self) -> Counter[str]:
        """Sensitive records under the granted scopes and chosen sources, by kind; one may be of several kinds."""
        found: Counter[str] = Counter()
        for kind in self._reached:
            if self._is_from_chosen(kind):
                found.update(dict.fromkeys(kind.labels, kind.total))
        return found

    def withheld(self) -> int:
        """Sensitive records that the granted scopes would reach but the terms withhold."""
        return sum(
            kind.total
            for kind in self._reached
            if self._is_from_chosen(kind) and labels.bits(kind.labels) & self.terms.withheld
        )

    def total(self) -> int:
        """What the app would receive: the gate's own answer for these scopes and terms."""
        return sum(kind.total for kind in self._counts(scopes.parse(self.granted), self.terms))

    def sources(self) -> list[int]:
        """The sources of her record, those with most records first."""
        return [source for source, _ in _by_source(self._everything).most_common()]

    @cached_property
    def _everything(self) -> list[KindCount]:
        return self._counts([_WHOLE], self._open)

    @cached_property
    def _reached(self) -> list[KindCount]:
        return self._counts(scopes.parse(self.granted), self._open)

    @property
    def _open(self) -> Terms:
        """The chosen time, with every source and every sensitive kind."""
        return replace(self.terms, sources=None, labels=frozenset(labels.LABELS))

    def _counts(self, held: Iterable[Scope], terms: Terms) -> list[KindCount]:
        kinds = preview.counts(
            owner_id=self.owner_id, scopes=held, terms=terms, grantee=self.client_id, within=self.within
        )
        return [kind for kind in kinds if kind.resource_type != "Binary"]

    def _is_chosen(self, kind: KindCount) -> bool:
        return self._is_from_chosen(kind) and not labels.bits(kind.labels) & self.terms.withheld

    def _is_from_chosen(self, kind: KindCount) -> bool:
        return self.terms.sources is None or kind.source_id in self.terms.sources

    def _behind(self, box: Box) -> list[KindCount]:
        if box.resource == choices.EVERYTHING_ELSE:
            return [kind for kind in self._everything if kind.resource_type not in scopes.KINDS]
        listed = grammar.US_CORE_GRANULAR.get(box.resource, ())
        of_type = [kind for kind in self._everything if kind.resource_type == box.resource]
        if box.resource == provenances.KIND and not box.category:
            # Where records come from is told of what the app may see, so it depends on what else is granted.
            granted = [*scopes.parse(self.granted), replace(_WHOLE, resource=box.resource)]
            return [kind for kind in self._counts(granted, self.terms) if kind.resource_type == box.resource]
        if box.resource in (gate.CONSENT, gate.AUDIT_EVENT) and not box.category:
            # Her decisions, and her access log, are counted only where a scope names them.
            return self._counts([replace(_WHOLE, resource=box.resource)], self._open)
        if box.category and box.category not in listed:
            narrow = frozenset({(scopes.FILTER, box.category)})
            return self._counts([ResourceScope(scopes.LEVEL, box.resource, scopes.READING, narrow)], self._open)
        if box.category:
            return [kind for kind in of_type if box.category in kind.categories]
        if box.rest:
            return [kind for kind in of_type if not set(kind.categories) & set(listed)]
        return of_type


def _by_source(kinds: Iterable[KindCount]) -> Counter[int]:
    found: Counter[int] = Counter()
    for kind in kinds:
        found[kind.source_id] += kind.total
    return found
