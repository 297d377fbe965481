"""What an app would receive now, shown before she agrees: the same rules as the gate, asked of the counters."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import timezone

from consent import gate, ledger
from consent.models import Grantee
from consent.terms import Terms
from records import sources
from records.kinds import KindCount
from records.reading import RecordSet
from records.searching import microseconds
from standards.smart.scopes import Scope


def counts(
    *, owner_id: int, scopes: Iterable[Scope], terms: Terms, grantee: str = "", kind: str = Grantee.APP
) -> list[KindCount]:
    """By type, known categories and source; sums are exact. Equals what a token with these scopes can search.

    ``grantee`` is who would read: what she hid from it, or from everyone, is not counted.
    """
    hidden, held = ledger.hidden_from(owner_id, grantee, kind=kind), tuple(scopes)
    records = RecordSet(owner_id, "", gate.rules(held, terms, "s", hidden=hidden))
    found = records.told_counts()
    if gate.names_consents(held, "s"):
        found += _consents(owner_id, terms)
    return found


def _consents(owner_id: int, terms: Terms) -> list[KindCount]:
    """Her decisions as FHIR Consents, and with them the one she is about to take."""
    at, own = timezone.now(), sources.own().pk
    now = microseconds(at)
    coming = (
        (terms.sources is None or own in terms.sources)
        and (terms.since is None or terms.since <= now)
        and (terms.until is None or now < terms.until)
    )
    total = len(ledger.consents(owner_id, terms)) + coming
    return [KindCount(gate.CONSENT, (), own, (), total, 0, now, at)] if total else []
