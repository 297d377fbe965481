"""Apps of the sandbox keep the credentials they have while those are good, and get new ones when they are not."""

from __future__ import annotations

import json
import stat

import pytest

from gateway import secrets
from gateway.models import Application
from sandbox import clients, keepsakes
from sync.models import AuthMethod, Hospital

pytestmark = pytest.mark.django_db

CALLBACK = "http://127.0.0.1:8000/connect/lakeside/callback"


def test_tributary_is_registered_once_and_its_secret_stays_good(hospital):
    path = hospital.VAR_DIR / clients.HANDOVER
    clients.hand_over(path, redirect_uri=CALLBACK)
    first = keepsakes.read(path)

    clients.hand_over(path, redirect_uri=CALLBACK)

    [application] = Application.objects.all()
    assert keepsakes.read(path) == first
    assert secrets.matches(first["secret"], application.client_secret)
    assert application.redirect_uri_allowed(CALLBACK)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_lost_secret_is_replaced_and_the_old_one_ends(hospital):
    path = hospital.VAR_DIR / clients.HANDOVER
    clients.hand_over(path, redirect_uri=CALLBACK)
    old = keepsakes.read(path)["secret"]
    path.unlink()

    clients.hand_over(path, redirect_uri=CALLBACK)

    application = Application.objects.get()
    assert secrets.matches(keepsakes.read(path)["secret"], application.client_secret)
    assert not secrets.matches(old, application.client_secret)


def test_enlisting_twice_keeps_one_entry_with_the_newest_secret():
    def enlist(secret):
        return clients.enlist(
            "http://127.0.0.1:8002/fhir/r4",
            name="Lakeside Clinic",
            slug="lakeside",
            place="Sandbox",
            credentials={"client_id": "tributary", "secret": secret},
        )

    enlist("one")
    enlist("two")

    [entry] = Hospital.objects.all()
    assert (entry.slug, entry.client_id, entry.auth_method) == ("lakeside", "tributary", AuthMethod.SECRET)


def test_demo_apps_are_one_of_each_type_and_stay_what_they_were(tmp_path):
    path = tmp_path / clients.APPS_FILE
    first = clients.register_apps(path)

    again = clients.register_apps(path)

    assert again == first
    assert [app.type for app in first] == ["public", "symmetric", "asymmetric"]
    assert Application.objects.count() == 3
    by_id = {app.client_id: app for app in Application.objects.all()}
    signing = next(app for app in first if app.jwk)
    assert secrets.matches(first[1].secret, by_id[first[1].client_id].client_secret)
    [registered] = json.loads(by_id[signing.client_id].client_jwks)["keys"]
    assert registered["kid"] == signing.jwk["kid"]
    assert "d" not in registered
