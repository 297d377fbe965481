"""A whole authorization code flow against ourselves, step by step, for who wants to see one.

A built-in public app asks whoever is signed in, and every request and answer is kept for the one page that shows them,
with codes and tokens cut short. The tokens are revoked at the end, in the same request: none is stored anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import requests
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gateway import clients
from gateway.models import Application, AuthMethod
from standards.smart import scopes as grammar
from standards.smart.scopes import InvalidScope, ResourceScope
from sync import outbound

CLIENT_ID: Final = "tributary-flow-explorer"
SCOPES: Final = ("openid", "fhirUser", "launch/patient", "offline_access", "patient/*.rs")
USUAL: Final = "openid fhirUser launch/patient offline_access patient/Patient.rs patient/Observation.rs"
SHOWN_MAX: Final = 4000
SECRET_NAMES: Final = frozenset({"code", "code_verifier", "access_token", "refresh_token", "id_token", "token"})
KEPT_LETTERS: Final = 6
_NO_SECRETS: Final = frozenset({"code"})
"""In a JSON answer this is no authorization code: FHIR calls many things so."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What the app has to remember until the person is back: a session holds it, for one use."""

    state: str
    verifier: str
    scope: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer as they may be shown. ``status`` is 0 where no answer came."""

    title: str | Promise
    asked: str
    status: int
    answered: str


@transaction.atomic
def explorer() -> Application:
    """The built-in app, registered when it is first needed and led to where this site is now."""
    back = settings.PUBLIC_URL + reverse("developers:flow_back")
    found: Application | None = Application.objects.select_for_update().filter(client_id=CLIENT_ID).first()
    if found is None:
        return clients.register(
            "Flow explorer",
            redirect_uris=[back],
            method=AuthMethod.NONE,
            scopes_allowed=SCOPES,
            client_id=CLIENT_ID,
            description="Shows a developer the steps of the flow. It keeps nothing.",
        ).application
    if found.redirect_uris != back:
        clients.amend(found, name=found.name, redirect_uris=[back], scopes_allowed=SCOPES, jwks=None)
        found.save()
    return found


def begin(scope: str) -> tuple[str, Begun]:
    """The address of the authorization request, and what to remember."""
    begun = Begun(secrets.token_urlsafe(24), secrets.token_urlsafe(48), scope)
    return _authorize_address(explorer(), begun), begun


def finish(begun: Begun, answer: Mapping[str, str]) -> list[Exchange]:
    """Everything that was asked and answered, from discovery until the token is dead."""
    return list(_Run(explorer(), begun).exchanges(answer))


def redacted(told: Mapping[str, Any], *, besides: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The parameters, or the answer, codes and tokens cut short; ``besides``: names that mean something else."""
    return {name: _cut(one) if name in SECRET_NAMES - besides else one for name, one in told.items()}


class _Run:
    def __init__(self, application: Application, begun: Begun) -> None:
        self.application, self.begun = application, begun
        self.tokens: dict[str, Any] = {}

    def exchanges(self, answer: Mapping[str, str]) -> Iterator[Exchange]:
        yield self.get(_("Discovery"), f"{settings.FHIR_BASE}/.well-known/smart-configuration")[0]
        asked = f"GET {_shown_address(_authorize_address(self.application, self.begun))}"
        yield Exchange(_("Authorization request, in the browser"), asked, 303, _pretty(redacted(answer)))
        if answer.get("state") != self.begun.state or "code" not in answer:
            return
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": self.application.redirect_uris,
            "code_verifier": self.begun.verifier,
            "client_id": self.application.client_id,
        }
        exchange, told = self.post(_("The code for tokens"), "gateway:token", form)
        yield exchange
        if "access_token" in told:
            self.tokens = told
            yield from self.with_tokens()

    def with_tokens(self) -> Iterator[Exchange]:
        reading = self.readable()
        if "patient" in self.tokens and ("Patient" in reading or "*" in reading):
            yield self.get(_("Read the patient"), f"{settings.FHIR_BASE}/Patient/{self.tokens['patient']}")[0]
        searched = next((kind for kind in reading if kind not in ("*", "Patient")), "Observation")
        address = f"{settings.FHIR_BASE}/{searched}?_count=1"
        yield self.get(_("Search, one record on a page"), address)[0]
        form = {"token": self.tokens["access_token"]}
        yield self.post(_("Introspection by the token itself"), "gateway:introspect", form, bearer=True)[0]
        client = {"client_id": self.application.client_id}
        if "refresh_token" in self.tokens:
            form = {"grant_type": "refresh_token", "refresh_token": self.tokens["refresh_token"], **client}
            exchange, told = self.post(_("Refresh"), "gateway:token", form)
            self.tokens = {**self.tokens, **{name: told[name] for name in SECRET_NAMES & told.keys()}}
            yield exchange
        yield self.post(_("Revocation"), "gateway:revoke", {"token": self.tokens["access_token"], **client})[0]
        yield self.get(_("The same search afterwards"), address)[0]

    def readable(self) -> list[str]:
        """The types that the token reads."""
        found = []
        for text in str(self.tokens.get("scope", "")).split():
            try:
                scope = grammar.parse(text)
            except InvalidScope:
                continue
            if isinstance(scope, ResourceScope) and "r" in scope.permissions:
                found.append(scope.resource)
        return found

    def get(self, title: str | Promise, address: str) -> tuple[Exchange, dict[str, Any]]:
        return self._ask(title, "GET", address, None, bearer=bool(self.tokens))

    def post(
        self, title: str | Promise, view: str, form: dict[str, str], *, bearer: bool = False
    ) -> tuple[Exchange, dict[str, Any]]:
        return self._ask(title, "POST", settings.PUBLIC_URL + reverse(view), form, bearer=bearer)

    def _ask(
        self, title: str | Promise, method: str, address: str, form: dict[str, str] | None, *, bearer: bool
    ) -> tuple[Exchange, dict[str, Any]]:
        headers = {"Accept": "application/json"}
        if bearer:
            headers["Authorization"] = f"Bearer {self.tokens['access_token']}"
        lines = [f"{method} {address}", *(f"{name}: {_shown_header(name, text)}" for name, text in headers.items())]
        if form:
            lines += ["", *(f"{name}={text}" for name, text in redacted(form).items())]
        asked = "\n".join(lines)
        try:
            with outbound.GuardedSession() as session:
                answer = session.request(method, address, data=form, headers=headers)
        except outbound.CONNECTION_FAULTS as error:
            return Exchange(title, asked, 0, type(error).__name__), {}
        body = _object(answer)
        return Exchange(title, asked, answer.status_code, _pretty(redacted(body, besides=_NO_SECRETS))), body


def _authorize_address(application: Application, begun: Begun) -> str:
    digest = hashlib.sha256(begun.verifier.encode()).digest()
    parameters = {
        "response_type": "code",
        "client_id": application.client_id,
        "redirect_uri": application.redirect_uris,
        "scope": begun.scope,
        "state": begun.state,
        "aud": settings.FHIR_BASE,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    return f"{settings.PUBLIC_URL}{reverse('gateway:authorize')}?{urlencode(parameters)}"


def _shown_address(address: str) -> str:
    """One parameter on each line."""
    return address.replace("?", "\n  ?", 1).replace("&", "\n  &")


def _shown_header(name: str, text: str) -> str:
    return f"Bearer {_cut(text.removeprefix('Bearer '))}" if name == "Authorization" else text


def _cut(secret: object) -> str:
    return f"{str(secret)[:KEPT_LETTERS]}…"


def _object(answer: requests.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _pretty(value: Any) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}\n…"
