"""Apps that register themselves (RFC 7591) and mind their own registration afterwards (RFC 7592).

Whoever has no initial access token gets a registration that is asleep until staff approves it; with a developer's
token it is on trial like an app she registered by hand. Where the site is open to all (REGISTRATION_OPEN) it is
approved at once.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.urls import reverse

from accounts.models import Person
from developers import registrations
from developers.forms import DEFAULT_SCOPES
from developers.models import InitialToken, Review, State
from developers.registrations import Description
from gateway import tokens
from gateway.errors import InvalidRegistration, InvalidToken
from gateway.models import Application, AuthMethod

INITIAL_LIFE: Final = timedelta(days=7)
GRANT_TYPES: Final = frozenset({"authorization_code", "refresh_token", "client_credentials"})
_ADDRESSES: Final = {"client_uri": "homepage_uri", "policy_uri": "policy_uri", "initiate_login_uri": "launch_uri"}


@dataclass(frozen=True, slots=True)
class Answer:
    """The client information response; ``client_secret`` and ``registration_access_token`` are told this once."""

    application: Application
    body: dict[str, Any]


def issue_initial_token(developer: Person, *, at: datetime) -> str:
    """A token that lets a program register apps in this developer's name; told this once."""
    token = secrets.token_urlsafe(32)
    InitialToken.objects.filter(expires__lt=at).delete()
    InitialToken.objects.create(digest=tokens.digest(token), developer=developer, expires=at + INITIAL_LIFE)
    return token


def developer_of(token: str | None, *, at: datetime) -> Person | None:
    """Whose initial access token this is; None for no token. Raises InvalidToken for one that is not good."""
    if token is None:
        return None
    found = InitialToken.objects.select_related("developer").filter(digest=tokens.digest(token), expires__gt=at).first()
    if found is None or not found.developer.is_active:
        raise InvalidToken("no initial access token")
    return found.developer


@transaction.atomic
def register(metadata: object, *, by: Person | None, at: datetime) -> Answer:
    """Raises InvalidRegistration, InvalidRedirect."""
    described = _described(_object(metadata))
    made = registrations.register(described, by=by, at=at)
    application = made.application
    management = secrets.token_urlsafe(32)
    _place(application, management, by=by, at=at)
    told: dict[str, Any] = {"client_secret": made.secret, "client_secret_expires_at": 0} if made.secret else {}
    return Answer(application, {**_known(application), **told, "registration_access_token": management})


def managed(client_id: str, token: str | None) -> Application:
    """The application whose registration access token this is. Raises InvalidToken, also for an unknown app."""
    digest = tokens.digest(token or "")
    found = Review.objects.select_related("application").filter(application__client_id=client_id).first()
    if not token or found is None or not secrets.compare_digest(found.management_digest, digest):
        raise InvalidToken("no registration access token of this app")
    return found.application


def read(application: Application) -> dict[str, Any]:
    return _known(application)


@transaction.atomic
def update(application: Application, metadata: object, *, at: datetime) -> dict[str, Any]:
    """The whole description anew (RFC 7592 2.2); what was approved has to be reviewed again.

    Raises InvalidRegistration, InvalidRedirect.
    """
    said = _object(metadata)
    if said.get("client_id") != application.client_id:
        raise InvalidRegistration("client_id must be that of the registration")
    described = _described(said)
    if described.method != application.token_endpoint_auth_method:
        raise InvalidRegistration("token_endpoint_auth_method cannot change: register another app")
    registrations.change(application, described)
    _place(application, "", by=application.user, at=at)
    return _known(application)


@transaction.atomic
def delete(application: Application) -> None:
    """The app stops at once and for good. The row stays: decisions and access logs name it."""
    Review.objects.filter(application=application).update(state=State.SUSPENDED, management_digest="")
    Application.objects.filter(pk=application.pk).update(active=False)


def _place(application: Application, management: str, *, by: Person | None, at: datetime) -> None:
    """Where the app stands now: approved where the site is open, on trial for a developer's, else asleep."""
    changes: dict[str, Any] = {"management_digest": tokens.digest(management)} if management else {}
    if settings.REGISTRATION_OPEN:
        changes |= {"state": State.APPROVED, "decided": at}
        application.active, application.on_trial = True, False
    elif by is None:
        changes |= {"state": State.SUBMITTED, "submitted": at}
        application.active = False
    application.save(update_fields=["active", "on_trial", "updated"])
    Review.objects.filter(application=application).update(**changes)


def _object(metadata: object) -> dict[str, Any]:
    if not isinstance(metadata, dict):
        raise InvalidRegistration("the metadata must be a JSON object")
    return metadata


def _described(said: dict[str, Any]) -> Description:
    """Client metadata (RFC 7591 2) as a description. Raises InvalidRegistration."""
    grant_types = _strings(said, "grant_types", ["authorization_code"])
    if not set(grant_types) <= GRANT_TYPES or _strings(said, "response_types", ["code"]) not in (["code"], []):
        raise InvalidRegistration("grant_types and response_types are those of the metadata of this server")
    jwks = said.get("jwks")
    if jwks is not None and not isinstance(jwks, dict):
        raise InvalidRegistration("jwks must be an object")
    return Description(
        name=_text(said, "client_name"),
        method=_text(said, "token_endpoint_auth_method", AuthMethod.BASIC.value),
        redirect_uris=tuple(_strings(said, "redirect_uris", [])),
        scopes=tuple(_text(said, "scope", DEFAULT_SCOPES).split()),
        shown={ours: _address(said, theirs) for theirs, ours in _ADDRESSES.items()},
        jwks=jwks,
        jwks_uri=_address(said, "jwks_uri"),
    )


def _text(said: dict[str, Any], name: str, default: str = "") -> str:
    value = said.get(name, default)
    if not isinstance(value, str) or "\x00" in value:
        raise InvalidRegistration(f"{name} must be a text")
    return value


def _strings(said: dict[str, Any], name: str, default: list[str]) -> list[str]:
    value = said.get(name, default)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidRegistration(f"{name} must be a list of texts")
    return value


def _address(said: dict[str, Any], name: str) -> str:
    value = _text(said, name)
    try:
        URLValidator(schemes=["https", "http"])(value or "https://empty.example")
    except ValidationError as error:
        raise InvalidRegistration(f"{name} must be an address") from error
    if len(value) > 500:
        raise InvalidRegistration(f"{name} is too long")
    return value


def _known(application: Application) -> dict[str, Any]:
    """All registered metadata (RFC 7591 3.2.1)."""
    signs = application.token_endpoint_auth_method == AuthMethod.PRIVATE_KEY_JWT
    keys: dict[str, Any] = {"jwks_uri": application.client_jwks_uri} if application.client_jwks_uri else {}
    if signs and application.client_jwks:
        keys = {"jwks": json.loads(application.client_jwks)}
    backend = ["client_credentials"] if application.is_backend else []
    return {
        "client_id": application.client_id,
        "client_id_issued_at": int(application.created.timestamp()),
        "client_name": application.name,
        "redirect_uris": application.redirect_uris.split(),
        "grant_types": ["authorization_code", "refresh_token", *backend],
        "response_types": ["code"],
        "token_endpoint_auth_method": application.token_endpoint_auth_method,
        "scope": application.scopes,
        **{theirs: value for theirs, ours in _ADDRESSES.items() if (value := getattr(application, ours))},
        **keys,
        "registration_client_uri": settings.PUBLIC_URL
        + reverse("developers:registration", args=[application.client_id]),
    }
