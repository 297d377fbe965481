"""People, and apps they let in, made without a browser: the rows are those that the consent page writes."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from uuid import uuid4

from django.conf import settings
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import RSAKey

from accounts.models import Person
from consent import ledger, texts
from consent.models import Grantee
from consent.terms import Terms
from gateway import assertions, authorizations, clients, tokens
from gateway.models import INTROSPECTION, AccessToken, Application, AuthMethod, Authorization, RefreshToken
from smartlaunch import clinicians, ehrs, organizations, visits
from smartlaunch.models import ChartLink

CHART = timedelta(hours=8)
REDIRECT = "http://127.0.0.1/back"
SCOPES = ["patient/*.rs", "launch/patient", "offline_access"]
_numbers = count(1)


@dataclass(frozen=True)
class Access:
    person: Person
    authorization: Authorization
    token: str


def sign_up() -> Person:
    unique = f"{next(_numbers)}-{secrets.token_hex(4)}"
    return Person.objects.create_user(f"bench-{unique}@example.org", None, name="Bench")


def open_chart(person: Person) -> tuple[str, str]:
    """A visit of a clinician, her chart open and everything shared: its uid, and the cookie that opens it."""
    at, unique = timezone.now(), secrets.token_hex(4)
    organization = organizations.enter(f"Bench clinic {unique}")
    ehr = ehrs.enter(
        organization, f"https://ehr-{unique}.example/fhir", name="Bench", slug=f"ehr-{unique}", client_id="bench"
    )
    ChartLink.objects.create(owner=person, ehr=ehr, patient="p", confirmed=at)
    ledger.grant(
        owner=person,
        actor=person,
        kind=Grantee.ORGANIZATION,
        grantee=str(organization.uid),
        grantee_name=organization.name,
        asked=SCOPES[:1],
        granted=SCOPES[:1],
        terms=Terms(),
        purpose="",
        ends=None,
        read=ledger.Reading(texts.CLINIC, "en"),
        at=at,
    )
    claims = {"iss": ehr.iss, "sub": unique, "name": "Dr. Bench"}
    clinician = clinicians.seen(ehr, claims, "Practitioner/bench", at=at)
    context = visits.Context("p", "", "token", ehr.scopes)
    visit, secret = visits.begin(uuid4(), ehr=ehr, clinician=clinician, context=context, ends=at + CHART, at=at)
    return str(visit.uid), f"{visits.cookie_name(visit.uid)}={secret}"


def sign_key() -> RSAKey:
    """A backend service's own key."""
    return RSAKey.generate_key(2048, {"kid": "bench", "alg": "RS384"})


def register_service(key: RSAKey) -> Application:
    """A backend service that proves itself by signature."""
    return clients.register(
        "Bench service",
        redirect_uris=[REDIRECT],
        method=AuthMethod.PRIVATE_KEY_JWT,
        scopes_allowed=["system/*.rs"],
        jwks={"keys": [key.as_dict(private=False)]},
    ).application


def service_form(service: Application, key: RSAKey) -> dict[str, str]:
    """The form that asks for the service's token, with a fresh assertion."""
    now = int(timezone.now().timestamp())
    claims = {
        "iss": service.client_id,
        "sub": service.client_id,
        "aud": settings.PUBLIC_URL,
        "exp": now + 240,
        "jti": secrets.token_hex(16),
    }
    signed = jwt.encode({"alg": "RS384", "kid": "bench", "typ": "JWT"}, claims, key, algorithms=["RS384"])
    return {
        "grant_type": "client_credentials",
        "scope": "system/*.rs",
        "client_assertion_type": assertions.TYPE,
        "client_assertion": signed,
    }


def resource_server_form() -> dict[str, str]:
    """The form that asks for the token of a resource server, which has a secret."""
    made = clients.register(
        "Bench resource server", redirect_uris=[], method=AuthMethod.POST, scopes_allowed=[], introspects=True
    )
    return {
        "grant_type": "client_credentials",
        "scope": INTROSPECTION,
        "client_id": made.application.client_id,
        "client_secret": str(made.secret),
    }


def register() -> Application:
    return clients.register(
        "Bench app", redirect_uris=[REDIRECT], method=AuthMethod.NONE, scopes_allowed=SCOPES
    ).application


def authorize(person: Person, application: Application) -> Authorization:
    at = timezone.now()
    decision = ledger.grant(
        owner=person,
        actor=person,
        grantee=application.client_id,
        grantee_name=application.name,
        asked=SCOPES,
        granted=SCOPES,
        terms=Terms(),
        purpose="benchmark",
        ends=None,
        read=ledger.Reading("1", "en"),
        at=at,
    )
    return authorizations.begin(
        decision,
        person=person,
        application=application,
        granted=SCOPES,
        ends=at + timedelta(days=30),
        authenticated=at,
        at=at,
    )


def let_in(person: Person) -> Access:
    """She lets a new app in; it holds an access token for a day."""
    application = register()
    authorization = authorize(person, application)
    token = secrets.token_urlsafe(32)
    AccessToken.objects.create(
        user=person,
        application=application,
        authorization=authorization,
        token="",
        token_checksum=tokens.digest(token),
        expires=timezone.now() + timedelta(days=1),
        scope=" ".join(SCOPES),
    )
    return Access(person, authorization, token)


def code_form(authorization: Authorization) -> dict[str, str]:
    """The form that redeems a fresh code."""
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {"redirect_uri": REDIRECT, "code_challenge": challenge, "code_challenge_method": "S256"}
    return {
        "grant_type": "authorization_code",
        "code": tokens.issue_code(authorization, asked, at=timezone.now()),
        "redirect_uri": REDIRECT,
        "client_id": authorization.application.client_id,
        "code_verifier": verifier,
    }


def refresh_form(authorization: Authorization) -> dict[str, str]:
    """The form that rotates a fresh refresh token."""
    token = secrets.token_urlsafe(32)
    RefreshToken.objects.create(
        authorization=authorization,
        application=authorization.application,
        user=authorization.person,
        token="",
        token_checksum=tokens.digest(token),
        token_family=authorization.uid,
    )
    return {
        "grant_type": "refresh_token",
        "refresh_token": token,
        "client_id": authorization.application.client_id,
    }
