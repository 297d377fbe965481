"""The hospital as an EHR that opens an app inside a chart (SMART EHR launch, in a frame).

Which app that is, the hospital's administration chose; the clinician chose the chart. So he is not asked again, as he
is for an app that he opens in a window of its own.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from django.db import transaction

from accounts.models import Person
from consent import clinicians as staff_here
from gateway import clients, clinicians, secrets
from gateway.answers import Circumstances
from gateway.models import Application, AuthMethod, AuthorizationRequest
from sandbox import keepsakes

CLIENT_ID: Final = "tributary-in-the-chart"
HANDOVER: Final = "ehr-client.json"
"""In a hospital's ``VAR_DIR``: what it gave us to be opened from its charts."""
SCOPE: Final = "launch openid fhirUser patient/Patient.rs user/Practitioner.rs"


@transaction.atomic
def hand_over(path: Path, *, launch_uri: str, redirect_uri: str) -> str:
    """Register Tributary as the app of the chart and leave the credentials in the file; the client_id."""
    known = keepsakes.read(path) or {}
    application = Application.objects.select_for_update().filter(client_id=CLIENT_ID).first()
    secret = str(known.get("secret") or "")
    if application is None:
        registered = clients.register(
            "Tributary",
            redirect_uris=[redirect_uri],
            method=AuthMethod.BASIC,
            scopes_allowed=SCOPE.split(),
            client_id=CLIENT_ID,
            launch_uri=launch_uri,
            description="What your patients share with this hospital.",
        )
        application, secret = registered.application, registered.secret or ""
    elif not secrets.matches(secret, application.client_secret):
        secret = clients.renew_secret(application)
    application.redirect_uris, application.launch_uri, application.scopes = redirect_uri, launch_uri, SCOPE
    application.save(update_fields=["redirect_uris", "launch_uri", "scopes", "updated"])
    keepsakes.write(path, {"client_id": CLIENT_ID, "secret": secret})
    return CLIENT_ID


def is_of_the_chart(application: Application) -> bool:
    return bool(application.client_id == CLIENT_ID)


def origin(application: Application) -> str:
    """Where the frame leads to: what the policy of the chart's page must allow."""
    parts = urlsplit(application.launch_uri)
    return f"{parts.scheme}://{parts.netloc}"


def let_in(waiting: AuthorizationRequest, clinician: Person, *, how: Circumstances, at: datetime) -> str | None:
    """Where to send him with the code; None where he has to be asked, as for every other app."""
    launched = waiting.launch
    mine = launched is not None and launched.person_id == clinician.pk and staff_here.is_one(clinician)
    if not mine or not is_of_the_chart(waiting.application):
        return None
    return clinicians.allow(waiting, clinician, how=how, at=at)
