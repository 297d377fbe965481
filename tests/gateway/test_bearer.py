"""Who a bearer token speaks for (RFC 6750), asked in one query."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.decorators import api_view, authentication_classes
from rest_framework.exceptions import NotAuthenticated
from rest_framework.response import Response

from consent import gate, ledger
from gateway import authorizations, bearer
from gateway.authentication import SmartAuthentication
from gateway.errors import InvalidToken
from gateway.models import AccessToken, Authorization
from records import statements
from standards.smart import scopes as grammar
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db


@api_view(["GET"])
@authentication_classes([SmartAuthentication])
def whose(request):
    if request.auth is None:
        raise NotAuthenticated
    return Response({"owner": request.auth.owner_id, "app": request.user.client_id})


def asking(header: str | None):
    return RequestFactory().get("/", headers={"Authorization": header} if header else {})


@pytest.fixture
def held():
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, "openid patient/Observation.rs offline_access")
    return person, app, told["access_token"]


@pytest.fixture
def asked(monkeypatch):
    """Every prepared statement of a test: Django does not count them."""
    texts, read = [], statements.read
    monkeypatch.setattr(statements, "read", lambda text, values: texts.append(text) or read(text, values))
    return texts


def test_bearer_names_owner_app_scopes_and_decision(held, asked, django_assert_num_queries):
    person, app, token = held
    bearer.of(token, at=timezone.now())

    asked.clear()
    with django_assert_num_queries(0):
        found = bearer.resolve(asking(f"Bearer {token}"))
    assert len(asked) == 1

    authorization = Authorization.objects.get()
    assert (found.owner_id, found.patient_id, found.subject) == (person.pk, person.patient_id, str(person.subject))
    assert (found.client_id, found.application_name) == (app.client_id, "Heart Diary")
    assert found.scopes == tuple(grammar.parse(text) for text in authorization.scopes)
    assert found.decision_id == authorization.decision_id
    assert found.context == {"patient": person.patient_id}


def test_no_header_or_another_scheme_is_nobody(held):
    _, _, token = held

    assert bearer.resolve(asking(None)) is None
    assert bearer.resolve(asking("Basic abc")) is None
    assert bearer.resolve(RequestFactory().get("/", {"access_token": token})) is None
    assert bearer.resolve(asking(f"bEaReR {token}")).client_id


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer unknown", "Bearer " + "x" * 600, "Bearer a b"])
def test_no_token_of_ours_is_refused(header):
    with pytest.raises(InvalidToken):
        bearer.resolve(asking(header))


@pytest.mark.parametrize(
    "ending",
    [
        lambda person, app: AccessToken.objects.update(expires=timezone.now()),
        lambda person, app: Authorization.objects.update(revoked=timezone.now()),
        lambda person, app: type(person).objects.filter(pk=person.pk).update(is_active=False),
        lambda person, app: type(app.application).objects.filter(pk=app.application.pk).update(active=False),
        lambda person, app: authorizations.end(Authorization.objects.get(), by=person, at=timezone.now()),
    ],
    ids=["expired", "revoked", "person inactive", "app inactive", "withdrawn"],
)
def test_every_end_is_an_end_at_once(held, ending):
    person, app, token = held
    assert bearer.of(token, at=timezone.now())

    ending(person, app)

    with pytest.raises(InvalidToken):
        bearer.of(token, at=timezone.now())


def test_withdrawing_in_the_portal_ends_both_the_consent_and_the_tokens(held):
    person, app, token = held
    holder = bearer.of(token, at=timezone.now())
    (authorization,) = authorizations.of(person)

    authorizations.end(authorization, by=person, at=timezone.now())
    authorizations.end(authorization, by=person, at=timezone.now())

    assert ledger.current(person.pk, app.client_id) is None
    with pytest.raises(gate.ConsentMissing):
        gate.readable(
            owner_id=person.pk,
            reader=gate.App(holder.client_id, holder.decision_id, holder.scopes),
            interaction="read",
            at=timezone.now(),
        )


def test_use_is_noted_at_most_once_a_minute(held, asked, django_assert_num_queries):
    _, _, token = held
    now = timezone.now()
    bearer.of(token, at=now)
    assert Authorization.objects.get().last_used == now

    asked.clear()
    with django_assert_num_queries(0):
        bearer.of(token, at=now + timedelta(seconds=59))
    assert len(asked) == 1
    assert Authorization.objects.get().last_used == now
    bearer.of(token, at=now + timedelta(seconds=61))
    assert Authorization.objects.get().last_used == now + timedelta(seconds=61)


def test_rest_framework_lets_the_bearer_in_and_challenges_others(held):
    person, app, token = held

    answer = whose(asking(f"Bearer {token}"))
    assert answer.data == {"owner": person.pk, "app": app.client_id}
    assert whose(asking(None))["WWW-Authenticate"] == 'Bearer realm="fhir"'
    refused = whose(asking("Bearer unknown"))
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused["WWW-Authenticate"]
