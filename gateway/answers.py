"""Her answer to an app, once: written into the ledger, and with it the code that lets the app in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from audit import events
from audit.models import Action, Outcome
from consent import ledger, texts
from consent.ledger import Reading
from consent.models import Decision
from gateway import authorizations, choices, counting, pending, redirects, scopes, selections, tokens, wording
from gateway.models import Application, Authorization, AuthorizationRequest
from gateway.owners import Chosen
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
    record: Chosen,
    *,
    chosen: Selection,
    how: Circumstances,
    at: datetime,
) -> tuple[str, Authorization]:
    """Where to send her with the code, and what she let the app have.

    Raises AlreadyAnswered, NothingTicked, selections.InvalidTime.
    """
    application, terms = request.application, record.narrowed(chosen.terms(record.person.zone))
    offered = record.offered(request.params["offered"])
    granted = choices.granted(offered, chosen.ticked or ())
    length, ends = selections.end(chosen, application, at=at)
    ends = record.end(ends)
    if length == selections.ONCE:
        granted = [scope for scope in granted if scope != scopes.OFFLINE_ACCESS]
    if not choices.is_worth_granting(granted):
        raise NothingTicked(str(request.pk))
    _claim(request, at=at)
    tally = counting.Tally(record.owner.pk, application.client_id, tuple(granted), terms, within=record.bounds)
    decision = ledger.grant(
        owner=record.owner,
        actor=record.person,
        kind=record.kind,
        grantee=record.grantee(application),
        grantee_name=application.name,
        asked=offered,
        granted=granted,
        terms=terms,
        purpose=application.purpose,
        ends=ends,
        read=reading(application, how.language, text=record.text, records=tally.total()),
        at=at,
    )
    authorization = authorizations.begin(
        decision,
        person=record.person,
        delegation=record.delegation,
        application=application,
        granted=granted,
        ends=ends,
        authenticated=how.authenticated,
        session_key=how.session_key,
        at=at,
        launch=request.launch,
    )
    code = tokens.issue_code(authorization, request.params, at=at)
    _note(record, application, decision, Outcome.SUCCESS, how)
    leads = redirects.answer(request.params["redirect_uri"], code=code, state=request.params["state"])
    return leads, authorization


@transaction.atomic
def deny(request: AuthorizationRequest, record: Chosen, *, how: Circumstances, at: datetime) -> str:
    """Where to send her with her no. Raises AlreadyAnswered."""
    _claim(request, at=at)
    application = request.application
    decision = ledger.refuse(
        owner=record.owner,
        actor=record.person,
        kind=record.kind,
        grantee=record.grantee(application),
        grantee_name=application.name,
        asked=record.offered(request.params["offered"]),
        read=reading(application, how.language, text=record.text),
        at=at,
    )
    _note(record, application, decision, Outcome.REFUSED, how)
    return redirects.answer(
        request.params["redirect_uri"],
        error="access_denied",
        error_description="The person said no.",
        state=request.params["state"],
    )


def reading(application: Application, language: str, *, text: str = texts.SHARING, **more: Any) -> Reading:
    """What stood before her: the text, the page's own words by their digest, and what the app promised."""
    shown = texts.read(text, language)
    promised = {
        "maker": application.maker,
        "policy": application.policy_uri,
        "retention": application.retention,
        "resale": application.resale,
        "deletion": application.deletion,
    }
    return Reading(shown.version, shown.language, shown.digest, {"page": wording.VERSION, "promised": promised, **more})


def _claim(request: AuthorizationRequest, *, at: datetime) -> None:
    if not pending.claim(request, at=at):
        raise AlreadyAnswered(str(request.pk))


def _note(record: Chosen, application: Application, decision: Decision, outcome: Outcome, how: Circumstances) -> None:
    acting = tokens.acting(record.delegation.uid if record.delegation else None, record.person.subject)
    events.append(
        owner_id=record.owner.pk,
        action=Action.EXECUTE,
        interaction="authorize",
        outcome=outcome,
        agent_kind=record.agent,
        agent=str(record.person.subject),
        agent_name=record.person.name,
        consent_id=decision.pk,
        origin=how.origin,
        detail={
            "app": application.client_id,
            **acting,
            "granted": len(decision.scopes_granted),
            "refused": len(decision.scopes_refused),
        },
    )
