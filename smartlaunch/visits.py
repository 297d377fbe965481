"""A visit: one clinician, one patient's chart, one frame. Its address names it and its cookie proves it (DESIGN D14).

Nothing of a visit is in a session: a browser has one cookie for each, so two tabs on two patients never mix, and who
is signed in here as a person is nobody to these pages.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Final
from uuid import UUID

import orjson
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from accounts import binding
from records import sealing
from smartlaunch import embedding
from smartlaunch.models import Clinician, Ehr, Organization, Visit

KEPT: Final = timedelta(days=90)
"""How long it stays known who had whose chart open, for the organisation's own log."""
_SECRET_BYTES: Final = 32
# Django's form token is made of a secret of 32 letters and digits.
_FORM_SECRET: Final = 32


@dataclass(frozen=True, slots=True)
class Context:
    """What the EHR told: ids as it has them. ``scope`` is what its token holds, which is "" once the visit is over."""

    patient: str
    encounter: str = ""
    access_token: str = field(default="", repr=False)
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Open:
    """A visit that is open now, as a view gets it."""

    visit: Visit
    context: Context

    @property
    def uid(self) -> UUID:
        return self.visit.uid

    @property
    def clinician(self) -> Clinician:
        return self.visit.clinician

    @property
    def ehr(self) -> Ehr:
        return self.visit.ehr

    @property
    def organization(self) -> Organization:
        return self.visit.clinician.organization


def begin(
    uid: UUID,
    *,
    ehr: Ehr,
    clinician: Clinician,
    context: Context,
    ends: datetime,
    at: datetime,
    **told: Any,
) -> tuple[Visit, str]:
    """The visit, and the secret for its cookie, which is kept nowhere else.

    ``told``: need_patient_banner, smart_style_url, intent. What has ended is emptied, what ended long ago removed.
    """
    Visit.objects.filter(ends__lt=at, sealed_token__isnull=False).update(sealed_token=None)
    Visit.objects.filter(began__lt=at - KEPT).delete()
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    visit = Visit.objects.create(
        uid=uid,
        ehr=ehr,
        clinician=clinician,
        secret_hash=digest(secret),
        sealed=_seal(uid, context),
        sealed_token=sealing.seal_site_secret(_purpose_of_token(uid), context.access_token.encode()),
        began=at,
        ends=ends,
        **told,
    )
    return visit, secret


def find(uid: UUID, secret: str, *, at: datetime) -> Open | None:
    """The visit of this address, if this browser's it is and it is still open."""
    visits = Visit.objects.open(at=at).select_related("ehr", "clinician__organization")
    visit = visits.filter(uid=uid).first()
    if visit is None or not constant_time_compare(bytes(visit.secret_hash), digest(secret)):
        return None
    return Open(visit, opened_context(visit))


def end(visit: Visit, *, at: datetime) -> None:
    """Over now, and the EHR's token with it."""
    Visit.objects.filter(pk=visit.pk, ended__isnull=True).update(ended=at, sealed_token=None)


def end_of_organization(organization: Organization, *, at: datetime) -> int:
    """All that are open there: after its rules have changed, everybody is asked again who he is."""
    mine = Visit.objects.filter(ehr__organization=organization, ended__isnull=True, ends__gt=at)
    return mine.update(ended=at, sealed_token=None)


def name_person(visit: Visit, person_id: int | None) -> None:
    """Whose record here it is about, while something of it is shared with this visit."""
    Visit.objects.filter(pk=visit.pk).update(person_id=person_id)
    visit.person_id = person_id


def needed(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For pages at ``/ehr/<uuid:uid>/…``: the view gets ``(request, opened, …)`` with ``opened`` an Open.

    Where there is none for this browser, the locked page: the same for a visit that ended, for a clinician who was shut
    out, for another's and for none at all. Forms carry the visit's own token by ``{% csrf_token %}``. Whoever is signed
    in here as a person is forgotten for the request, and the database is bound to nobody, or to the owner where a link
    says whose record it is.
    """

    @csrf_exempt  # by Django's own cookie, which no frame of another site sends; checked below by the visit's
    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, uid: UUID, *args: Any, **kwargs: Any) -> HttpResponse:
        request.user = AnonymousUser()
        binding.bind(None)
        secret = request.COOKIES.get(cookie_name(uid), "")
        opened = find(uid, secret, at=timezone.now())
        if opened is None:
            return embedding.held_by(locked(request), _ancestors(uid))
        refused = _check_form(request, secret)
        if refused is None and opened.visit.person_id is not None:
            binding.look_at(opened.visit.person_id)
        response = refused or view(request, opened, *args, **kwargs)
        return embedding.held_by(response, opened.ehr.frame_ancestors)

    return guarded


def locked(request: HttpRequest, *, status: int = 403) -> HttpResponse:
    """What stands in the frame when there is no visit, or not any more."""
    return render(request, "smartlaunch/locked.html", status=status)


def _ancestors(uid: UUID) -> list[str]:
    """Who may hold the locked page: otherwise the frame would stay white."""
    found = Ehr.objects.filter(visits__uid=uid).values_list("frame_ancestors", flat=True).first()
    return list(found or [])


def cookie_name(uid: UUID) -> str:
    return f"visit_{uid.hex}"


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _purpose(uid: UUID) -> str:
    return f"visit|{uid}"


def _purpose_of_token(uid: UUID) -> str:
    return f"visit-token|{uid}"


def _seal(uid: UUID, context: Context) -> bytes:
    kept = {"patient": context.patient, "encounter": context.encounter, "scope": context.scope}
    return sealing.seal_site_secret(_purpose(uid), orjson.dumps(kept))


def opened_context(visit: Visit) -> Context:
    """Whose chart it was, and of a visit that is open, the token."""
    kept = orjson.loads(sealing.open_site_secret(_purpose(visit.uid), bytes(visit.sealed)))
    if visit.sealed_token is None:
        return Context(**kept)
    token = sealing.open_site_secret(_purpose_of_token(visit.uid), bytes(visit.sealed_token))
    return Context(**kept, access_token=token.decode())


class _FormCheck(CsrfViewMiddleware):
    """Django's check with the visit's secret in place of the cookie that frames do not get."""

    def _get_secret(self, request: HttpRequest) -> str | None:
        return request.META.get("CSRF_COOKIE")

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        return render(request, "403_csrf.html", status=403)


def _check_form(request: HttpRequest, secret: str) -> HttpResponse | None:
    """None, or the refusal of a form that did not come from a page of this visit."""
    made = salted_hmac("smartlaunch.visits.form", secret, algorithm="sha256").hexdigest()
    request.META["CSRF_COOKIE"] = made[:_FORM_SECRET]
    refused: HttpResponse | None = _FormCheck(lambda _: HttpResponse()).process_view(
        request, lambda _: HttpResponse(), (), {}
    )
    return refused


def secure(secret_of: UUID, secret: str, response: HttpResponse, *, ends: datetime, at: datetime) -> HttpResponse:
    """Give the browser the cookie of a visit, or of an arrival that will be one."""
    embedding.set_cookie(
        response, cookie_name(secret_of), secret, seconds=int((ends - at).total_seconds()), path="/ehr/"
    )
    return response


def is_bound(uid: UUID, request: HttpRequest, secret_hash: bytes) -> bool:
    """Whether this is the browser that got the cookie."""
    return constant_time_compare(digest(request.COOKIES.get(cookie_name(uid), "")), bytes(secret_hash))
