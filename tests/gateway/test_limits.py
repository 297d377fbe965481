"""Rates: too much from one app, at one person's record, or from one address is 429 with Retry-After (RFC 6585)."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client

from gateway import limits
from gateway.errors import TooManyRequests
from gateway.limits import Caller
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db
NOON = 1_800_000_000.0


@pytest.fixture
def allowed(settings):
    """A function that sets what a caller may ask in a minute."""
    limits.forget()

    def allow(**most):
        settings.RATE_LIMITS = {"app": 0, "person": 0, "address": 0} | most

    yield allow
    limits.forget()


def passed(number, *, at=NOON, name="x"):
    """How many of so many requests pass."""
    done = 0
    for _ in range(number):
        try:
            limits.spend(Caller.APP, name, at=at)
            done += 1
        except TooManyRequests:
            pass
    return done


def test_limit_is_reached_and_ends_with_the_minute(allowed):
    allowed(app=10)

    assert passed(12) == 10
    with pytest.raises(TooManyRequests) as refused:
        limits.spend(Caller.APP, "x", at=NOON + 5)
    assert refused.value.seconds == 60 - int(NOON + 5) % 60
    assert passed(12, name="another") == 10
    assert passed(12, at=NOON + 60) == 10


def test_no_limit_counts_nothing(allowed):
    allowed(app=0)

    assert passed(100) == 100


def test_processes_count_together(allowed):
    allowed(app=10)
    assert passed(6) == 6

    limits.forget()  # another process knows nothing of ours

    assert passed(6) == 4


def test_busy_caller_is_shared_by_steps_of_a_hundredth(allowed, django_assert_num_queries, monkeypatch):
    allowed(app=1000)
    told = []
    monkeypatch.setattr(limits, "_share", lambda caller, name, count, owed, now: told.append(owed))

    passed(100)

    assert told == [10] * 10


def test_lost_cache_leaves_each_process_its_own_count(allowed, monkeypatch, caplog):
    allowed(app=10)
    monkeypatch.setattr(cache, "add", _lost)

    assert passed(12) == 10
    assert "by each process alone" in caplog.text


def _lost(*_, **__):
    raise ConnectionError


def test_quick_app_gets_429_from_the_fhir_api(allowed):
    app = App.register()
    person = parties.sign_up()
    token = app.let_in(person, "patient/*.rs")["access_token"]
    allowed(person=2)
    ask = lambda: Client().get("/fhir/r4/Condition", headers={"Authorization": f"Bearer {token}"})  # noqa: E731
    assert [ask().status_code for _ in range(2)] == [200, 200]

    answer = ask()

    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (429, "throttled")
    assert 0 < int(answer["Retry-After"]) <= 60


def test_quick_app_does_not_slow_another_app_at_the_same_person(allowed):
    first, second, person = App.register(), App.register(name="Other"), parties.sign_up()
    tokens = [app.let_in(person, "patient/*.rs")["access_token"] for app in (first, second)]
    allowed(person=1)
    answers = [
        Client().get("/fhir/r4/Condition", headers={"Authorization": f"Bearer {token}"}).status_code
        for token in (tokens[0], tokens[0], tokens[1])
    ]

    assert answers == [200, 429, 200]


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/par"])
def test_address_that_asks_too_much_is_told_so_in_oauths_words(allowed, path):
    app = App.register()
    allowed(address=1)
    app.post(path, {"client_id": app.client_id})

    answer = app.post(path, {"client_id": app.client_id})

    assert (answer.status_code, answer.json()["error"]) == (429, "temporarily_unavailable")
    assert "Retry-After" in answer


def test_address_that_asks_too_much_gets_a_page_at_authorize(allowed):
    app = App.register()
    allowed(address=1)
    assert Client().get("/oauth/authorize", app.request("openid")).status_code == 303

    answer = Client().get("/oauth/authorize", app.request("openid"))

    assert (answer.status_code, "Retry-After" in answer) == (429, True)


def test_who_only_says_a_clients_name_does_not_use_up_what_it_may_ask(allowed):
    app, person = App.register(), parties.sign_up()
    code = app.ask(person, "openid")
    allowed(app=1)
    for _ in range(3):
        assert Client().post("/oauth/token", {"client_id": app.client_id}).status_code == 400

    assert app.redeem(code).status_code == 200
    assert app.redeem(code).status_code == 429


def test_guesser_of_a_password_locks_out_nobody_at_another_address(allowed):
    person = parties.sign_up()

    def sign_in(password, address):
        return Client(REMOTE_ADDR=address).post("/accounts/login/", {"login": person.email, "password": password})

    for _ in range(6):
        sign_in("guess", "192.0.2.1")

    assert sign_in("a-long-enough-secret", "192.0.2.1").status_code == 200  # the form again: too many wrong ones
    assert sign_in("a-long-enough-secret", "192.0.2.2").status_code == 302


def test_address_that_guesses_at_many_clients_waits(allowed):
    app, person = App.register(method="client_secret_basic"), parties.sign_up()
    code = app.ask(person, "openid")
    allowed()
    for number in range(150):
        Client().post(
            "/oauth/token",
            f"grant_type=refresh_token&refresh_token=x&client_id=guess-{number}",
            content_type="application/x-www-form-urlencoded",
        )

    assert app.redeem(code).status_code == 429
    app.http = Client(REMOTE_ADDR="192.0.2.9")
    assert app.redeem(code).status_code == 200
