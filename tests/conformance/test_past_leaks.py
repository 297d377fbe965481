"""Leaks that other health record servers have had, each shown not to be one here.

Known ones that cannot be had here, and why:

- an allow-list enforced on REST and not on GraphQL: there is no GraphQL, and no second API of any kind
  (``test_there_is_no_second_way_in`` holds that);
- a decision cache without security tags, or not emptied when consent is written: decisions are not cached (shown by
  asking again right after each change).
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import Client
from django.urls import get_resolver

from consent.terms import Terms
from gateway.models import AccessToken, RefreshToken
from records import sources, store
from records.labels import ACT_CODE
from records.models import SourceKind
from sync import progress, runs
from sync.models import Run, RunState
from sync.problems import Problem
from sync.sources.fhir_rest import client as http
from tests import decisions
from tests.conformance import worlds
from tests.fhirapi import backends, people, population
from tests.fhirapi.test_leaks import LAB, VITALS
from tests.gateway import parties
from tests.sync.conftest import connection, ehr, hospital, owner

__all__ = ["connection", "ehr", "hospital", "owner"]
pytestmark = pytest.mark.django_db

HIV = {"security": [{"system": ACT_CODE, "code": "HIV"}]}


def decide_again(app: people.App, *granted: str, ends=None, terms: Terms | None = None):
    """Her new decision about the app; the token follows it, as after a new authorization."""
    decision = decisions.grant(app.person, app.application, *granted, terms=terms, ends=ends)
    type(app.authorization).objects.filter(pk=app.authorization.pk).update(decision=decision)
    return decision


def test_the_second_hop_of_an_include_is_checked_like_the_first():
    """icanbwell: ``_include`` and link traversal lost the check after one step."""
    person = people.sign_up()
    patient = {"reference": f"Patient/{person.patient_id}"}
    drug = {"resourceType": "Medication", "id": "drug", "manufacturer": {"reference": "Organization/maker"}}
    order = {
        "resourceType": "MedicationRequest",
        "id": "order",
        "status": "active",
        "intent": "order",
        "subject": patient,
        "medicationReference": {"reference": "Medication/drug"},
    }
    maker = {"resourceType": "Organization", "id": "maker", "name": "Maker", "meta": HIV}
    people.store_records(person, [order, drug, maker])
    path = "/MedicationRequest?_include=MedicationRequest:medication&_include=Medication:manufacturer"
    path += "&_include:iterate=Medication:manufacturer"
    open_app = people.let_in(person, "patient/*.rs", terms=Terms(labels=frozenset({"HIV"})))
    assert people.included(open_app.bundle("/Medication?_include=Medication:manufacturer")) == ["Organization/maker"]
    assert people.included(open_app.bundle(path))[:1] == ["Medication/drug"]

    app = people.let_in(person, "patient/*.rs")

    assert people.included(app.bundle(path)) == ["Medication/drug"]
    assert people.included(app.bundle("/Medication?_include=Medication:manufacturer")) == []
    no_drugs = people.let_in(person, "patient/MedicationRequest.rs", "patient/Organization.rs")
    assert people.included(no_drugs.bundle(path)) == []


def test_there_is_no_second_way_in():
    """icanbwell: the allow-list held on REST only; GraphQL gave everything."""
    names = {str(pattern.pattern) for pattern in get_resolver().url_patterns}

    assert not any(word in name.lower() for name in names for word in ("graphql", "admin", "debug"))
    person = people.with_record()
    app = people.let_in(person, "patient/Observation.rs")
    for path in ("/$graphql?query={Observation{id}}", "/Observation/obs-1/$graphql?query={id}"):
        assert app.get(path).status_code == 404


def test_the_period_of_a_consent_is_checked_on_every_request(monkeypatch):
    """icanbwell: ``Consent.provision.period`` was stored and never looked at."""
    person = people.with_record()
    app = people.let_in(person, "patient/*.rs")
    decide_again(app, "patient/*.rs", ends=people.now() + timedelta(minutes=5))
    assert app.get("/Observation/obs-1").status_code == 200
    later = people.now() + timedelta(minutes=6)

    monkeypatch.setattr("django.utils.timezone.now", lambda: later)

    assert app.get("/Observation/obs-1").status_code == 401
    assert app.get("/Observation").status_code == 401


def test_a_label_put_on_a_record_later_hides_it_at_once():
    """icanbwell: decisions were cached by a key without the security tags."""
    person = people.sign_up()
    plain = population.observation(person.patient_id, "one")
    people.store_records(person, [plain])
    app = people.let_in(person, "patient/*.rs")
    assert app.get("/Observation/one").status_code == 200

    people.store_records(person, [{**plain, "meta": HIV}], at=people.now())

    assert app.get("/Observation/one").status_code == 404
    assert app.ids("/Observation") == []
    # Not even the version from before: what is sensitive now was sensitive then.
    assert app.get("/Observation/one/_history/1").status_code == 404


def test_a_narrower_consent_counts_from_the_next_request():
    """icanbwell: the cache was not emptied when a consent was written."""
    person = people.with_record()
    app = people.let_in(person, "patient/Condition.rs", "patient/Observation.rs")
    assert app.get("/Condition/con-1").status_code == 200

    decide_again(app, "patient/Observation.rs")

    assert app.ids("/Condition") == []
    assert app.get("/Condition/con-1").status_code == 404
    assert app.get("/Observation/obs-1").status_code == 200


def test_the_status_of_an_export_does_not_tell_a_stranger_that_it_exists():
    """icanbwell: 403 or 404 of an export's status told whether it existed."""
    person = people.with_record()
    service, stranger = backends.Service.register(), backends.Service.register()
    backends.let_in(person, service, "patient/*.rs", "offline_access")
    address = service.complete("/$export?_type=Condition")
    file = service.manifest(address)["output"][0]["url"]
    assert service.status(address).status_code == service.fetch(file).status_code == 200
    absent = address.replace(address.rpartition("/")[2], str(uuid.UUID(int=7)))

    for ask in (stranger.status, stranger.cancel):
        there, nowhere = ask(address), ask(absent)
        assert (there.status_code, there.content) == (404, nowhere.content)
    there, nowhere = stranger.fetch(file), stranger.fetch(f"{absent}/Condition.ndjson")
    assert (there.status_code, there.content) == (404, nowhere.content)
    assert service.status(address).status_code == 200
    app = people.let_in(person, "patient/*.rs")
    asked = [app.get(one.partition(people.BASE)[2]) for one in (address, absent)]
    assert (asked[0].status_code, asked[0].content) == (asked[1].status_code, asked[1].content)


def test_an_app_cannot_write_a_label_or_a_source_that_opens_a_record():
    """icanbwell: a patient's write could set any access tag. Here no tag opens anything, and tags only ever close."""
    person = people.sign_up()
    app = people.let_in(person, "patient/Observation.cruds")
    resource = population.observation(person.patient_id, "x", category="vital-signs")
    del resource["id"]
    opened = {"security": [{"system": "https://www.icanbwell.com/access", "code": "everybody"}]}

    client = Client(headers={"Authorization": f"Bearer {app.token}"}, raise_request_exception=False)
    answer = client.post(
        f"{people.BASE}/Observation", {**resource, "meta": opened}, content_type="application/fhir+json"
    )

    assert answer.status_code in (201, 422)
    stranger = people.let_in(people.with_record(), "patient/*.rs")
    assert [name for name in stranger.ids("/Observation") if not name.startswith("Observation/obs-")] == []


def test_a_link_into_another_record_does_not_open_it():
    """icanbwell: adding a Person.link into a tenant let one read through it."""
    her, him = people.sign_up(), people.sign_up()
    people.store_records(her, [population.patient(her.patient_id), population.observation(her.patient_id, "hers")])
    linked = {**population.patient(him.patient_id), "link": [_link(f"Patient/{her.patient_id}")]}
    reference = {
        "hasMember": [{"reference": "Observation/hers"}],
        "focus": [{"reference": f"Patient/{her.patient_id}"}],
    }
    people.store_records(him, [linked, {**population.observation(him.patient_id, "his"), **reference}])
    assert people.let_in(her, "patient/*.rs").get("/Observation/hers").status_code == 200
    app = people.let_in(him, "patient/*.rs")

    for path in (
        "/Observation?_include=Observation:has-member",
        "/Observation?_include=Observation:focus",
        "/Patient?_include=Patient:link",
        f"/Patient/{him.patient_id}/$everything",
    ):
        assert b'"id":"hers"' not in app.get(path).content
        assert f'"id":"{her.patient_id}"'.encode() not in app.get(path).content
    assert app.get(f"/Patient/{her.patient_id}").status_code == 404
    assert app.get(f"/Patient/{her.patient_id}/Observation").status_code == 404


def test_a_group_exports_nobody_but_those_who_let_this_service_in():
    """icanbwell: the roster of a Group on another store had no filter. A Group in a record is no roster of anything."""
    her, him = people.with_record(), people.with_record()
    service, other = backends.Service.register(), backends.Service.register()
    backends.let_in(him, service, "patient/Condition.rs", "patient/Group.rs", "patient/Patient.rs", "offline_access")
    backends.let_in(her, other, "patient/*.rs", "offline_access")
    members = [{"entity": {"reference": f"Patient/{one.patient_id}"}} for one in (him, her)]
    roster = {"resourceType": "Group", "id": str(service.application.uid), "type": "person", "actual": True}
    people.store_records(him, [{**roster, "member": members}])
    whole = other.export(f"/Group/{other.application.uid}/$export")
    assert [one["id"] for one in whole["Patient"]] == [her.patient_id]

    found = service.export(f"/Group/{service.application.uid}/$export")

    assert [one["id"] for one in found["Patient"]] == [him.patient_id]
    assert {one["subject"]["reference"] for one in found["Condition"]} == {f"Patient/{him.patient_id}"}
    for group in (other.application.uid, uuid.UUID(int=7)):
        assert service.kick_off(f"/Group/{group}/$export").status_code == 404


def test_no_assurance_of_a_link_between_people_opens_a_record():
    """icanbwell: ``Person.link.assurance`` was not looked at, so that a guess opened as much as a proof."""
    her, him = people.with_record(), people.sign_up()
    guesses = [{"target": {"reference": f"Patient/{her.patient_id}"}, "assurance": f"level{n}"} for n in (1, 2, 3, 4)]
    person = {"resourceType": "Person", "id": "himself", "link": guesses}
    people.store_records(him, [population.patient(him.patient_id), person])
    assert people.let_in(her, "patient/*.rs").get(f"/Patient/{her.patient_id}").status_code == 200
    app = people.let_in(him, "patient/*.rs")
    assert app.ids("/Person") == ["Person/himself"]

    assert people.included(app.bundle("/Person?_include=Person:link&_include=Person:patient")) == []
    assert app.ids("/Observation") == app.ids(f"/Observation?patient={her.patient_id}") == []
    assert app.get(f"/Patient/{her.patient_id}").status_code == 404
    assert app.get(f"/Patient/{her.patient_id}/$everything").status_code == 404


def test_a_refresh_proves_the_client_again():
    """A Medplum fork: whoever held a refresh token of a confidential app got new tokens without its secret."""
    person, app = parties.sign_up(), parties.App.register(method="client_secret_basic")
    held = app.let_in(person, "patient/Observation.rs offline_access")["refresh_token"]
    thief = parties.App(app.application, "not the secret")

    assert thief.refresh(held).status_code == 401
    bare = app.http.post(
        "/oauth/token",
        urlencode({"grant_type": "refresh_token", "refresh_token": held, "client_id": app.client_id}),
        content_type="application/x-www-form-urlencoded",
    )
    assert (bare.status_code, bare.json()["error"]) == (401, "invalid_client")
    assert app.refresh(held).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_page_that_failed_is_never_told_as_a_complete_pull(ehr, connection, settings, monkeypatch):
    """Fasten: an error on a later page was swallowed, and half a record passed for the whole."""
    settings.SYNC_PAGE_SIZE = 50
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.01)
    lab = {"status": "final", "code": {"text": "lab"}, "subject": {"reference": "Patient/p1"}}
    ehr.hold(*({"resourceType": "Observation", "id": f"o{number:03}", **lab} for number in range(70)))
    ehr.truncate(r"/Observation\?.*_start=50", times=99)

    run = Run.objects.get(connection=connection)
    runs.perform(run.pk)

    run.refresh_from_db()
    assert (run.state, run.problem) == (RunState.PARTIAL, Problem.UNREADABLE)
    (shown,) = progress.of(connection.owner)
    (labs,) = [kind for kind in shown.run.kinds if kind.resource_type == "Observation"]
    assert (labs.stated, labs.arrived, labs.lost) == (70, 50, 20)


def test_no_token_can_be_read_out_of_the_database():
    """Fasten and Open Wearables: tokens lay in the tables as they are sent."""
    person, app = parties.sign_up(), parties.App.register()
    given = app.let_in(person, "patient/Observation.rs offline_access")
    assert app.userinfo(given["access_token"]).status_code in (200, 403)

    for model in (AccessToken, RefreshToken):
        for row in model.objects.values():
            kept = {str(value) for value in row.values()}
            assert not kept & {given["access_token"], given["refresh_token"]}


def _link(reference: str) -> dict:
    return {"type": "seealso", "other": {"reference": reference}}


def test_every_sensitive_kind_is_withheld_whatever_its_code():
    """icanbwell: one filter forgot the hard-coded category. Here an unknown sensitive code is sensitive too."""
    person = people.sign_up()
    codes = ["R", "HIV", "PSY", "SUD", "ETH", "SEX", "GDIS", "SDV", "VIO", "never heard of"]
    security = [[{"system": ACT_CODE, "code": code}] for code in codes]
    people.store_records(
        person,
        [
            population.observation(person.patient_id, f"o{number}", meta={"security": tags})
            for number, tags in enumerate(security)
        ]
        + [population.observation(person.patient_id, "plain")],
    )
    everything = frozenset({"R", "SUD", "PSY", "SEX", "HIV", "GDIS", "SDV", "VIO", "OTHER"})
    assert len(people.let_in(person, "patient/*.rs", terms=Terms(labels=everything)).ids("/Observation")) == 11

    assert people.let_in(person, "patient/*.rs").ids("/Observation") == ["Observation/plain"]


def test_a_page_link_does_not_carry_one_readers_rights_to_another():
    """Microsoft: a continuation token was used again in another search."""
    person = people.with_record()
    whole = people.let_in(person, "patient/*.rs")
    lab = people.let_in(person, f"patient/Observation.rs?category={LAB}")
    url = people.link(whole.bundle("/Observation?_count=5"), "next").partition(people.BASE)[2]
    assert len(people.matches(whole.bundle(url))) == 5
    cursor = url.partition("_cursor=")[2]

    assert set(people.matches(lab.bundle(url))) <= set(lab.ids("/Observation"))
    assert lab.get(f"/Condition?_cursor={cursor}").status_code == 403
    other = people.let_in(people.with_record(), "patient/*.rs")
    assert set(people.matches(other.bundle(url))) <= set(other.ids("/Observation"))


def test_read_of_a_hidden_record_is_not_told_from_one_that_does_not_exist():
    """LinuxForHealth: 403 for a record that is there, 404 or 200 for others."""
    world = worlds.of_unselected_categories()
    assert world.whole.get("/Observation/hidden-Observation").status_code == 200

    hidden, absent = (world.reader.get(f"/Observation/{name}") for name in ("hidden-Observation", "absent"))

    assert (hidden.status_code, hidden.content) == (absent.status_code, absent.content) == (404, absent.content)


def test_every_granular_scope_of_a_type_counts():
    """A Medplum fork: only the first granular scope of a type was looked at."""
    person = people.with_record()
    one = people.let_in(person, f"patient/Observation.rs?category={LAB}").ids("/Observation")
    other = people.let_in(person, f"patient/Observation.rs?category={VITALS}").ids("/Observation")
    assert set(one) != set(other)

    both = people.let_in(person, f"patient/Observation.rs?category={LAB}", f"patient/Observation.rs?category={VITALS}")

    assert set(both.ids("/Observation")) == {*one, *other}


def test_a_source_added_later_is_not_in_a_consent_that_named_its_sources():
    """Consent as a property of what was there: what comes later must not slip in under it."""
    person = people.sign_up()
    first = people.store_records(person, [population.observation(person.patient_id, "first")])
    app = people.let_in(person, "patient/*.rs", terms=Terms(sources=frozenset({first})))
    everything = people.let_in(person, "patient/*.rs")
    later = sources.ensure(SourceKind.EHR, "Later", "https://later.example/fhir")

    with transaction.atomic():
        resources = [population.observation(person.patient_id, "later")]
        store.put_page(owner_id=person.id, source_id=later.id, resources=resources, at=people.now())

    assert len(everything.ids("/Observation")) == 2
    assert app.ids("/Observation") == ["Observation/first"]


def test_a_scope_that_is_accepted_is_enforced():
    """LinuxForHealth and Aidbox: scopes that are taken and then ignored."""
    person = people.with_record()
    assert people.let_in(person, "patient/Observation.rs").get("/Observation/obs-1").status_code == 200

    assert people.let_in(person, "patient/Observation.s").get("/Observation/obs-1").status_code == 403
    assert people.let_in(person, "patient/Observation.r").get("/Observation").status_code == 403
    assert people.let_in(person, "patient/Condition.rs").get("/Observation").status_code == 403
