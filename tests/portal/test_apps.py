"""Apps she let in, and the access log that names them."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone

from audit import events
from audit.models import Action, Agent
from consent import ledger
from gateway.models import Authorization
from tests.portal import people

pytestmark = pytest.mark.django_db
LABORATORY = "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"


def words(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_app_is_shown_with_what_it_may_see_in_words():
    person = people.sign_up()
    people.let_in(person, LABORATORY, "patient/Immunization.rs", "openid", "offline_access")

    page = words(people.browser_of(person).get("/apps/"))

    assert "Heart Diary May see Laboratory results Immunizations Know who you are Since" in page
    assert "Last used not yet" in page
    assert "patient/" not in page


def test_app_is_shown_with_what_it_may_write():
    person = people.sign_up()
    people.let_in(person, "patient/Immunization.cud", "patient/Condition.crs")

    page = words(people.browser_of(person).get("/apps/"))

    assert "Heart Diary May see Conditions May write Immunizations Conditions Since" in page


def test_withdrawing_asks_once_more_and_ends_both():
    person = people.sign_up()
    authorization = people.let_in(person, LABORATORY)
    browser = people.browser_of(person)

    assert "Withdraw from Heart Diary?" in words(browser.get(f"/apps/{authorization.pk}/withdraw/"))
    assert Authorization.objects.get().revoked is None
    browser.post(f"/apps/{authorization.pk}/withdraw/")

    assert Authorization.objects.get().revoked is not None
    assert (
        ledger.standing(
            authorization.decision_id,
            owner_id=person.pk,
            grantee=authorization.application.client_id,
            at=timezone.now(),
        )
        is None
    )
    assert "No app can see your record" in words(browser.get("/apps/"))


def test_another_persons_app_is_not_found():
    authorization = people.let_in(people.sign_up(), LABORATORY)
    stranger = people.browser_of(people.sign_up())

    assert stranger.get(f"/apps/{authorization.pk}/withdraw/").status_code == 404
    assert stranger.post(f"/apps/{authorization.pk}/withdraw/").status_code == 404
    assert Authorization.objects.get().revoked is None


def look_by_app(person, authorization, *, total: int) -> None:
    events.append(
        owner_id=person.pk,
        action=Action.READ,
        interaction="search",
        agent_kind=Agent.APP,
        agent=authorization.application.client_id,
        agent_name=authorization.application.name,
        consent_id=authorization.decision_id,
        detail={"types": {"Observation": total}},
    )


def test_log_names_the_app_what_it_took_and_by_which_decision():
    person = people.sign_up()
    authorization = people.let_in(person, LABORATORY)
    for total in (50, 50, 14):
        look_by_app(person, authorization, total=total)

    page = words(people.browser_of(person).get("/access/"))

    assert "Heart Diary looked at 114 × Measurements and findings" in page
    assert "by your decision of" in page


def test_log_is_paged_without_gap(monkeypatch):
    monkeypatch.setattr("portal.views.access.PAGE", 2)
    person = people.sign_up()
    for number in range(5):
        authorization = people.let_in(person, LABORATORY, name=f"App {number}")
        look_by_app(person, authorization, total=1)
    browser, address, seen = people.browser_of(person), "/access/", []

    while address:
        answer = browser.get(address)
        seen += re.findall(r"(App \d) looked at", words(answer))
        found = re.search(r'rel="next" href="([^"]+)"', answer.content.decode())
        address = f"/access/{found[1]}" if found else ""

    assert seen == [f"App {number}" for number in (4, 3, 2, 1, 0)]


def test_log_is_her_own():
    person = people.sign_up()
    look_by_app(person, people.let_in(person, LABORATORY), total=3)
    assert "Heart Diary" in words(people.browser_of(person).get("/access/"))

    assert "Nobody has looked yet" in words(people.browser_of(people.sign_up()).get("/access/"))


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "²"])
def test_nonsense_place_in_the_log_is_its_beginning(before):
    assert people.browser_of(people.sign_up()).get("/access/", {"before": before}).status_code == 200


def test_long_pulls_do_not_bury_what_apps_did():
    person = people.sign_up()
    authorization = people.let_in(person, LABORATORY)
    for number in range(6):
        for hospital in ("Riverside", "Lakeside"):
            events.append(
                owner_id=person.pk,
                action=Action.UPDATE,
                interaction="sync",
                agent_kind=Agent.SOURCE,
                agent=f"https://{hospital}.example",
                agent_name=hospital,
                detail={"types": {"Condition": 10}},
            )
        if number in (1, 2):
            look_by_app(person, authorization, total=7)

    page = words(people.browser_of(person).get("/access/"))

    assert page.count("brought records 60 × Conditions") == 2
    assert page.count("Heart Diary looked at 14 × Measurements and findings") == 1
