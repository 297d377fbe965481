"""Eight at once, over real connections: one wins, nobody gets a 500."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import requests
from django.test import Client
from django.utils import timezone

from gateway import authorizations
from gateway.models import AccessToken, Authorization, RefreshToken
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db(transaction=True)
OFFLINE = "openid patient/Observation.rs offline_access"


def at_once(times: int, url: str, form: dict[str, str]) -> list[requests.Response]:
    """The same form posted so many times in the same moment, each over its own connection."""
    gate = Barrier(times)

    def post(_: int) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            gate.wait(timeout=30)
            return session.post(url, data=form, timeout=30)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(post, range(times)))


def test_code_redeemed_by_eight_at_once_is_won_by_one(live_server):
    person, app = parties.sign_up(), App.register()
    form = app.code_form(app.ask(person, OFFLINE))

    answers = at_once(8, live_server.url + "/oauth/token", form)

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
    assert {answer.json()["error"] for answer in answers if answer.status_code == 400} == {"invalid_grant"}
    assert AccessToken.objects.count() == 1
    assert RefreshToken.objects.count() == 1


def test_refresh_by_eight_at_once_leaves_one_live_token(live_server):
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, OFFLINE)

    answers = at_once(8, live_server.url + "/oauth/token", app.refresh_form(told["refresh_token"]))

    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.text for answer in answers}) == 1
    assert RefreshToken.objects.filter(revoked__isnull=True).count() == 1
    assert AccessToken.objects.filter(expires__gt=timezone.now()).count() == 1
    assert app.userinfo(answers[0].json()["access_token"]).status_code == 200


def test_withdrawal_during_use_makes_the_next_call_401(live_server):
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, OFFLINE)
    headers = {"Authorization": f"Bearer {told['access_token']}"}
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(live_server.url + "/oauth/userinfo", headers=headers, timeout=10).status_code == 200

        authorizations.end(Authorization.objects.get(), by=person, at=timezone.now())

        assert session.get(live_server.url + "/oauth/userinfo", headers=headers, timeout=10).status_code == 401


def test_revocation_during_use_makes_the_next_call_401(live_server):
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, OFFLINE)
    headers = {"Authorization": f"Bearer {told['access_token']}"}
    with requests.Session() as session, requests.Session() as other:
        session.trust_env = other.trust_env = False
        assert session.get(live_server.url + "/oauth/userinfo", headers=headers, timeout=10).status_code == 200

        form = {"token": told["refresh_token"], **app.proof()}
        assert other.post(live_server.url + "/oauth/revoke", data=form, timeout=10).status_code == 200

        assert session.get(live_server.url + "/oauth/userinfo", headers=headers, timeout=10).status_code == 401


def test_an_assertion_sent_by_eight_at_once_is_good_for_one(live_server):
    from tests.fhirapi.backends import Service

    service = Service.register()
    form = {"grant_type": "client_credentials", "scope": "system/*.rs", **service.proof()}

    answers = at_once(8, live_server.url + "/oauth/token", form)

    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
    assert AccessToken.objects.count() == 1


def test_two_yeses_at_once_leave_one_live_authorization(live_server):
    person, app = parties.sign_up(), App.register()
    browsers = [Client(), Client()]
    pages = []
    for browser in browsers:
        browser.force_login(person)
        pages.append(app.send_to_consent(browser, "openid"))

    def answer(number: int) -> int:
        from django.db import connection

        try:
            response = browsers[number].post(pages[number], {"answer": "allow", "box": ["identity"], "length": "90"})
            return response.status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(answer, range(2))) == [303, 303]

    live = Authorization.objects.live(at=timezone.now()).get()
    assert live.decision.sequence == 2


def test_one_answer_of_two_clicks_counts(live_server):
    person, app = parties.sign_up(), App.register()
    browser = Client()
    browser.force_login(person)
    page = app.send_to_consent(browser, "openid")

    def click(_: int) -> int:
        from django.db import connection

        other = Client()
        other.cookies = browser.cookies
        try:
            return other.post(page, {"answer": "allow", "box": ["identity"], "length": "90"}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(click, range(4))) == [303, 410, 410, 410]
