"""From the app's first request to the record, and what each step must leave behind."""

from __future__ import annotations

import json
import re

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import KeySet

from audit import chains, events
from consent.models import Act, Decision
from gateway import bearer
from gateway.errors import InvalidToken
from gateway.models import Authorization
from tests.gateway import parties
from tests.gateway.parties import LAB, VITALS, App

pytestmark = pytest.mark.django_db


def test_public_app_gets_tokens_patient_and_identity():
    person, app = parties.sign_up(), App.register()

    code = app.ask(person, "openid fhirUser launch/patient patient/*.rs offline_access", nonce="n-0S6")
    response = app.redeem(code)

    told = response.json()
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert response["Pragma"] == "no-cache"
    assert response["Content-Type"] == "application/json"
    assert told["token_type"] == "Bearer"
    assert told["expires_in"] == 3600
    assert told["patient"] == person.patient_id
    assert set(told["scope"].split()) == {"openid", "fhirUser", "launch/patient", "patient/*.rs", "offline_access"}
    keys = KeySet.import_key_set(Client().get("/oauth/jwks").json())
    proof = jwt.decode(told["id_token"], keys, algorithms=["RS256"])
    assert proof.header["kid"] in {key.kid for key in keys.keys}
    assert proof.claims["iss"] == settings.PUBLIC_URL
    assert proof.claims["aud"] == app.client_id
    assert proof.claims["sub"] == str(person.subject)
    assert proof.claims["fhirUser"] == f"{settings.FHIR_BASE}/Patient/{person.patient_id}"
    assert proof.claims["nonce"] == "n-0S6"
    assert {"exp", "iat", "auth_time", "at_hash"} <= proof.claims.keys()


def test_she_chooses_what_an_app_may_write():
    person, app = parties.sign_up(), App.register("patient/*.cruds")
    asked = "patient/Observation.cruds patient/Goal.cud"

    assert app.let_in(person, asked)["scope"] == asked
    narrowed = app.let_in(person, asked, keep=lambda box: not box.startswith(("d:", "u:Goal")))

    assert narrowed["scope"] == "patient/Observation.crus patient/Goal.c"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_confidential_app_gets_tokens_with_its_secret(method):
    person, app = parties.sign_up(), App.register(method=method)

    told = app.let_in(person, "patient/Observation.rs")

    assert told["scope"] == "patient/Observation.rs"
    assert told["patient"] == person.patient_id
    assert "refresh_token" not in told
    assert "id_token" not in told


def test_she_keeps_only_laboratory_of_a_coarse_request():
    person, app = parties.sign_up(), App.register()

    told = app.let_in(person, "patient/Observation.rs openid", keep=lambda box: box == f"Observation?{LAB}")

    assert told["scope"] == f"patient/Observation.rs?category={LAB}"
    decision = Decision.objects.get(owner=person)
    assert decision.scopes_asked == ["patient/Observation.rs", "openid"]
    assert decision.scopes_granted == [f"patient/Observation.rs?category={LAB}"]
    assert decision.scopes_refused == ["patient/Observation.rs", "openid"]
    assert decision.text_version


def test_granular_request_is_granted_as_spelt():
    person, app = parties.sign_up(), App.register()
    asked = f"patient/Observation.rs?category={LAB} patient/Observation.rs?category={VITALS}"

    assert app.let_in(person, asked)["scope"] == asked


def test_v1_scope_is_said_back_as_v1():
    person, app = parties.sign_up(), App.register("patient/*.read")

    assert app.let_in(person, "patient/Condition.read patient/Observation.*")["scope"] == (
        "patient/Condition.read patient/Observation.read"
    )


def test_consent_page_shows_who_asks_and_how_many_records(client):
    person, app = parties.sign_up(), App.register(description="Keeps an eye on your heart.")
    parties.store_observations(person, laboratory=3, vital_signs=2, exam=1)
    client.force_login(person)

    page = client.get(app.send_to_consent(client, "patient/Observation.rs offline_access"))

    text = page.content.decode()
    assert page.status_code == 200
    assert "Keeps an eye on your heart." in text
    shown = {
        key: int(total) for key, total in re.findall(r'value="([^"]+)" checked>.*?"mark"[^>]*>(\d+)<', text, re.DOTALL)
    }
    assert shown[f"Observation?{LAB}"] == 3
    assert shown[f"Observation?{VITALS}"] == 2
    assert shown["Observation"] == 1
    assert "<strong>6</strong> records" in text
    assert page["Cache-Control"] == "no-store"
    assert page["Referrer-Policy"] == "same-origin"
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert "form-action 'self' https://app.example" in page["Content-Security-Policy"]


def test_consent_page_counts_again_without_javascript(client):
    person, app = parties.sign_up(), App.register()
    parties.store_observations(person, laboratory=3, vital_signs=2)
    client.force_login(person)
    page = app.send_to_consent(client, "patient/Observation.rs")

    again = client.post(page, {"answer": "count", "box": [f"Observation?{LAB}"]})

    assert "<strong>3</strong> records" in again.content.decode()
    assert parties.boxes(again) == [f"Observation?{LAB}"]


def test_consent_page_in_spanish_records_the_language(client):
    person, app = parties.sign_up(), App.register()
    client.force_login(person)
    client.cookies["language"] = "es"

    page = app.send_to_consent(client, "patient/Observation.rs")
    client.post(page, {"answer": "deny"})

    assert Decision.objects.get(owner=person).language == "es"


def test_counted_before_is_what_the_gate_gives_after():
    from consent import gate

    person, app = parties.sign_up(), App.register()
    parties.store_observations(person, laboratory=3, vital_signs=2)

    told = app.let_in(person, "patient/Observation.rs", keep=lambda box: box == f"Observation?{LAB}")

    holder = bearer.of(told["access_token"], at=timezone.now())
    reader = gate.App(holder.client_id, holder.decision_id, holder.scopes)
    readable = gate.readable(owner_id=holder.owner_id, reader=reader, interaction="search", at=timezone.now())
    assert sum(kind.total for kind in readable.counts()) == 3


def test_refusal_goes_back_as_access_denied_and_is_on_record(client):
    person, app = parties.sign_up(), App.register()
    client.force_login(person)
    page = app.send_to_consent(client, "patient/Observation.rs")

    answer = client.post(page, {"answer": "deny"})

    returned = parties.query_of(answer["Location"])
    assert answer.status_code == 303
    assert (returned["error"], returned["state"], returned["iss"]) == ("access_denied", app.state, settings.PUBLIC_URL)
    assert Decision.objects.get(owner=person).act == Act.REFUSE
    assert not Authorization.objects.filter(person=person).exists()


def test_yes_with_nothing_ticked_asks_again(client):
    person, app = parties.sign_up(), App.register()
    client.force_login(person)
    page = app.send_to_consent(client, "patient/Observation.rs offline_access")

    answer = client.post(page, {"answer": "allow", "box": ["offline"], "length": "90"})

    assert answer.status_code == 400
    assert not Decision.objects.filter(owner=person).exists()
    assert client.post(page, {"answer": "allow", "box": ["Observation", f"Observation?{LAB}"]}).status_code == 303


def test_a_request_is_answered_once(client):
    person, app = parties.sign_up(), App.register()
    client.force_login(person)
    page = app.send_to_consent(client, "patient/Observation.rs")
    assert client.post(page, {"answer": "deny"}).status_code == 303

    assert client.post(page, {"answer": "allow", "box": [f"Observation?{LAB}"]}).status_code == 410
    assert client.get(page).status_code == 410


def test_stranger_signs_in_first(client):
    app = App.register()
    page = app.send_to_consent(client, "patient/Observation.rs")

    answer = client.get(page)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=/oauth/consent/")


def test_consent_needs_a_csrf_token():
    person, app = parties.sign_up(), App.register()
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person)
    page = app.send_to_consent(browser, "patient/Observation.rs")

    assert browser.post(page, {"answer": "allow", "box": ["Observation"]}).status_code == 403


def test_prompt_login_asks_for_the_password_again(client):
    person, app = parties.sign_up(), App.register()
    client.force_login(person)
    page = app.send_to_consent(client, "openid", prompt="login")

    assert client.get(page)["Location"].startswith("/accounts/login/")
    client.force_login(person)
    assert client.get(page).status_code == 200


def test_max_age_asks_for_the_password_again(client):
    person, app = parties.sign_up(), App.register()
    client.force_login(person)
    person.refresh_from_db()
    person.last_login = timezone.now() - timezone.timedelta(hours=1)
    person.save()

    assert client.get(app.send_to_consent(client, "openid", max_age="7200")).status_code == 200
    assert client.get(app.send_to_consent(client, "openid", max_age="60")).status_code == 302


def test_once_gives_an_hour_and_no_refresh():
    person, app = parties.sign_up(), App.register()

    told = app.let_in(person, "patient/Observation.rs offline_access", length="once")

    assert "refresh_token" not in told
    assert told["scope"] == "patient/Observation.rs"
    assert 3590 <= told["expires_in"] <= 3600
    authorization = Authorization.objects.get(person=person)
    assert authorization.expires - authorization.created == timezone.timedelta(hours=1)
    assert authorization.decision.ends == authorization.expires


def test_second_yes_replaces_the_first():
    person, app = parties.sign_up(), App.register()
    first = app.let_in(person, "openid patient/Observation.rs offline_access")
    assert app.userinfo(first["access_token"]).status_code == 200

    second = app.let_in(person, "openid patient/Observation.rs")

    assert app.userinfo(first["access_token"]).status_code == 401
    assert app.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert app.userinfo(second["access_token"]).status_code == 200
    assert Authorization.objects.live(at=timezone.now()).filter(person=person).count() == 1


def test_every_step_is_in_her_access_log():
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, "patient/Observation.rs offline_access")
    renewed = app.refresh(told["refresh_token"]).json()
    app.post("/oauth/revoke", {"token": renewed["refresh_token"], **app.proof()})

    decision = Decision.objects.get(owner=person)
    log = [(event.interaction, event.agent_kind, event.consent_id) for event in events.of(person.pk)]
    assert log == [
        ("revoke", "app", decision.pk),
        ("refresh", "app", decision.pk),
        ("token", "app", decision.pk),
        ("authorize", "owner", decision.pk),
    ]
    assert chains.verify(person.pk) == []


def test_no_usable_secret_is_stored():
    from django.db import connection

    person, app = parties.sign_up(), App.register(method="client_secret_basic")
    code = app.ask(person, "openid patient/Observation.rs offline_access")
    told = app.redeem(code).json()
    renewed = app.refresh(told["refresh_token"]).json()
    secrets = [code, app.secret, told["access_token"], told["refresh_token"], told["id_token"]]
    secrets += [renewed["access_token"], renewed["refresh_token"]]

    with connection.cursor() as cursor:
        dump = ""
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608 - names from the catalogue
            dump += "\n".join(row[0] for row in cursor.fetchall())

    assert str(person.subject) in dump  # the dump does see what is stored
    assert [secret for secret in secrets if secret in dump or secret.encode().hex() in dump] == []
    assert b'"dp":'.hex() not in dump  # the private half of the signing key


def test_deactivated_app_and_person_are_refused():
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, "openid patient/Observation.rs offline_access")
    assert app.userinfo(told["access_token"]).status_code == 200

    app.application.active = False
    app.application.save()
    assert app.userinfo(told["access_token"]).status_code == 401
    assert app.refresh(told["refresh_token"]).status_code == 401
    assert Client().get("/oauth/authorize", app.request("openid")).status_code == 400


def test_authorization_ends_on_its_date():
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, "openid patient/Observation.rs offline_access")
    later = Authorization.objects.get(person=person).expires

    with pytest.raises(InvalidToken):
        bearer.of(told["access_token"], at=later)
    Authorization.objects.update(created=later - timezone.timedelta(days=200), expires=timezone.now())
    assert app.refresh(told["refresh_token"]).json()["error"] == "invalid_grant"


def test_authorize_by_post_leads_to_the_same_page(client):
    person, app = parties.sign_up(), App.register()
    client.force_login(person)

    answer = Client(enforce_csrf_checks=True).post(
        "/oauth/authorize", app.request("patient/Observation.rs"), headers={"Origin": "https://app.example"}
    )
    assert answer.status_code == 400  # multipart is no form of ours
    answer = app.post("/oauth/authorize", app.request("patient/Observation.rs"))

    assert answer.status_code == 303
    assert client.get(answer["Location"]).status_code == 200


def test_answer_is_json_that_says_nothing_of_the_record():
    person, app = parties.sign_up(name="Ana Example"), App.register()
    told = app.let_in(person, "openid patient/Observation.rs")

    assert person.email not in json.dumps(told)
    assert "Ana" not in json.dumps(told)
