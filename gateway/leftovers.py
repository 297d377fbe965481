"""Rows that have had their day: nothing here can be used any more, and no decision or event points at it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from gateway import pending, renewals, tokens, usage
from gateway.models import (
    AccessToken,
    AuthorizationRequest,
    Grant,
    Launch,
    PushedRequest,
    RefreshToken,
    UsedAssertion,
)

# Long enough that a replay of a code or refresh token is still recognised as one.
KEPT: Final = timedelta(days=1)


def sweep(*, at: datetime) -> None:
    """Deletes expired requests, codes, access tokens, assertions and dead refresh tokens. Twice is as good as once."""
    usage.sweep(at=at)
    AuthorizationRequest.objects.filter(expires__lt=at).delete()
    # A launch outlives its five minutes with the request that came from it.
    Launch.objects.filter(expires__lt=at - pending.LIFE).delete()
    PushedRequest.objects.filter(expires__lt=at).delete()
    UsedAssertion.objects.filter(expires__lt=at).delete()
    Grant.objects.filter(expires__lt=at - KEPT).delete()
    AccessToken.objects.filter(expires__lt=at - KEPT).delete()
    RefreshToken.objects.filter(replay__isnull=False, revoked__lt=at - renewals.REPLAY_LIFE).update(replay=None)
    RefreshToken.objects.filter(authorization__expires__lt=at - KEPT).delete()
    RefreshToken.objects.filter(created__lt=at - tokens.IDLE_MAX - KEPT).delete()
    # An ended authorization needs no refresh tokens to recognise reuse by: all of them are refused anyway.
    RefreshToken.objects.filter(authorization__revoked__lt=at - KEPT).delete()
