"""Farewells: telling a hospital that the tokens it gave us shall be good for nothing any more (RFC 7009, or as a
maker of devices wants it).

When she stops a connection its tokens stop being ours to use at once; a copy, sealed as they were, waits here until
the hospital has heard it, or until it is clear that it will not.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import orjson
from authlib.integrations.requests_client import OAuthError
from celery import current_app
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from records import sealing
from sync import outbound, tokens
from sync.models import Connection, Farewell
from sync.problems import Remedy, SourceError
from sync.sources.wearables import makers

SAY: Final = "sync.tasks.say_farewell"
TRIES_MAX: Final = 8
PAUSE: Final = timedelta(minutes=10)
AT_ONCE: Final = 500


def prepare(connection: Connection) -> None:
    """Set the tokens aside for the hospital to revoke; saving the row, and ringing, is the caller's."""
    if connection.sealed_tokens is None:
        return
    told = bool(connection.revocation_endpoint)
    connection.farewell = Farewell.WAITING if told else Farewell.NOT_OFFERED
    connection.sealed_farewell = connection.sealed_tokens if told else None
    connection.farewell_tries = 0


def ring(connection_id: int) -> None:
    """Ring once this transaction has committed; ``ring_again`` finds what no worker heard."""
    transaction.on_commit(partial(current_app.send_task, SAY, args=[connection_id]), robust=True)


def ring_again(*, at: datetime) -> int:
    """Ring for those who have waited long enough since they were last tried."""
    rested = Q(farewell_tried__isnull=True) | Q(farewell_tried__lte=at - PAUSE)
    waiting = Connection.objects.filter(rested, farewell=Farewell.WAITING).order_by("pk")
    due = list(waiting.values_list("pk", flat=True)[:AT_ONCE])
    for connection_id in due:
        ring(connection_id)
    return len(due)


def say(connection_id: int) -> str:
    """Ask the hospital to revoke what waits, and note what came of it. Saying it twice is harmless (RFC 7009 2.2)."""
    connection = Connection.objects.select_related("hospital").get(pk=connection_id)
    waiting = Connection.objects.filter(pk=connection_id, farewell=Farewell.WAITING)
    if connection.farewell != Farewell.WAITING or connection.sealed_farewell is None:
        return connection.farewell
    sealed = bytes(connection.sealed_farewell)
    heard = _revoked(connection, sealed)
    tried = connection.farewell_tries + 1
    if heard or tried >= TRIES_MAX:
        outcome = Farewell.HEARD if heard else Farewell.NOT_HEARD
        # Only what was told is forgotten: a newer farewell of the same connection waits on.
        waiting.filter(sealed_farewell=sealed).update(farewell=outcome, sealed_farewell=None, farewell_tries=tried)
        return outcome
    waiting.update(farewell_tries=F("farewell_tries") + 1, farewell_tried=timezone.now())
    return Farewell.WAITING


def _revoked(connection: Connection, sealed: bytes) -> bool:
    """The refresh token first: with it the hospital ends what came of it (RFC 7009 2.1)."""
    kept = orjson.loads(sealing.open_secret(connection.owner_id, tokens.purpose(connection), sealed))
    named = [(hint, kept[hint]) for hint in ("refresh_token", "access_token") if kept[hint]]
    maker = makers.of(connection.hospital.vendor)
    if maker is not None and maker.leave:
        return _left(connection, kept)
    try:
        with tokens.client(connection.hospital) as session:
            return all(_accepts(session, connection.revocation_endpoint, hint, token) for hint, token in named)
    except (OAuthError, *outbound.CONNECTION_FAULTS):
        return False


def _left(connection: Connection, kept: dict[str, Any]) -> bool:
    """Told by DELETE with a token of hers, a new one where that has ended. What can no longer be renewed is ended."""
    endpoint = connection.revocation_endpoint
    try:
        with tokens.client(connection.hospital) as session:
            if _deleted(session, endpoint, kept["access_token"]):
                return True
            if not kept["refresh_token"]:
                return False
            answer = tokens.ask_token_endpoint(
                lambda: session.refresh_token(connection.token_endpoint, refresh_token=kept["refresh_token"])
            )
            return _deleted(session, endpoint, str(answer.get("access_token")))
    except SourceError as error:
        return error.remedy is Remedy.REAUTHORIZE
    except (OAuthError, *outbound.CONNECTION_FAULTS):
        return False


def _deleted(session: tokens.ClientSession, endpoint: str, token: str) -> bool:
    session.token = {"access_token": token, "token_type": "Bearer"}
    return session.delete(endpoint).status_code in {200, 202, 204, 404}


def _accepts(session: tokens.ClientSession, endpoint: str, hint: str, token: str) -> bool:
    """200, also for a token it does not know; a server that revokes only refresh tokens says so (RFC 7009 2.2.1)."""
    answer = session.revoke_token(endpoint, token=token, token_type_hint=hint)
    if answer.status_code == 400 and hint == "access_token":
        return b"unsupported_token_type" in answer.content
    return bool(answer.status_code == 200)
