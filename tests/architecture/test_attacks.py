"""What the rooms do not show by themselves of the attacks in docs/threat-model.md: walks over every address.

The table names a test for each row; that those are there is tested here too.
"""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings as configured
from django.core import mail
from django.test import Client

from accounts.models import Person
from developers.models import Review
from gateway.models import Application
from tests.accounts import signing
from tests.architecture import addresses, possessions
from tests.architecture.possessions import Asker
from tests.architecture.test_other_peoples_ids import METHODS, OF_NOBODY, ROUTES, undone
from tests.developers.test_registrations import FORM as APP
from tests.fhirapi import people as api

pytestmark = pytest.mark.django_db
# Their other spellings are in test_browser_safety.py.
EVIL = ("https://evil.example/x", "//evil.example/x")
# Every name under which some site somewhere takes an address to go on to.
LEADING = (
    "next", "back", "url", "uri", "to", "goto", "target", "continue", "return", "return_to", "return_url", "redirect",
    "redirect_to", "redirect_uri", "redirect_url", "post_logout_redirect_uri", "target_link_uri", "launch_uri", "iss",
    "RelayState", "success_url", "callback", "referer",
)  # fmt: skip
HERS = ("is_staff", "is_superuser", "is_active", "is_synthetic", "practitioner_id", "patient_id", "subject", "password")
THEIRS = (
    "user_id",
    "active",
    "on_trial",
    "skip_authorization",
    "client_id",
    "client_secret",
    "token_endpoint_auth_method",
)


# ---- open redirect


@pytest.fixture
def estate():
    made = possessions.estate()
    # Its passkey is a row and no key: pages that ask the browser for one cannot read it.
    Authenticator.objects.all().delete()
    return made


@pytest.mark.parametrize("who", ["visitor", "owner"])
def test_no_address_leads_to_where_somebody_else_said(estate, who):
    client = Client() if who == "visitor" else estate.holders[""].client
    askers = {evil: Asker(client, {"Referer": evil}) for evil in EVIL}
    walked = {*addresses.every(), *(route.path(estate.hers(route)) for route in ROUTES if route.name not in OF_NOBODY)}
    led = 0

    for path in sorted(walked):
        for method in METHODS:
            for evil, asker in askers.items():
                with undone():
                    answer = asker.ask(method, path, dict.fromkeys(LEADING, evil))
                    assert not leads_to_evil(answer), (path, method, answer.headers)
                    led += "Location" in answer.headers
    assert led > 40, "many of them do lead somewhere"


def leads_to_evil(answer) -> bool:
    leads = [answer.headers.get("Location", ""), answer.headers.get("Refresh", "").partition("url=")[2]]
    if not answer.streaming:
        leads += re.findall(r'http-equiv="refresh"[^>]*url=([^"]+)', answer.content.decode(errors="replace"))
    return any(_host(one) == "evil.example" for one in leads if one)


def _host(address: str) -> str:
    return urlsplit(address.replace("\\", "/"), scheme="https").hostname or ""


# ---- privilege by a form field


def test_no_form_gives_more_than_it_shows(estate):
    """Each form of hers is sent as it should be, and with every field that would make her more."""
    person = estate.owner
    more = {
        **dict.fromkeys((*HERS, *THEIRS, "role", "owner", "owner_id", "person", "person_id", "reviewed"), "on"),
        "role": "clinician", "practitioner_id": "p", "patient_id": "x", "user": "1", "user_id": "1", "on_trial": "",
        "state": "approved", "review": "approved", "skip_authorization": "on",
    }  # fmt: skip
    good = {"language": "en", "time_zone": "Asia/Tokyo", "email": "new@example.org", "relationship": "FRND", **APP}
    before, saved = privileges(person), set()

    for path in [*(path for path in addresses.every() if "1" not in path), *hers(estate)]:
        if "/fhir/" in path:
            continue
        with undone():
            estate.holders[""].ask("post", path, {**more, **good, "name": "Another Name", "kinds": "everything"})
            assert privileges(person) == before, path
            saved |= {path} if says(person, "Another Name") else set()

    assert len(saved) >= 2, "the forms of her profile and of her apps do save what they show"


def hers(estate) -> list[str]:
    return [
        route.path(estate.hers(route))
        for route in ROUTES
        if route.room in ("", "portal", "developers") and route.groups & {"uid", "connection_id", "authorization_id"}
        and route.name not in ("developers:review", "portal:for_home", "portal:for_records", "portal:for_record")
    ]  # fmt: skip


def privileges(person: Person) -> list[object]:
    """What she is, and what her apps may: nothing of it stands in a form (a new secret has a page of its own)."""
    mine = Application.objects.filter(user=person).order_by("pk")[:2]
    apps = [[getattr(app, name) for name in THEIRS if name != "client_secret"] for app in mine]
    reviewed = Review.objects.filter(state="approved").count()
    trusted = Application.objects.filter(user=person, on_trial=False).count()
    fresh = Person.objects.get(pk=person.pk)
    return [[getattr(fresh, name) for name in HERS], fresh.role, fresh.fhir_user, apps, reviewed, trusted]


def says(person: Person, name: str) -> bool:
    return Person.objects.filter(pk=person.pk, name=name).exists() or Application.objects.filter(name=name).exists()


def test_an_app_that_registers_itself_gives_itself_nothing():
    metadata = {
        **possessions.METADATA, "on_trial": False, "active": True, "user": 1, "user_id": 1, "state": "approved",
        "skip_authorization": True, "client_id": "chosen", "client_secret": "chosen", "scope": "openid __introspection",
    }  # fmt: skip

    refused = Client().post("/oauth/register", json.dumps(metadata), content_type="application/json")
    given = Client().post(
        "/oauth/register", json.dumps({**metadata, "scope": "openid"}), content_type="application/json"
    )

    assert (refused.status_code, given.status_code) == (400, 201)
    made = Application.objects.get()
    assert (made.active, made.user_id, made.skip_authorization) == (False, None, False)
    assert (made.client_id != "chosen", made.review.state) == (True, "submitted")


# ---- theft of a token, and of a mail


def test_a_token_counts_in_its_header_alone():
    """In an address it would stand in histories and logs; any page could send it in a form (RFC 9700 4.3.2)."""
    app = api.let_in(api.with_observation(), "patient/Observation.rs")
    assert app.get("/Observation/one").status_code == 200

    for name in ("access_token", "token", "bearer"):
        assert Client().get("/fhir/r4/Observation/one", {name: app.token}).status_code == 401
        form = f"{name}={app.token}"
        sent = Client().post("/fhir/r4/Observation/_search", form, content_type="application/x-www-form-urlencoded")
        assert sent.status_code == 401
    assert Client(headers={"Cookie": f"access_token={app.token}"}).get("/fhir/r4/Observation/one").status_code == 401


def test_a_forged_host_is_in_no_mail():
    person = signing.sign_up()
    form = {"email": person.email}
    assert Client().post("/accounts/password/reset/", form).status_code == 302
    assert "http" in mail.outbox[0].body
    mail.outbox.clear()

    refused = Client(headers={"Host": "evil.example"}).post("/accounts/password/reset/", form)
    Client(headers={"X-Forwarded-Host": "evil.example"}).post("/accounts/password/reset/", form)

    assert refused.status_code == 400
    assert [message.to for message in mail.outbox] == [[person.email]]
    assert "evil.example" not in mail.outbox[0].body


# ---- bodies that grow


def test_a_packed_body_is_not_unpacked():
    app = api.let_in(api.with_observation(), "patient/Observation.cruds")
    packed = gzip.compress(b'{"resourceType": "Observation"' + b" " * 50_000_000 + b"}")
    assert len(packed) < 60_000

    answer = app.post_json("/Observation", packed, Content_Encoding="gzip")

    assert answer.status_code in (400, 415)


@pytest.mark.parametrize("kind", ["application/fhir+xml", "application/xml", "text/xml"])
def test_no_xml_is_read_at_the_api(kind):
    app = api.let_in(api.with_observation(), "patient/Observation.cruds")
    entity = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Observation xmlns="http://hl7.org/fhir">&e;</Observation>'
    headers = {"Authorization": f"Bearer {app.token}"}

    answer = Client(headers=headers).post("/fhir/r4/Observation", entity, content_type=kind)

    assert answer.status_code == 415
    assert b"root:" not in answer.content


# ---- the table itself


def test_every_test_the_threat_model_names_is_there():
    page = Path(configured.BASE_DIR, "docs/threat-model.md").read_text()
    named = re.findall(r"`(tests/[\w/]+)(\.py)?(?:::(\w+))?`", page)
    assert len(named) > 40

    missing = []
    for path, suffix, function in named:
        file = Path(configured.BASE_DIR, path + suffix)
        if not file.exists() or (function and f"def {function}(" not in file.read_text()):
            missing.append(f"{path}{suffix}::{function}")
    assert missing == []
