"""Switched faults: each does to an honest answer what it says, as often as it says, and nothing elsewhere."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from django.core.exceptions import MiddlewareNotUsed
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections

from sandbox import faults

METADATA = "/fhir/r4/metadata"


class _Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


def _serve(server):
    try:
        server.serve_forever()
    finally:
        connections.close_all()


@contextmanager
def _serving():
    server = make_server("127.0.0.1", 0, WSGIHandler(), handler_class=_Quiet)
    thread = threading.Thread(target=_serve, args=[server])
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "status", "retry"),
    [("error", 500, None), ("unavailable", 503, "7"), ("throttled", 429, "7"), ("expired", 401, None)],
)
def test_fault_answers_with_its_status_and_then_no_more(hospital, client, kind, status, retry):
    assert client.get(METADATA).status_code == 200
    faults.switch_on(kind, times=1, seconds=7)

    failed, after = client.get(METADATA), client.get(METADATA)

    assert (failed.status_code, failed.get("Retry-After")) == (status, retry)
    assert after.status_code == 200


@pytest.mark.django_db
def test_fault_lets_the_first_requests_pass_and_leaves_other_addresses_alone(hospital, client):
    faults.switch_on("error", path="/fhir/r4/metadata", after=2, times=1)

    statuses = [client.get(METADATA).status_code for _ in range(4)]

    assert statuses == [200, 200, 500, 200]
    faults.switch_on("error", path="/fhir/r4/")
    assert client.get("/livez").status_code == 200
    assert client.get("/").status_code == 200
    assert faults.clear() == 2
    assert client.get(METADATA).status_code == 200


@pytest.mark.django_db
def test_truncated_answer_is_no_json(hospital, client):
    whole = client.get(METADATA).content
    faults.switch_on("truncated", times=1)

    half = client.get(METADATA).content

    assert whole.startswith(half)
    with pytest.raises(json.JSONDecodeError):
        json.loads(half)


@pytest.mark.django_db
def test_slow_answer_is_late_and_whole(hospital, client, monkeypatch):
    waits = []
    monkeypatch.setattr(faults.time, "sleep", waits.append)
    faults.switch_on("slow", seconds=3, times=1)

    assert client.get(METADATA).status_code == 200
    assert waits == [3]


@pytest.mark.django_db(transaction=True)
def test_dropped_connection_ends_before_the_answer_does(hospital):
    faults.switch_on("dropped", times=1)

    with _serving() as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", METADATA)
        with pytest.raises(http.client.IncompleteRead):
            connection.getresponse().read()
        connection.close()


def test_stranger_is_one_more_entry_about_somebody_else():
    entry = {
        "fullUrl": "http://h/Observation/o",
        "resource": {"resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/p"}},
    }

    page = faults.with_stranger({"resourceType": "Bundle", "entry": [entry]})

    assert page["entry"][0] == entry
    assert page["entry"][1]["resource"]["subject"] == {"reference": f"Patient/{faults.STRANGER_ID}"}
    assert faults.with_stranger({"resourceType": "Bundle"}) == {"resourceType": "Bundle"}


@pytest.mark.django_db
def test_busy_hospital_may_say_by_a_date_when_to_come_again(hospital, client):
    faults.switch_on("until", times=1, seconds=90)

    answer = client.get(METADATA)

    wait = parsedate_to_datetime(answer["Retry-After"]) - datetime.now(UTC)
    assert answer.status_code == 429
    assert timedelta(seconds=80) < wait <= timedelta(seconds=90)


PAGE = {
    "resourceType": "Bundle",
    "total": 2,
    "link": [{"relation": "self", "url": "http://h/1"}, {"relation": "next", "url": "http://h/2"}],
    "entry": [{"resource": {"id": "a"}}, {"resource": {"id": "b"}}],
}


def test_pages_are_spoilt_in_one_respect_each():
    again = faults.with_next(PAGE, "http://h/1?_again=1")

    assert [link["url"] for link in again["link"]] == ["http://h/1", "http://h/1?_again=1"]
    assert [entry["resource"]["id"] for entry in faults.with_other_order(PAGE)["entry"]] == ["b", "a"]
    assert faults.with_other_total(PAGE) == {**PAGE, "total": 2 + faults.MORE}


@pytest.mark.parametrize(
    "spoil", [faults.with_other_order, faults.with_other_total, lambda it: faults.with_next(it, "x")]
)
@pytest.mark.parametrize("resource", [{"resourceType": "Patient", "id": "p"}, {"resourceType": "Bundle"}, []])
def test_what_is_no_page_stays_as_it_is(spoil, resource):
    assert spoil(resource) == resource


@pytest.mark.parametrize(("site", "sandbox"), [("person", True), ("hospital", False)])
def test_only_a_sandbox_hospital_has_faults(settings, site, sandbox):
    settings.SITE, settings.SANDBOX = site, sandbox

    with pytest.raises(MiddlewareNotUsed):
        faults.FaultMiddleware(lambda request: None)
