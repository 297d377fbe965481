"""Apps of the sandbox keep the credentials they have while those are good, and get new ones when they are not."""

from __future__ import annotations

import io
import json
import stat

import pytest
from django.core.management import CommandError, call_command

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


def test_enlisting_enters_the_hospital_with_the_credentials_it_left(settings, tmp_path):
    place = tmp_path / "hospitals" / "lakeside"
    settings.VAR_DIR = tmp_path
    keepsakes.write(place / clients.HANDOVER, {"client_id": "tributary", "secret": "one"})
    (place / "lakeside.env").write_text("SITE_NAME=Lakeside Clinic\nPUBLIC_URL=http://127.0.0.1:8002\n")

    call_command("hospital_enlist", registered=True, stdout=io.StringIO())
    call_command("hospital_enlist", "lakeside", registered=True, stdout=io.StringIO())

    [entry] = Hospital.objects.all()
    assert (entry.fhir_base, entry.slug, entry.client_id, entry.auth_method) == (
        "http://127.0.0.1:8002/fhir/r4", "lakeside", "tributary", AuthMethod.SECRET
    )  # fmt: skip


def test_entering_a_hospital_without_credentials_is_refused_and_quotes_nothing(tmp_path):
    file = tmp_path / "client.json"
    file.write_text('{"secret": "s3cret"}')

    with pytest.raises(CommandError) as refused:
        call_command("hospital_enter", "http://127.0.0.1:8002/fhir/r4", name="Lakeside Clinic", credentials=file)

    assert "s3cret" not in str(refused.value)
    assert Hospital.objects.count() == 0


def test_demo_apps_are_one_of_each_type_and_stay_what_they_were(tmp_path):
    path = tmp_path / clients.APPS_FILE
    first = clients.register_apps(path)

    again = clients.register_apps(path)

    assert again == first
    assert [app.type for app in first] == ["public", "symmetric", "asymmetric", "backend"]
    assert Application.objects.count() == 4
    by_id = {app.client_id: app for app in Application.objects.all()}
    signing = next(app for app in first if app.jwk)
    assert secrets.matches(first[1].secret, by_id[first[1].client_id].client_secret)
    [registered] = json.loads(by_id[signing.client_id].client_jwks)["keys"]
    assert registered["kid"] == signing.jwk["kid"]
    assert "d" not in registered
