"""What an app would receive now, shown before she agrees: the same rules as the gate, asked of the counters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.utils import timezone

from audit import events
from consent import gate, ledger
from consent.models import Grantee
from consent.terms import Terms
from records import sources
from records.kinds import KindCount
from records.reading import RecordSet
from records.searching import microseconds
from standards.smart.scopes import Scope

_FIRST_EVENTS: Final = ("authorize", "token")
"""What stands in her access log before the app can read the first line of it: her yes, and the token it got for it."""


def counts(
    *,
    owner_id: int,
    scopes: Iterable[Scope],
    terms: Terms,
    grantee: str = "",
    kind: str = Grantee.APP,
    within: gate.Bounds | None = None,
) -> list[KindCount]:
    """By type, known categories and source; sums are exact. Equals what a token with these scopes can search.

    Of her access log it is what the token's first look finds: each look adds to it. ``grantee`` is who would
    read: what she hid from it, or from everyone, is not counted. ``within``: the app is let in by a delegate, who may
    see no more than this herself, and nothing of her decisions and her log: they tell which other apps she uses.
    """
    held = tuple(scopes)
    if within is None:
        hidden = ledger.hidden_from(owner_id, grantee, kind=kind)
    else:
        hidden = gate.hidden_from_app(owner_id, grantee, within.delegation)
    records = RecordSet(owner_id, "", gate.rules(held, terms, "s", hidden=hidden, within=within))
    found = records.told_counts()
    if within is not None:
        return found
    if gate.names_consents(held, "s"):
        found += _own(gate.CONSENT, len(ledger.consents(owner_id, terms)) + _coming(terms))
    which = gate.events_under(held, terms, "s")
    if which is not None:
        found += _own(gate.AUDIT_EVENT, events.matching(owner_id, which).count() + _coming(terms) * len(_FIRST_EVENTS))
    return found


def _coming(terms: Terms) -> bool:
    """Whether the terms admit what is about to happen: the decision she is taking, and what follows it at once."""
    now = microseconds(timezone.now())
    return (
        (terms.sources is None or sources.own().pk in terms.sources)
        and (terms.since is None or terms.since <= now)
        and (terms.until is None or now < terms.until)
    )


def _own(resource_type: str, total: int) -> list[KindCount]:
    """What is computed of ourselves, so in no counter."""
    at = timezone.now()
    return [KindCount(resource_type, (), sources.own().pk, (), total, 0, microseconds(at), at)] if total else []
