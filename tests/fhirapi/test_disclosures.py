"""Each answer is in her access log before it leaves: once, in kinds and numbers, never a value."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from audit import chains, events
from audit.models import Agent, Outcome
from consent.terms import Terms
from gateway import authorizations
from records.searching import microseconds
from tests.fhirapi import people, population

pytestmark = pytest.mark.django_db

LAB = f"{population.OBSERVATION_CATEGORY}|laboratory"


def logged(person):
    """Her events of reading, oldest first."""
    return [event for event in reversed(events.of(person.id, 100)) if event.agent_kind == Agent.APP]


def test_a_read_is_one_event_that_names_app_consent_and_address(person, app):
    app.get("/Observation/obs-1")

    (event,) = logged(person)
    assert (event.interaction, event.outcome, event.origin) == ("read", Outcome.SUCCESS, "127.0.0.1")
    assert (event.agent, event.agent_name) == (app.application.client_id, app.application.name)
    assert event.consent_id == app.decision.pk
    assert event.detail == {
        "status": 200,
        "records": 1,
        "types": {"Observation": 1},
        "asked": "Observation",
        "record": "Observation/obs-1",
    }


def test_a_search_counts_by_type_and_category_and_names_parameters_only(person, app):
    app.bundle("/Observation?category=laboratory&status=final&_count=5&_revinclude=Provenance:target")

    (event,) = logged(person)
    assert event.interaction == "search"
    assert event.detail["types"]["Observation"] == 5
    assert event.detail["categories"] == {"Observation laboratory": 5}
    assert event.detail["parameters"] == ["category", "status", "_count", "_revinclude"]
    assert "final" not in json.dumps(event.detail)


def test_a_granular_scope_tells_the_category(person):
    lab = people.let_in(person, f"patient/Observation.rs?category={LAB}")

    lab.bundle("/Observation?_count=3")

    assert logged(person)[-1].detail["categories"] == {"Observation laboratory": 3}


def test_each_page_is_an_event_of_its_own(person, app):
    app.ids("/Observation?_count=30")

    assert [event.detail["records"] for event in logged(person)] == [30, 30, 12]


@pytest.mark.parametrize(
    ("path", "status", "outcome"),
    [
        ("/Observation/none", 404, Outcome.REFUSED),
        ("/Nothing", 404, Outcome.REFUSED),
        ("/Observation?date=never", 400, Outcome.REFUSED),
        ("/Observation?_format=xml", 406, Outcome.REFUSED),
        ("/nowhere/at/all", 404, Outcome.REFUSED),
        ("/Observation?_summary=count", 200, Outcome.SUCCESS),
    ],
)
def test_answers_without_a_record_are_logged_too(person, app, path, status, outcome):
    assert app.get(path).status_code == status

    (event,) = logged(person)
    assert (event.outcome, event.detail["status"], event.detail["records"]) == (outcome, status, 0)
    assert "never" not in json.dumps(event.detail)


def test_what_the_client_has_already_gives_nothing_away(person, app):
    assert app.get("/Observation/obs-1", If_None_Match='W/"1"').status_code == 304

    (event,) = logged(person)
    assert (event.detail["status"], event.detail["records"]) == (304, 0)


def test_a_stranger_leaves_no_event(person, app):
    Client().get(f"{people.BASE}/Observation/obs-1")
    Client(headers={"Authorization": "Bearer x"}).get(f"{people.BASE}/Observation/obs-1")
    Client().get(f"{people.BASE}/metadata")

    assert logged(person) == []


@pytest.mark.parametrize("how", [authorizations.end, authorizations.pause])
def test_a_token_that_opens_nothing_any_more_is_a_refusal_in_her_log(person, app, how):
    assert app.get("/Observation/obs-1").status_code == 200
    how(app.authorization, by=person, at=people.now())

    refused = app.get("/Observation/obs-1")

    assert refused.status_code == 401
    event = logged(person)[-1]
    assert (event.interaction, event.outcome, event.detail["status"]) == ("read", Outcome.REFUSED, 401)
    assert (event.agent, event.consent_id) == (app.application.client_id, app.decision.pk)


def test_userinfo_with_such_a_token_is_a_refusal_too(person, app):
    authorizations.end(app.authorization, by=person, at=people.now())

    answer = Client(headers={"Authorization": f"Bearer {app.token}"}).get("/oauth/userinfo")

    assert answer.status_code == 401
    assert (logged(person)[-1].interaction, logged(person)[-1].outcome) == ("userinfo", Outcome.REFUSED)


def test_a_scope_that_does_not_reach_is_a_refusal(person):
    narrow = people.let_in(person, "patient/Condition.rs")

    assert narrow.get("/Observation/obs-1").status_code == 403

    assert (logged(person)[-1].outcome, logged(person)[-1].detail["status"]) == (Outcome.REFUSED, 403)


@pytest.mark.parametrize("tail", ["", "/_history", "/_history/1"])
def test_what_her_consent_keeps_back_is_told_to_her_and_not_to_the_reader(person, tail):
    since = Terms(since=microseconds(people.now()))
    app = people.let_in(person, "patient/Observation.rs", terms=since)
    seen = people.let_in(person, "patient/Observation.rs")
    assert seen.get("/Observation/obs-1").status_code == 200

    hidden, absent = (app.get(f"/Observation/{name}{tail}") for name in ("obs-1", "none"))

    assert (hidden.status_code, hidden.content) == (absent.status_code, absent.content)
    of_hidden, of_absent = logged(person)[-2:]
    assert of_hidden.detail["withheld"] == 1
    assert "withheld" not in of_absent.detail


def test_the_chain_holds_after_all_that(person, app):
    for path in ("/Observation/obs-1", "/Observation", "/Nothing"):
        app.get(path)

    assert chains.verify(person.id) == []
