"""Her access log as FHIR AuditEvent, read and searched by an app she let see it."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

import pytest

from audit import events
from audit.models import Action, Agent
from consent.terms import Terms
from fhirapi import accesslogs
from records import sealing
from records.searching import microseconds
from standards.fhir import validation
from tests.fhirapi import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def she(db):
    return people.with_record()


def act(person, interaction: str = "search", **more) -> None:
    events.append(
        owner_id=person.pk,
        action=Action.READ,
        **{
            "interaction": interaction,
            "agent_kind": Agent.OWNER,
            "agent": str(person.subject),
            "agent_name": person.name,
            "origin": "192.0.2.1",
            "detail": {"types": {"Condition": 3}},
            **more,
        },
    )


def stored_event(person) -> None:
    people.store_records(
        person,
        [
            {
                "resourceType": "AuditEvent",
                "id": "of-a-hospital",
                "type": {"code": "rest"},
                "recorded": "2019-01-01T00:00:00Z",
                "agent": [{"requestor": True}],
                "source": {"observer": {"display": "A hospital"}},
                "entity": [{"what": {"reference": f"Patient/{person.patient_id}"}}],
            }
        ],
    )


def test_an_app_that_may_see_audit_events_reads_what_it_did_itself(she):
    app = people.let_in(she, "patient/AuditEvent.rs", "patient/Observation.rs")
    app.get("/Observation/obs-1")

    bundle = app.bundle("/AuditEvent?action=R")

    event = bundle["entry"][0]["resource"]
    assert event["meta"]["profile"][0].endswith("IHE.BasicAudit.PatientRead")
    assert {"reference": "Observation/obs-1"} in [each.get("what") for each in event["entity"]]
    assert {"reference": f"Consent/{app.decision.uid}"} in [each.get("what") for each in event["entity"]]
    assert app.get(f"/AuditEvent/{event['id']}").json() == event
    assert validation.problems(event) == []


def test_of_others_it_learns_who_and_when_and_not_what(she):
    app = people.let_in(she, "patient/AuditEvent.rs")
    act(she)

    event = app.bundle("/AuditEvent?action=R")["entry"][0]["resource"]

    assert event["agent"][0]["who"]["reference"] == f"Patient/{she.patient_id}"
    assert [each["what"]["reference"] for each in event["entity"]] == [f"Patient/{she.patient_id}"]
    assert "network" not in event["agent"][0]


@pytest.mark.parametrize("interaction", ["hide", "show", "meta-security", "part", "join"])
def test_that_she_hides_something_is_told_to_nobody(she, interaction):
    app = people.let_in(she, "patient/AuditEvent.rs")
    act(she)
    before = app.bundle("/AuditEvent?action=R&_summary=count")["total"]

    act(she, interaction)

    assert app.bundle("/AuditEvent?action=R&_summary=count")["total"] == before
    shown, hidden = (events.matching(she.pk).filter(interaction=each).first() for each in ("search", interaction))
    assert app.get(f"/AuditEvent/{accesslogs.identity(shown)}").status_code == 200
    assert app.get(f"/AuditEvent/{accesslogs.identity(hidden)}").status_code == 404


def test_neither_an_id_nor_a_next_link_tells_where_in_the_log_an_event_stands(she):
    app = people.let_in(she, "patient/AuditEvent.rs")
    for _ in range(3):
        act(she)

    bundle = app.bundle("/AuditEvent?_count=1")

    (one,) = bundle["entry"]
    number = sealing.number(she.pk, "audit event", one["resource"]["id"])
    assert events.matching(she.pk).get(sequence=number)
    assert sealing.number(people.sign_up().pk, "audit event", one["resource"]["id"]) is None
    cursor = people.link(bundle, "next").rpartition("_cursor=")[2]
    assert str(number).encode() + b"." not in base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    assert app.get(f"/AuditEvent/{number}.{she.patient_id}").status_code == 404


def test_a_record_that_was_kept_back_is_told_to_her_alone(she):
    since = Terms(since=microseconds(people.now() - timedelta(minutes=1)))
    app = people.let_in(she, "patient/AuditEvent.rs", "patient/Observation.rs", terms=since)
    app.get("/Observation/obs-1")
    app.get("/Observation/none")
    assert [event.detail.get("withheld") for event in events.of(she.pk, 2)] == [None, 1]

    everything = people.let_in(she, "patient/AuditEvent.rs")
    told = [entry["resource"] for entry in everything.bundle("/AuditEvent?action=R&outcome=4")["entry"]]

    absent, hidden = told
    for one in (absent, hidden):
        for name in ("id", "meta", "recorded"):
            one.pop(name)
    assert hidden == absent


@pytest.mark.parametrize("scope", ["patient/*.rs", "patient/Observation.rs"])
def test_a_scope_for_everything_does_not_open_the_log(she, scope):
    stored_event(she)
    act(she)
    app = people.let_in(she, scope)
    name = accesslogs.identity(events.of(she.pk, 1)[0])

    assert app.get(f"/AuditEvent/{name}").status_code in (403, 404)
    if "*" in scope:
        assert app.ids("/AuditEvent") == ["AuditEvent/of-a-hospital"]


def test_another_persons_log_is_not_there(she):
    other = people.sign_up()
    act(other)
    app = people.let_in(she, "patient/AuditEvent.rs")

    name = accesslogs.identity(events.of(other.pk, 1)[0])
    assert people.let_in(other, "patient/AuditEvent.rs").get(f"/AuditEvent/{name}").status_code == 200
    assert app.get(f"/AuditEvent/{name}").status_code == 404
    assert f"AuditEvent/{name}" not in app.ids("/AuditEvent")


@pytest.mark.parametrize("sort", ["-_lastUpdated", "_lastUpdated"])
def test_pages_follow_on_and_hold_what_hospitals_sent_too(she, sort):
    stored_event(she)
    app = people.let_in(she, "patient/AuditEvent.rs")
    for _ in range(7):
        act(she, "vread")

    before = people.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    names = app.ids(f"/AuditEvent?date=lt{before}&_sort={sort}&_count=3")

    assert len(names) == 1 + events.matching(she.pk, events.Filter(until=datetime.fromisoformat(before))).count()
    assert len(names) == len(set(names))
    assert names[-1 if sort == "-_lastUpdated" else 0] == "AuditEvent/of-a-hospital"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("date=ge2020", True),
        ("date=lt2020", False),
        ("date=2019", False),
        ("date=ne2019&action=R", True),
        ("outcome=8", False),
        ("_lastUpdated=gt2020", True),
        ("date=lt9999", True),
        ("date=le9999-12-31", True),
        ("date=ge0001", True),
    ],
)
def test_the_log_is_searched_by_time_and_outcome(she, asked, found):
    app = people.let_in(she, "patient/AuditEvent.rs")
    act(she)

    assert bool(app.bundle(f"/AuditEvent?{asked}&_count=2").get("entry")) is found


def test_her_terms_count_for_the_log(she):
    act(she)
    everything = people.let_in(she, "patient/AuditEvent.rs")
    assert everything.ids("/AuditEvent?date=lt2100&_count=50")

    ended = people.let_in(she, "patient/AuditEvent.rs", terms=Terms(until=0))

    assert "entry" not in ended.bundle("/AuditEvent")


@pytest.mark.parametrize("asked", ["agent-name=Ana", "_cursor=x", "date=never", "action:not=R"])
def test_what_the_log_cannot_be_asked_is_an_error(she, asked):
    app = people.let_in(she, "patient/AuditEvent.rs")

    answer = app.get(f"/AuditEvent?{asked}")

    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_an_event_has_one_version_and_stands_in_the_history_of_all(she):
    stored_event(she)
    for _ in range(3):
        act(she)
    app = people.let_in(she, "patient/AuditEvent.rs")
    newest, *_ = app.ids("/AuditEvent?_count=1")
    name = f"/{newest}"

    alone = app.bundle(f"{name}/_history")

    assert [entry["response"]["etag"] for entry in alone["entry"]] == ['W/"1"']
    assert app.get(f"{name}/_history/1").json() == app.get(name).json()
    assert app.get(f"{name}/_history/2").status_code == 404
    whole, page = [], app.bundle("/AuditEvent/_history?_count=2")
    while following := [link["url"] for link in page["link"] if link["relation"] == "next"]:
        whole += [entry["resource"]["id"] for entry in page["entry"]]
        page = app.bundle(following[0].partition("/fhir/r4")[2])
    whole += [entry["resource"]["id"] for entry in page["entry"]]
    assert whole[-1] == "of-a-hospital"
    assert len(whole) == len(set(whole)) > 4
