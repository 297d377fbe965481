"""What stays private: shown with its reasons, overruled by her, and binding for every reader."""

from __future__ import annotations

import pytest
from django.test import Client

from audit import events
from consent import gate
from records import labels
from records.query import Query
from standards.smart import scopes
from tests.consent.test_ledger import grant
from tests.portal import people
from tests.records.people import AT, observation, put

pytestmark = pytest.mark.django_db
SNOMED = "http://snomed.info/sct"


@pytest.fixture
def person():
    person = people.sign_up()
    put(
        person,
        {
            "resourceType": "Condition",
            "id": "c",
            "code": {"coding": [{"system": SNOMED, "code": "5602001", "display": "Opioid abuse (disorder)"}]},
            "subject": {"reference": f"Patient/{person.patient_id}"},
        },
        observation("plain"),
        {"resourceType": "Condition", "id": "told", "code": {"text": "Chronic cough"}},
    )
    return person


@pytest.fixture
def browser(person):
    client = Client()
    client.force_login(person)
    return client


def app_sees(person, resource_type: str = "Condition") -> set[str]:
    decision = grant(person, granted=("patient/*.rs",))
    app = gate.App("app", decision.pk, scopes.parse_all("patient/*.rs"))
    records = gate.readable(owner_id=person.pk, reader=app, interaction="search", at=AT)
    return {entry.logical_id for entry in records.search(Query.of(resource_type)).entries}


def test_the_page_tells_kind_rule_and_sureness_of_what_is_withheld(person, browser):
    page = browser.get("/private/").content.decode()

    assert "Alcohol and drugs" in page
    assert "(1)" in page
    assert "/record/Condition/c/" in page
    assert "sud-snomed" in page
    assert "very likely" in page
    assert "/record/Observation/plain/" not in page


def test_what_two_rules_found_in_the_same_words_is_told_once(person, browser):
    page = browser.get("/private/").content.decode()

    assert page.count("It says “Opioid abuse (disorder)”.") == 1


def test_what_nobody_can_classify_has_a_list_of_its_own(person, browser):
    page = browser.get("/private/?kind=UNC").content.decode()

    assert "/record/Condition/told/" in page
    assert "Only people who act for you do not" in page


def test_her_word_releases_and_withholds_at_once_and_is_in_her_log(person, browser):
    assert app_sees(person) == {"told"}

    assert browser.post("/record/Condition/c/sensitivity/", {"verdict": "ordinary"}).status_code == 302
    assert browser.post("/record/Observation/plain/sensitivity/", {"verdict": "sensitive"}).status_code == 302

    assert app_sees(person) == {"told", "c"}
    assert app_sees(person, "Observation") == set()
    assert [event.interaction for event in events.of(person.pk)][:2] == ["meta-security", "meta-security"]
    assert "Mark as sensitive" in browser.get("/record/Condition/c/").content.decode()
    assert "You marked it" in browser.get("/private/?kind=OWN").content.decode()

    browser.post("/record/Condition/c/sensitivity/", {"verdict": "automatic"})

    assert app_sees(person) == {"told"}


@pytest.mark.parametrize("address", ["/record/Condition/none/sensitivity/", "/record/Nothing/c/sensitivity/"])
def test_of_what_is_not_there_nothing_can_be_said(browser, address):
    assert browser.post(address, {"verdict": "sensitive"}).status_code == 404


def test_a_word_that_means_nothing_is_refused(browser):
    assert browser.post("/record/Condition/c/sensitivity/", {"verdict": "perhaps"}).status_code == 404


def test_another_person_can_say_nothing_of_it(person):
    other = Client()
    other.force_login(people.sign_up())

    assert other.post("/record/Condition/c/sensitivity/", {"verdict": "ordinary"}).status_code == 404
    assert app_sees(person) == {"told"}


def test_codes_of_a_segmented_document_become_labels():
    section = [("2.16.840.1.113883.5.25", "R"), ("urn:oid:2.16.840.1.113883.5.4", "ETH"), (SNOMED, "86406008")]

    assert labels.names(labels.of_codes(section)) == ["R", "SUD", "HIV"]
    assert labels.of_codes([("2.16.840.1.113883.5.25", "N"), ("2.16.840.1.113883.6.96", "65966004")]) == 0
