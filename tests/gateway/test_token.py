"""``/oauth/token``: redemption, refresh, and everything that is refused (SPEC_FACTS 5)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from unittest import mock
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from audit import cursors
from gateway import renewals, tokens
from gateway.models import AccessToken, Authorization, Grant, RefreshToken
from tests.gateway import parties
from tests.gateway.parties import LAB, App

pytestmark = pytest.mark.django_db
OFFLINE = "openid patient/Observation.rs offline_access"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": None}, "invalid_grant"),
        ({"code_verifier": "x"}, "invalid_grant"),
        ({"code_verifier": "é" * 43}, "invalid_grant"),
        ({"code_verifier": "a" * 129}, "invalid_grant"),
        ({"code_verifier": "a" * 43}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"redirect_uri": "https://app.example/other"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"code": "unknown"}, "invalid_grant"),
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "openid"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unauthorized_client"),
    ],
)
def test_wrong_redemption_is_refused_and_leaves_the_code(changes, error):
    person, app = parties.sign_up(), App.register()
    code = app.ask(person, "openid")

    response = app.redeem(code, **changes)

    assert (response.status_code, response.json()["error"]) == (400, error)
    assert response["Cache-Control"] == "no-store"
    assert app.redeem(code).status_code == 200


def test_challenge_is_no_verifier():
    person, app = parties.sign_up(), App.register()
    code = app.ask(person, "openid")

    assert app.redeem(code, code_verifier=Grant.objects.get().code_challenge).json()["error"] == "invalid_grant"


def test_code_of_another_client_is_refused():
    person, app, other = parties.sign_up(), App.register(), App.register()
    code = app.ask(person, "openid")

    assert app.redeem(code, client_id=other.client_id).json()["error"] == "invalid_grant"
    assert app.redeem(code).status_code == 200


def test_code_lives_a_minute():
    person, app = parties.sign_up(), App.register()
    code = app.ask(person, "openid")
    grant = Grant.objects.get()
    assert grant.expires - grant.created <= timedelta(seconds=60)

    Grant.objects.update(expires=timezone.now())

    assert app.redeem(code).json()["error"] == "invalid_grant"


def test_token_request_must_be_a_form_without_query():
    person, app = parties.sign_up(), App.register()
    form = app.code_form(app.ask(person, "openid"))

    assert app.http.post("/oauth/token", form).json()["error"] == "invalid_request"  # multipart
    assert app.http.post("/oauth/token", form, content_type="application/json").json()["error"] == "invalid_request"
    assert app.post("/oauth/token?x=1", form).json()["error"] == "invalid_request"
    assert app.http.get("/oauth/token", form).status_code == 405
    assert app.post("/oauth/token", form).status_code == 200


def test_refresh_gives_new_tokens_and_the_context_again():
    person, app = parties.sign_up(), App.register()
    first = app.let_in(person, OFFLINE)

    second = app.refresh(first["refresh_token"])

    told = second.json()
    assert second.status_code == 200
    assert told["patient"] == person.patient_id
    assert told["expires_in"] == 3600
    assert told["access_token"] != first["access_token"]
    assert told["refresh_token"] != first["refresh_token"]
    assert set(told["scope"].split()) == set(first["scope"].split())
    assert app.userinfo(first["access_token"]).status_code == 401
    assert app.userinfo(told["access_token"]).status_code == 200


@pytest.mark.spec("SMART App Launch 2.2", "app-launch", "a public app refreshes by its token alone")
def test_public_app_need_not_name_itself_to_refresh():
    person, app = parties.sign_up(), App.register()
    first = app.let_in(person, "patient/Observation.rs offline_access")

    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    answer = app.post("/oauth/token", form)

    assert (answer.status_code, answer.json()["patient"]) == (200, person.patient_id)
    unknown = app.post("/oauth/token", {**form, "refresh_token": "nobody's"})
    assert (unknown.status_code, unknown.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_app_with_a_secret_cannot_refresh_by_its_token_alone(method):
    app = App.register(method=method)
    first = app.let_in(parties.sign_up(), "patient/Observation.rs offline_access")

    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    for named in ({}, {"client_id": app.client_id}):
        answer = Client().post(
            "/oauth/token", urlencode({**form, **named}), content_type="application/x-www-form-urlencoded"
        )
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    assert app.refresh(first["refresh_token"]).status_code == 200


def test_refresh_cannot_widen():
    person, app = parties.sign_up(), App.register()
    first = app.let_in(person, OFFLINE)

    assert app.refresh(first["refresh_token"], scope="patient/*.rs").json()["error"] == "invalid_scope"
    assert app.refresh(first["refresh_token"]).status_code == 200


def test_refresh_narrows_by_the_grammar():
    person, app = parties.sign_up(), App.register()
    first = app.let_in(person, OFFLINE)

    told = app.refresh(first["refresh_token"], scope=f"patient/Observation.s?category={LAB}").json()

    assert told["scope"] == f"patient/Observation.s?category={LAB}"


def test_refresh_of_another_client_is_refused_and_harmless():
    person, app, other = parties.sign_up(), App.register(), App.register()
    first = app.let_in(person, OFFLINE)

    assert other.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert app.refresh(first["refresh_token"]).status_code == 200


def test_refresh_needs_offline_access():
    person, app = parties.sign_up(), App.register()

    assert "refresh_token" not in app.let_in(person, "openid patient/Observation.rs")
    assert not RefreshToken.objects.exists()


def test_lost_response_is_given_again_for_twenty_seconds():
    person, app = parties.sign_up(), App.register()
    first = app.let_in(person, OFFLINE)
    answer = app.refresh(first["refresh_token"]).json()

    again = app.refresh(first["refresh_token"])

    assert again.json() == answer
    assert RefreshToken.objects.filter(revoked__isnull=True).count() == 1
    assert app.userinfo(answer["access_token"]).status_code == 200


def test_old_refresh_token_after_twenty_seconds_ends_the_family():
    person, app = parties.sign_up(), App.register()
    first = app.let_in(person, OFFLINE)
    answer = app.refresh(first["refresh_token"]).json()
    RefreshToken.objects.filter(revoked__isnull=False).update(revoked=timezone.now() - renewals.REPLAY_LIFE)

    assert app.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"

    assert app.userinfo(answer["access_token"]).status_code == 401
    assert app.refresh(answer["refresh_token"]).json()["error"] == "invalid_grant"


def test_old_refresh_token_whose_successor_was_used_ends_the_family_at_once():
    person, app = parties.sign_up(), App.register()
    first = app.let_in(person, OFFLINE)
    second = app.refresh(first["refresh_token"]).json()
    third = app.refresh(second["refresh_token"]).json()

    assert app.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert app.userinfo(third["access_token"]).status_code == 401


def test_idle_refresh_token_dies():
    person, app = parties.sign_up(), App.register()
    first = app.let_in(person, OFFLINE)
    RefreshToken.objects.update(created=timezone.now() - tokens.IDLE_MAX)

    assert app.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_revoking_either_token_ends_both(which):
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, OFFLINE)

    response = app.post("/oauth/revoke", {"token": told[which], **app.proof()})

    assert response.status_code == 200
    assert app.userinfo(told["access_token"]).status_code == 401
    assert app.refresh(told["refresh_token"]).json()["error"] == "invalid_grant"
    assert Authorization.objects.get(person=person).revoked is not None


def test_revoking_an_unknown_token_is_no_error_and_a_missing_one_is():
    app = App.register()

    assert app.post("/oauth/revoke", {"token": "unknown", **app.proof()}).status_code == 200
    assert app.post("/oauth/revoke", app.proof()).json()["error"] == "invalid_request"


def test_revoking_a_foreign_token_is_refused():
    person, app, other = parties.sign_up(), App.register(), App.register()
    told = app.let_in(person, OFFLINE)

    assert other.post("/oauth/revoke", {"token": told["access_token"], **other.proof()}).status_code == 400
    assert app.userinfo(told["access_token"]).status_code == 200


@contextmanager
def statements_run() -> Iterator[list[str]]:
    """The first words of the prepared statements that run inside."""
    run: list[str] = []
    rows = cursors.rows

    def noting(text, values):
        run.append(text.split()[0])
        return rows(text, values)

    with mock.patch.object(cursors, "rows", noting):
        yield run


def test_code_exchange_and_refresh_take_few_queries(django_assert_num_queries):
    person, app = parties.sign_up(), App.register()
    app.let_in(person, OFFLINE)
    code = app.ask(person, OFFLINE)

    # These go around the ORM, so nothing is counted beside them.
    with django_assert_num_queries(0), statements_run() as run:
        told = app.redeem(code).json()
    assert run == ["SELECT", "SELECT", "WITH"]  # all there is to know, the signing key, all there is to change
    with django_assert_num_queries(0), statements_run() as run:
        app.refresh(told["refresh_token"])
    assert run == ["SELECT", "WITH"]


def test_wrong_secrets_are_slowed_down():
    app = App.register(method="client_secret_post")
    app.secret = "wrong"
    answers = {app.refresh("unknown").status_code for _ in range(30)}
    assert answers == {401}

    response = app.refresh("unknown")

    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0


def test_one_row_of_access_token_per_authorization():
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, OFFLINE)
    app.refresh(told["refresh_token"])

    assert AccessToken.objects.count() == 1
