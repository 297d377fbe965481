"""Notices of makers: each brings the next update of the accounts it names forward. One that gets lost costs nothing but
time, because updates come by themselves as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from celery import current_app
from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from kombu.exceptions import OperationalError

from records import sealing
from sync import tokens
from sync.models import Connection, ConnectionState, Hospital
from sync.sources.wearables import makers, notices
from sync.sources.wearables.notices import Notices
from sync.sources.wearables.pushes import Push

BRING_FORWARD: Final = "sync.tasks.bring_forward"
PAUSE: Final = timedelta(minutes=5)
"""However often a maker tells, an account is not asked more often than this."""


def of(hospital: Hospital) -> Notices | None:
    """How this maker tells; None where it does not."""
    maker = makers.of(hospital.vendor)
    return maker.notices if maker else None


def handing(hospital: Hospital) -> Push | None:
    """How this maker hands over by itself what it has; None where it does not."""
    maker = makers.of(hospital.vendor)
    return maker.push if maker else None


def is_entered_there(hospital: Hospital) -> bool:
    """Whether somebody has to enter our address in the maker's own pages: it is not asked for it by us."""
    how = of(hospital)
    return handing(hospital) is not None or (how is not None and how.by_hand)


def key(hospital: Hospital) -> str:
    """The part of our address that only this maker is told."""
    return salted_hmac("sync.notices", hospital.slug, algorithm="sha256").hexdigest()[:40]


def callback(hospital: Hospital) -> str:
    """Where the maker is asked to tell us."""
    return settings.PUBLIC_URL + reverse("smartlaunch:notice", args=[hospital.slug, key(hospital)])


def is_here(hospital: Hospital, given: str) -> bool:
    """Whether the address is the one we told this maker."""
    tells = of(hospital) is not None or handing(hospital) is not None
    return tells and constant_time_compare(given, key(hospital))


def is_genuine(hospital: Hospital, given: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the address is the one we told, and the signature fits where the maker signs."""
    how = of(hospital)
    if how is None or not is_here(hospital, given):
        return False
    if how.signed is None:
        return True
    if notices.is_greeting(how, body):
        return True
    secret = _secret(hospital, how)
    return secret is not None and how.signed(secret, headers, body)


def _secret(hospital: Hospital, how: Notices) -> bytes | None:
    """What it signs with: our own secret there, or one that it gave for this."""
    sealed = hospital.sealed_signing if how.gives_secret else hospital.sealed_secret
    purpose = signing_purpose(hospital) if how.gives_secret else tokens.secret_purpose(hospital.fhir_base)
    return None if sealed is None else sealing.open_site_secret(purpose, bytes(sealed))


def signing_purpose(hospital: Hospital) -> str:
    return f"signing|{hospital.fhir_base}"


def ring(hospital: Hospital, body: bytes) -> bool:
    """Hand on whose accounts a genuine notice names; False while the broker is away, so that the maker tells again."""
    how = of(hospital)
    return bring(hospital, notices.accounts(how, body) if how else [])


def bring(hospital: Hospital, named: Sequence[str]) -> bool:
    """Have the updates of these accounts brought forward; False while the broker is away."""
    try:
        if named:
            current_app.send_task(BRING_FORWARD, args=[hospital.pk, list(named)])
    except OperationalError:
        return False
    return True


def bring_forward(hospital_id: int, accounts: Sequence[str], *, at: datetime) -> int:
    """Let the next update of these accounts be due now, or a pause after the last; how many.

    Who wants updates only when she asks gets none by this either.
    """
    hers = Connection.objects.filter(
        hospital_id=hospital_id, patient__in=accounts, state=ConnectionState.ACTIVE, due__isnull=False
    )
    rested = Q(last_attempt__isnull=True) | Q(last_attempt__lte=at - PAUSE)
    later = hers.exclude(rested).filter(due__gt=at + PAUSE).update(due=at + PAUSE)
    return later + hers.filter(rested, due__gt=at).update(due=at)
