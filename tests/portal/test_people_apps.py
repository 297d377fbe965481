"""Apps that people who act for an owner let in, on the pages of both: named, stopped, paused, renewed, in the log."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent import delegations, ledger, texts
from consent.models import Delegation, Grantee
from consent.terms import Terms
from gateway import authorizations
from gateway.models import Authorization
from portal import reminders
from tests.gateway import parties
from tests.gateway.parties import IDENTITY, App
from tests.portal.people import browser_of, observation, sign_up, store_records
from tests.portal.test_people import delegate

pytestmark = pytest.mark.django_db

WHOLE = "openid fhirUser launch/patient offline_access patient/*.rs"


@pytest.fixture
def owner():
    owner = sign_up(name="Ana Example")
    store_records(owner, [observation(owner, "lab")])
    return owner


@pytest.fixture
def ben():
    return sign_up(name="Ben Example")


@pytest.fixture
def app():
    return App.register("patient/*.rs", "launch", *IDENTITY, launch_uri="https://app.example/launch")


def let_in(app: App, owner, ben) -> tuple[Authorization, str]:
    """Asked at her page, accepted, let in; the access token."""
    given = app.let_in(ben, WHOLE, acting=delegate(owner, ben, apps="on"))
    return Authorization.objects.latest("pk"), given["access_token"]


def status(app: App, token: str) -> int:
    return app.http.get("/fhir/r4/Observation", headers={"Authorization": f"Bearer {token}"}).status_code


def words(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_the_owner_says_whether_apps_may_be_let_in(owner, ben, app):
    plain = delegate(owner, ben)
    assert "may not let apps in" in words(browser_of(owner).get("/people/"))
    address = app.send_to_consent(browser_of(ben), WHOLE)
    assert browser_of(ben).get(f"{address}/for/{plain.uid}").status_code == 404

    wider = delegate(owner, ben, apps="on")

    assert "may let apps see the same" in words(browser_of(owner).get("/people/"))
    assert browser_of(ben).get(f"{address}/for/{wider.uid}").status_code == 200


def test_she_allows_it_later_and_takes_it_back(owner, ben, app):
    delegation, browser = delegate(owner, ben, labels=["HIV"]), browser_of(owner)
    decided = ledger.current(owner.pk, str(delegation.uid), kind=Grantee.PERSON)
    address = app.send_to_consent(browser_of(ben), WHOLE)
    assert browser_of(ben).get(f"{address}/for/{delegation.uid}").status_code == 404
    page = words(browser.get(f"/people/{delegation.uid}/apps/"))
    assert "May Ben let apps in for you?" in page
    assert "Only if you ticked it, the person may also let apps read" in page
    mail.outbox.clear()

    assert browser.post(f"/people/{delegation.uid}/apps/")["Location"] == "/people/"

    assert {sent.to[0] for sent in mail.outbox} == {owner.email, ben.email}
    allowed = ledger.current(owner.pk, str(delegation.uid), kind=Grantee.PERSON)
    assert Terms.of(allowed.terms) == replace(Terms.of(decided.terms), apps=True)
    assert (allowed.scopes_granted, allowed.ends) == (decided.scopes_granted, decided.ends)
    assert allowed.text_version == texts.DELEGATING
    assert "let somebody who acts for you let apps in" in words(browser.get("/access/"))
    token = app.let_in(ben, WHOLE, acting=delegation)["access_token"]
    assert status(app, token) == 200
    mail.outbox.clear()
    assert browser.post(f"/people/{delegation.uid}/no-apps/")["Location"] == "/people/"
    assert {sent.to[0] for sent in mail.outbox} >= {owner.email, ben.email}
    assert status(app, token) == 401
    assert "may not let apps in" in words(browser.get("/people/"))
    assert ledger.verify(owner.pk) == []


def test_only_the_owner_of_one_in_force_says_whether_apps_may_be_let_in(owner, ben):
    delegation = delegate(owner, ben)
    paths = [f"/people/{delegation.uid}/{order}/" for order in ("apps", "no-apps")]

    assert {browser_of(ben).post(path).status_code for path in paths} == {404}
    assert browser_of(owner).post(paths[1]).status_code == 404, "there is nothing to take back"
    browser_of(owner).post(paths[0])
    assert browser_of(owner).post(paths[0]).status_code == 404, "it is so already"
    browser_of(owner).post(f"/people/{delegation.uid}/pause/")
    assert {browser_of(owner).post(path).status_code for path in paths} == {404}


def test_both_see_it_and_for_whom(owner, ben, app):
    let_in(app, owner, ben)

    hers, his = words(browser_of(owner).get("/apps/")), words(browser_of(ben).get("/apps/"))

    assert "Heart Diary Let in by Ben, who acts for you" in hers
    assert "Heart Diary For the record of Ana Example" in his
    assert "Pause" in hers
    assert "Pause" not in his


@pytest.mark.parametrize("who", ["owner", "delegate"])
def test_either_stops_it_and_both_are_told(owner, ben, app, who):
    authorization, token = let_in(app, owner, ben)
    browser = browser_of(owner if who == "owner" else ben)
    assert status(app, token) == 200
    mail.outbox.clear()

    assert browser.get(f"/apps/{authorization.pk}/withdraw/").status_code == 200
    answer = browser.post(f"/apps/{authorization.pk}/withdraw/", follow=True)

    assert "can no longer see anything of " in words(answer)
    assert status(app, token) == 401
    assert {message.to[0] for message in mail.outbox} == {owner.email, ben.email}
    authorization.refresh_from_db()
    assert authorization.revoked


def test_only_the_owner_pauses_it_and_lets_it_go_on(owner, ben, app):
    authorization, token = let_in(app, owner, ben)
    assert browser_of(ben).post(f"/apps/{authorization.pk}/pause/").status_code == 404
    assert status(app, token) == 200

    browser_of(owner).post(f"/apps/{authorization.pk}/pause/")

    assert status(app, token) == 401
    assert browser_of(ben).post(f"/apps/{authorization.pk}/resume/").status_code == 404
    browser_of(owner).post(f"/apps/{authorization.pk}/resume/")
    assert status(app, token) == 200


def test_only_who_let_it_in_renews_it_and_never_beyond_her_own_end(owner, ben, app):
    authorization, _ = let_in(app, owner, ben)
    near = timezone.now() + timedelta(days=20)
    Authorization.objects.update(expires=near)
    assert browser_of(owner).get(f"/apps/{authorization.pk}/renew/").status_code == 404
    assert browser_of(ben).get(f"/apps/{authorization.pk}/renew/").status_code == 200

    browser_of(ben).post(f"/apps/{authorization.pk}/renew/")

    authorization.refresh_from_db()
    assert authorization.expires > near
    assert authorization.decision.actor == ben
    ends = timezone.now() + timedelta(days=10)
    delegations.renew(Delegation.objects.get(), ends=ends, read=parties.Reading("1", "en"), at=timezone.now())
    assert authorizations.renewed_end(authorization, at=timezone.now()) == ends
    delegations.pause(Delegation.objects.get(), at=timezone.now())
    assert browser_of(ben).post(f"/apps/{authorization.pk}/renew/").status_code == 404


def test_strangers_and_what_is_over_get_the_same_answer_as_for_nothing(owner, ben, app):
    authorization, _ = let_in(app, owner, ben)
    stranger, nobody = browser_of(sign_up()), authorization.pk + 1000
    for address in ("withdraw/", "renew/", "receipt/", "receipt.json", "consent.json"):
        assert browser_of(ben).get(f"/apps/{authorization.pk}/{address}").status_code == 200
        assert stranger.get(f"/apps/{authorization.pk}/{address}").status_code == 404
        assert stranger.get(f"/apps/{nobody}/{address}").status_code == 404


def test_ending_the_delegation_ends_its_apps_for_good(owner, ben, app):
    authorization, token = let_in(app, owner, ben)

    browser_of(owner).post(f"/people/{authorization.delegation_id}/end/")

    assert status(app, token) == 401
    authorization.refresh_from_db()
    assert authorization.revoked
    parties.act_for(owner, ben)
    assert status(app, token) == 401
    assert "permission that has ended" in words(browser_of(owner).get("/apps/"))


def test_a_paused_delegation_shows_that_its_apps_see_nothing(owner, ben, app):
    authorization, token = let_in(app, owner, ben)
    browser_of(owner).post(f"/people/{authorization.delegation_id}/pause/")

    assert status(app, token) == 401
    for person in (owner, ben):
        assert "sees nothing: who let it in may not act now" in words(browser_of(person).get("/apps/"))
    browser_of(owner).post(f"/people/{authorization.delegation_id}/resume/")
    assert status(app, token) == 200


def test_the_log_says_on_whose_behalf_and_leads_to_the_stop(owner, ben, app):
    authorization, token = let_in(app, owner, ben)
    own = app.let_in(owner, WHOLE)
    status(app, token)
    status(app, own["access_token"])

    page = browser_of(owner).get("/access/").content.decode()

    shown = " ".join(page.split())
    assert "Heart Diary, let in by Ben, looked at" in shown
    assert "Heart Diary looked at" in shown
    assert f'href="/apps/{authorization.pk}/withdraw/"' in page
    options = re.findall(r'<option value="([^"]+)"', page)
    assert [one for one in options if one.startswith("app|")] == [f"app|{app.client_id}"]
    assert "Heart Diary, let in by Ben," in browser_of(owner).get("/access/log.csv").getvalue().decode()
    assert str(ben.subject) in browser_of(owner).get("/access/log.json").getvalue().decode()


def test_the_receipt_names_who_decided(owner, ben, app):
    authorization, _ = let_in(app, owner, ben)

    for person in (owner, ben):
        page = words(browser_of(person).get(f"/apps/{authorization.pk}/receipt/"))
        assert "Heart Diary and the record of Ana Example" in page
        assert "Let in (Ben Example)" in page
    receipt = browser_of(owner).get(f"/apps/{authorization.pk}/receipt.json").json()
    assert receipt["decided_by"] == {"name": "Ben Example", "self": False}
    consent = browser_of(ben).get(f"/apps/{authorization.pk}/consent.json").json()
    assert consent["patient"] == {"reference": f"Patient/{owner.patient_id}"}
    assert consent["status"] == "active"


def test_she_opens_an_app_from_the_record_of_whom_she_acts_for(owner, ben, app):
    delegation = delegate(owner, ben, apps="on")
    browser = browser_of(ben)
    assert "Open an app for Ana Example" in words(browser.get(f"/for/{delegation.uid}/"))

    opened = browser.post(f"/for/{delegation.uid}/apps/open/", {"app": app.client_id})
    launch = parties.query_of(opened["Location"])["launch"]
    address = app.send_to_consent(browser, "launch openid patient/*.rs", launch=launch)

    page = browser.get(address)
    assert "You answer for Ana Example." in words(page)
    answer = browser.post(address, {"answer": "allow", "box": parties.boxes(page), "length": "90"})
    given = app.redeem(parties.query_of(answer["Location"])["code"]).json()
    assert (given["patient"], given["need_patient_banner"]) == (owner.patient_id, True)
    assert status(app, given["access_token"]) == 200


def test_who_may_not_let_apps_in_opens_none(owner, ben, app):
    delegation = delegate(owner, ben)

    assert "Open an app" not in words(browser_of(ben).get(f"/for/{delegation.uid}/"))
    for browser in (browser_of(ben), browser_of(sign_up())):
        assert browser.post(f"/for/{delegation.uid}/apps/open/", {"app": app.client_id}).status_code == 404


def test_the_reminder_names_whose_record_and_goes_to_who_can_renew(owner, ben, app):
    let_in(app, owner, ben)
    at = timezone.now()
    Authorization.objects.update(created=at - timedelta(days=60), expires=at + timedelta(days=9))
    mail.outbox.clear()

    assert reminders.remind(at=at) == 1

    (sent,) = mail.outbox
    assert sent.to == [ben.email]
    assert "the record of Ana Example" in sent.subject


def test_three_apps_cost_as_many_queries_as_one(owner, ben):
    counted = []
    delegation = delegate(owner, ben, apps="on")
    for _ in range(2):
        for _ in range(1 + len(counted)):
            App.register("patient/*.rs", *IDENTITY).let_in(ben, WHOLE, acting=delegation)
        for person in (owner, ben):
            with CaptureQueriesContext(connection) as asked:
                assert browser_of(person).get("/apps/").status_code == 200
            counted.append(len(asked))
        counted, first = counted[-2:], counted[:2]

    assert counted == first
