"""EHR launch (SMART App Launch 2.2): an EHR opens us in a clinician's frame, and a visit comes of it.

Three requests of one browser: the launch, which gives a cookie; a step that sees whether the cookie came back, before
anything of the launch is spent; and the EHR's answer. The state in the address says which launch it belongs to, the
cookie that it is the same browser.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import transaction
from django.http import HttpRequest

from records import sealing
from smartlaunch import clinicians, discovery, ehrs, identity, launches, practitioners, visits
from smartlaunch.discovery import AuthorizationServer
from smartlaunch.models import Arrival, Ehr, Step, Visit
from smartlaunch.refusals import ArrivalRefused, Reason
from smartlaunch.refusals import of as refused_by
from smartlaunch.visits import Context
from standards.fhir import references
from sync import tokens
from sync.problems import Problem, SourceError
from sync.tokens import ClientSession, Tokens

LIFETIME: Final = timedelta(minutes=10)
REMEMBERED: Final = timedelta(days=7)
"""How long the diagnosis tells how far a launch came."""
LONGEST: Final = timedelta(hours=12)
UNSAID: Final = timedelta(hours=1)
"""How long a visit lasts where the EHR does not say how long its token does."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """What is sealed in an arrival."""

    launch: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    server: dict[str, Any] | None = None


def begin(ehr: Ehr, launch: str, *, at: datetime) -> tuple[Arrival, str]:
    """The arrival, and the secret for this browser's cookie. Nothing is asked of the EHR yet."""
    over = Arrival.objects.filter(expires__lt=at)
    over.filter(expires__lt=at - REMEMBERED).delete()
    # What only knocked: anybody may, as often as he likes.
    over.filter(reached=Step.OPENED, problem="").delete()
    state, nonce, verifier, secret = (secrets.token_urlsafe(48) for _ in range(4))
    arrival = Arrival(
        ehr=ehr,
        state_hash=_hash(state),
        secret_hash=visits.digest(secret),
        created=at,
        expires=at + LIFETIME,
    )
    arrival.sealed = _seal(arrival.uid, _Opened(launch, state, nonce, verifier))
    arrival.save()
    return arrival, secret


def waiting(uid: UUID, *, at: datetime) -> Arrival | None:
    """The launch of this address, if it still waits to go on."""
    open_ones = Arrival.objects.filter(used__isnull=True, expires__gt=at, ehr__active=True)
    return open_ones.select_related("ehr__organization").filter(uid=uid).first()


def launch_of(arrival: Arrival) -> str:
    return _open(arrival).launch


def leave(arrival: Arrival) -> str:
    """Discover, remember, and give the address at the EHR to send the browser to. Raises ArrivalRefused.

    No later discovery changes where the code goes.
    """
    _note(arrival, Step.COOKIE)
    opened = _open(arrival)
    with _told(arrival):
        server = discovery.discover(arrival.ehr.iss)
        if not server.issuer or not server.algorithms:
            raise ArrivalRefused(Reason.NOT_SMART, "it signs nobody in")
        _check_algorithms(server)
        kept = _Opened(opened.launch, opened.state, opened.nonce, opened.verifier, server.as_dict())
        Arrival.objects.filter(pk=arrival.pk).update(sealed=_seal(arrival.uid, kept), reached=Step.DISCOVERED)
        with client(arrival.ehr) as session:
            address, _ = session.create_authorization_url(
                server.authorization_endpoint,
                state=opened.state,
                code_verifier=opened.verifier,
                nonce=opened.nonce,
                aud=arrival.ehr.iss,
                launch=opened.launch,
            )
    return str(address)


def _check_algorithms(server: AuthorizationServer) -> None:
    if not server.jwks_uri:
        raise ArrivalRefused(Reason.NOT_SMART, "no keys of its id_tokens")


def finish(ehr: Ehr, answer: Mapping[str, str], *, request: HttpRequest, at: datetime) -> tuple[Visit, str]:
    """Take the EHR's answer, exchange its code, check who it is and whose chart, and open the visit. Its secret too.

    Raises ArrivalRefused. Nothing of the answer is believed before all of it was checked.
    """
    arrival = _find(ehr, answer.get("state", ""), request)
    opened = _take(arrival, at=at)
    with _told(arrival):
        server = AuthorizationServer.kept(opened.server or {})
        launches.check_issuer(server, answer.get("iss"))
        if answer.get("error"):
            raise ArrivalRefused(_REFUSED.get(answer["error"], Reason.REFUSED_THERE))
        if not answer.get("code"):
            raise ArrivalRefused(Reason.MISMATCH, "neither code nor error")
        _note(arrival, Step.RETURNED)
        given = _exchange(ehr, answer["code"], opened.verifier, server)
        held = Tokens.of(given, at=at)
        _note(arrival, Step.EXCHANGED)
        claims = _identified(given, server, ehr, opened.nonce)
        user = clinicians.fhir_user(claims, ehr.iss)
        _note(arrival, Step.IDENTIFIED)
        clinician = clinicians.seen(ehr, claims, user, at=at)
        clinicians.admit(clinician)
        practitioners.name(clinician, ehr, held.access_token)
        _note(arrival, Step.ADMITTED)
        context = _context(given, held)
        ends = min(held.expires or at + UNSAID, at + LONGEST)
        told = _presentation(given)
        visit = visits.begin(arrival.uid, ehr=ehr, clinician=clinician, context=context, ends=ends, at=at, **told)
        _note(arrival, Step.COMPLETE)
    return visit


_REFUSED: Final = {
    "unauthorized_client": Reason.NOT_REGISTERED,
    "invalid_client": Reason.NOT_REGISTERED,
    "invalid_scope": Reason.NOT_REGISTERED,
    "server_error": Reason.UNREACHABLE,
    "temporarily_unavailable": Reason.UNREACHABLE,
}


def _find(ehr: Ehr, state: str, request: HttpRequest) -> Arrival:
    """By state, EHR and browser together: whoever stole the state has not the cookie, and burns nothing by trying."""
    arrival = Arrival.objects.filter(state_hash=_hash(state), ehr=ehr).first()
    if arrival is None or not visits.is_bound(arrival.uid, request, bytes(arrival.secret_hash)):
        raise ArrivalRefused(Reason.MISMATCH)
    arrival.ehr = ehr
    return arrival


@transaction.atomic
def _take(arrival: Arrival, *, at: datetime) -> _Opened:
    """Used up by one conditional update: of two callbacks one gets it."""
    fresh = Arrival.objects.filter(pk=arrival.pk, used__isnull=True, expires__gt=at)
    if not fresh.update(used=at, sealed=None) or arrival.sealed is None:
        raise ArrivalRefused(Reason.EXPIRED)
    opened = _open(arrival)
    if opened.server is None:
        raise ArrivalRefused(Reason.MISMATCH, "an answer to what was never asked")
    return opened


def _exchange(ehr: Ehr, code: str, verifier: str, server: AuthorizationServer) -> dict[str, Any]:
    with client(ehr) as session:
        return tokens.ask_token_endpoint(
            lambda: session.fetch_token(
                server.token_endpoint,
                grant_type="authorization_code",
                code=code,
                code_verifier=verifier,
                redirect_uri=ehrs.redirect_uri(ehr),
                **({"client_id": ehr.client_id} if ehr.sealed_secret is None else {}),
            )
        )


def client(ehr: Ehr) -> ClientSession:
    """An OAuth client that proves to this EHR who we are. Close it after use."""
    return tokens.speaking_as(
        ehr.client_id,
        ehrs.secret_of(ehr),
        method=ehr.auth_method,
        scope=ehr.scopes,
        redirect_uri=ehrs.redirect_uri(ehr),
        code_challenge_method="S256",
    )


def _identified(given: Mapping[str, Any], server: AuthorizationServer, ehr: Ehr, nonce: str) -> Mapping[str, Any]:
    try:
        return identity.verify(given, server=server, client_id=ehr.client_id, nonce=nonce)
    except SourceError as error:
        if error.problem is Problem.WRONG_ISSUER:
            raise ArrivalRefused(Reason.BAD_IDENTITY, str(error)) from error
        raise


def _context(given: Mapping[str, Any], held: Tokens) -> Context:
    """Without a patient there is no visit; an encounter that is none is left out."""
    patient, encounter = given.get("patient"), given.get("encounter")
    if not isinstance(patient, str) or not references.ID.fullmatch(patient):
        raise ArrivalRefused(Reason.NO_PATIENT)
    known = encounter if isinstance(encounter, str) and references.ID.fullmatch(encounter) else ""
    return Context(patient, known, held.access_token, held.scope)


def _presentation(given: Mapping[str, Any]) -> dict[str, Any]:
    """A banner unless the EHR says that it shows one itself; a style and an intent where they can be ones at all."""
    return {
        "need_patient_banner": given.get("need_patient_banner") is not False,
        "smart_style_url": _short(given.get("smart_style_url"), 500),
        "intent": _short(given.get("intent"), 100),
    }


def _short(said: object, longest: int) -> str:
    return said if isinstance(said, str) and len(said) <= longest and said.isprintable() else ""


@contextmanager
def _told(arrival: Arrival) -> Iterator[None]:
    """Every refusal as ArrivalRefused, and written down for the diagnosis."""
    try:
        yield
    except SourceError as error:
        _note_problem(arrival, refused_by(error).reason)
        raise refused_by(error) from error
    except ArrivalRefused as refused:
        _note_problem(arrival, refused.reason)
        raise


def _note(arrival: Arrival, step: Step) -> None:
    Arrival.objects.filter(pk=arrival.pk).update(reached=step)


def _note_problem(arrival: Arrival, reason: Reason) -> None:
    Arrival.objects.filter(pk=arrival.pk).update(problem=reason)


def note_no_cookie(arrival: Arrival) -> None:
    _note_problem(arrival, Reason.NO_COOKIE)


def _hash(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()


def _purpose(uid: UUID) -> str:
    return f"arrival|{uid}"


def _seal(uid: UUID, opened: _Opened) -> bytes:
    kept = {name: getattr(opened, name) for name in _Opened.__slots__}
    return sealing.seal_site_secret(_purpose(uid), orjson.dumps(kept))


def _open(arrival: Arrival) -> _Opened:
    assert arrival.sealed is not None
    return _Opened(**orjson.loads(sealing.open_site_secret(_purpose(arrival.uid), bytes(arrival.sealed))))
