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

BRING_FORWARD: Final = "sync.tasks.bring_forward"
PAUSE: Final = timedelta(minutes=5)
"""However often a maker tells, an account is not asked more often than this."""


def of(hospital: Hospital) -> Notices | None:
    """How this maker tells; None where it does not."""
    maker = makers.of(hospital.vendor)
    return maker.notices if maker else None


def key(hospital: Hospital) -> str:
    """The part of our address that only this maker is told."""
    return salted_hmac("sync.notices", hospital.slug, algorithm="sha256").hexdigest()[:40]


def callback(hospital: Hospital) -> str:
    """Where the maker is asked to tell us."""
    return settings.PUBLIC_URL + reverse("smartlaunch:notice", args=[hospital.slug, key(hospital)])


def is_here(hospital: Hospital, given: str) -> bool:
    """Whether the address is the one we told this maker."""
    return of(hospital) is not None and constant_time_compare(given, key(hospital))


def is_genuine(hospital: Hospital, given: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the address is the one we told, and the signature fits where the maker signs."""
    how = of(hospital)
    if how is None or not is_here(hospital, given):
        return False
    if how.signed is None:
        return True
    if hospital.sealed_secret is None:
        return False
    purpose = tokens.secret_purpose(hospital.fhir_base)
    secret = sealing.open_site_secret(purpose, bytes(hospital.sealed_secret))
    return how.signed(secret, headers, body)


def ring(hospital: Hospital, body: bytes) -> bool:
    """Hand on whose accounts a genuine notice names; False while the broker is away, so that the maker tells again."""
    how = of(hospital)
    named = notices.accounts(how, body) if how else []
    try:
        if named:
            current_app.send_task(BRING_FORWARD, args=[hospital.pk, named])
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
