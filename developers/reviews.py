"""From trial to approval: submitted by the developer, decided by staff."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from developers.models import Review, State
from gateway.models import Application

LEADS: Final = {
    "approve": (State.APPROVED, frozenset({State.SUBMITTED, State.SUSPENDED})),
    "return": (State.RETURNED, frozenset({State.SUBMITTED})),
    "suspend": (State.SUSPENDED, frozenset({State.DRAFT, State.SUBMITTED, State.APPROVED, State.RETURNED})),
}
"""What each order of the staff leads to, and from which states it may be given."""


class OutOfTurn(Exception):
    """The app is not in a state in which this can be done; somebody else may have decided meanwhile."""


def queue() -> QuerySet[Review]:
    """What waits, the longest waiting first."""
    return _shown().filter(state=State.SUBMITTED).order_by("submitted")


def decided() -> QuerySet[Review]:
    return _shown().exclude(state=State.SUBMITTED).order_by("-created")


def _shown() -> QuerySet[Review]:
    """With what a list shows of the app; its picture has an address of its own."""
    return Review.objects.select_related("application__user", "application__logo").defer("application__logo__png")


def submit(application: Application, *, at: datetime) -> None:
    """Raises OutOfTurn."""
    tried = Review.objects.filter(application=application, state__in=[State.DRAFT, State.RETURNED])
    if not tried.update(state=State.SUBMITTED, submitted=at):
        raise OutOfTurn(f"application {application.pk}")


@transaction.atomic
def decide(application: Application, order: str, *, by: Person, note: str, at: datetime) -> None:
    """``order`` is one of LEADS. What it means for people: an approved app meets everybody, one sent back only the
    made-up, a suspended one nobody, and its tokens stop at once. Raises OutOfTurn.
    """
    state, allowed = LEADS[order]
    # Of two reviewers at once, one wins this update.
    waiting = Review.objects.filter(application=application, state__in=allowed)
    if not waiting.update(state=state, note=note, decided=at, decided_by=by):
        raise OutOfTurn(f"application {application.pk}")
    Application.objects.filter(pk=application.pk).update(
        active=state != State.SUSPENDED, on_trial=state != State.APPROVED
    )
    events.append(
        owner_id=events.NOBODY,
        action=Action.UPDATE,
        interaction=f"app-{order}",
        agent_kind=Agent.SYSTEM,
        agent=str(by.subject),
        agent_name=by.name,
        detail={"app": application.client_id},
    )
