"""What an app does, in numbers of no person; and what belongs to an app on trial and to a rotated secret."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from gateway import clients, usage
from gateway.models import Authorization, Usage
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db


def test_tokens_calls_errors_and_permissions_are_counted_by_day():
    person, app = parties.sign_up(), App.register()
    parties.store_observations(person, laboratory=3)
    token = app.let_in(person, "patient/Observation.rs offline_access")["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    for _ in range(2):
        assert app.http.get("/fhir/r4/Observation", headers=headers).status_code == 200
        usage.flush()
    assert app.http.get("/fhir/r4/Condition", headers=headers).status_code == 403

    (day,) = usage.of(app.application.pk, days=30, at=timezone.now())

    assert (day.tokens, day.calls, day.errors) == (1, 3, 1)
    assert day.used == {"Observation.s": 2}


def test_old_figures_are_swept_out():
    app, now = App.register(), timezone.now()
    Usage.objects.create(application=app.application, day=(now - timedelta(days=500)).date())
    Usage.objects.create(application=app.application, day=now.date())

    usage.sweep(at=now)

    assert [row.day for row in Usage.objects.all()] == [now.date()]


def test_app_on_trial_meets_only_people_who_are_made_up():
    real, synthetic = parties.sign_up(), parties.sign_up(is_synthetic=True)
    app = App.register()
    app.application.on_trial = True
    app.application.save()
    assert app.let_in(synthetic, "patient/Observation.rs")["patient"] == synthetic.patient_id
    browser = Client()
    browser.force_login(real)

    page = app.send_to_consent(browser, "patient/Observation.rs")

    assert browser.get(page).status_code == 403
    assert browser.post(page, {"answer": "allow", "box": ["patient/Observation.rs"]}).status_code == 403
    assert not Authorization.objects.filter(person=real).exists()


def test_rotated_secret_works_beside_the_new_one_until_its_end():
    person, app = parties.sign_up(), App.register(method="client_secret_basic")
    refresh = app.let_in(person, "patient/Observation.rs offline_access")["refresh_token"]
    new = clients.renew_secret(app.application, keep_old_until=timezone.now() + timedelta(days=1))

    with_old = app.refresh(refresh)
    assert with_old.status_code == 200
    app.secret, old = new, app.secret
    with_new = app.refresh(with_old.json()["refresh_token"])
    assert with_new.status_code == 200
    app.application.previous_secret_expires = timezone.now()
    app.application.save()
    app.secret = old

    assert app.refresh(with_new.json()["refresh_token"]).status_code == 401
