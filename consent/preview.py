"""What an app would receive now, shown before she agrees: the same rules as the gate, asked of the counters."""

from __future__ import annotations

from collections.abc import Iterable

from consent import gate, ledger
from consent.models import Grantee
from consent.terms import Terms
from records.reading import KindCount, RecordSet
from standards.smart.scopes import Scope


def counts(
    *, owner_id: int, scopes: Iterable[Scope], terms: Terms, grantee: str = "", kind: str = Grantee.APP
) -> list[KindCount]:
    """By type, known categories and source; sums are exact. Equals what a token with these scopes can search.

    ``grantee`` is who would read: what she hid from it, or from everyone, is not counted.
    """
    hidden = ledger.hidden_from(owner_id, grantee, kind=kind)
    return RecordSet(owner_id, "", gate.rules(scopes, terms, "s", hidden=hidden)).counts()
