"""An app on its way: registered by its developer, changed, and given new secrets and keys.

Until it is approved an app is on trial: it works in every respect, but only made-up people can let it in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Person
from developers.models import Review, State
from gateway import clients
from gateway.clients import Registered
from gateway.errors import InvalidRegistration
from gateway.models import Application, AuthMethod

OVERLAP: Final = timedelta(days=7)
"""How long the old secret stays good beside the new one."""
APPS_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Description:
    """What an app is and may ask for. ``shown`` are what people read of it."""

    name: str
    method: str
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    shown: dict[str, Any]
    jwks: dict[str, Any] | None = None
    jwks_uri: str = ""


def of(person: Person) -> QuerySet[Application]:
    """The developer's apps, newest first, with their reviews."""
    found: QuerySet[Application] = (
        Application.objects.filter(user=person, review__isnull=False).select_related("review").order_by("-pk")
    )
    return found


@transaction.atomic
def register(description: Description, *, by: Person | None, at: datetime) -> Registered:
    """A new app on trial. Raises InvalidRegistration, InvalidRedirect."""
    if by is not None and of(by).count() >= APPS_MAX:
        raise InvalidRegistration(f"a developer has at most {APPS_MAX} apps")
    made = clients.register(
        description.name,
        redirect_uris=description.redirect_uris,
        method=description.method,
        scopes_allowed=description.scopes,
        jwks=description.jwks,
        jwks_uri=description.jwks_uri,
        launch_uri=description.shown.get("launch_uri", ""),
        by=by,
    )
    made.application.on_trial = True
    _show(made.application, description)
    Review.objects.create(application=made.application, created=at)
    return made


@transaction.atomic
def change(application: Application, description: Description) -> None:
    """Another description of the same app; approval is for what was reviewed, so the app is on trial again.

    Who let it in before keeps it. The method of authentication stays. Raises InvalidRegistration, InvalidRedirect.
    """
    review = Review.objects.select_for_update().get(application=application)
    if review.state == State.SUSPENDED:
        raise InvalidRegistration("a suspended app cannot be changed")
    clients.amend(
        application,
        name=description.name,
        redirect_uris=description.redirect_uris,
        scopes_allowed=description.scopes,
        jwks=description.jwks,
        jwks_uri=description.jwks_uri,
        launch_uri=description.shown.get("launch_uri", ""),
    )
    application.on_trial = True
    _show(application, description)
    review.state, review.submitted = State.DRAFT, None
    review.save(update_fields=["state", "submitted"])


def renew_keys(application: Application, *, jwks: dict[str, Any] | None, jwks_uri: str) -> None:
    """Other public keys, at once; approval stands. During a rotation a set holds the old key and the new.

    Raises InvalidRegistration.
    """
    clients.amend(
        application,
        name=application.name,
        redirect_uris=application.redirect_uris.split(),
        scopes_allowed=application.scopes.split(),
        jwks=jwks,
        jwks_uri=jwks_uri,
        launch_uri=application.launch_uri,
    )
    application.save(update_fields=["client_jwks", "client_jwks_uri", "updated"])


def renew_secret(application: Application, *, at: datetime) -> str:
    """A new secret, told once; the old one stays good for OVERLAP. Raises InvalidRegistration for an app without."""
    return clients.renew_secret(application, keep_old_until=at + OVERLAP)


def signs(application: Application) -> bool:
    return bool(application.token_endpoint_auth_method == AuthMethod.PRIVATE_KEY_JWT)


def has_secret(application: Application) -> bool:
    return application.token_endpoint_auth_method in (AuthMethod.BASIC, AuthMethod.POST)


SHOWN: Final = (
    "description",
    "maker",
    "homepage_uri",
    "policy_uri",
    "launch_uri",
    "purpose",
    "study_ends",
    "retention",
    "resale",
    "deletion",
)
"""The fields of Application that the app's developer says of it and people read."""


def _show(application: Application, description: Description) -> None:
    for name in SHOWN:
        if name in description.shown:
            setattr(application, name, description.shown[name])
    application.save()
