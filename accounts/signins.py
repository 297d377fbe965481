"""Signing in and out, and trying to, in the access log of the account: who looks at a record comes in by this door."""

from __future__ import annotations

from django.http import HttpRequest

from accounts.models import Person
from audit import events
from audit.models import Action, Agent, Outcome

IN, OUT, PASSWORD = "sign-in", "sign-out", "password"


def note(person: Person, interaction: str, *, origin: str, outcome: Outcome = Outcome.SUCCESS) -> None:
    """``interaction`` is IN, OUT or PASSWORD (a new one)."""
    events.append(
        owner_id=person.pk,
        action=Action.EXECUTE,
        interaction=interaction,
        outcome=outcome,
        agent_kind=Agent.OWNER,
        agent=str(person.subject),
        agent_name=person.name,
        origin=origin,
    )


def note_failure(email: str, *, origin: str) -> None:
    """Somebody, perhaps not she, gave a wrong password. An e-mail nobody has is counted too, and not written down.

    Either way one event is written, so that the time it takes tells nobody whether there is such an account.
    """
    person = Person.objects.filter(email__iexact=email).only("pk").first()
    events.append(
        owner_id=events.NOBODY if person is None else person.pk,
        action=Action.EXECUTE,
        interaction=IN,
        outcome=Outcome.REFUSED,
        agent_kind=Agent.UNKNOWN,
        agent="",
        origin=origin,
    )


def origin(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
