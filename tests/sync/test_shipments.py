"""Group exports as a client: what is about linked people comes into their records, nothing of anybody else stays."""

from __future__ import annotations

import gzip
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Person
from audit.models import Event
from fhirapi.bulk import doorbell as exports
from records import store
from records.models import Record
from standards.fhir import json
from sync import connections, feeds, hospitals, recipients, shipments, vendors
from sync.models import (
    Connection,
    ConnectionState,
    Feed,
    FileState,
    Hospital,
    Run,
    Shipment,
    ShipmentShare,
    ShipmentState,
    ShippedFile,
)
from sync.problems import Problem, Remedy, SourceError
from sync.sources.fhir_rest.mapping import Pointed
from sync.tokens import Tokens
from tests.fakes.bulk import AT, PRIVATE_JWK, FakeBulk
from tests.fakes.ehr import CLIENT_ID, Asked, Reply
from tests.fhirapi import backends, people, population
from tests.portal import people as of_portal
from tests.sync import workers
from tests.sync.conftest import connect
from tests.sync.test_runs import stored

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


@pytest.fixture
def ehr() -> Iterator[FakeBulk]:
    """Three patients in one group; only p1 and p2 will be ours."""
    server = FakeBulk()
    with server.running():
        for number, (given, family) in enumerate((("Ana", "Rivera"), ("Bert", "Stone"), ("Cleo", "Marsh")), 1):
            server.hold(
                {"resourceType": "Patient", "id": f"p{number}", "name": [{"family": family, "given": [given]}]},
                *(observation(f"p{number}", each) for each in range(3)),
            )
        yield server


@pytest.fixture
def owner(transactional_db: None) -> Person:
    return Person.objects.create_user("ana@example.org", "a long enough password", name="Ana Rivera")


@pytest.fixture
def hospital(ehr: FakeBulk, transactional_db: None) -> Hospital:
    return hospitals.register(ehr.base, name="Cedar Hospital", client_id=CLIENT_ID)


@pytest.fixture
def ana(owner: Person, hospital: Hospital, ehr: FakeBulk) -> Connection:
    return linked(owner, hospital, ehr, "p1")


@pytest.fixture
def feed(hospital: Hospital) -> Feed:
    return feeds.enter(
        hospital, client_id="our-service", private_jwk=PRIVATE_JWK, group="Group/g1", every=DAY, at=timezone.now()
    )


def observation(patient: str, number: int, **extra: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"{patient}-o{number}",
        "status": "final",
        "code": {"text": "reading"},
        "subject": {"reference": f"Patient/{patient}"},
        "performer": [{"reference": f"Practitioner/dr-{patient}"}],
        **extra,
    }


def linked(owner: Person, hospital: Hospital, ehr: FakeBulk, patient: str) -> Connection:
    """Somebody who connected this hospital herself, and was recognized; her own pull is not part of these tests."""
    ehr.patient = patient
    connection = connect(owner, hospital, ehr)
    Run.objects.filter(connection=connection).delete()
    Connection.objects.filter(pk=connection.pk).update(recognized=timezone.now())
    connection.refresh_from_db()
    return connection


def person(name: str) -> Person:
    return Person.objects.create_user(f"{name.split()[0].lower()}@example.org", "a long enough password", name=name)


def ordered(feed: Feed) -> Shipment:
    shipment = feeds.begin(feed, at=timezone.now())
    assert shipment is not None
    return shipment


def perform(shipment: Shipment) -> Shipment:
    """As often as it takes, without waiting in between."""
    for _ in range(20):
        if step(shipment).finished:
            return shipment
    raise AssertionError(f"the shipment did not end: {shipment.state}")


def step(shipment: Shipment) -> Shipment:
    """Once."""
    Shipment.objects.filter(pk=shipment.pk).update(due=timezone.now())
    shipments.perform(shipment.pk)
    shipment.refresh_from_db()
    return shipment


def shipped(feed: Feed) -> Shipment:
    return perform(ordered(feed))


def file(shipment: Shipment, name: str) -> ShippedFile:
    return ShippedFile.objects.get(shipment=shipment, resource_type=name)


def held(connection: Connection) -> dict[str, int]:
    return store.held(owner_id=connection.owner_id, source_id=connection.hospital.source_id)


# --- whose a line is


def test_only_what_is_about_linked_people_is_stored_and_every_line_is_accounted_for(ana, feed, ehr):
    bert = linked(person("Bert Stone"), ana.hospital, ehr, "p2")

    shipment = shipped(feed)

    assert (shipment.state, shipment.problem) == (ShipmentState.COMPLETE, "")
    assert held(ana) == held(bert) == {"Patient": 1, "Observation": 3}
    observations = file(shipment, "Observation")
    assert (observations.stated, observations.lines, observations.taken, observations.others) == (9, 9, 6, 3)
    assert set(Record.unguarded.values_list("owner_id", flat=True)) == {ana.owner_id, bert.owner_id}
    kept = stored(ana, "Observation", "p1-o0")
    assert kept is not None
    assert kept["subject"] == {"reference": f"Patient/{ana.owner.patient_id}"}
    share = ShipmentShare.objects.get(connection=ana, resource_type="Observation")
    assert (share.received, share.new, share.unchanged, share.unusable) == (3, 3, 0, 0)
    told = Event.objects.filter(owner_id=ana.owner_id, interaction="sync").order_by("sequence")
    assert [event.detail["types"] for event in told] == [{"Patient": 1}, {"Observation": 3}]


def test_nobody_is_linked_by_name_and_birth_date_alone_and_nothing_is_ordered(owner, feed, ehr):
    assert feeds.begin(feed, at=timezone.now()) is None
    assert ehr.exports == []


@pytest.mark.parametrize(
    "change",
    [
        {"state": ConnectionState.STOPPED, "sealed_tokens": None},
        {"state": ConnectionState.NEEDS_REAUTH},
        {"recognized": None},
        {"removal": timezone.now()},
    ],
)
def test_a_link_that_does_not_stand_brings_nothing(ana, feed, ehr, change):
    bert = linked(person("Bert Stone"), ana.hospital, ehr, "p2")
    Connection.objects.filter(pk=ana.pk).update(**change)

    shipment = shipped(feed)

    assert held(bert) == {"Patient": 1, "Observation": 3}
    assert held(ana) == {}
    assert file(shipment, "Observation").others == 6


def test_whoever_stops_in_the_middle_gets_no_more(ana, feed, ehr, monkeypatch):
    monkeypatch.setattr(shipments, "BATCH_LINES", 1)
    bert = linked(person("Bert Stone"), ana.hospital, ehr, "p2")

    def stop(asked: Asked) -> None:
        if "Observation.ndjson" in asked.target:
            connections.stop(ana, at=timezone.now())
            database.close()

    ehr.before = stop
    shipped(feed)

    assert held(ana) == {"Patient": 1}
    assert held(bert) == {"Patient": 1, "Observation": 3}
    ana.refresh_from_db()
    assert ana.fed == ""


def test_a_patient_who_does_not_fit_is_held_back_and_asked_about(ana, feed, ehr):
    """She pulled when the account said nothing of whom it is about; now it names somebody else."""
    Connection.objects.filter(pk=ana.pk).update(recognized=None, last_success=timezone.now())
    ehr.hold({"resourceType": "Patient", "id": "p1", "name": [{"family": "Vale", "given": ["Dora"]}]})

    shipped(feed)

    ana.refresh_from_db()
    assert ana.state == ConnectionState.HELD
    assert held(ana) == {}


def test_what_is_about_two_people_is_nobodys(ana, feed, ehr):
    ehr.hold(
        {
            "resourceType": "Observation",
            "id": "both",
            "status": "final",
            "code": {"text": "twins"},
            "subject": {"reference": "Patient/p1"},
            "target": [{"reference": "Patient/p2"}],
        }
    )

    shipment = shipped(feed)

    assert stored(ana, "Observation", "both") is None
    assert file(shipment, "Observation").others == 7


def test_two_who_follow_the_same_patient_each_have_her_record(ana, feed, ehr):
    """A mother and her grown daughter may both have signed in for the daughter."""
    other = linked(person("Antonia Rivera"), ana.hospital, ehr, "p1")

    shipped(feed)

    assert held(ana) == held(other) == {"Patient": 1, "Observation": 3}


def test_what_names_no_patient_comes_only_where_a_record_leads_to_it(ana, feed, ehr):
    for name in ("dr-p1", "dr-p3", "dr-nobody"):
        ehr.hold({"resourceType": "Practitioner", "id": name, "name": [{"family": name}]})
    ehr.hold(
        {"resourceType": "Provenance", "id": "of-hers", "target": [{"reference": "Observation/p1-o1"}], "agent": []},
        {"resourceType": "Provenance", "id": "of-his", "target": [{"reference": "Observation/p3-o1"}], "agent": []},
        {
            "resourceType": "Provenance",
            "id": "of-both",
            "target": [{"reference": "Observation/p1-o1"}, {"reference": "Observation/p3-o1"}],
            "agent": [],
        },
    )

    shipment = shipped(feed)

    assert held(ana) == {"Patient": 1, "Observation": 3, "Practitioner": 1, "Provenance": 1}
    assert stored(ana, "Practitioner", "dr-p1") is not None
    assert stored(ana, "Provenance", "of-hers") is not None
    doctors = file(shipment, "Practitioner")
    assert (doctors.taken, doctors.unassigned) == (1, 2)
    # A record of hers that a record tells of together with somebody else's: that belongs to both, so to nobody.
    assert (file(shipment, "Provenance").taken, file(shipment, "Provenance").unassigned) == (1, 2)


# --- what is asked for


def test_it_is_ordered_as_a_backend_service(ana, feed, ehr):
    feeds.enter(
        ana.hospital,
        client_id="our-service",
        private_jwk=PRIVATE_JWK,
        group="Group/g1",
        types="Patient,Observation",
        every=DAY,
        at=timezone.now(),
    )

    shipped(feed)

    (export,) = ehr.exports
    assert (export.path, export.asked) == ("/fhir/Group/g1/$export", {"_type": "Patient,Observation"})
    (claims,) = ehr.assertions
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("our-service", "our-service", f"{ehr.issuer}/token")
    assert claims["scope"] == "system/*.rs"
    assert export.gone, "the server was told that its files are no longer needed"


def test_then_only_what_changed_is_asked_for(ana, feed, ehr):
    first = shipped(feed)
    second = shipped(feed)

    assert (first.since, second.since) == ("", AT)
    assert [export.asked for export in ehr.exports] == [{}, {"_since": AT}]
    share = ShipmentShare.objects.get(shipment=second, resource_type="Observation")
    assert (share.new, share.unchanged) == (0, 3)


@pytest.mark.parametrize("reason", ["somebody new", "away in the middle", "a month has gone"])
def test_everything_is_asked_for_again_where_somebody_would_miss_something(ana, feed, ehr, reason):
    shipped(feed)
    if reason == "somebody new":
        linked(person("Bert Stone"), ana.hospital, ehr, "p2")
    elif reason == "away in the middle":
        connections.ask_to_sign_in(ana.pk)
        Connection.objects.filter(pk=ana.pk).update(state=ConnectionState.ACTIVE)
    else:
        Feed.objects.update(whole=timezone.now() - timedelta(days=31))

    assert shipped(feed).since == ""


def test_where_the_server_can_only_our_own_patients_are_asked_for(ana, feed, ehr):
    Feed.objects.update(by_patient=True)

    shipped(feed)

    (export,) = ehr.exports
    assert export.asked["body"]["parameter"] == [{"name": "patient", "valueReference": {"reference": "Patient/p1"}}]


def test_the_beat_orders_what_is_due_and_once(ana, feed, ehr):
    at = timezone.now()

    assert feeds.start_due(at=at) == 1
    assert feeds.start_due(at=at + 2 * DAY) == 0
    assert Shipment.objects.count() == 1


# --- waiting, faults, killed


def test_an_export_that_is_not_ready_is_asked_for_when_the_server_said(ana, feed, ehr):
    ehr.bulk.waits = 2
    shipment = ordered(feed)

    shipments.perform(shipment.pk)

    shipment.refresh_from_db()
    assert (shipment.state, shipment.said, shipment.claim) == (ShipmentState.ORDERED, "1 of 2", None)
    assert timedelta(seconds=100) < shipment.due - timezone.now() <= timedelta(seconds=120)
    shipments.perform(shipment.pk)
    assert ehr.exports[0].polls == 1
    assert perform(shipment).state == ShipmentState.COMPLETE


@pytest.mark.parametrize("where", [r"/bulk/0$", r"Observation\.ndjson"])
def test_an_export_that_is_gone_is_ordered_anew_and_nothing_is_lost(ana, feed, ehr, where):
    ehr.answer_with(where, 404)
    shipment = ordered(feed)

    perform(shipment)

    assert (shipment.state, shipment.problem) == (ShipmentState.EXPIRED, Problem.MISSING)
    following = Shipment.objects.get(anew=1)
    assert perform(following).state == ShipmentState.COMPLETE
    assert held(ana) == {"Patient": 1, "Observation": 3}
    ana.refresh_from_db()
    assert ana.fed == AT


def test_it_is_not_ordered_anew_for_ever(ana, feed, ehr):
    ehr.answer_with(r"/bulk/\d+$", 404, times=100)

    perform(ordered(feed))
    while (shipment := Shipment.objects.filter(finished=None).first()) is not None:
        perform(shipment)

    assert Shipment.objects.count() == 1 + shipments.ANEW_MAX
    feed.refresh_from_db()
    assert feed.since == ""


@pytest.mark.parametrize("fault", ["cut_off", "busy", "signed_out", "server_error"])
def test_what_passes_is_tried_again_and_read_on(ana, feed, ehr, monkeypatch, fault):
    monkeypatch.setattr(shipments, "BATCH_LINES", 2)
    where = r"Observation\.ndjson"
    if fault == "cut_off":
        ehr.cut_off(where)
    else:
        ehr.answer_with(where, {"busy": 503, "signed_out": 401, "server_error": 500}[fault], Retry_After="1")

    shipment = shipped(feed)

    assert shipment.state == ShipmentState.COMPLETE
    observations = file(shipment, "Observation")
    assert (observations.lines, observations.taken, observations.others) == (9, 3, 6)
    assert held(ana) == {"Patient": 1, "Observation": 3}


def test_a_damaged_line_is_told_and_the_others_are_kept(ana, feed, ehr):
    good = [json.dumps(observation("p1", number)) for number in range(4)]
    ehr.bulk.lines["Observation"] = [good[0], good[1][:40], b'"no resource"', good[2], good[3]]

    shipment = shipped(feed)

    assert (shipment.state, shipment.problem) == (ShipmentState.PARTIAL, Problem.UNREADABLE)
    observations = file(shipment, "Observation")
    assert (observations.lines, observations.taken, observations.unreadable) == (5, 3, 2)
    assert held(ana)["Observation"] == 3
    # What was not complete is asked for again from where the last complete one ended.
    feed.refresh_from_db()
    assert feed.since == ""


def test_fewer_lines_than_the_manifest_says_is_told(ana, feed, ehr):
    ehr.edit(r"/bulk/0$", lambda manifest: manifest["output"][0].update(count=99))

    shipment = shipped(feed)

    assert (shipment.state, shipment.problem) == (ShipmentState.PARTIAL, Problem.SHORT)
    assert ShippedFile.objects.filter(shipment=shipment, state=FileState.SHORT).count() == 1


def test_what_the_organisation_could_not_export_is_told_and_what_is_gone_there_is_hidden(ana, feed, ehr):
    shipped(feed)
    ehr.bulk.deleted = [
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {"request": {"method": "DELETE", "url": "Observation/p1-o1"}},
                {"request": {"method": "DELETE", "url": "Observation/p3-o1"}},
                {"request": {"method": "GET", "url": "Observation/p1-o2"}},
            ],
        }
    ]
    ehr.bulk.errors = [{"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}]
    ehr.drop("Observation", "p1-o1")

    shipment = shipped(feed)

    assert held(ana) == {"Patient": 1, "Observation": 2}
    assert ShipmentShare.objects.get(shipment=shipment, resource_type="Observation").deleted == 1
    assert (shipment.state, shipment.problem) == (ShipmentState.PARTIAL, Problem.SERVER_ERROR)


def test_a_warning_among_the_errors_is_no_loss(ana, feed, ehr):
    ehr.bulk.errors = [{"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "processing"}]}]

    assert shipped(feed).state == ShipmentState.COMPLETE


def test_zipped_files_are_read_and_ones_that_are_zipped_themselves(ana, feed, ehr):
    ehr.bulk.zipped = True
    assert shipped(feed).state == ShipmentState.COMPLETE

    def bare(reply: Reply) -> Reply:
        return Reply(200, reply.body, {"Content-Type": "application/gzip", "Content-Encoding": "identity"})

    ehr.fault(r"\.ndjson", bare, times=10)
    second = shipped(feed)

    assert second.state == ShipmentState.COMPLETE
    assert file(second, "Observation").lines == 9


def test_a_file_of_several_zipped_ones_is_read_to_its_end(ana, feed, ehr):
    def parted(reply: Reply) -> Reply:
        zipped = b"".join(gzip.compress(line) for line in reply.body.splitlines(keepends=True))
        return Reply(200, zipped, {"Content-Type": "application/gzip"})

    ehr.fault(r"\.ndjson", parted, times=10)
    shipment = shipped(feed)

    assert shipment.state == ShipmentState.COMPLETE
    assert file(shipment, "Observation").lines == 9


def test_a_manifest_is_followed_to_its_end(ana, feed, ehr):
    ehr.bulk.pages, ehr.bulk.late = 3, 1

    shipment = step(ordered(feed))
    assert (shipment.state, ShippedFile.objects.count()) == (ShipmentState.ORDERED, 0)
    shipment = perform(shipment)

    assert shipment.state == ShipmentState.COMPLETE
    names = {name.partition(".")[0] for name in ehr.exports[0].files}
    assert len(names) > 1
    assert set(ShippedFile.objects.values_list("resource_type", flat=True)) == names


def test_a_manifest_that_leads_in_a_circle_ends(ana, feed, ehr, monkeypatch):
    monkeypatch.setattr(shipments.mapping, "following", lambda document: f"{ehr.base}/bulk/0")

    shipment = perform(ordered(feed))

    assert (shipment.state, shipment.problem) == (ShipmentState.FAILED, Problem.LOOP)


def test_requests_are_counted_with_those_of_pulls(ana, feed, ehr, monkeypatch):
    spent = []

    def spend(hospital_id, *, most, at):
        if len(spent) == 3:
            raise SourceError("spent", problem=Problem.OUR_TURN, remedy=Remedy.RETRY, wait=timedelta(seconds=40))
        spent.append((hospital_id, most))

    monkeypatch.setattr(shipments.budgets, "spend", spend)

    shipment = step(ordered(feed))

    # The order, the manifest, one file; the next has to wait, and that is no try.
    assert spent == [(feed.hospital_id, vendors.STANDARD.requests_a_minute)] * 3
    assert (shipment.state, shipment.attempts, shipment.claim) == (ShipmentState.FETCHING, 0, None)
    assert shipment.due > timezone.now() + timedelta(seconds=39)
    while not step(shipment).finished:
        spent.clear()
    assert shipment.state == ShipmentState.COMPLETE


def test_whose_records_a_provenance_tells_of_is_one_question_however_many_are_linked(ana, feed, ehr, monkeypatch):
    shipped(feed)
    wanted = {Pointed("Observation", "p1-o1"), Pointed("Observation", "nowhere")}

    statements, read = [], store.statements.read
    monkeypatch.setattr(store.statements, "read", lambda *asked: statements.append(asked) or read(*asked))

    def asked():
        statements.clear()
        with CaptureQueriesContext(database) as queries:
            found = recipients.of_held(feed.hospital, wanted)
        return len(queries) + len(statements), {one.remote_id: sorted(keys) for one, keys in found.items()}

    alone, found = asked()
    others = [linked(person(f"P{number} Example"), feed.hospital, ehr, "p1") for number in range(5)]
    Connection.objects.filter(pk__in=[each.pk for each in others]).update(recognized=timezone.now())
    shipped(feed)

    together, found_now = asked()

    assert (alone, together) == (2, 2)
    assert found == {"p1-o1": [ana.pk]}
    assert found_now == {"p1-o1": sorted([ana.pk, *(each.pk for each in others)])}


def test_our_token_goes_to_no_other_host(ana, feed, ehr):
    ehr.edit(r"/bulk/0$", lambda manifest: manifest["output"][0].update(url="http://127.0.0.1:1/Observation.ndjson"))

    shipment = shipped(feed)

    assert shipment.problem == Problem.FOREIGN_ADDRESS
    assert ShippedFile.objects.filter(shipment=shipment, state=FileState.FAILED).count() == 1


def test_files_that_want_no_token_get_none(ana, feed, ehr):
    ehr.bulk.signed = False

    assert shipped(feed).state == ShipmentState.COMPLETE
    assert {asked.authorization for asked in ehr.asked if ".ndjson" in asked.target} == {""}


def test_what_her_own_pull_may_have_had_newer_is_pulled_again(ana, feed, ehr):
    shipped(feed)
    ehr.hold(observation("p1", 0, note=[{"text": "older than what she pulled"}]))
    shipment = ordered(feed)
    Connection.objects.filter(pk=ana.pk).update(last_attempt=timezone.now())

    perform(shipment)

    assert Run.objects.filter(connection=ana).count() == 1


def test_registration_that_is_refused_fails_with_its_reason(ana, feed, ehr):
    ehr.answer_with(r"/auth/token", 400)
    ehr.fault(r"/auth/token", lambda _: Reply(400, b'{"error": "invalid_client"}'), times=9)

    shipment = shipped(feed)

    assert (shipment.state, shipment.problem) == (ShipmentState.FAILED, Problem.NOT_REGISTERED)


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_of_a_file_loses_no_line(ana, feed, ehr, settings, tmp_path: Path):
    settings.SYNC_LEASE = timedelta(seconds=2)
    count = 3_000
    for number in range(count):
        ehr.hold(observation("p1" if number % 2 else "p3", number))
    shipment = ordered(feed)
    kills = [600, 1_800]
    deadline = time.monotonic() + 120

    with workers.running(tmp_path / "worker.log", SYNC_LEASE_SECONDS="2") as worker:
        while time.monotonic() < deadline and not Shipment.objects.get(pk=shipment.pk).finished:
            if not worker.lives:
                worker.reap()
                worker.start()
            at = timezone.now()
            feeds.ring_again(at=at)
            done = ShippedFile.objects.filter(shipment=shipment, resource_type="Observation").first()
            if kills and done and done.lines >= kills[0]:
                kills.pop(0)
                worker.kill()
            threading.Event().wait(0.02)

    shipment.refresh_from_db()
    log = (tmp_path / "worker.log").read_text()[-3000:]
    assert (shipment.state, kills) == (ShipmentState.COMPLETE, []), log
    observations = file(shipment, "Observation")
    expected = {f"p1-o{number}" for number in range(count) if number % 2} | {f"p1-o{number}" for number in range(3)}
    assert observations.taken == len(expected) == held(ana)["Observation"]
    assert observations.lines == observations.stated
    share = ShipmentShare.objects.get(shipment=shipment, resource_type="Observation")
    assert (share.received, share.new, share.unchanged) == (len(expected), len(expected), 0)


@pytest.mark.slow
def test_two_sites_of_ours_and_a_real_worker_between_them(live_server, settings, tmp_path: Path):
    """One of them exports the people who let it; the other takes in what belongs to whom it knows."""
    settings.PUBLIC_URL = live_server.url.replace("localhost", "127.0.0.1")
    settings.FHIR_BASE = f"{settings.PUBLIC_URL}/fhir/r4"
    settings.SYNC_LEASE = timedelta(seconds=2)
    service = backends.Service.register()
    there = [people.sign_up() for _ in range(2)]
    for number, one in enumerate(there):
        people.store_records(one, population.resources(one.patient_id, f"there{number}-"))
        backends.let_in(one, service, "patient/*.rs", "offline_access")
    here = person("Ana Example")
    hospital = hospitals.register(settings.FHIR_BASE, name="Our twin", client_id=CLIENT_ID)
    at = timezone.now()
    tokens = Tokens("unused", None, None, "")
    connection = connections.connect(
        here, hospital=hospital, patient=there[0].patient_id, tokens_given=tokens, token_endpoint=live_server.url, at=at
    )
    Run.objects.all().delete()
    Connection.objects.filter(pk=connection.pk).update(recognized=at)
    feed = feeds.enter(
        hospital,
        client_id=service.client_id,
        private_jwk=json.dumps(backends.private_key()).decode(),
        group=f"Group/{service.application.uid}",
        every=DAY,
        at=at,
    )
    shipment = ordered(feed)

    with workers.running(tmp_path / "worker.log", SYNC_LEASE_SECONDS="2"):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not Shipment.objects.get(pk=shipment.pk).finished:
            Shipment.objects.filter(pk=shipment.pk, claim=None).update(due=timezone.now())
            feeds.ring_again(at=timezone.now())
            exports.ring_again(at=timezone.now())
            threading.Event().wait(0.3)

    shipment.refresh_from_db()
    assert shipment.state == ShipmentState.COMPLETE, (shipment.problem, (tmp_path / "worker.log").read_text()[-3000:])
    named = Counter(each["resourceType"] for each in population.resources(there[0].patient_id, "there0-"))
    assert named.pop("Practitioner") == 1, "no record leads to her"
    got = held(connection)
    assert {name: got.get(name) for name in named} == dict(named)
    for each in shipment.files.all():
        assert each.lines == each.stated
        assert each.lines == each.taken + each.others + each.unassigned


# --- the person, and staff


def test_her_page_says_what_came_that_way_and_that_others_are_not_kept(ana, feed, ehr):
    browser = of_portal.browser_of(ana.owner)
    before = " ".join(browser.get(f"/hospitals/{ana.pk}/").content.decode().split())
    assert "Nothing of yours has come that way yet." in before
    shipped(feed)

    page = " ".join(browser.get(f"/hospitals/{ana.pk}/").content.decode().split())

    assert "Only what is about you goes into your record" in page
    assert ": 4 records of yours, 4 new." in page


def test_staff_enters_a_feed_and_reads_its_ledger(ana, ehr, tmp_path: Path):
    slug = ana.hospital.slug
    (tmp_path / "given.json").write_text('{"client_id": "our-service", "jwk": ' + PRIVATE_JWK + "}")

    call_command(
        "feed_enter", slug, "--group", "Group/g1", "--credentials", str(tmp_path / "given.json"), stdout=StringIO()
    )
    feed = Feed.objects.get()
    shipped(feed)
    said = StringIO()
    call_command("feed_show", stdout=said)

    assert "output Observation: 9 of 9 lines, 3 taken, 6 about others, 0 about nobody, 0 unreadable" in said.getvalue()
    assert PRIVATE_JWK.encode() not in bytes(feed.sealed_key)
    call_command("feed_enter", slug, "--stop", stdout=StringIO())
    assert feeds.start_due(at=timezone.now() + 2 * DAY) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "--credentials", "x"], "not in the directory"),
        (["cedar-hospital"], "--credentials is missing"),
        (["cedar-hospital", "--credentials", "/no/such/file"], "No such file"),
    ],
)
def test_what_staff_cannot_have_meant_is_said(hospital, arguments, said):
    with pytest.raises(CommandError, match=said):
        call_command("feed_enter", *arguments)
