"""What a clinic can ask: brought by its staff whole or refused with the item named, replaced, withdrawn."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from audit import events
from portal import questionnaires
from smartlaunch import questionnaires as offers
from smartlaunch.models import Organization, Questionnaire
from tests.portal import people
from tests.smartlaunch import clinics

pytestmark = pytest.mark.django_db
PAGE = "/organizations/cedar-hospital/questionnaires/"
SLEEP = {
    "resourceType": "Questionnaire",
    "url": "https://cedar.example/sleep",
    "version": "1",
    "title": "Sleep <script>alert(1)</script>",
    "status": "active",
    "item": [{"linkId": "1", "text": "<b>How</b> do you sleep?", "type": "string"}],
}


@pytest.fixture
def organization() -> Organization:
    return clinics.ehr("Cedar Hospital").organization


@pytest.fixture
def browser(organization: Organization) -> Client:
    person = people.sign_up(name="Mia Manager")
    organization.staff.add(person)
    return people.browser_of(person)


def bring(browser: Client, resource: Any, *, page: str = PAGE) -> Any:
    data = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
    return browser.post(page, {"ours": "", "file": SimpleUploadedFile("q.json", data)})


def asked(organization: Organization) -> list[tuple[str, str]]:
    return [(each.url, each.version) for each in offers.offered(organization)]


def test_staff_brings_a_questionnaire_and_sees_it_as_a_patient_does(browser: Client, organization: Organization):
    assert bring(browser, SLEEP).status_code == 302

    page = browser.get(PAGE).content.decode()
    one = browser.get(f"{PAGE}{organization.questionnaires.get().uid}/").content.decode()
    assert "Sleep &lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page + one
    assert "&lt;b&gt;How&lt;/b&gt; do you sleep?" in one
    assert json.loads(bytes(organization.questionnaires.get().body)) == SLEEP
    written = [event.detail["did"] for event in events.of(events.NOBODY) if event.interaction == "organization"]
    assert written == ["enter-questionnaire"]


@pytest.mark.parametrize("name", questionnaires.OURS)
def test_staff_takes_one_of_ours(browser: Client, organization: Organization, name: str):
    assert browser.post(PAGE, {"ours": name}).status_code == 302

    (offered,) = offers.offered(organization)
    assert (offered.ours, bytes(offered.body)) == (name, b"")
    page = browser.get(f"{PAGE}{offered.uid}/")
    assert page.status_code == 200


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (b"no json", "It is no JSON"),
        ({**SLEEP, "item": [{**SLEEP["item"][0], "repeats": True}]}, "do you sleep?”: It takes several answers."),
        ({**SLEEP, "item": [{"linkId": str(n), "type": "string"} for n in range(900)]}, "more than 200 items"),
        ({**SLEEP, "item": [{"linkId": str(n), "type": "string"} for n in range(10_000)]}, "larger than 64 kB"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_reason(browser: Client, organization: Organization, given, told):
    answer = bring(browser, given)

    assert answer.status_code == 400
    assert told in answer.content.decode()
    assert asked(organization) == []


def test_nothing_chosen_is_told(browser: Client):
    answer = browser.post(PAGE, {})

    assert answer.status_code == 400
    assert "Choose a file" in answer.content.decode()


def test_a_new_version_replaces_the_old_and_none_says_two_things(browser: Client, organization: Organization):
    bring(browser, SLEEP)

    changed = {**SLEEP, "title": "Sleeping"}
    refused = bring(browser, changed)
    bring(browser, {**changed, "version": "2"})

    assert refused.status_code == 400
    assert "Give it a new version" in refused.content.decode()
    assert asked(organization) == [("https://cedar.example/sleep", "2")]
    bring(browser, SLEEP)
    assert asked(organization) == [("https://cedar.example/sleep", "1")]
    assert Questionnaire.objects.count() == 2


def test_a_withdrawn_one_is_offered_no_more_and_stays(browser: Client, organization: Organization):
    bring(browser, SLEEP)
    path = f"{PAGE}{organization.questionnaires.get().uid}/"

    assert (browser.post(path).status_code, browser.post(path).status_code) == (302, 302)

    assert asked(organization) == []
    assert browser.get(path).status_code == 200
    written = [event.detail["did"] for event in events.of(events.NOBODY) if event.interaction == "organization"]
    assert written == ["withdraw-questionnaire", "enter-questionnaire"]


def test_another_organizations_is_nowhere(browser: Client):
    other = clinics.ehr("Elm Clinic").organization
    person = people.sign_up()
    other.staff.add(person)
    bring(people.browser_of(person), SLEEP, page="/organizations/elm-clinic/questionnaires/")
    uid = other.questionnaires.get().uid
    assert people.browser_of(person).get(f"/organizations/elm-clinic/questionnaires/{uid}/").status_code == 200

    for path in (f"{PAGE}{uid}/", f"/organizations/elm-clinic/questionnaires/{uid}/"):
        assert browser.get(path).status_code == 404
        assert browser.post(path).status_code == 404
    assert bring(browser, SLEEP, page="/organizations/elm-clinic/questionnaires/").status_code == 404
    assert len(asked(other)) == 1


def test_an_organization_has_at_most_fifty(browser: Client, organization: Organization):
    for number in range(offers.OFFERED_MAX):
        offers.enter(organization, {**SLEEP, "url": f"urn:x:{number}"}, at=organization.created)

    answer = bring(browser, SLEEP)

    assert answer.status_code == 400
    assert "Withdraw one first" in answer.content.decode()
    assert len(asked(organization)) == offers.OFFERED_MAX
