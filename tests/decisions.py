"""What a person decides about an app, written down as her consent page would."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from accounts.models import Person
from consent import ledger
from consent.models import Decision
from consent.terms import Terms
from gateway import authorizations
from gateway.models import Application, Authorization


def grant(
    person: Person,
    application: Application,
    *scopes: str,
    terms: Terms | None = None,
    ends: datetime | None = None,
    at: datetime | None = None,
) -> Decision:
    """She is asked for these scopes and grants all of them."""
    return ledger.grant(
        owner=person,
        actor=person,
        grantee=application.client_id,
        grantee_name=application.name,
        asked=list(scopes),
        granted=list(scopes),
        terms=terms or Terms(),
        purpose="patient request",
        ends=ends,
        read=ledger.Reading("1", "en"),
        at=at or timezone.now(),
    )


def authorize(decision: Decision, person: Person, application: Application) -> Authorization:
    """What stands between her decision and the app's tokens, for thirty days."""
    at = timezone.now()
    return authorizations.begin(
        decision,
        person=person,
        application=application,
        granted=list(decision.scopes_granted),
        ends=at + timedelta(days=30),
        authenticated=at,
        at=at,
    )
