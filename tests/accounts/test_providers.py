"""Signing in by another site: a sandbox hospital, which runs as a process of its own, says who she is (OIDC)."""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client
from django.urls import include, path

from accounts import urls as accounts
from accounts.models import Person
from config import urls
from gateway import clients
from gateway.models import AuthMethod
from local import options, processes
from local.visitor import Visitor
from tests.accounts import signing
from tests.portal import people

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__), pytest.mark.slow]
urlpatterns = [path("accounts/", include(accounts.PROVIDER)), *urls.urlpatterns]
HERE = {"HTTP_HOST": "127.0.0.1:8000"}
CALLBACK = "http://127.0.0.1:8000/accounts/oidc/provider/login/callback/"


@pytest.fixture
def hospital(settings, tmp_path):
    """Its address. The process shares this test's database, as no real hospital would."""
    port = processes.free_port()
    url, database = f"http://127.0.0.1:{port}", connection.settings_dict
    program = processes.Program(
        name="hospital",
        argv=(sys.executable, "-m", "gunicorn", "config.wsgi", f"--bind=127.0.0.1:{port}", "--no-control-socket"),
        environment={
            **{name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
            "SITE": "hospital",
            "DEBUG": "yes",  # nobody has gathered static files for it
            "SITE_NAME": "Lakeside Clinic",
            "PUBLIC_URL": url,
            "DATABASE_URL": urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database['NAME']}").geturl(),
            "SESSION_COOKIE_NAME": "session_lakeside",
            "KEYS_DIR": str(settings.KEYS_DIR),
        },
        cwd=options.ROOT,
        ready=f"{url}/readyz",
    )
    processes.start(program, place=tmp_path)
    try:
        processes.await_ready(program, place=tmp_path, seconds=60)
        yield url
    finally:
        processes.stop("hospital", place=tmp_path)


@pytest.fixture(autouse=True)
def provider(settings, hospital):
    made = clients.register(
        "Tributary", redirect_uris=[CALLBACK], method=AuthMethod.BASIC, scopes_allowed=["openid", "fhirUser"]
    )
    settings.OIDC_ISSUER = hospital
    app = {
        "provider_id": "provider",
        "name": "Lakeside Clinic",
        "client_id": made.application.client_id,
        "secret": made.secret,
        "settings": {
            "server_url": hospital,
            "token_auth_method": "client_secret_basic",
            "scope": ["openid", "fhirUser"],
            "auth_params": {"aud": f"{hospital}/fhir/r4"},
        },
    }
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}


def leave(browser: Client, process: str = "login") -> str:
    answer = browser.post(f"/accounts/oidc/provider/login/?process={process}")
    assert answer.status_code == 302
    return answer["Location"]


def patient_there() -> Person:
    """With a password hashed as the hospital's process hashes."""
    person = people.sign_up()
    person.password = make_password(people.PASSWORD, hasher="pbkdf2_sha256")
    person.save()
    return person


def agree(patient: Person, address: str) -> str:
    """Signs in and says yes at the hospital; the path of the redirect back."""
    visitor = Visitor(stop_at=CALLBACK)
    page = visitor.open(address)
    page = visitor.send(page.form("login", "password"), {"login": patient.email, "password": people.PASSWORD})
    page = visitor.send(page.form("answer", "box"), ticked=["identity"], press=("answer", "allow"))
    assert visitor.stopped is not None, page.text
    parts = urlsplit(str(visitor.stopped))
    return f"{parts.path}?{parts.query}"


def test_a_new_person_says_what_the_provider_does_not_and_is_known_from_then_on():
    patient, browser = patient_there(), Client(**HERE)
    assert "Sign in with Lakeside Clinic" in browser.get("/accounts/login/").content.decode()

    asked = browser.get(agree(patient, leave(browser)), follow=True)

    assert "Lakeside Clinic says who you are" in asked.content.decode()
    form = {"name": "Ana New", "email": "new@example.org", "language": "es"}
    assert browser.post("/accounts/provider/signup/", form)["Location"] == "/"
    made = Person.objects.get(email="new@example.org")
    assert (made.name, made.language, made.has_usable_password()) == ("Ana New", "es", False)
    assert SocialAccount.objects.get(user=made).uid == str(patient.subject)
    assert not SocialToken.objects.exists()
    assert browser.get("/account/").status_code == 200

    again = Client(**HERE)
    assert again.get(agree(patient, leave(again)))["Location"] == "/"
    assert again.session["_auth_user_id"] == str(made.pk)


def test_an_answer_for_another_browser_signs_nobody_in():
    patient, browser, thief = patient_there(), Client(**HERE), Client(**HERE)
    back = agree(patient, leave(browser))

    answer = thief.get(back, follow=True)

    assert "That did not work" in answer.content.decode()
    assert "_auth_user_id" not in thief.session


def test_a_mail_that_is_taken_is_not_taken_over():
    patient, hers, browser = patient_there(), signing.sign_up(), Client(**HERE)
    browser.get(agree(patient, leave(browser)), follow=True)

    answer = browser.post("/accounts/provider/signup/", {"name": "A", "email": hers.email, "language": "en"})

    assert answer.status_code == 200
    assert SocialAccount.objects.count() == 0
    assert browser.session.get("_auth_user_id") is None
    assert EmailAddress.objects.filter(email=hers.email).count() == 1


def test_she_connects_it_to_the_account_she_has_and_ends_it():
    patient, hers = patient_there(), signing.sign_up()
    browser = signing.signed_in(hers, **HERE)

    browser.get(agree(patient, leave(browser, "connect")), follow=True)

    assert SocialAccount.objects.get(user=hers).uid == str(patient.subject)
    page = browser.get("/accounts/provider/").content.decode()
    assert "No longer sign in with it" in page
    browser.post("/accounts/provider/", {"account": SocialAccount.objects.get().pk})
    assert not SocialAccount.objects.exists()


def test_following_a_link_starts_nothing():
    """Signing in begins with a form of ours, so nobody is signed in to somebody else's account by a picture."""
    page = Client(**HERE).get("/accounts/oidc/provider/login/")

    assert page.status_code == 200
    assert 'method="post"' in page.content.decode()
