"""The two who meet at the gateway: a person with a record in her browser, and an app that plays by the book."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from consent import delegations
from consent.delegations import Offer
from consent.ledger import Reading
from consent.models import Delegation, Relationship
from consent.terms import Terms
from gateway import clients
from gateway.models import Application
from records import sources, store
from records.models import SourceKind

LAB = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
VITALS = "http://terminology.hl7.org/CodeSystem/observation-category|vital-signs"
IDENTITY = ("openid", "fhirUser", "launch/patient", "offline_access")
CALLBACK = "https://app.example/callback"
_numbers = count(1)


def sign_up(**fields: Any) -> Person:
    return Person.objects.create_user(f"person{next(_numbers)}@example.org", "a-long-enough-secret", **fields)


def store_observations(person: Person, **by_category: int) -> None:
    """So many Observations of each category, as one page of one hospital."""
    source = sources.ensure(SourceKind.EHR, "Riverside", "https://riverside.example/fhir")
    resources = [
        {
            "resourceType": "Observation",
            "id": f"{category.replace('_', '-')}-{number}",
            "status": "final",
            "category": [{"coding": [{"system": LAB.partition("|")[0], "code": category.replace("_", "-")}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
            "subject": {"reference": f"Patient/{person.patient_id}"},
            "effectiveDateTime": "2020-01-01",
        }
        for category, total in by_category.items()
        for number in range(total)
    ]
    with transaction.atomic():
        outcome = store.put_page(
            owner_id=person.pk, source_id=source.pk, resources=resources, at=datetime(2026, 1, 2, tzinfo=UTC)
        )
    assert outcome.refused == []


def act_for(
    owner: Person, person: Person, *granted: str, guardian: bool = False, ends: datetime | None = None, **terms: Any
) -> Delegation:
    """She asked this person, who said yes; ``apps=False`` where the person may not let apps in."""
    at = timezone.now()
    offer = Offer(
        name=person.name or "Ben",
        email=person.email,
        relationship=Relationship.PARENT if guardian else Relationship.SPOUSE,
        guardian=guardian,
        granted=granted or ("patient/*.rs",),
        terms=Terms(**{"apps": True, **terms}),
        ends=ends or at + timedelta(days=365),
    )
    delegation, _ = delegations.invite(owner, offer, read=Reading("1", "en"), at=at)
    delegations.accept(delegation, person, at=at)
    return delegation


@dataclass
class App:
    """A registered app. It keeps its verifier and state as an app would; ``http`` is its own connection."""

    application: Application
    secret: str | None
    redirect_uri: str = CALLBACK
    http: Client = field(default_factory=Client)
    verifier: str = ""
    state: str = ""

    @classmethod
    def register(cls, *scopes: str, method: str = "none", redirect_uri: str = CALLBACK, **more: Any) -> App:
        made = clients.register(
            more.pop("name", "Heart Diary"),
            redirect_uris=[redirect_uri],
            method=method,
            scopes_allowed=scopes or ("patient/*.rs", *IDENTITY),
            **more,
        )
        return cls(made.application, made.secret, redirect_uri)

    @property
    def client_id(self) -> str:
        return self.application.client_id

    # --- authorization request ---

    def request(self, asked: str, /, **changes: str | None) -> dict[str, str]:
        """The parameters of a correct authorization request; None leaves one out."""
        self.verifier, self.state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": asked,
            "state": self.state,
            "aud": settings.FHIR_BASE,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        } | changes
        return {name: value for name, value in parameters.items() if value is not None}

    def send_to_consent(self, browser: Client, scope: str, **changes: str | None) -> str:
        """The address of the consent page."""
        response = browser.get("/oauth/authorize", self.request(scope, **changes))
        assert response.status_code == 303, response.content
        assert response["Location"].startswith("/oauth/consent/"), response["Location"]
        return str(response["Location"])

    def ask(
        self,
        person: Person,
        scope: str,
        *,
        keep: Any = None,
        length: str = "90",
        acting: Delegation | None = None,
        label: Sequence[str] = (),
        **changes: str | None,
    ) -> str:
        """Runs the flow in her browser until the code; ``keep`` chooses among the ticked boxes.

        ``acting``: for the record of whom she acts for by it. ``label``: the sensitive kinds she includes.
        """
        browser = Client()
        browser.force_login(person)
        page = self.send_to_consent(browser, scope, **changes) + (f"/for/{acting.uid}" if acting else "")
        ticked = [box for box in boxes(browser.get(page)) if keep is None or keep(box)]
        answer = browser.post(page, {"answer": "allow", "box": ticked, "label": label, "length": length})
        assert answer.status_code == 303, answer.content.decode()
        returned = query_of(answer["Location"])
        assert returned["state"] == self.state
        assert returned["iss"] == settings.PUBLIC_URL
        return returned["code"]

    # --- token endpoint ---

    def headers(self) -> dict[str, str]:
        if self.application.token_endpoint_auth_method != "client_secret_basic":
            return {}
        pair = base64.b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    def proof(self) -> dict[str, str]:
        method = self.application.token_endpoint_auth_method
        if method == "none":
            return {"client_id": self.client_id}
        return (
            {"client_id": self.client_id, "client_secret": str(self.secret)} if method == "client_secret_post" else {}
        )

    def post(self, path: str, form: dict[str, str], **headers: str) -> HttpResponse:
        return self.http.post(
            path,
            urlencode(form),
            content_type="application/x-www-form-urlencoded",
            headers={**self.headers(), **headers},
        )

    def code_form(self, redeemed: str, /, **changes: str | None) -> dict[str, str]:
        form = {
            "grant_type": "authorization_code",
            "code": redeemed,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **self.proof(),
        } | changes
        return {name: value for name, value in form.items() if value is not None}

    def redeem(self, redeemed: str, /, **changes: str | None) -> HttpResponse:
        return self.post("/oauth/token", self.code_form(redeemed, **changes))

    def refresh_form(self, token: str, **changes: str) -> dict[str, str]:
        return {"grant_type": "refresh_token", "refresh_token": token, **self.proof(), **changes}

    def refresh(self, token: str, **changes: str) -> HttpResponse:
        return self.post("/oauth/token", self.refresh_form(token, **changes))

    def let_in(self, person: Person, scope: str, **how: Any) -> dict[str, Any]:
        """The token response after she said yes."""
        response = self.redeem(self.ask(person, scope, **how))
        assert response.status_code == 200, response.content
        return dict(response.json())

    def userinfo(self, token: str) -> HttpResponse:
        return self.http.get("/oauth/userinfo", headers={"Authorization": f"Bearer {token}"})


def boxes(response: HttpResponse) -> list[str]:
    """The keys of the boxes a consent page shows ticked."""
    page = response.content.decode()
    return [
        key.replace("&amp;", "&")
        for key in re.findall(r'<input type="checkbox" name="box" value="([^"]*)" checked>', page)
    ]


def query_of(url: str) -> dict[str, str]:
    """The query of a redirect, every parameter once."""
    found = parse_qs(urlsplit(url).query, keep_blank_values=True)
    assert all(len(values) == 1 for values in found.values())
    return {name: values[0] for name, values in found.items()}
