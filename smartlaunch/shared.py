"""What a patient shares with an organisation as such, for programs of its EHR: no visit, no clinician, no emergency."""

from __future__ import annotations

from datetime import datetime

from accounts import binding
from consent import gate, ledger
from consent.models import Decision, Grantee
from gateway.models import SharedToken
from smartlaunch import charts
from smartlaunch.models import Ehr, Organization


def with_organization(ehr: Ehr, patient: str, *, at: datetime) -> tuple[int, Decision] | None:
    """Whose chart that is and her decision about the organisation; None where nothing is shared, for whatever reason.

    The request is bound to her from here on.
    """
    owner_id = charts.owner_of(ehr, patient)
    binding.bind(None)
    binding.look_at(owner_id or charts.NOBODY)
    grantee = str(ehr.organization.uid)
    decision = ledger.current(owner_id or charts.NOBODY, grantee, kind=Grantee.ORGANIZATION)
    if owner_id is None or decision is None or not ledger.lets_read(decision, at=at):
        return None
    return owner_id, decision


def end_tokens(organization: Organization) -> None:
    """What its services hold is worth nothing from the next request on."""
    SharedToken.objects.filter(grantee=str(organization.uid)).delete()


def reader(decision: Decision) -> gate.Holder:
    return gate.Holder(decision.grantee_kind, decision.grantee, decision.pk)
