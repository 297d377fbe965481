"""Every address, as a passive scanner sees it, and what a hostile page or request could try with it."""

from __future__ import annotations

import re

import pytest
from django.conf import settings as configured
from django.db import transaction
from django.test import Client

from accounts.models import Person, Role
from gateway import cors
from tests.accounts import signing
from tests.architecture import addresses, possessions, zap
from tests.portal.people import PASSWORD

pytestmark = pytest.mark.django_db
SITES = ("config.urls", "sandbox.urls")
EVIL = ("https://evil.example/", "//evil.example/", "/\\evil.example", "https:evil.example", "javascript:alert(1)")
# Answers to whoever may call them from anywhere; no cookie counts there.
WITHOUT_TOKEN = re.compile(
    r"/oauth/(authorize|token|par|register|revoke|introspect|userinfo|logout)|/fhir/r4(/.*)?|/shl/.+|/ehr/token"
    r"|/cds-services(/.+)?"
)

FRAMED = ("10020 may be framed", "10055 weak Content-Security-Policy")


@pytest.fixture
def https(settings):
    """As the settings are with a PUBLIC_URL of https."""
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    settings.SECURE_COOKIES = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True


def somebody(**fields) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(Person.objects.create_user("walker@example.org", PASSWORD, **fields))
    return client


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("who", ["visitor", "person", "staff"])
def test_no_address_breaks_a_passive_rule(settings, https, site, who):
    settings.ROOT_URLCONF, settings.SITE = site, "person" if site == "config.urls" else "hospital"
    client = {
        "visitor": lambda: Client(raise_request_exception=False),
        "person": somebody,
        "staff": lambda: somebody(role=Role.DEVELOPER, is_staff=True),
    }[who]()
    paths = [*addresses.every(site), "/nothing/of/ours/", "/static/css/none.css"]
    assert len(paths) > 40

    answers = {path: client.get(path, secure=True) for path in paths if "logout" not in path}

    assert {path: answer.status_code for path, answer in answers.items() if answer.status_code >= 500} == {
        path: 503 for path, answer in answers.items() if answer.status_code == 503
    }
    found = {path: rules for path, answer in answers.items() if (rules := zap.broken(path, answer))}
    assert found == {}


def test_what_shows_something_of_hers_breaks_none_and_is_kept_by_nobody(https):
    """Every kind of page and answer with something behind it: shown to whoever may see it, stored by no cache."""
    estate, kept, found, shown = possessions.estate(), [], {}, set()
    asked = [(route.name, route.path(estate.hers(route)), estate.holder(route)) for route in addresses.varying()
             if not estate.missing(route)]  # fmt: skip
    # Her passkey is made up: no ceremony begins with it.
    asked += [
        ("", path, estate.holders[""])
        for path in addresses.every()
        if not {"logout", "webauthn"} & set(path.split("/"))
    ]
    for name, path, asker in asked:
        with transaction.atomic():
            answer = asker.client.get(path, headers=asker.headers, secure=True)
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            transaction.set_rollback(True)
        if answer.status_code != 200:
            continue
        # Pages of a visit are there to be framed, by the origins of its EHR alone (smartlaunch/test_frames.py).
        if rules := [each for each in zap.broken(path, answer) if not (name.startswith("clinic:") and each in FRAMED)]:
            found[path] = rules
        if any(word in body.decode(errors="replace") for word in estate.words()):
            shown.add(name.partition(":")[0] if name else path)
            if "no-store" not in answer.get("Cache-Control", ""):
                kept.append(path)

    assert (found, kept) == ({}, [])
    assert {"portal", "developers", "fhirapi", "gateway", "/account/"} <= shown


def test_rules_see_what_is_wrong(https):
    """Each rule that looks at a header or at a page can be broken."""
    from django.http import HttpResponse

    page = (
        '<script>x</script><script src="//cdn.example/x.js"></script><!-- password --><a target="_blank" href="/">x</a>'
        '<form method="post"></form>Traceback (most recent call last)'
    )
    bad = HttpResponse(page, content_type="text/html")
    bad.set_cookie("session", "x", domain="example.org")
    for name, value in {
        "Server": "x/1.0", "X-Powered-By": "x", "Location": "/?token=x", "Access-Control-Allow-Credentials": "true",
        "WWW-Authenticate": "Basic", "Cache-Control": "public",
    }.items():  # fmt: skip
        bad[name] = value

    assert set(zap.RULES) - set(zap.broken("/", bad)) == {"10019 no Content-Type"}
    del bad["Content-Type"]
    assert "10019 no Content-Type" in zap.broken("/", bad)


@pytest.mark.parametrize("site", SITES)
def test_every_form_needs_its_token(settings, site):
    settings.ROOT_URLCONF, settings.SITE = site, "person" if site == "config.urls" else "hospital"
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(Person.objects.create_user("walker@example.org", PASSWORD, role=Role.DEVELOPER, is_staff=True))
    paths = [path for path in addresses.every(site) if not WITHOUT_TOKEN.fullmatch(path)]
    assert len(paths) > 30

    taken = {path: answer.status_code for path in paths if (answer := client.post(path)).status_code not in (403, 405)}

    # Only what takes no form at all may answer something else.
    assert {path: status for path, status in taken.items() if status != 404} == {}
    assert Person.objects.get(email="walker@example.org").language == "en"


def test_addresses_of_programs_take_no_cookie():
    """They need no token of a form, because whoever is signed in in the browser means nothing to them."""
    client = somebody()

    assert all(cors.is_called_by_programs(path) for path in ("/fhir/r4/Observation", "/oauth/token", "/oauth/userinfo"))
    assert client.get("/fhir/r4/Observation").status_code == 401
    assert client.get("/oauth/userinfo").status_code == 401


@pytest.mark.parametrize("evil", EVIL)
def test_no_sign_in_leads_elsewhere(evil):
    person = signing.sign_up()
    form = {"login": person.email, "password": PASSWORD, "next": evil}

    assert Client().post("/accounts/login/", form)["Location"] == "/"
    assert Client().post("/accounts/language/", {"language": "es", "next": evil})["Location"] == "/"
    signed_in = signing.signed_in(person)
    assert signed_in.get("/accounts/login/", {"next": evil})["Location"] == "/"
    assert signed_in.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": evil})["Location"] == "/"
    assert signed_in.post("/accounts/logout/", {"next": evil})["Location"] == "/"


def test_signing_up_gives_nobody_more_than_a_patient_has():
    form = {"name": "A", "email": "a@example.org", "password1": "lantern-otter-9-dune", "language": "en"}
    more = {"role": "developer", "is_staff": "on", "is_superuser": "on", "patient_id": "x", "is_synthetic": "on"}

    Client().post("/accounts/signup/", form | more | {"id": "1", "practitioner_id": "p"})

    made = Person.objects.get(email="a@example.org")
    assert (made.role, made.is_staff, made.is_superuser, made.is_synthetic) == ("patient", False, False, False)
    assert made.patient_id != "x"
    assert made.practitioner_id == ""


def test_what_is_too_large_is_refused(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    many = {f"f{number}": "x" for number in range(configured.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)}

    assert Client().post("/accounts/login/", {"login": "x" * 2000}).status_code == 400
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
    assert Client().post("/accounts/login/", many).status_code == 400
