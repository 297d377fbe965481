"""From an idea to an app that people can let in: registered, tried, submitted, decided."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from joserfc.jwk import ECKey

from accounts.models import Person, Role
from developers import registrations, reviews
from developers.models import Review, State
from gateway import secrets
from gateway.models import Application, Logo
from tests.developers import builders
from tests.gateway import parties
from tests.gateway.parties import App
from tests.gateway.test_credentials import assertion, proof
from tests.gateway.test_keysets import publisher
from tests.gateway.test_logos import png

pytestmark = pytest.mark.django_db
__all__ = ["publisher"]
FORM = {
    "name": "Heart Diary",
    "kind": "client_secret_basic",
    "redirect_uris": "https://app.example/callback\nhttp://127.0.0.1:9000/callback",
    "scopes": "openid patient/Observation.rs",
    "purpose": "PATRQT",
    **builders.SHOWN,
}


def words(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_pages_are_for_who_asked_for_them():
    patient = parties.sign_up()
    browser = builders.browser(patient)
    assert browser.get("/developers/apps/new/")["Location"] == "/developers/"
    assert "For developers" in words(browser.get("/"))

    browser.post("/developers/join/")

    assert Person.objects.get(pk=patient.pk).role == Role.DEVELOPER
    assert browser.get("/developers/apps/new/").status_code == 200
    assert Client().get("/developers/").status_code == 200
    assert Client().get("/developers/people/").status_code == 302


def test_app_is_registered_on_trial_and_its_secret_is_shown_once():
    browser = builders.browser(builders.developer())

    shown = browser.post("/developers/apps/new/", {**FORM, "logo": SimpleUploadedFile("logo.png", png())})

    app = Application.objects.get(name="Heart Diary")
    secret = re.search(r"<pre[^>]*>([^<]{100,})</pre>", shown.content.decode()).group(1)
    assert secrets.matches(secret, app.client_secret)
    assert (app.active, app.on_trial, app.review.state) == (True, True, State.DRAFT)
    assert (app.maker, app.retention, app.redirect_uris.split()[1]) == (
        "Example Works",
        "session",
        "http://127.0.0.1:9000/callback",
    )
    assert Logo.objects.filter(application=app).exists()
    assert secret not in browser.get(f"/developers/apps/{app.uid}/").content.decode()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"redirect_uris": "http://app.example/callback"}, "http is only for 127.0.0.1"),
        ({"redirect_uris": "javascript:alert(1)"}, "scheme of its own must contain a dot"),
        ({"scopes": "patient/Nonsense.rs"}, "scope"),
        ({"kind": "private_key_jwt"}, "a key set goes with"),
        ({"kind": "private_key_jwt", "jwks": "{"}, "This is no JSON"),
        ({"kind": "private_key_jwt", "jwks": "[" * 100_000}, "This is no JSON"),
        ({"kind": "backend", "jwks_uri": "http://keys.example/jwks"}, "must be https"),
        ({"homepage_uri": "javascript:alert(1)"}, "valid URL"),
        ({"logo": SimpleUploadedFile("logo.png", b"<svg/>")}, "must be a PNG"),
        ({"purpose": "NONSENSE"}, "valid choice"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_registered(change, why):
    answer = builders.browser(builders.developer()).post("/developers/apps/new/", {**FORM, **change})

    assert answer.status_code == 400
    assert why in words(answer)
    assert not Application.objects.exists()


def test_apps_of_others_are_not_there():
    mine, other = builders.developer(), builders.developer()
    made = builders.app(mine, method="client_secret_basic").application
    assert builders.browser(mine).get(f"/developers/apps/{made.uid}/").status_code == 200

    browser = builders.browser(other)

    for path in ("", "change/", "usage/", "faults/", "webhooks/"):
        assert browser.get(f"/developers/apps/{made.uid}/{path}").status_code == 404
    for path in ("secret/", "submit/"):
        assert browser.post(f"/developers/apps/{made.uid}/{path}").status_code == 404
    assert browser.get(f"/developers/review/{made.uid}/").status_code == 403


def test_approved_app_meets_people_and_a_change_takes_it_back():
    person = builders.developer()
    made = builders.app(person).application
    mine, staff = builders.browser(person), builders.browser(builders.staff())
    patient = parties.sign_up()
    parties.store_observations(patient, laboratory=1)
    mine.post(f"/developers/apps/{made.uid}/submit/")
    page = words(staff.get(f"/developers/review/{made.uid}/"))
    assert page.count("Passed") == 8
    assert "To mend" not in page
    assert made.name in words(staff.get("/developers/review/"))

    staff.post(f"/developers/review/{made.uid}/", {"order": "approve"})

    made.refresh_from_db()
    assert (made.on_trial, made.review.state) == (False, State.APPROVED)
    app = App(made, None, builders.REDIRECT)
    token = app.let_in(patient, "patient/Observation.rs openid")["access_token"]
    change = {name: value for name, value in FORM.items() if name != "kind"}
    mine.post(f"/developers/apps/{made.uid}/change/", {**change, "redirect_uris": builders.REDIRECT})
    made.refresh_from_db()
    assert (made.on_trial, Review.objects.get(application=made).state) == (True, State.DRAFT)
    assert app.userinfo(token).status_code == 200
    browser = builders.browser(patient)
    assert browser.get(app.send_to_consent(browser, "patient/Observation.rs")).status_code == 403


def test_sending_back_says_why_and_suspending_ends_every_token():
    person, reviewer = builders.developer(), builders.staff()
    made = builders.app(person).application
    synthetic = parties.sign_up(is_synthetic=True)
    app = App(made, None, builders.REDIRECT)
    token = app.let_in(synthetic, "patient/Observation.rs openid")["access_token"]
    assert app.userinfo(token).status_code == 200
    reviews.submit(made, at=timezone.now())
    browser = builders.browser(reviewer)
    browser.post(f"/developers/review/{made.uid}/", {"order": "return"})
    assert Review.objects.get(application=made).state == State.SUBMITTED

    browser.post(f"/developers/review/{made.uid}/", {"order": "return", "note": "Say who you are."})

    assert "The reviewer says: Say who you are." in words(builders.browser(person).get(f"/developers/apps/{made.uid}/"))
    browser.post(f"/developers/review/{made.uid}/", {"order": "suspend", "note": "Not honest."})
    assert app.userinfo(token).status_code == 401
    with pytest.raises(reviews.OutOfTurn):
        reviews.submit(made, at=timezone.now())


def test_automatic_checks_name_what_is_to_mend():
    person = builders.developer()
    person.emailaddress_set.update(verified=False)
    builders.app(builders.developer(), name="Heart Diary")
    Application.objects.filter(name="Heart Diary").update(on_trial=False)
    made = builders.app(person, name="heart-diary").application
    Application.objects.filter(pk=made.pk).update(scopes="patient/*.rs", policy_uri="", resale="", maker="")

    page = words(builders.browser(person).get(f"/developers/apps/{made.uid}/"))

    assert page.count("To mend") == 6
    assert "Another app has this name." in page
    assert "It may ask for everything (patient/*.rs)" in page


def test_new_secret_leaves_the_old_one_a_week():
    person = builders.developer()
    made = builders.app(person, method="client_secret_basic")

    builders.browser(person).post(f"/developers/apps/{made.application.uid}/secret/")

    app = Application.objects.get(pk=made.application.pk)
    assert secrets.matches(made.secret, app.previous_secret)
    assert not secrets.matches(made.secret, app.client_secret)
    left = app.previous_secret_expires - timezone.now()
    assert timedelta(days=6) < left <= registrations.OVERLAP


def key(kid: str) -> dict:
    return ECKey.generate_key("P-384", {"kid": kid, "use": "sig", "alg": "ES384"}).as_dict(private=False)


def test_keys_are_rotated_without_another_review():
    person, old, new = builders.developer(), key("old"), key("new")
    made = builders.app(person, method="private_key_jwt", jwks={"keys": [old]}).application
    reviews.submit(made, at=timezone.now())
    reviews.decide(made, "approve", by=builders.staff(), note="", at=timezone.now())
    browser, here = builders.browser(person), f"/developers/apps/{made.uid}/keys/"
    private = json.dumps({"keys": [{**old, "d": "AAAA"}]})
    assert "register public keys only" in words(browser.post(here, {"jwks": private}))

    browser.post(here, {"jwks": json.dumps({"keys": [old, new]})})

    app = Application.objects.select_related("review").get(pk=made.pk)
    assert [one["kid"] for one in json.loads(app.client_jwks)["keys"]] == ["old", "new"]
    assert (app.on_trial, app.review.state) == (False, State.APPROVED)


def test_an_app_with_an_address_of_keys_goes_all_the_way_to_a_token(publisher):
    person = builders.developer()
    mine, patient = builders.browser(person), parties.sign_up()
    parties.store_observations(patient, laboratory=2)
    form = {**FORM, "kind": "private_key_jwt", "redirect_uris": builders.REDIRECT, "jwks_uri": publisher.uri}
    mine.post("/developers/apps/new/", form)
    made = Application.objects.get(name="Heart Diary")
    assert (made.token_endpoint_auth_method, made.client_jwks_uri, publisher.fetched) == (
        "private_key_jwt",
        publisher.uri,
        0,
    )
    mine.post(f"/developers/apps/{made.uid}/submit/")
    builders.browser(builders.staff()).post(f"/developers/review/{made.uid}/", {"order": "approve"})
    made.refresh_from_db()
    app = App(made, None, builders.REDIRECT)
    code = app.ask(patient, "openid patient/Observation.rs")

    assert app.redeem(code).status_code == 401
    given = app.redeem(code, **proof(assertion(app)))

    assert given.status_code == 200
    assert publisher.fetched == 1
    token = {"Authorization": f"Bearer {given.json()['access_token']}"}
    assert app.http.get("/fhir/r4/Observation?_summary=count", headers=token).json()["total"] == 2


def test_test_people_have_records_and_their_password_is_shown_once(settings):
    person = builders.developer()
    browser = builders.browser(person)

    page = browser.post("/developers/people/")

    password = re.search(r"<pre[^>]*>([^<]+)</pre>", page.content.decode()).group(1)
    made = Person.objects.get(is_synthetic=True)
    assert made.check_password(password)
    assert password not in browser.get("/developers/people/").content.decode()
    app = App(builders.app(person).application, None, builders.REDIRECT)
    token = app.let_in(made, "patient/Observation.rs")["access_token"]
    bundle = app.http.get("/fhir/r4/Observation?_count=5", headers={"Authorization": f"Bearer {token}"}).json()
    assert len(bundle["entry"]) == 5
    assert builders.browser(builders.developer()).post(f"/developers/people/{made.pk}/password/").status_code == 404
