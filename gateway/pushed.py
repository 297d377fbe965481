"""Authorization requests sent ahead by their client (RFC 9126): kept a minute and a half, used once."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from gateway.models import Application, PushedRequest

LIFE: Final = timedelta(seconds=90)
_PREFIX: Final = "urn:ietf:params:oauth:request_uri:"


def keep(application: Application, params: dict[str, str], *, at: datetime) -> str:
    """The ``request_uri`` that stands for these parameters; only its digest is kept."""
    request_uri = f"{_PREFIX}{secrets.token_urlsafe(32)}"
    PushedRequest.objects.create(digest=_digest(request_uri), application=application, params=params, expires=at + LIFE)
    return request_uri


def take(request_uri: str, client_id: str, *, at: datetime) -> dict[str, str] | None:
    """The parameters, once; None for an unknown, used or foreign one. Of two requests, one wins the deletion."""
    mine = PushedRequest.objects.filter(digest=_digest(request_uri), application__client_id=client_id, expires__gt=at)
    found = mine.values_list("params", flat=True).first()
    return found if found is not None and mine.delete()[0] else None


def _digest(request_uri: str) -> bytes:
    return sha256(request_uri.encode()).digest()
