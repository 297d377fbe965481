"""Standalone launch (SMART App Launch 2.2): sending a person to her hospital, and taking her back from there."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from accounts.models import Person
from records import sealing
from smartlaunch import discovery, identity, makers, registration
from smartlaunch.discovery import AuthorizationServer
from smartlaunch.models import Launch
from sync import connections, tokens, vendors
from sync.models import Connection, Hospital
from sync.problems import Problem, SourceError
from sync.sources.fhir_rest import mapping
from sync.tokens import Tokens

LIFETIME: Final = timedelta(minutes=10)
_PURPOSE: Final = "launch"
# RFC 6749 4.1.2.1 and OIDC Core 3.1.2.6: what an authorization response may say instead of a code.
ERRORS: Final[Mapping[str, Problem]] = {
    "access_denied": Problem.CONSENT_REFUSED,
    "consent_required": Problem.CONSENT_REFUSED,
    "interaction_required": Problem.CONSENT_REFUSED,
    "login_required": Problem.CONSENT_REFUSED,
    "unauthorized_client": Problem.NOT_REGISTERED,
    "invalid_client": Problem.NOT_REGISTERED,
    "invalid_request": Problem.NOT_REGISTERED,
    "invalid_scope": Problem.NOT_REGISTERED,
    "unsupported_response_type": Problem.NOT_REGISTERED,
    "server_error": Problem.SERVER_ERROR,
    "temporarily_unavailable": Problem.UNREACHABLE,
}


@dataclass(frozen=True, slots=True)
class _Opened:
    """The secrets of a launch, and the server it was begun with: no later discovery changes where the code goes."""

    verifier: str
    nonce: str
    server: AuthorizationServer


def redirect_uri(hospital: Hospital) -> str:
    """Exact, and another one for each hospital, so that an answer cannot be passed off as another's (RFC 9700 4.4)."""
    return settings.PUBLIC_URL + reverse("smartlaunch:callback", args=[hospital.slug])


def begin(person: Person, *, hospital: Hospital, at: datetime) -> str:
    """Discover, remember, and give the address at the hospital to send the person to. Raises SourceError."""
    server = makers.server(hospital) or discovery.discover(hospital.fhir_base)
    hospital = registration.ensure(hospital, server, redirect_uri=redirect_uri(hospital))
    state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
    kept = {"verifier": verifier, "nonce": nonce, "server": server.as_dict()}
    Launch.objects.filter(expires__lt=at - LIFETIME).delete()
    Launch.objects.create(
        person=person,
        hospital=hospital,
        state_hash=_hash(state),
        sealed=sealing.seal_secret(person.pk, _PURPOSE, orjson.dumps(kept)),
        created=at,
        expires=at + LIFETIME,
    )
    with tokens.client(hospital, redirect_uri=redirect_uri(hospital)) as session:
        aud = None if makers.is_one(hospital) else vendors.of(hospital.vendor).audience(hospital.fhir_base)
        address, _ = session.create_authorization_url(
            server.authorization_endpoint,
            state=state,
            code_verifier=verifier,
            nonce=nonce,
            **({} if aud is None else {"aud": aud}),
        )
    return str(address)


def finish(
    person: Person, *, hospital: Hospital, answer: Mapping[str, str], at: datetime, origin: str = ""
) -> Connection:
    """Take the authorization response, exchange its code, check who it is about, and connect. Raises SourceError."""
    opened = _take(person, hospital, answer.get("state", ""), at)
    check_issuer(opened.server, answer.get("iss"))
    if (error := answer.get("error")) is not None:
        raise SourceError("the hospital answered with an error", problem=ERRORS.get(error, Problem.SERVER_ERROR))
    if not answer.get("code"):
        raise SourceError("neither code nor error", problem=Problem.MISMATCH)
    given = _exchange(hospital, answer["code"], opened)
    identity.verify(given, server=opened.server, client_id=hospital.client_id, nonce=opened.nonce)
    patient = makers.account(hospital, given) if makers.is_one(hospital) else _patient(given)
    first = Tokens.of(given, at=at, lives=vendors.of(hospital.vendor).token_seconds)
    return connections.connect(
        person,
        hospital=hospital,
        patient=patient,
        tokens_given=registration.of_connection(hospital, opened.server, first),
        token_endpoint=opened.server.token_endpoint,
        revocation_endpoint=opened.server.revocation_endpoint,
        at=at,
        origin=origin,
    )


@transaction.atomic
def _take(person: Person, hospital: Hospital, state: str, at: datetime) -> _Opened:
    """The launch this answer belongs to, used up by one conditional update: of two callbacks one gets it."""
    launch = Launch.objects.filter(state_hash=_hash(state), person=person, hospital=hospital).first()
    if launch is None:
        raise SourceError("no such launch of this person", problem=Problem.MISMATCH)
    if not Launch.objects.filter(pk=launch.pk, used__isnull=True, expires__gt=at).update(used=at):
        raise SourceError("a launch used or expired", problem=Problem.EXPIRED)
    kept = orjson.loads(sealing.open_secret(person.pk, _PURPOSE, bytes(launch.sealed)))
    return _Opened(kept["verifier"], kept["nonce"], AuthorizationServer.kept(kept["server"]))


def check_issuer(server: AuthorizationServer, issuer: str | None) -> None:
    """RFC 9207: compared whenever it is there, and missed where the server says that it always sends it."""
    if issuer is None and not server.says_issuer:
        return
    if not server.issuer or issuer is None or not constant_time_compare(issuer, server.issuer):
        raise SourceError("another issuer in the authorization response", problem=Problem.WRONG_ISSUER)


def _exchange(hospital: Hospital, code: str, opened: _Opened) -> dict[str, Any]:
    with tokens.client(hospital, redirect_uri=redirect_uri(hospital)) as session:
        return tokens.ask_token_endpoint(
            lambda: session.fetch_token(
                opened.server.token_endpoint,
                grant_type="authorization_code",
                code=code,
                code_verifier=opened.verifier,
                redirect_uri=redirect_uri(hospital),
                **({"client_id": hospital.client_id} if hospital.sealed_secret is None else {}),
                **tokens.extras(hospital),
            )
        )


def _patient(given: Mapping[str, Any]) -> str:
    """The Patient in context: without it we would not know whose record we read, so there is no connection."""
    patient = given.get("patient")
    if mapping.flaw({"resourceType": "Patient", "id": patient}) is not None:
        raise SourceError("no patient in the token response", problem=Problem.NO_PATIENT)
    return str(patient)


def _hash(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()
