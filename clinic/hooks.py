"""CDS Hooks 2.0: when a chart opens, a card where what she measured at home changes what the clinic's readings tell.

Without her leave there is no card, and no difference between a patient we do not know and one who shared nothing.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from consent import gate
from consent.models import Decision
from gateway import limits
from gateway.errors import TooManyRequests
from gateway.limits import Caller
from records.trends import gathering
from records.trends.gathering import Period, Pressures
from records.trends.pressure import Pattern
from smartlaunch import cds_calls, ehrs, organizations, shared
from smartlaunch.cds_calls import CallRefused
from smartlaunch.models import Clinician, ClinicRole, Ehr
from standards.fhir import json, references
from sync import conversations

SERVICE: Final = "home-readings"
DAYS: Final = 183
SUMMARY_MAX: Final = 140
"""Characters, in CDS Hooks 2.0, "Card Attributes"."""
# The gravest first: one of these is there wherever the home readings matter.
_INDICATORS: Final = {Pattern.MASKED: "warning", Pattern.SUSTAINED: "warning", Pattern.WHITE_COAT: "info"}
_SAYS: Final = {
    Pattern.MASKED: "high at home, not in the clinic (masked pattern)",
    Pattern.SUSTAINED: "high at home and in the clinic",
    Pattern.WHITE_COAT: "high in the clinic, not at home (white-coat pattern)",
    Pattern.BELOW: "below the thresholds at home and in the clinic",
}


class Unreadable(Exception):
    """No call of this hook as CDS Hooks has it."""


@require_GET
def services(request: HttpRequest) -> HttpResponse:
    """Discovery. It needs no token: it tells nothing of anybody."""
    told = {
        "hook": "patient-view",
        "id": SERVICE,
        "title": "Home readings and messages",
        "description": "A card where blood pressure measured at home changes what the clinic's readings tell, and one "
        "where the patient wrote a message that nobody has opened, for patients who share their record with the "
        "organization.",
        "usageRequirements": "A signed JWT of a registered EHR (CDS Hooks 2.0, Trusting CDS Clients).",
    }
    return JsonResponse({"services": [told]})


@csrf_exempt  # programs call it, with a token of their own
@require_POST
def patient_view(request: HttpRequest) -> HttpResponse:
    at, origin = timezone.now(), str(request.META.get("REMOTE_ADDR", ""))
    audience = settings.PUBLIC_URL + reverse("hooks:patient-view")
    try:
        limits.spend(Caller.ADDRESS, origin)
        ehr = cds_calls.caller(request.META.get("HTTP_AUTHORIZATION", ""), audience=audience, at=at)
        user, patient = _context(ehr, request.body)
    except TooManyRequests as error:
        return _told({"error": "too many requests"}, 429, **{"Retry-After": str(error.seconds)})
    except CallRefused:
        return _told({"error": "the caller is not known"}, 401, **{"WWW-Authenticate": 'Bearer realm="cds-services"'})
    except Unreadable as error:
        return _told({"error": str(error)}, 400)
    return _told({"cards": _cards(ehr, user, patient, origin=origin, at=at)})


def _told(body: dict[str, Any], status: int = 200, **headers: str) -> HttpResponse:
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store", **headers})


def _context(ehr: Ehr, body: bytes) -> tuple[str, str]:
    """``Type/id`` of who looks, and the Patient's id. Raises Unreadable."""
    try:
        said = json.loads(body)
    except json.MalformedJSON as error:
        raise Unreadable("no JSON") from error
    context = said.get("context") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(context, dict) or said.get("hook") != "patient-view":
        raise Unreadable("no call of patient-view")
    if not _is_uuid(said.get("hookInstance")):
        raise Unreadable("no hookInstance")
    if str(said.get("fhirServer", ehr.iss)).rstrip("/") != ehr.iss.rstrip("/"):
        raise Unreadable("another fhirServer than the one that is registered")
    user, patient = context.get("userId"), context.get("patientId")
    if not isinstance(user, str) or not references.is_relative(user):
        raise Unreadable("no userId")
    if not isinstance(patient, str) or not references.ID.fullmatch(patient):
        raise Unreadable("no patientId")
    return user, patient


def _is_uuid(text: object) -> bool:
    try:
        uuid.UUID(str(text))
    except ValueError:
        return False
    return isinstance(text, str)


def _cards(ehr: Ehr, user: str, patient: str, *, origin: str, at: datetime) -> list[dict[str, Any]]:
    # An organisation's other EHR may have somebody of the same id: then nobody is named, and one no is enough.
    known = list(Clinician.objects.filter(organization=ehr.organization, fhir_user=user))
    shut_out = any(not each.active or each.role == ClinicRole.NONE for each in known)
    if shut_out or user.partition("/")[0] not in organizations.CLINICAL:
        return []
    clinician = known[0] if len(known) == 1 else None
    found = shared.with_organization(ehr, patient, at=at)
    if found is None:
        return []
    owner_id, decision = found
    try:
        records = gate.readable(owner_id=owner_id, reader=shared.reader(decision), interaction="search", at=at)
    except gate.ConsentMissing:  # withdrawn between the two
        return []
    zone = Person.objects.get(pk=owner_id).zone
    period = Period.back(DAYS, until=at.astimezone(zone).date())
    pressures = gathering.pressures(records, period, zone=zone)
    cards = [_card(pressures)] if pressures.compared.matters else []
    unread = conversations.unread_there(owner_id, ehr.organization.uid)
    if unread:
        cards.append(_told_of(unread))
        _note(owner_id, decision, ehr, clinician, user, gate.TOLD_OF_MESSAGES, {"messages": unread}, origin=origin)
    if pressures.gathered.seen:
        types = {"types": {"Observation": len(pressures.gathered.seen)}}
        _note(owner_id, decision, ehr, clinician, user, "search", types, origin=origin)
    return cards


def _card(pressures: Pressures) -> dict[str, Any]:
    compared = pressures.compared
    average = compared.home.average
    assert average is not None
    patterns = {verdict.guideline.name: verdict.pattern for verdict in compared.verdicts if verdict.pattern}
    gravest = next(pattern for pattern in _INDICATORS if pattern in patterns.values())
    told = f"{average.pressure.systolic:.0f}/{average.pressure.diastolic:.0f} mmHg"
    return {
        "uuid": str(uuid.uuid4()),
        "summary": f"Blood pressure at home: {told} ({average.count} readings, {compared.home.days} days)"[
            :SUMMARY_MAX
        ],
        "detail": "\n".join(f"- {name}: {_SAYS[pattern]}" for name, pattern in patterns.items()),
        "indicator": _INDICATORS[gravest],
        "source": {"label": f"{settings.SITE_NAME}: shared by the patient", "url": settings.PUBLIC_URL},
        "links": [{"label": "Home and clinic readings", "url": ehrs.launch_uri(), "type": "smart"}],
    }


def _told_of(unread: int) -> dict[str, Any]:
    """That there is something to read, and nothing of it: a card is seen by whoever stands at the screen."""
    return {
        "uuid": str(uuid.uuid4()),
        "summary": f"{unread} new message{'' if unread == 1 else 's'} from the patient",
        "indicator": "info",
        "source": {"label": f"{settings.SITE_NAME}: shared by the patient", "url": settings.PUBLIC_URL},
        "links": [{"label": "Messages", "url": ehrs.launch_uri(), "type": "smart"}],
    }


def _note(
    owner_id: int,
    decision: Decision,
    ehr: Ehr,
    clinician: Clinician | None,
    user: str,
    interaction: str,
    told: dict[str, Any],
    *,
    origin: str,
) -> None:
    """In her access log, before the card leaves."""
    name = (clinician.name if clinician else "") or user
    events.append(
        owner_id=owner_id,
        action=Action.READ,
        interaction=interaction,
        agent_kind=Agent.STAFF,
        agent=str(clinician.uid) if clinician else user,
        agent_name=f"{name}, {ehr.organization.name}",
        consent_id=decision.pk,
        origin=origin,
        detail={"organization": ehr.organization.name, "page": "card", **told},
    )
