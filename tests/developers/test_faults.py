"""Faults on demand: each first shows the honest answer, then the fault, then the honest answer again."""

from __future__ import annotations

import time

import pytest
from django.utils import timezone

from developers import faults
from developers.models import Fault, FaultKind
from gateway.models import Application, Authorization
from tests.developers import builders
from tests.gateway import parties
from tests.gateway.parties import App, query_of

pytestmark = pytest.mark.django_db
SCOPE = "launch/patient offline_access patient/Observation.rs"


def setting() -> tuple[App, object]:
    person = parties.sign_up(is_synthetic=True)
    parties.store_observations(person, laboratory=2)
    return App(builders.app(builders.developer()).application, None, builders.REDIRECT), person


def search(app: App, token: str):
    return app.http.get("/fhir/r4/Observation", headers={"Authorization": f"Bearer {token}"})


def test_expired_code():
    app, person = setting()
    code = app.ask(person, SCOPE)
    faults.switch_on(app.application, FaultKind.CODE_EXPIRED, times=1)

    answer = app.redeem(code)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert app.let_in(person, SCOPE)["access_token"]


def test_revoked_token():
    app, person = setting()
    told = app.let_in(person, SCOPE)
    assert search(app, told["access_token"]).status_code == 200
    faults.switch_on(app.application, FaultKind.TOKEN_REVOKED, times=1)

    assert search(app, told["access_token"]).status_code == 401

    assert app.refresh(told["refresh_token"]).json()["error"] == "invalid_grant"


def test_too_many_requests_in_the_shape_of_what_was_called():
    app, person = setting()
    told = app.let_in(person, SCOPE)
    faults.switch_on(app.application, FaultKind.TOO_MANY, times=2)

    data, token = search(app, told["access_token"]), app.refresh(told["refresh_token"])

    assert (data.status_code, data["Retry-After"], data.json()["resourceType"]) == (429, "5", "OperationOutcome")
    assert (token.status_code, token.json()["error"]) == (429, "temporarily_unavailable")
    assert search(app, told["access_token"]).status_code == 200


def test_slow_answer(monkeypatch):
    monkeypatch.setattr(faults, "SLOW_SECONDS", 0.3)
    app, person = setting()
    token = app.let_in(person, SCOPE)["access_token"]
    faults.switch_on(app.application, FaultKind.SLOW, times=1)
    began = time.monotonic()

    answer = search(app, token)

    assert answer.status_code == 200
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("method", ["get", "post"])
def test_wrong_aud(method):
    app, person = setting()
    browser = builders.browser(person)
    faults.switch_on(app.application, FaultKind.WRONG_AUD, times=1)
    if method == "get":
        answer = browser.get("/oauth/authorize", app.request(SCOPE))
    else:
        form = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in app.request(SCOPE).items())
        answer = browser.post("/oauth/authorize", form, content_type="application/x-www-form-urlencoded")

    assert query_of(answer["Location"])["error"] == "invalid_request"
    assert app.let_in(person, SCOPE)["access_token"]


def test_withheld_data_looks_like_none():
    app, person = setting()
    token = app.let_in(person, SCOPE)["access_token"]
    found = search(app, token).json()
    assert len(found["entry"]) == 2
    faults.switch_on(app.application, FaultKind.WITHHELD, times=2)

    bundle = search(app, token).json()
    one = app.http.get(
        f"/fhir/r4/Observation/{found['entry'][0]['resource']['id']}", headers={"Authorization": f"Bearer {token}"}
    )

    assert (bundle["total"], "entry" in bundle) == (0, False)
    assert one.status_code == 404
    assert len(search(app, token).json()["entry"]) == 2


def test_other_apps_and_approved_ones_meet_none():
    app, person = setting()
    other = App(builders.app(builders.developer()).application, None, builders.REDIRECT)
    token, others = app.let_in(person, SCOPE)["access_token"], other.let_in(person, SCOPE)["access_token"]
    faults.switch_on(app.application, FaultKind.TOO_MANY, times=20)
    assert search(app, token).status_code == 429
    assert search(other, others).status_code == 200

    Application.objects.filter(pk=app.application.pk).update(on_trial=False)

    assert search(app, token).status_code == 200


def test_people_who_let_it_in_before_it_was_changed_meet_none_at_their_data():
    app, made_up = setting()
    hers = app.let_in(made_up, SCOPE)["access_token"]
    Application.objects.filter(pk=app.application.pk).update(on_trial=False)
    token = app.let_in(parties.sign_up(), SCOPE)["access_token"]
    Application.objects.filter(pk=app.application.pk).update(on_trial=True)
    faults.switch_on(app.application, FaultKind.TOKEN_REVOKED, times=20)
    assert search(app, hers).status_code == 401

    assert search(app, token).status_code == 200


def test_switches_are_on_a_page_of_its_developer():
    person = builders.developer()
    made = builders.app(person).application
    browser, here = builders.browser(person), f"/developers/apps/{made.uid}/faults/"
    browser.post(here, {"kind": "429", "times": "3"})
    assert list(Fault.objects.values_list("kind", "remaining")) == [("429", 3)]
    assert "3 more times" in browser.get(here).content.decode()
    browser.post(here, {"kind": "nonsense", "times": "-1"})

    browser.post(here, {"kind": "none"})

    assert not Fault.objects.exists()
    Application.objects.filter(pk=made.pk).update(on_trial=False)
    assert browser.get(here).status_code == 404
    assert not Authorization.objects.live(at=timezone.now()).exists()
