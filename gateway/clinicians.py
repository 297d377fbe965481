"""A clinician of this hospital opens an app: what it may have in his hands, and his yes or no.

The patients of the hospital did not choose this app, so he cannot give it what they could: it reads what the hospital
lets him read and writes nothing, until his shift is over. The decision is his, in his own ledger; what the app then
takes of a chart stands in that patient's access log.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils.translation import gettext_lazy

from accounts.models import Person
from audit import events
from audit.models import Action, Agent, Outcome
from consent import ledger
from consent.models import Decision
from consent.terms import Terms
from gateway import authorizations, choices, pending, redirects, scopes, tokens, wording
from gateway.answers import AlreadyAnswered, Circumstances
from gateway.models import Application, AuthorizationRequest
from gateway.wording import Text
from standards.smart import scopes as grammar
from standards.smart.scopes import ResourceScope

# http://terminology.hl7.org/CodeSystem/v3-ActReason: disclosure for the treatment of the patient.
PURPOSE: Final = "TREAT"
SHIFT: Final = timedelta(hours=12)
_OF_A_CHART: Final[dict[str, Text]] = {
    choices.EVERYTHING_ELSE: gettext_lazy("The whole chart"),
    "Patient": gettext_lazy("Name, birth date and address"),
}


@dataclass(frozen=True, slots=True)
class Question:
    """What he is asked. ``patient``: for whose chart the app was opened; None where it was opened for none.

    ``here`` is what the app may see of that patient, ``everywhere`` what of every patient of his.
    """

    application: Application
    patient: Person | None
    here: tuple[Text, ...]
    everywhere: tuple[Text, ...]


def offered(request: AuthorizationRequest) -> list[str]:
    """What of the request a clinician can give: reading alone, and ``patient/`` scopes only with a patient."""
    has_patient = request.launch is not None and request.launch.about is not None
    kept: dict[str, None] = {}
    for text in request.params["offered"]:
        scope = grammar.parse(text)
        if not isinstance(scope, ResourceScope):
            if has_patient or text != scopes.LAUNCH_PATIENT:
                kept[text] = None
            continue
        reading = scopes.reading(scope)
        if reading is not None and (has_patient or scope.level == scopes.USER_LEVEL):
            kept[text if reading == scope else str(reading)] = None
    return list(kept)


def ask(request: AuthorizationRequest) -> Question:
    held = [scope for text in offered(request) if isinstance(scope := grammar.parse(text), ResourceScope)]
    return Question(
        application=request.application,
        patient=request.launch.about if request.launch else None,
        here=_called(scope for scope in held if scope.level == scopes.LEVEL),
        everywhere=_called(scope for scope in held if scope.level == scopes.USER_LEVEL),
    )


def _called(held: Iterable[ResourceScope]) -> tuple[Text, ...]:
    """What these scopes reach, in words for a clinician; each once."""
    return tuple(dict.fromkeys(_call(scope) for scope in held))


def _call(scope: ResourceScope) -> Text:
    for _, value in scope.filters:
        code = value.rpartition("|")[2]
        return wording.CATEGORIES.get(code, code)
    return _OF_A_CHART.get(scope.resource) or wording.kind(scope.resource).name


@transaction.atomic
def allow(request: AuthorizationRequest, clinician: Person, *, how: Circumstances, at: datetime) -> str | None:
    """Where to send him with the code; None if there is nothing he could give. Raises AlreadyAnswered."""
    granted = offered(request)
    if not choices.is_worth_granting(granted):
        return None
    _claim(request, at=at)
    decision = _decision(request.application, clinician, granted, language=how.language, at=at)
    authorization = authorizations.begin(
        decision,
        person=clinician,
        application=request.application,
        granted=granted,
        ends=decision.ends or at + SHIFT,
        authenticated=how.authenticated,
        at=at,
        launch=request.launch,
        session_key=how.session_key,
    )
    code = tokens.issue_code(authorization, request.params, at=at)
    _note(request, clinician, decision, Outcome.SUCCESS, how)
    return redirects.answer(request.params["redirect_uri"], code=code, state=request.params["state"])


@transaction.atomic
def deny(request: AuthorizationRequest, *, at: datetime) -> str:
    """Where to send him with his no: nothing was decided about anybody's record. Raises AlreadyAnswered."""
    _claim(request, at=at)
    return redirects.answer(
        request.params["redirect_uri"],
        error="access_denied",
        error_description="The clinician said no.",
        state=request.params["state"],
    )


def _claim(request: AuthorizationRequest, *, at: datetime) -> None:
    if not pending.claim(request, at=at):
        raise AlreadyAnswered(str(request.pk))


def _decision(
    application: Application, clinician: Person, granted: Sequence[str], *, language: str, at: datetime
) -> Decision:
    """His decision to use this app with these scopes: the one that stands, so that other charts stay open, or a new."""
    standing = ledger.current(clinician.pk, application.client_id)
    if standing and standing.ends and standing.ends > at and set(standing.scopes_granted) == set(granted):
        return standing
    return ledger.grant(
        owner=clinician,
        actor=clinician,
        grantee=application.client_id,
        grantee_name=application.name,
        asked=list(granted),
        granted=list(granted),
        terms=Terms(),
        purpose=PURPOSE,
        ends=at + SHIFT,
        read=ledger.Reading(f"clinician-{wording.VERSION}", language),
        at=at,
    )


def _note(
    request: AuthorizationRequest, clinician: Person, decision: Decision, outcome: Outcome, how: Circumstances
) -> None:
    """In his own log, and in that of the patient whose chart he opened the app for."""
    about = request.launch.about_id if request.launch else None
    for owner_id in (clinician.pk, *([about] if about else [])):
        events.append(
            owner_id=owner_id,
            action=Action.EXECUTE,
            interaction="authorize",
            outcome=outcome,
            agent_kind=Agent.STAFF,
            agent=str(clinician.subject),
            agent_name=clinician.name,
            consent_id=decision.pk,
            origin=how.origin,
            detail={"app": request.application.client_id, "granted": len(decision.scopes_granted)},
        )
