"""Apps that somebody let in who acts for an owner: hers to choose, never wider than she is, shut with her."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit import events, resources
from audit.models import Agent
from consent import delegations, ledger
from consent.models import Act, Decision, Delegation, Grantee
from consent.terms import Terms
from gateway import authorizations, keys, launches
from gateway.models import Authorization
from records import sources, store
from records.models import SourceKind
from standards.fhir import validation
from tests.gateway import parties
from tests.gateway.parties import IDENTITY, LAB, App
from tests.gateway.test_token import statements_run

pytestmark = pytest.mark.django_db

WHOLE = "openid fhirUser launch/patient offline_access patient/*.rs"
READ = ledger.Reading("1", "en")


@pytest.fixture
def owner():
    owner = parties.sign_up(name="Ana Example")
    parties.store_observations(owner, laboratory=3, vital_signs=2)
    return owner


@pytest.fixture
def ben():
    ben = parties.sign_up(name="Ben Example")
    parties.store_observations(ben, survey=1)
    return ben


@pytest.fixture
def app():
    return App.register("patient/*.cruds", "user/*.rs", "patient/Consent.rs", *IDENTITY)


def browser_of(person) -> Client:
    browser = Client()
    browser.force_login(person)
    return browser


def get(app: App, token: str, path: str):
    return app.http.get(f"/fhir/r4/{path}", headers={"Authorization": f"Bearer {token}"})


def total(app: App, token: str, path: str = "Observation") -> int:
    answer = get(app, token, path)
    assert answer.status_code == 200, answer.content
    return answer.json()["total"]


# --- whose record


def test_whoever_may_act_for_others_is_asked_whose_record(owner, ben, app):
    delegation = parties.act_for(owner, ben)
    browser = browser_of(ben)
    address = app.send_to_consent(browser, WHOLE)

    page = browser.get(address).content.decode()

    assert re.findall(r'<a class="tile" href="([^"]*)"', page) == [f"{address}/own", f"{address}/for/{delegation.uid}"]
    assert "The record of Ana Example" in page
    hers = browser.get(f"{address}/for/{delegation.uid}").content.decode()
    assert "Let Heart Diary see the record of Ana Example?" in hers
    assert "You answer for Ana Example." in hers
    assert "What you agree to when you say yes for somebody else" in hers
    own = browser.get(f"{address}/own").content.decode()
    assert "Let Heart Diary see your record?" in own
    assert f'<a href="{address}">Choose another record</a>' in own


def test_whoever_acts_for_nobody_is_asked_nothing_more(owner, app):
    browser = browser_of(owner)
    page = browser.get(app.send_to_consent(browser, WHOLE)).content.decode()

    assert "Let Heart Diary see your record?" in page
    assert "Choose another record" not in page


def test_the_app_gets_the_record_that_was_chosen(owner, ben, app):
    delegation = parties.act_for(owner, ben)
    given = app.let_in(ben, WHOLE, acting=delegation)

    assert given["patient"] == owner.patient_id
    assert total(app, given["access_token"]) == 5
    assert get(app, given["access_token"], f"Patient/{owner.patient_id}").status_code == 200
    assert get(app, given["access_token"], f"Patient/{ben.patient_id}").status_code == 404


@pytest.mark.parametrize("why", ["not allowed", "ended", "of another", "of nobody"])
def test_a_record_that_is_not_theirs_to_share_is_refused_as_one_that_never_was(owner, ben, app, why):
    delegation = parties.act_for(owner, ben, apps=why != "not allowed")
    if why == "ended":
        delegations.end(delegation, by=owner, at=timezone.now())
    browser = browser_of(parties.sign_up() if why == "of another" else ben)
    address = app.send_to_consent(browser, WHOLE)
    uid = uuid4() if why == "of nobody" else delegation.uid

    answers = [browser.get(f"{address}/for/{uid}"), browser.post(f"{address}/for/{uid}", {"answer": "allow"})]

    assert [one.status_code for one in answers] == [404, 404]
    assert "Ana Example" not in answers[0].content.decode()
    assert browser.get(f"{address}/own").status_code == 200
    assert not Authorization.objects.exists()


def test_whose_record_is_asked_again_of_whoever_signs_in_instead(owner, ben, app):
    delegation = parties.act_for(owner, ben)
    browser = browser_of(ben)
    address = app.send_to_consent(browser, WHOLE)

    for page in (address, f"{address}/for/{delegation.uid}"):
        browser.force_login(ben)
        answer = browser.post(page, {"answer": "switch"})

        assert answer["Location"].endswith(f"?next={address}")
        assert "_auth_user_id" not in browser.session


def test_an_app_on_trial_meets_nobody_who_is_real_behind_somebody_made_up(owner, app):
    made_up = parties.sign_up(is_synthetic=True)
    delegation = parties.act_for(owner, made_up)
    app.application.on_trial = True
    app.application.save()
    browser = browser_of(made_up)
    address = app.send_to_consent(browser, WHOLE)

    assert "Let Heart Diary see your record?" in browser.get(address).content.decode()
    assert browser.get(f"{address}/for/{delegation.uid}").status_code == 404
    owner.is_synthetic = True
    owner.save()
    assert browser.get(f"{address}/for/{delegation.uid}").status_code == 200


# --- what it may see


def test_it_is_offered_only_what_she_may_see_and_nothing_to_write(owner, ben, app):
    delegation = parties.act_for(owner, ben, f"patient/Observation.rs?category={LAB}", "patient/Patient.rs")
    browser = browser_of(ben)
    address = app.send_to_consent(browser, "openid patient/*.cruds patient/Consent.rs user/Observation.rs")
    page = browser.get(f"{address}/for/{delegation.uid}")

    assert sorted(parties.boxes(page)) == ["Observation?" + LAB, "Patient", "identity"]

    given = app.let_in(ben, "openid patient/*.cruds patient/Consent.rs user/Observation.rs", acting=delegation)
    assert set(given["scope"].split()) == {
        "openid",
        "patient/Patient.rs",
        f"patient/Observation.rs?category={LAB}",
        f"user/Observation.rs?category={LAB}",
    }
    token = given["access_token"]
    assert total(app, token) == 3
    assert get(app, token, "Observation/vital-signs-0").status_code == 404
    assert get(app, token, "Observation/laboratory-0").status_code == 200
    assert get(app, token, "Condition").status_code == 403
    assert get(app, token, "Consent").status_code == 403
    body = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    written = app.http.post(
        "/fhir/r4/Observation", body, content_type="application/fhir+json", headers={"Authorization": f"Bearer {token}"}
    )
    assert written.status_code == 403


def put(owner, *told) -> None:
    source = sources.ensure(SourceKind.EHR, "Riverside", "https://riverside.example/fhir")
    with transaction.atomic():
        store.put_page(owner_id=owner.pk, source_id=source.pk, resources=list(told), at=timezone.now())


def condition(name: str, code: str) -> dict:
    system = "http://snomed.info/sct"
    return {"resourceType": "Condition", "id": name, "code": {"coding": [{"system": system, "code": code}]}}


def test_sensitive_kinds_need_both_and_what_nobody_can_classify_is_never_given(owner, ben, app):
    put(owner, condition("opioids", "5602001"), condition("pressure", "38341003"))
    put(owner, {"resourceType": "Condition", "id": "note", "code": {"text": "see letter"}})
    plain, wider = parties.act_for(owner, ben), parties.act_for(owner, ben, labels=frozenset({"SUD"}))
    sensitive = ["SUD", "PSY", "HIV"]

    def seen(delegation: Delegation, label: list[str]) -> set[str]:
        given = app.let_in(ben, WHOLE, acting=delegation, label=label)
        found = get(app, given["access_token"], "Condition").json().get("entry", [])
        return {entry["resource"]["id"] for entry in found}

    assert seen(wider, sensitive) == {"pressure", "opioids"}
    assert seen(wider, []) == {"pressure"}
    assert seen(plain, sensitive) == {"pressure"}


def test_what_was_hidden_from_her_or_from_the_app_is_hidden_from_her_app(owner, ben, app):
    delegation = parties.act_for(owner, ben)
    given = app.let_in(ben, WHOLE, acting=delegation)
    assert total(app, given["access_token"]) == 5
    grantee = delegations.grantee_of_app(delegation.uid, app.client_id)

    for number, whom in enumerate(
        [
            {"kind": Grantee.PERSON, "grantee": str(delegation.uid)},
            {"kind": Grantee.APP, "grantee": app.client_id},
            {"kind": Grantee.DELEGATE_APP, "grantee": grantee},
        ]
    ):
        record = f"Observation/laboratory-{number}"
        ledger.hide(owner=owner, actor=owner, record=record, read=READ, at=timezone.now(), **whom)
        assert get(app, given["access_token"], record).status_code == 404

    assert total(app, given["access_token"]) == 2


def test_it_ends_no_later_than_she(owner, ben, app):
    ends = timezone.now() + timedelta(days=30)
    delegation = parties.act_for(owner, ben, ends=ends)
    browser = browser_of(ben)
    page = browser.get(app.send_to_consent(browser, WHOLE) + f"/for/{delegation.uid}").content.decode()
    assert page.count("As long as you act for this person, until") == 1
    assert "90 days, until" not in page

    app.let_in(ben, WHOLE, acting=delegation, length="395")

    authorization = Authorization.objects.get()
    assert authorization.expires == ends
    assert authorization.decision.ends == ends


# --- shut with her


@pytest.mark.parametrize("how", ["ended", "ended by her", "paused", "expired", "may not", "closed", "narrowed"])
def test_what_becomes_of_the_delegate_becomes_of_her_app_at_its_next_call(owner, ben, app, how):
    delegation = parties.act_for(owner, ben)
    given, at = app.let_in(ben, WHOLE, acting=delegation), timezone.now()
    assert total(app, given["access_token"]) == 5
    again = {"owner": owner, "actor": owner, "kind": Grantee.PERSON, "grantee": str(delegation.uid)}
    told = {"grantee_name": "Ben", "asked": [], "purpose": "", "read": READ, "at": at, "ends": at + timedelta(days=9)}
    match how:
        case "ended" | "ended by her":
            delegations.end(delegation, by=owner if how == "ended" else ben, at=at)
        case "paused":
            delegations.pause(delegation, at=at)
        case "expired":
            delegations.renew(delegation, ends=at + timedelta(microseconds=1), read=READ, at=at)
        case "may not":
            ledger.grant(**again, **told, granted=["patient/*.rs"], terms=Terms())
        case "closed":
            ben.is_active = False
            ben.save()
        case "narrowed":
            granted = [f"patient/Observation.rs?category={LAB}"]
            ledger.grant(**again, **told, granted=granted, terms=Terms(apps=True))

    if how == "narrowed":
        assert total(app, given["access_token"]) == 3
        return
    assert get(app, given["access_token"], "Observation").status_code == 401
    refreshed = app.refresh(given["refresh_token"])
    assert (refreshed.status_code, refreshed.json()["error"]) == (400, "invalid_grant")


def test_a_code_is_worth_nothing_once_she_may_no_longer_act(owner, ben, app):
    delegation = parties.act_for(owner, ben)
    code = app.ask(ben, WHOLE, acting=delegation)
    delegations.pause(delegation, at=timezone.now())

    answer = app.redeem(code)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_introspection_follows_her_too(owner, ben):
    app = App.register("patient/*.rs", *IDENTITY, method="client_secret_basic")
    delegation = parties.act_for(owner, ben)
    given = app.let_in(ben, WHOLE, acting=delegation)

    def ask() -> list[dict]:
        return [
            app.post("/oauth/introspect", {"token": given[name]}).json() for name in ("access_token", "refresh_token")
        ]

    told = ask()
    assert [one["active"] for one in told] == [True, True]
    assert {one["sub"] for one in told} == {str(ben.subject)}
    assert {one["patient"] for one in told} == {owner.patient_id}
    assert {one["fhirUser"] for one in told} == {f"{settings.FHIR_BASE}/RelatedPerson/{delegation.uid}"}
    delegations.pause(delegation, at=timezone.now())
    assert ask() == [{"active": False}] * 2
    delegations.resume(delegation, at=timezone.now())
    assert [one["active"] for one in ask()] == [True, True]
    assert total(app, given["access_token"]) == 5


def test_a_renewed_delegation_carries_its_apps_on(owner, ben, app):
    delegation = parties.act_for(owner, ben)
    given, at = app.let_in(ben, WHOLE, acting=delegation), timezone.now()
    delegations.renew(delegation, ends=at + timedelta(days=700), read=READ, at=at)

    assert total(app, given["access_token"]) == 5
    assert app.refresh(given["refresh_token"]).status_code == 200


def test_a_guardians_app_loses_what_is_a_teenagers_own_and_ends_when_she_is_of_age(ben, app):
    mia, year = parties.sign_up(name="Mia"), timezone.now().year
    patient = {"resourceType": "Patient", "id": mia.patient_id, "birthDate": f"{year - 10}-01-01"}
    put(mia, patient, condition("opioids", "5602001"), condition("pressure", "38341003"))
    delegation = parties.act_for(mia, ben, guardian=True, labels=frozenset({"SUD"}))
    Delegation.objects.update(invited=timezone.now() - timedelta(days=5 * 365))
    given = app.let_in(ben, WHOLE, acting=delegation, label=["SUD"])
    assert total(app, given["access_token"], "Condition") == 2

    put(mia, {**patient, "birthDate": f"{year - 14}-01-01"})
    assert total(app, given["access_token"], "Condition") == 1

    put(mia, {**patient, "birthDate": f"{year - 19}-01-01"})
    assert get(app, given["access_token"], "Condition").status_code == 401
    assert app.refresh(given["refresh_token"]).status_code == 400


# --- its own place in the ledger


def test_hers_and_her_delegates_are_two_even_of_the_same_app(owner, ben, app):
    hers = app.let_in(owner, WHOLE)
    delegation = parties.act_for(owner, ben)
    theirs = app.let_in(ben, WHOLE, acting=delegation)
    first, second = Authorization.objects.order_by("pk")
    assert (first.owner_id, second.owner_id) == (owner.pk, owner.pk)
    assert (second.person, second.about, second.decision.owner) == (ben, owner, owner)
    assert (second.decision.actor, second.decision.grantee_kind) == (ben, Grantee.DELEGATE_APP)

    authorizations.end(second, by=owner, at=timezone.now())

    assert get(app, theirs["access_token"], "Observation").status_code == 401
    assert total(app, hers["access_token"]) == 5
    assert ledger.verify(owner.pk) == []


def test_her_own_and_that_of_whom_she_acts_for_are_two(owner, ben, app):
    delegation = parties.act_for(owner, ben)
    theirs = app.let_in(ben, WHOLE, acting=delegation)
    browser = browser_of(ben)
    page = app.send_to_consent(browser, WHOLE) + "/own"
    answer = browser.post(page, {"answer": "allow", "box": parties.boxes(browser.get(page)), "length": "90"})
    own = app.redeem(parties.query_of(answer["Location"])["code"]).json()

    assert (own["patient"], theirs["patient"]) == (ben.patient_id, owner.patient_id)
    assert (total(app, own["access_token"]), total(app, theirs["access_token"])) == (1, 5)


def test_saying_yes_again_replaces_only_the_same(owner, ben, app):
    delegation = parties.act_for(owner, ben)
    first = app.let_in(ben, WHOLE, acting=delegation)
    second = app.let_in(ben, WHOLE, acting=delegation, keep=lambda box: box.startswith(("Observation?", "identity")))

    assert get(app, first["access_token"], "Observation").status_code == 401
    assert get(app, second["access_token"], "Observation").status_code == 200


def test_a_no_is_written_down_in_the_owners_ledger_as_the_delegates(owner, ben, app):
    delegation = parties.act_for(owner, ben)
    browser = browser_of(ben)
    page = app.send_to_consent(browser, WHOLE) + f"/for/{delegation.uid}"

    answer = browser.post(page, {"answer": "deny"})

    assert parties.query_of(answer["Location"])["error"] == "access_denied"
    decision = Decision.objects.filter(owner=owner).latest("sequence")
    assert (decision.act, decision.actor, decision.grantee_kind) == (Act.REFUSE, ben, Grantee.DELEGATE_APP)
    assert decision.text_version == "sharing-for-another-2026-11"
    assert not Decision.objects.filter(owner=ben).exists()


def test_the_owners_log_names_the_delegate_and_the_app(owner, ben, app):
    delegation = parties.act_for(owner, ben)
    given = app.let_in(ben, WHOLE, acting=delegation)
    total(app, given["access_token"])
    app.refresh(given["refresh_token"])

    told = list(events.of(owner.pk))[:4]

    assert [(one.interaction, one.agent_kind) for one in told] == [
        ("refresh", Agent.APP),
        ("search", Agent.APP),
        ("token", Agent.APP),
        ("authorize", Agent.DELEGATE),
    ]
    assert {one.detail["delegate"] for one in told} == {str(ben.subject)}
    assert {one.consent_id for one in told} == {Authorization.objects.get().decision_id}
    assert [one.interaction for one in events.of(ben.pk)] == []
    shown = resources.audit_event(
        told[1], logical_id="x", patient_id=owner.patient_id, server="https://record.example", consents={}
    )
    asked, _, on_behalf = shown["agent"]
    assert asked["who"]["identifier"]["value"] == app.client_id
    assert (on_behalf["who"]["identifier"]["value"], on_behalf["requestor"]) == (str(ben.subject), True)


def test_a_try_after_the_end_is_in_the_owners_log_with_her_name(owner, ben, app):
    delegation = parties.act_for(owner, ben)
    given = app.let_in(ben, WHOLE, acting=delegation)
    authorizations.end_with(delegation, by=owner, at=timezone.now())

    assert get(app, given["access_token"], "Observation").status_code == 401
    last = events.of(owner.pk)[0]
    assert (last.agent, last.detail["status"], last.detail["delegate"]) == (app.client_id, 401, str(ben.subject))


def test_both_are_told_by_mail_when_an_app_is_let_in(owner, ben, app):
    delegation = parties.act_for(owner, ben)
    mail.outbox.clear()

    app.let_in(ben, WHOLE, acting=delegation)

    told = {message.to[0]: " ".join(message.body.split()) for message in mail.outbox}
    assert set(told) == {owner.email, ben.email}
    assert "Ben Example, who acts for you, has let the app Heart Diary see records of yours" in told[owner.email]
    assert "You have let the app Heart Diary see records of Ana Example" in told[ben.email]


def test_nobody_is_told_by_mail_of_her_own_app(owner, app):
    mail.outbox.clear()
    app.let_in(owner, WHOLE)

    assert mail.outbox == []


# --- who she is


def test_the_app_is_told_who_signed_in_and_can_read_it(owner, ben, app):
    delegation = parties.act_for(owner, ben)
    given = app.let_in(ben, WHOLE, acting=delegation)
    address = f"{settings.FHIR_BASE}/RelatedPerson/{delegation.uid}"
    claims = keys.verified(given["id_token"], at=timezone.now())
    assert (claims["sub"], claims["fhirUser"]) == (str(ben.subject), address)
    assert app.userinfo(given["access_token"]).json() == {"sub": str(ben.subject), "fhirUser": address}

    answer = get(app, given["access_token"], f"RelatedPerson/{delegation.uid}")

    person = answer.json()
    assert answer.status_code == 200
    assert person["patient"] == {"reference": f"Patient/{owner.patient_id}"}
    assert person["relationship"][0]["coding"][0]["code"] == "SPS"
    assert person["name"] == [{"text": "Ben Example"}]
    assert person["active"] is True
    assert list(validation.problems(person)) == []
    assert answer["ETag"] == 'W/"1"'


def test_who_she_is_is_there_for_nobody_else(owner, ben, app):
    delegation, carla = parties.act_for(owner, ben), parties.sign_up()
    hers = parties.act_for(owner, carla)
    given = app.let_in(ben, WHOLE, acting=delegation)
    path = f"RelatedPerson/{delegation.uid}"
    assert get(app, given["access_token"], path).status_code == 200

    for token in (
        App.register("patient/*.rs", *IDENTITY).let_in(owner, WHOLE)["access_token"],
        App.register("patient/*.rs", *IDENTITY).let_in(carla, WHOLE, acting=hers)["access_token"],
        App.register("patient/*.rs", *IDENTITY).let_in(parties.sign_up(), WHOLE)["access_token"],
    ):
        there, nowhere = get(app, token, path), get(app, token, f"RelatedPerson/{uuid4()}")
        assert (there.status_code, there.json()) == (404, nowhere.json())
    assert total(app, given["access_token"], "RelatedPerson") == 0, "it is not among the records"
    versions = [get(app, given["access_token"], f"{path}/_history/{number}") for number in (1, 2)]
    assert versions[0].json() == get(app, given["access_token"], path).json()
    assert versions[1].status_code == 404


def test_without_that_permission_who_she_is_is_not_told(owner, ben, app):
    delegation = parties.act_for(owner, ben)
    given = app.let_in(ben, "patient/Observation.rs", acting=delegation)

    assert "id_token" not in given
    assert get(app, given["access_token"], f"RelatedPerson/{delegation.uid}").status_code == 403
    everything = app.let_in(ben, "patient/*.rs", acting=delegation)
    assert get(app, everything["access_token"], f"RelatedPerson/{delegation.uid}").status_code == 404


def test_of_herself_an_app_is_told_the_patient(owner, app):
    given = app.let_in(owner, WHOLE)
    claims = keys.verified(given["id_token"], at=timezone.now())

    assert claims["fhirUser"] == f"{settings.FHIR_BASE}/Patient/{owner.patient_id}"


# --- opened from here


def launched(app: App, ben, delegation: Delegation) -> str:
    app.application.launch_uri = "https://app.example/launch"
    app.application.save()
    address = launches.open_app(app.application, person=ben, delegation=delegation, at=timezone.now())
    return parties.query_of(address)["launch"]


def test_a_launch_from_her_record_fixes_whose_it_is(owner, ben):
    app = App.register("patient/*.rs", "launch", *IDENTITY)
    delegation = parties.act_for(owner, ben)
    browser = browser_of(ben)
    address = app.send_to_consent(browser, "launch openid patient/*.rs", launch=launched(app, ben, delegation))

    for path in (address, f"{address}/own", f"{address}/for/{uuid4()}"):
        page = browser.get(path)
        assert "You answer for Ana Example." in page.content.decode()
        assert "Choose another record" not in page.content.decode()
    answer = browser.post(address, {"answer": "allow", "box": parties.boxes(page), "length": "90"})
    given = app.redeem(parties.query_of(answer["Location"])["code"]).json()

    assert given["patient"] == owner.patient_id
    assert total(app, given["access_token"]) == 5


def test_a_launch_is_worth_nothing_once_she_may_no_longer_act(owner, ben):
    app = App.register("patient/*.rs", "launch", *IDENTITY)
    delegation = parties.act_for(owner, ben)
    browser = browser_of(ben)
    address = app.send_to_consent(browser, "launch openid patient/*.rs", launch=launched(app, ben, delegation))
    delegations.pause(delegation, at=timezone.now())

    answer = browser.get(address)

    assert parties.query_of(answer["Location"])["error"] == "invalid_request"
    assert not Authorization.objects.exists()


# --- what it costs


def test_only_a_delegates_app_costs_the_token_endpoint_another_statement(owner, ben, app):
    delegation = parties.act_for(owner, ben)
    own, theirs = app.let_in(owner, WHOLE), app.let_in(ben, WHOLE, acting=delegation)

    counted = []
    for given in (own, theirs):
        with statements_run() as run, CaptureQueriesContext(connection) as asked:
            assert app.refresh(given["refresh_token"]).status_code == 200
        counted.append((len(run), len(asked)))

    assert counted == [(2, 0), (3, 0)]
