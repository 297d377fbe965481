"""Opening an app from here: SMART's EHR launch, in which we are the EHR (app-launch, "Launch App: EHR Launch").

The app's launch address is opened with our ``iss`` and a ``launch`` token that works once, for five minutes, for this
app and whoever opened it. What the token stands for never leaves the server before she agreed.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from django.conf import settings

from accounts.models import Person
from consent.models import Delegation
from gateway import redirects, scopes, styles
from gateway.models import Application, Launch

LIFE: Final = timedelta(minutes=5)
TOLD: Final = frozenset({"encounter", "fhirContext", "need_patient_banner", "intent", "tenant"})
"""What a launch may carry besides the patient (scopes-and-launch-context, "Launch context arrives with your token")."""


def apps(person: Person) -> list[Application]:
    """The apps that this person can open from here, by name; one on trial opens for made-up people only."""
    found = Application.objects.filter(active=True).exclude(launch_uri="").order_by("name", "id")
    return [application for application in found if application.admits(person)]


def open_app(
    application: Application,
    *,
    person: Person,
    about: Person | None = None,
    delegation: Delegation | None = None,
    context: Mapping[str, Any] | None = None,
    at: datetime,
) -> str:
    """The address that opens the app for this person; ``about`` is the patient whose chart it is opened from.

    ``delegation``: she opens it from the record of whom she acts for by it. ``context`` holds names of TOLD only.
    """
    told = dict(context or {})
    if not told.keys() <= TOLD:
        raise ValueError("a launch tells an app what SMART names, nothing else")
    token = secrets.token_urlsafe(32)
    Launch.objects.create(
        digest=_digest(token),
        application=application,
        person=person,
        about=about if delegation is None else delegation.owner,
        delegation=delegation,
        context=told,
        expires=at + LIFE,
    )
    return redirects.with_query(application.launch_uri, {"iss": settings.FHIR_BASE, "launch": token})


def find(token: str, application: Application, *, at: datetime) -> Launch | None:
    """The launch of this token, if it is this app's and still to be used."""
    mine = Launch.objects.filter(application=application, used__isnull=True, expires__gt=at)
    return mine.filter(digest=_digest(token)).first()


def claim(launch: Launch, *, at: datetime) -> bool:
    """Spends it; False if somebody was first. Of two requests with one token, one wins this update."""
    return bool(Launch.objects.filter(pk=launch.pk, used__isnull=True, expires__gt=at).update(used=at))


def narrowed(offered: Iterable[str], launch: Launch | None) -> list[str]:
    """The scopes that make sense for this launch: ``launch`` needs one, ``launch/encounter`` one with an encounter."""
    known = {scopes.LAUNCH: launch is not None, scopes.LAUNCH_ENCOUNTER: bool(launch and "encounter" in launch.context)}
    return [text for text in offered if known.get(text, True)]


def context(launch: Launch | None, owner: Person, granted: Iterable[str]) -> dict[str, Any]:
    """What the app is told with every token: a patient whenever a ``patient/`` scope or a launch was granted."""
    granted = list(granted)
    launched = launch is not None and scopes.LAUNCH in granted
    told: dict[str, Any] = {}
    if scopes.needs_patient(granted) or launched:
        told["patient"] = owner.patient_id
    if launched and launch is not None:
        told |= {**launch.context, "smart_style_url": styles.address()}
    elif launch is not None and scopes.LAUNCH_ENCOUNTER in granted and "encounter" in launch.context:
        told["encounter"] = launch.context["encounter"]
    return told


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
