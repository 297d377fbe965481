"""Authorization requests that wait for her answer: ten minutes, one answer."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from gateway import launches
from gateway.models import Application, AuthorizationRequest

LIFE: Final = timedelta(minutes=10)
KEPT: Final = (
    "response_type",
    "redirect_uri",
    "state",
    "aud",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "prompt",
    "max_age",
    "login_hint",
)
"""The parameters that are remembered; scopes are kept as what may be offered."""


class LaunchSpent(Exception):
    """Another request used the same launch in the same moment."""


@transaction.atomic
def keep(application: Application, params: dict[str, str], offered: list[str], *, at: datetime) -> AuthorizationRequest:
    """The request, kept; a launch it names is spent by it. Raises LaunchSpent."""
    launch = launches.find(params["launch"], application, at=at) if "launch" in params else None
    if "launch" in params and (launch is None or not launches.claim(launch, at=at)):
        raise LaunchSpent
    return AuthorizationRequest.objects.create(
        application=application,
        launch=launch,
        params={
            **{name: params[name] for name in KEPT if name in params},
            "offered": launches.narrowed(offered, launch),
        },
        created=at,
        expires=at + LIFE,
    )


def waiting(uid: uuid.UUID, *, at: datetime) -> AuthorizationRequest | None:
    """The request, if it is still to be answered and its app still active."""
    return (
        AuthorizationRequest.objects.select_related("application__logo", "launch__about", "launch__delegation__owner")
        .defer("application__logo__png")
        .filter(pk=uid, answered__isnull=True, expires__gt=at, application__active=True)
        .first()
    )


def claim(request: AuthorizationRequest, *, at: datetime) -> bool:
    """Marks it answered; False if somebody was first. Of two clicks, one wins this update."""
    return bool(
        AuthorizationRequest.objects.filter(pk=request.pk, answered__isnull=True, expires__gt=at).update(answered=at)
    )
