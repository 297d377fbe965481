"""Hospitals: found by name, watched while records arrive, explained when something is missing."""

from __future__ import annotations

import re

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from audit import events
from audit.models import Agent
from sync import hospitals, listings, removals
from sync.listings import Entry
from sync.models import Connection, ConnectionState, Run, RunState, StepState
from tests.portal import people

pytestmark = pytest.mark.django_db


def words(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_directory_is_searched_by_name_and_place():
    for name, place in (("Riverside Hospital", "Springfield"), ("Cedar Clinic", "Madison")):
        people.list_hospital(name, place)
    browser = people.browser_of(people.sign_up())

    by_name = words(browser.get("/hospitals/?q=cedar"))
    by_place = words(browser.get("/hospitals/?q=SPRING hosp"))
    by_nothing = words(browser.get("/hospitals/?q=<b>nowhere"))

    assert ("Cedar Clinic" in by_name, "Riverside" in by_name) == (True, False)
    assert ("Cedar Clinic" in by_place, "Riverside" in by_place) == (False, True)
    assert "We found no hospital, health plan or maker of devices for “&lt;b&gt;nowhere”" in by_nothing


def test_a_health_plan_is_called_one():
    hospitals.register("https://plan.example/fhir", name="Good Plan", place="Madison", client_id="us", vendor="payer")
    people.list_hospital("Good Hospital", "Madison")
    browser = people.browser_of(people.sign_up())

    page = words(browser.get("/hospitals/?q=good"))

    assert "Good Plan Connect Good Plan Health plan · Madison" in page
    assert page.count("Health plan ·") == 1


def test_completeness_is_told_by_type():
    person = people.sign_up()
    connection = people.connect(person, people.list_hospital("Riverside Hospital"))
    people.end_run(
        connection,
        RunState.PARTIAL,
        problem="server_error",
        Observation={
            "total": 190,
            "received": 187,
            "new": 187,
            "pages_asked": 2,
            "pages_failed": 1,
            "state": StepState.FAILED,
            "problem": "server_error",
        },
        Condition={"total": 12, "received": 12, "new": 12},
    )
    browser = people.browser_of(person)

    page = words(browser.get(f"/hospitals/{connection.pk}/"))

    assert "Measurements and findings incomplete 187 of 190, 3 failed" in page
    assert "Conditions 12 of 12" in page
    assert "Riverside Hospital answered with an error of its own." in page
    home = words(browser.get("/"))
    assert "Riverside Hospital answered with an error of its own." in home[home.index("What needs you") :]


def test_run_under_way_shows_progress_with_and_without_script():
    person = people.sign_up()
    connection = people.connect(person, people.list_hospital("Riverside Hospital"))
    browser = people.browser_of(person)

    page = browser.get(f"/hospitals/{connection.pk}/").content.decode()
    part = browser.get(f"/hospitals/{connection.pk}/?part=arrivals").content.decode()

    assert '<noscript><meta http-equiv="refresh"' in page
    assert 'data-under-way="yes"' in part
    assert "<html" not in part


def test_update_now_queues_one_run():
    person = people.sign_up()
    connection = people.connect(person, people.list_hospital("Riverside Hospital"))
    people.end_run(connection, RunState.COMPLETE)
    browser = people.browser_of(person)

    for _ in range(2):
        assert browser.post(f"/hospitals/{connection.pk}/sync/").status_code == 302

    assert Run.objects.unfinished().filter(connection=connection).count() == 1


def test_stopping_asks_once_more_and_keeps_records():
    person = people.sign_up()
    people.store_records(person, [people.observation(person, "a")])
    connection = people.connect(person, people.list_hospital("Riverside Hospital"))
    browser = people.browser_of(person)

    assert "Stop updates from Riverside Hospital?" in words(browser.get(f"/hospitals/{connection.pk}/stop/"))
    assert Connection.objects.get().state == ConnectionState.ACTIVE
    browser.post(f"/hospitals/{connection.pk}/stop/")

    assert Connection.objects.get().state == ConnectionState.STOPPED
    assert browser.get("/record/Observation/a/").status_code == 200


def test_she_finds_by_portal_and_is_told_what_can_be_connected():
    people.list_hospital("Riverside Hospital")
    entries = [
        Entry("1", "Elm Clinic", "https://elm.example/r4", "Springfield", "MyRiver"),
        Entry("2", "Elm Annex", "https://annex.example/dstu2", "", "MyRiver", fhir_version="1.0.2"),
        Entry("3", "Oak Clinic", "https://oak.example/r4", "", "MyRiver", fhir_version="4.0.1"),
        Entry("4", "Oak Clinic", "https://oak.example/dstu2", "", "MyRiver", fhir_version="1.0.2"),
    ]
    listings.keep(entries, listing="a list")
    browser = people.browser_of(people.sign_up())

    part = browser.get("/hospitals/?part=found&q=myriv")
    text = words(part)

    assert "<html" not in part.content.decode()
    assert "Elm Clinic Try to connect Elm Clinic Springfield · MyRiver This site is not registered there yet" in text
    assert "Elm Annex not readable MyRiver It offers only an older form of FHIR" in text
    assert text.count("Oak Clinic Try") == 1
    assert "Oak Clinic not readable" not in text
    assert "Riverside" not in text
    assert "Riverside Hospital Connect" in words(browser.get("/hospitals/"))


def test_a_directory_of_many_takes_the_queries_of_one():
    person = people.sign_up()
    browser = people.browser_of(person)
    people.list_hospital("Elm 0")
    browser.get("/hospitals/?q=elm")
    with CaptureQueriesContext(database) as one:
        browser.get("/hospitals/?q=elm")
    for number in range(1, 4):
        people.list_hospital(f"Elm {number}")
    with CaptureQueriesContext(database) as four:
        assert "Elm 3" in words(browser.get("/hospitals/?q=elm"))

    assert len(four) == len(one)


def short_of_three(connection):
    people.end_run(
        connection,
        RunState.PARTIAL,
        problem="server_error",
        Observation={
            "total": 190,
            "received": 187,
            "listed": 187,
            "pages_asked": 2,
            "pages_failed": 1,
            "state": StepState.FAILED,
            "problem": "server_error",
        },
        Condition={"total": 12, "received": 12, "listed": 12},
    )


def test_what_failed_is_fetched_again_by_one_button_or_by_type():
    person = people.sign_up()
    connection = people.connect(person, people.list_hospital("Riverside Hospital"))
    short_of_three(connection)
    browser = people.browser_of(person)

    page = browser.get(f"/hospitals/{connection.pk}/")
    assert "Fetch the 3 that are missing" in words(page)
    assert page.content.decode().count('name="type"') == 1
    browser.post(f"/hospitals/{connection.pk}/retry/", {"type": "Observation"})

    run = Run.objects.get(connection=connection)
    assert run.state == RunState.QUEUED
    assert list(run.steps.values_list("resource_type", "walk", "state")) == [
        ("Observation", 1, StepState.REPLACED),
        ("Condition", 1, StepState.COMPLETE),
        ("Observation", 2, StepState.WAITING),
    ]


def test_the_hospital_gets_a_text_about_what_does_not_work():
    person = people.sign_up()
    connection = people.connect(person, people.list_hospital("Riverside Hospital"))
    short_of_three(connection)
    browser = people.browser_of(person)

    page = words(browser.get(f"/hospitals/{connection.pk}/"))

    assert "- Your FHIR server answered with an error of its own. (Observation" in page


def test_how_often_updates_come_is_her_choice():
    person = people.sign_up()
    connection = people.connect(person, people.list_hospital("Riverside Hospital"))
    people.end_run(connection, RunState.COMPLETE)
    browser = people.browser_of(person)

    browser.post(f"/hospitals/{connection.pk}/schedule/", {"schedule": "weekly"})

    connection.refresh_from_db()
    assert connection.schedule == "weekly"
    assert connection.due is not None
    page = browser.get(f"/hospitals/{connection.pk}/")
    assert '<option value="weekly" selected>every week</option>' in page.content.decode()
    assert "Last tried" in words(page)
    assert "Last brought anything new never yet" in words(page)
    assert browser.post(f"/hospitals/{connection.pk}/schedule/", {"schedule": "hourly"}).status_code == 400


def test_stopping_and_deleting_are_two_buttons_with_their_numbers():
    person = people.sign_up()
    hospital = people.list_hospital("Riverside")
    people.store_records(person, [people.observation(person, "a"), people.condition(person, "b")])
    people.store_records(person, [people.observation(person, "c")], hospital="Cedar")
    connection = people.connect(person, hospital)
    browser = people.browser_of(person)

    page = words(browser.get(f"/hospitals/{connection.pk}/stop/"))
    assert "Stop and keep what has arrived" in page
    assert "Stop and delete 2 records (1 also comes from elsewhere and stays)" in page
    browser.post(f"/hospitals/{connection.pk}/stop/", {"records": "delete"})
    connection.refresh_from_db()
    assert (connection.state, connection.removal is not None) == (ConnectionState.STOPPED, True)
    assert "What Riverside had brought is being deleted." in words(browser.get(f"/hospitals/{connection.pk}/"))

    removals.perform(connection.pk)

    assert browser.get("/record/Observation/a/").status_code == 404
    assert browser.get("/record/Observation/c/").status_code == 200


def test_two_accounts_at_one_hospital_are_not_deleted_by_halves():
    person = people.sign_up()
    hospital = people.list_hospital("Riverside")
    people.store_records(person, [people.observation(person, "a")])
    connection = people.connect(person, hospital)
    people.connect(person, hospital)
    browser = people.browser_of(person)

    page = words(browser.get(f"/hospitals/{connection.pk}/stop/"))
    assert "You have a second account at Riverside" in page
    assert "Stop and delete 1" not in page
    browser.post(f"/hospitals/{connection.pk}/stop/", {"records": "delete"})

    connection.refresh_from_db()
    assert (connection.state, connection.removal) == (ConnectionState.ACTIVE, None)


def test_lost_sign_in_asks_to_connect_again():
    person = people.sign_up()
    connection = people.connect(person, people.list_hospital("Riverside Hospital"))
    people.end_run(connection, RunState.FAILED, problem="signed_out")
    Connection.objects.update(state=ConnectionState.NEEDS_REAUTH)

    page = people.browser_of(person).get(f"/hospitals/{connection.pk}/")

    assert "Riverside Hospital no longer lets us in for you." in words(page)
    assert 'action="/connect/riverside-hospital"' in page.content.decode()


def test_connecting_and_stopping_are_in_her_access_log():
    person = people.sign_up()
    connection = people.connect(person, people.list_hospital("Riverside Hospital"))

    people.browser_of(person).post(f"/hospitals/{connection.pk}/stop/")

    stopped, connected = events.of(person.pk)
    assert [connected.interaction, stopped.interaction] == ["connect", "disconnect"]
    assert stopped.detail == {"source": "https://riverside-hospital.example/fhir", "name": "Riverside Hospital"}
    assert (stopped.agent_kind, stopped.origin) == (Agent.OWNER, "127.0.0.1")


@pytest.mark.parametrize("part", ["", "stop/"])
def test_another_persons_connection_is_not_found(part):
    connection = people.connect(people.sign_up(), people.list_hospital("Riverside Hospital"))
    stranger = people.browser_of(people.sign_up())

    assert stranger.get(f"/hospitals/{connection.pk}/{part}").status_code == 404
    assert stranger.post(f"/hospitals/{connection.pk}/sync/").status_code == 404
    assert stranger.post(f"/hospitals/{connection.pk}/retry/").status_code == 404
    assert stranger.post(f"/hospitals/{connection.pk}/schedule/", {"schedule": "asked"}).status_code == 404
    assert stranger.post(f"/hospitals/{connection.pk}/stop/").status_code == 404
    assert Connection.objects.get().state == ConnectionState.ACTIVE
