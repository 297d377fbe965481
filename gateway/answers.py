"""Her answer to an app, once: written into the ledger, and with it the code that lets the app in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Person
from audit import events
from audit.models import Action, Agent, Outcome
from consent import ledger, texts
from consent.ledger import Reading
from consent.models import Decision
from gateway import authorizations, choices, counting, pending, redirects, scopes, selections, tokens, wording
from gateway.models import Application, AuthorizationRequest
from gateway.selections import Selection


class AlreadyAnswered(Exception):
    """This request was answered before, or its ten minutes are over."""


class NothingTicked(Exception):
    """She pressed yes with nothing ticked that an app could use."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """How she answered: when she signed in and in which session, the language she read, and her network address."""

    authenticated: datetime
    language: str
    origin: str
    session_key: str | None = None


@transaction.atomic
def allow(
    request: AuthorizationRequest,
    person: Person,
    *,
    chosen: Selection,
    how: Circumstances,
    at: datetime,
) -> str:
    """Where to send her with the code. Raises AlreadyAnswered, NothingTicked, selections.InvalidTime."""
    offered, application, terms = request.params["offered"], request.application, chosen.terms(person.zone)
    granted = choices.granted(offered, chosen.ticked or ())
    length, ends = selections.end(chosen, application, at=at)
    if length == selections.ONCE:
        granted = [scope for scope in granted if scope != scopes.OFFLINE_ACCESS]
    if not choices.is_worth_granting(granted):
        raise NothingTicked(str(request.pk))
    _claim(request, at=at)
    total = counting.Tally(person.pk, application.client_id, tuple(granted), terms).total()
    decision = ledger.grant(
        owner=person,
        actor=person,
        grantee=application.client_id,
        grantee_name=application.name,
        asked=offered,
        granted=granted,
        terms=terms,
        purpose=application.purpose,
        ends=ends,
        read=reading(application, how.language, records=total),
        at=at,
    )
    authorization = authorizations.begin(
        decision,
        person=person,
        application=application,
        granted=granted,
        ends=ends,
        authenticated=how.authenticated,
        session_key=how.session_key,
        at=at,
        launch=request.launch,
    )
    code = tokens.issue_code(authorization, request.params, at=at)
    _note(person, application, decision, Outcome.SUCCESS, how)
    return redirects.answer(request.params["redirect_uri"], code=code, state=request.params["state"])


@transaction.atomic
def deny(request: AuthorizationRequest, person: Person, *, how: Circumstances, at: datetime) -> str:
    """Where to send her with her no. Raises AlreadyAnswered."""
    _claim(request, at=at)
    application = request.application
    decision = ledger.refuse(
        owner=person,
        actor=person,
        grantee=application.client_id,
        grantee_name=application.name,
        asked=request.params["offered"],
        read=reading(application, how.language),
        at=at,
    )
    _note(person, application, decision, Outcome.REFUSED, how)
    return redirects.answer(
        request.params["redirect_uri"],
        error="access_denied",
        error_description="The person said no.",
        state=request.params["state"],
    )


def reading(application: Application, language: str, **more: Any) -> Reading:
    """What stood before her: the text, the page's own words by their digest, and what the app promised."""
    text = texts.read(texts.SHARING, language)
    promised = {
        "maker": application.maker,
        "policy": application.policy_uri,
        "retention": application.retention,
        "resale": application.resale,
        "deletion": application.deletion,
    }
    return Reading(text.version, text.language, text.digest, {"page": wording.VERSION, "promised": promised, **more})


def _claim(request: AuthorizationRequest, *, at: datetime) -> None:
    if not pending.claim(request, at=at):
        raise AlreadyAnswered(str(request.pk))


def _note(person: Person, application: Application, decision: Decision, outcome: Outcome, how: Circumstances) -> None:
    events.append(
        owner_id=person.pk,
        action=Action.EXECUTE,
        interaction="authorize",
        outcome=outcome,
        agent_kind=Agent.OWNER,
        agent=str(person.subject),
        agent_name=person.name,
        consent_id=decision.pk,
        origin=how.origin,
        detail={
            "app": application.client_id,
            "granted": len(decision.scopes_granted),
            "refused": len(decision.scopes_refused),
        },
    )
