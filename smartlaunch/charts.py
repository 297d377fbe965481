"""Whose chart is open: our person of an EHR's patient, only by a link that she made or confirmed.

That is her own connection to that EHR (the same ``iss``, the same Patient id, and found to be her), or an ask she said
yes to. Never a name, a date or a number that two systems have in common.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from accounts import binding
from consent import emergencies, gate, ledger
from consent.models import Grantee
from records import statements
from smartlaunch import visits
from smartlaunch.models import Ehr
from smartlaunch.visits import Open

Reader = gate.Holder | gate.InEmergency
NOBODY: Final = 0
"""Nobody's number: where there is no link, the same is asked of nobody, so that the time tells nothing either."""


def owner_of(ehr: Ehr, patient: str) -> int | None:
    """The one person whose chart this is; None without a link, or where two people say that it is theirs."""
    (found,) = statements.read("SELECT chart_owner(%s, %s)", [ehr.pk, patient])[0]
    return None if found is None else int(found)


def reader(opened: Open, *, at: datetime) -> tuple[int, Reader] | None:
    """Whose record this visit may read, and as whom: None where nothing is shared, for whatever reason.

    The request is bound to her from here on.
    """
    owner_id = owner_of(opened.ehr, opened.context.patient)
    found = _reader(opened, owner_id, at=at)
    shown = found[0] if found else None
    if opened.visit.person_id != shown:  # not sooner: a link alone would make a statement more than nobody
        visits.name_person(opened.visit, shown)
    return found


def _reader(opened: Open, owner_id: int | None, *, at: datetime) -> tuple[int, Reader] | None:
    binding.look_at(owner_id or NOBODY)
    decisions = [
        (kind, grantee, ledger.current(owner_id or NOBODY, grantee, kind=kind)) for kind, grantee in grantees(opened)
    ]
    emergency = emergencies.of_visit(owner_id or NOBODY, opened.uid, at=at)
    for kind, grantee, decision in decisions:
        if owner_id and decision is not None and ledger.lets_read(decision, at=at):
            return owner_id, gate.Holder(kind, grantee, decision.pk)
    if owner_id and emergency and opened.ehr.break_glass:
        return owner_id, gate.InEmergency(emergency.pk, opened.uid)
    return None


def grantees(opened: Open) -> tuple[tuple[Grantee, str], ...]:
    """Who this visit is in her ledger: itself, and the organisation. The narrower first."""
    return (
        (Grantee.CLINICIAN, str(opened.uid)),
        (Grantee.ORGANIZATION, str(opened.organization.uid)),
    )
