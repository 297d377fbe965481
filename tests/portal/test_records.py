"""Lists by kind and one record: what is shown, how often it is asked for, what is written to the access log."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils.html import escape

from audit import events
from benchmarks import walk
from portal.views.records import PAGE
from tests.portal import people

pytestmark = pytest.mark.django_db


def rows(answer) -> list[str]:
    return re.findall(r'href="/record/Observation/([^/]+)/"', answer.content.decode())


def queries(browser, address) -> int:
    browser.get(address)  # what is fetched once for each process is fetched now
    with walk.counted() as asked:
        assert browser.get(address).status_code == 200
    assert asked() <= 50
    return asked()


def test_list_shows_a_kind_newest_first_with_value_date_and_source():
    person = people.sign_up()
    value = {"value": 13.2, "unit": "g/dL"}
    people.store_records(
        person,
        [
            people.observation(person, "old", effectiveDateTime="2019-03", valueQuantity=value),
            people.observation(person, "new", effectiveDateTime="2024"),
            people.observation(person, "pulse", category="vital-signs"),
        ],
    )

    answer = people.browser_of(person).get("/records/laboratory/")

    assert rows(answer) == ["new", "old"]
    for words in ("Hemoglobin", "13.2 g/dL", "March 2019", "2024", "Riverside", "2 records, newest first"):
        assert words in answer.content.decode()


def test_pages_cover_every_record_once():
    person = people.sign_up()
    ids = [f"lab-{number}" for number in range(2 * PAGE + 5)]
    people.store_records(person, [people.observation(person, each) for each in ids])
    browser, address, seen = people.browser_of(person), "/records/laboratory/", []

    while address:
        answer = browser.get(address)
        seen += rows(answer)
        found = re.search(r'rel="next" href="([^"]+)"', answer.content.decode())
        address = "/records/laboratory/" + found[1].replace("&amp;", "&") if found else ""

    assert sorted(seen) == sorted(ids)


def test_place_that_is_none_of_ours_begins_anew():
    person = people.sign_up()
    people.store_records(person, [people.observation(person, "a")])

    answer = people.browser_of(person).get("/records/laboratory/?after=nonsense")

    assert (answer.status_code, answer["Location"]) == (302, "/records/laboratory/")


def test_kind_of_several_types_has_a_list_for_each():
    person = people.sign_up()
    subject = {"reference": f"Patient/{person.patient_id}"}
    plan = {
        "resourceType": "CarePlan",
        "id": "p",
        "status": "active",
        "intent": "plan",
        "title": "Walk",
        "subject": subject,
    }
    goal = {
        "resourceType": "Goal",
        "id": "g",
        "lifecycleStatus": "active",
        "description": {"text": "10 km"},
        "subject": subject,
    }
    people.store_records(person, [plan, goal])
    browser = people.browser_of(person)

    first, second = browser.get("/records/care-plans/"), browser.get("/records/care-plans/?list=Goal")

    assert ("Walk" in first.content.decode(), "10 km" in first.content.decode()) == (True, False)
    assert ("Walk" in second.content.decode(), "10 km" in second.content.decode()) == (False, True)


@pytest.mark.parametrize("address", ["/", "/records/laboratory/", "/access/", "/hospitals/", "/apps/"])
def test_number_of_queries_does_not_grow(address):
    one, many = people.sign_up(), people.sign_up()
    for person, number in ((one, 1), (many, PAGE)):
        people.store_records(person, [people.observation(person, f"lab-{each}") for each in range(number)])
        for each in range(1 if number == 1 else 3):
            people.connect(person, people.list_hospital(f"Hospital {person.pk} {each}"))
            people.let_in(person, "patient/Observation.rs", name=f"App {each}")

    asked = [queries(people.browser_of(person), address) for person in (one, many)]

    assert asked[0] == asked[1]


def test_each_page_of_records_leaves_one_event():
    person = people.sign_up()
    people.store_records(person, [people.observation(person, "a"), people.observation(person, "b")])
    browser = people.browser_of(person)

    browser.get("/")
    browser.get("/records/laboratory/")
    browser.get("/record/Observation/a/")

    found = [(event.interaction, event.agent_kind, event.detail) for event in events.of(person.pk)]
    assert found == [
        ("read", "owner", {"types": {"Observation": 1}}),
        ("search", "owner", {"types": {"Observation": 2}}),
    ]


def test_record_shows_facts_source_and_json():
    person = people.sign_up()
    people.store_records(person, [people.observation(person, "a", valueQuantity={"value": 13.2, "unit": "g/dL"})])

    page = people.browser_of(person).get("/record/Observation/a/").content.decode()

    for words in ("Hemoglobin", "13.2 g/dL", "Riverside", "Jan. 2, 2026, 3:04 AM", "&quot;resourceType&quot;"):
        assert words in page


def test_hostile_record_is_text():
    person = people.sign_up()
    attack = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    people.store_records(
        person,
        [
            people.condition(
                person,
                "a",
                code={"text": attack},
                text={"status": "generated", "div": f"<div>Asthma{attack}</div>"},
                note=[{"text": attack}],
            )
        ],
    )
    browser = people.browser_of(person)

    record, listed = browser.get("/record/Condition/a/"), browser.get("/records/conditions/")

    for answer in (record, listed):
        assert escape(attack) in answer.content.decode()
        assert "<script>alert" not in answer.content.decode()
        assert "<img" not in answer.content.decode()


def test_flawed_record_says_so_in_list_and_page():
    person = people.sign_up()
    people.store_records(person, [people.condition(person, "a", clinicalStatus="active")])
    browser = people.browser_of(person)

    assert "not quite as the standard says" in browser.get("/records/conditions/").content.decode()
    assert "What we noticed" in browser.get("/record/Condition/a/").content.decode()
    assert "1 record is not quite as the standard says" in browser.get("/").content.decode()


def test_earlier_version_can_be_seen():
    person = people.sign_up()
    people.store_records(person, [people.condition(person, "a", code={"text": "Cough"})])
    people.store_records(person, [people.condition(person, "a", code={"text": "Asthma"})])
    browser = people.browser_of(person)

    assert "Asthma" in browser.get("/record/Condition/a/").content.decode()
    earlier = browser.get("/record/Condition/a/?version=1").content.decode()
    assert "Cough" in earlier
    assert "This is an earlier version." in earlier
    assert [event.interaction for event in events.of(person.pk)] == ["vread", "read"]


def test_another_persons_record_is_as_absent_as_none():
    person, other = people.sign_up(), people.sign_up()
    people.store_records(person, [people.observation(person, "a")])
    assert people.browser_of(person).get("/record/Observation/a/").status_code == 200

    hidden = people.browser_of(other).get("/record/Observation/a/")
    absent = people.browser_of(other).get("/record/Observation/nobody/")

    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert without_token(hidden) == without_token(absent).replace("nobody", "a")


def without_token(answer) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", answer.content.decode())


@pytest.mark.parametrize("address", ["/record/Nonsense/a/", "/record/Observation/a'b/", "/records/nonsense/"])
def test_nonsense_is_not_found(address):
    assert people.browser_of(people.sign_up()).get(address).status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "/records/laboratory/",
        "/record/Observation/a/",
        "/hospitals/",
        "/hospitals/1/",
        "/apps/",
        "/access/",
        "/account/",
    ],
)
def test_pages_are_for_signed_in_people(address):
    answer = Client().get(address)

    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={address}")


def test_pages_are_kept_by_no_cache():
    answer = people.browser_of(people.sign_up()).get("/records/laboratory/")

    assert answer["Cache-Control"] == "private, no-store"


def test_home_of_a_new_person_leads_to_hospitals():
    page = people.browser_of(people.sign_up()).get("/").content.decode()

    assert "Nothing here yet" in page
    assert 'class="button" href="/hospitals/"' in page
