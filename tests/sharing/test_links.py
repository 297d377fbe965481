"""SMART Health Links as a receiver meets them: payload, manifest, files, passcode, end (SPEC_FACTS 12)."""

from __future__ import annotations

import base64
import json
import string
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from audit import events
from audit.models import Agent, Outcome
from consent import ledger, resources
from consent.models import Grantee, HiddenRecord
from consent.terms import Terms
from gateway import limits
from records import keys, labels
from records.models import Source
from sharing import contents, links, openings
from sharing.links import State
from sharing.models import PASSCODE_TRIES, Content, HealthLink
from standards.fhir import validation
from tests import servers, web_role
from tests.portal import people
from tests.sharing import makers
from tests.sharing.makers import CODE
from tests.sharing.receiver import RECIPIENT, Receiver, decoded
from tests.standards import ips_rules

pytestmark = pytest.mark.django_db
BASE64URL = set(string.ascii_letters + string.digits + "-_")


def of_type(bundle, resource_type):
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == resource_type]


def ids(bundle, resource_type):
    return {resource["id"] for resource in of_type(bundle, resource_type)}


def test_payload_says_where_the_key_the_end_the_flags_and_the_label():
    ends = timezone.now() + timedelta(days=7)
    said = makers.receiver(makers.make(makers.owner(), ends=ends)).payload

    assert said["url"].startswith("http://127.0.0.1:8000/shl/")
    assert len(said["url"]) <= 128
    assert len(decoded(said["url"].rpartition("/")[2])) == 32
    assert (len(said["key"]), set(said["key"]) <= BASE64URL, len(decoded(said["key"]))) == (43, True, 32)
    assert (said["exp"], said["flag"], said["label"]) == (int(ends.timestamp()), "LP", "For Dr. Example")
    assert set(said) == {"url", "key", "exp", "flag", "label"}


@pytest.mark.parametrize(
    ("live", "passcode", "flag"), [(True, CODE, "LP"), (True, "", "LU"), (False, CODE, "P"), (False, "", "U")]
)
def test_flags_stand_in_the_order_of_the_alphabet_and_never_u_beside_p(live, passcode, flag):
    assert makers.receiver(makers.make(makers.owner(), live=live, passcode=passcode)).payload["flag"] == flag


def test_link_is_an_address_of_the_viewer_with_everything_in_the_fragment():
    address = links.address(makers.make(makers.owner()))

    before, _, after = address.viewer.partition("#")
    assert before == "http://127.0.0.1:8000/view/"
    assert after == address.text
    assert address.text.startswith("shlink:/")
    assert set(address.text.removeprefix("shlink:/")) <= BASE64URL


def test_two_links_have_nothing_in_common():
    owner = makers.owner()
    one, other = (makers.receiver(makers.make(owner)).payload for _ in range(2))

    assert one["key"] != other["key"]
    assert one["url"] != other["url"]


def test_manifest_lists_the_summary_sealed_with_the_links_key():
    receiver = makers.receiver(makers.make(makers.owner()))

    (file,) = receiver.manifest(passcode=CODE)["files"]
    header, bundle = receiver.opened(file["embedded"])

    assert (file["contentType"], file["fhirVersion"], file["status"]) == (
        "application/fhir+json",
        "4.0.1",
        "can-change",
    )
    assert header == {"alg": "dir", "enc": "A256GCM", "cty": "application/fhir+json", "zip": "DEF"}
    assert ips_rules.broken(bundle) == []
    assert ids(bundle, "Condition") == {"pressure"}
    assert ids(bundle, "Immunization") == {"flu"}


def test_every_sealing_has_an_initialization_vector_of_its_own():
    receiver = makers.receiver(makers.make(makers.owner(), live=False))

    first, second = (receiver.manifest(passcode=CODE)["files"][0]["embedded"] for _ in range(2))

    assert first.split(".")[2] != second.split(".")[2]
    assert receiver.opened(first)[1] == receiver.opened(second)[1]


def test_file_longer_than_embedded_length_max_is_at_a_place_of_its_own_for_minutes(monkeypatch):
    receiver = makers.receiver(makers.make(makers.owner()))
    embedded = receiver.manifest(passcode=CODE)["files"][0]["embedded"]

    (file,) = receiver.manifest(passcode=CODE, embeddedLengthMax=len(embedded) // 2)["files"]

    assert "embedded" not in file
    assert ips_rules.broken(receiver.opened(receiver.fetched(file))[1]) == []
    monkeypatch.setattr(openings, "TICKET_LIFE", timedelta(seconds=-1))
    assert receiver.client.get(file["location"].removeprefix("http://127.0.0.1:8000")).status_code == 404


def test_place_of_a_file_is_good_for_its_own_link_alone():
    owner = makers.owner()
    one, other = (makers.receiver(makers.make(owner)) for _ in range(2))
    (file,) = one.manifest(passcode=CODE, embeddedLengthMax=0)["files"]
    ticket = file["location"].rpartition("/")[2]

    assert one.client.get(f"{one.path}/{ticket}").status_code == 200
    assert other.client.get(f"{other.path}/{ticket}").status_code == 404
    assert one.client.get(f"{one.path}/made-up").status_code == 404


def test_direct_file_is_given_to_whoever_says_who_asks():
    receiver = makers.receiver(makers.make(makers.owner(), passcode=""))

    answer = receiver.get()

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/jose")
    assert ips_rules.broken(receiver.opened(answer.content.decode())[1]) == []
    assert receiver.client.get(receiver.path).status_code == 400
    # Whoever does not know the flag asks for a manifest, and gets one.
    assert ips_rules.broken(receiver.bundle()) == []


def test_link_with_a_passcode_gives_no_file_directly():
    receiver = makers.receiver(makers.make(makers.owner()))

    assert receiver.get().status_code == 404


def test_wrong_passcodes_are_counted_for_life_and_the_last_shuts_it():
    owner = makers.owner()
    made = makers.make(owner)
    receiver = makers.receiver(made)

    for left in range(PASSCODE_TRIES - 1, 0, -1):
        answer = receiver.post(passcode="guess")
        assert (answer.status_code, answer.json()) == (401, {"remainingAttempts": left})
        # A right one gives nothing back.
        assert receiver.post(passcode=CODE).status_code == 200
    links.renew(made.link, ends=timezone.now() + timedelta(days=9), read=makers.READ, at=timezone.now())
    assert receiver.post(passcode="guess").json() == {"remainingAttempts": 0}

    assert receiver.post(passcode=CODE).status_code == 404
    assert makers.standing(owner, made.link.pk).state is State.LOCKED
    links.renew(made.link, ends=timezone.now() + timedelta(days=9), read=makers.READ, at=timezone.now())
    assert receiver.post(passcode=CODE).status_code == 404


def test_passcode_that_was_not_given_is_asked_for_and_not_counted():
    receiver = makers.receiver(makers.make(makers.owner()))

    for _ in range(PASSCODE_TRIES + 1):
        answer = receiver.post()
        assert (answer.status_code, answer.json()) == (401, {"remainingAttempts": PASSCODE_TRIES})


@pytest.mark.django_db(transaction=True)
def test_guesses_at_the_same_time_are_counted_one_by_one():
    made = makers.make(makers.owner())
    receiver = makers.receiver(made)
    statuses: list[int] = []

    def guess(number: int) -> None:
        try:
            statuses.append(Receiver(receiver.payload, Client()).post(passcode=f"guess {number}").status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=guess, args=[number]) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [401] * PASSCODE_TRIES + [404] * (12 - PASSCODE_TRIES)
    assert receiver.post(passcode=CODE).status_code == 404


def later(monkeypatch, **more):
    """The clock goes on by so much."""
    moment = timezone.now() + timedelta(**more)
    monkeypatch.setattr(timezone, "now", lambda: moment)


def test_ended_stopped_and_unknown_are_told_alike(monkeypatch):
    owner = makers.owner()
    ended, stopped = makers.make(owner), makers.make(owner, ends=timezone.now() + timedelta(days=30))
    receivers = [makers.receiver(ended), makers.receiver(stopped)]
    assert receivers[0].post(passcode=CODE).status_code == 200
    assert receivers[1].post(passcode=CODE).status_code == 200

    links.stop(stopped.link, at=timezone.now())
    later(monkeypatch, days=8)

    told = [receiver.post(passcode=CODE) for receiver in receivers]
    told.append(Client().post("/shl/" + "A" * 43, {"recipient": "x"}, content_type="application/json"))
    assert {(answer.status_code, answer.content) for answer in told} == {(404, told[0].content)}


def test_place_of_a_file_ends_with_the_link():
    made = makers.make(makers.owner())
    receiver = makers.receiver(made)
    (file,) = receiver.manifest(passcode=CODE, embeddedLengthMax=0)["files"]
    receiver.fetched(file)

    links.stop(made.link, at=timezone.now())

    assert receiver.client.get(file["location"].removeprefix("http://127.0.0.1:8000")).status_code == 404


def test_renewed_link_goes_on_at_the_same_address_with_the_same_key(monkeypatch):
    owner = makers.owner()
    made = makers.make(owner)
    receiver = makers.receiver(made)
    later(monkeypatch, days=8)
    assert receiver.post(passcode=CODE).status_code == 404

    links.renew(made.link, ends=timezone.now() + timedelta(days=1), read=makers.READ, at=timezone.now())

    assert ids(receiver.bundle(passcode=CODE), "Condition") == {"pressure"}
    again = makers.receiver(makers.standing(owner, made.link.pk)).payload
    assert {**again, "exp": 0} == {**receiver.payload, "exp": 0}
    assert again["exp"] > receiver.payload["exp"]


def test_stopped_link_can_not_be_renewed():
    made = makers.make(makers.owner())
    links.stop(made.link, at=timezone.now())

    with pytest.raises(ledger.NothingToResume):
        links.renew(made.link, ends=timezone.now() + timedelta(days=1), read=makers.READ, at=timezone.now())


@pytest.mark.parametrize("content", Content.values)
def test_live_link_shows_what_came_later_and_a_frozen_one_does_not(content):
    owner = makers.owner()
    live, frozen = (makers.receiver(makers.make(owner, content=content, live=live)) for live in (True, False))

    people.store_records(owner, [people.condition(owner, "later")])

    assert ids(live.bundle(passcode=CODE), "Condition") == {"pressure", "later"}
    assert ids(frozen.bundle(passcode=CODE), "Condition") == {"pressure"}


def test_records_are_as_they_are_with_her_patient_first():
    owner = makers.owner()
    granted = (
        "patient/Patient.rs",
        "patient/Condition.rs",
        f"patient/Observation.rs?category={people.OBSERVATION_CATEGORY}|laboratory",
    )
    receiver = makers.receiver(makers.make(owner, content=Content.RECORDS, granted=granted))

    bundle = receiver.bundle(passcode=CODE)

    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert (bundle["type"], kinds) == ("collection", ["Patient", "Condition", "Observation"])
    assert ids(bundle, "Observation") == {"hb"}
    assert bundle["entry"][0]["fullUrl"] == f"http://127.0.0.1:8000/fhir/r4/Patient/{owner.patient_id}"
    assert of_type(bundle, "Observation")[0]["valueQuantity"] == {"value": 13.5, "unit": "g/dL"}


def test_records_beyond_the_most_are_said_to_be_missing(monkeypatch):
    monkeypatch.setattr(contents, "RECORDS_MAX", 3)
    bundle = makers.receiver(makers.make(makers.owner(), content=Content.RECORDS)).bundle(passcode=CODE)

    assert len(bundle["entry"]) == 4
    (told,) = of_type(bundle, "OperationOutcome")
    assert "no more than 3 records" in told["issue"][0]["details"]["text"]


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("content", Content.values)
def test_sensitive_hidden_and_refused_records_are_not_in_it(content, live):
    owner = makers.owner()
    people.store_records(owner, [makers.sensitive(owner), people.condition(owner, "hidden")])
    label = next(iter(labels.names(labels.SENSITIVE)))
    everything = Terms(labels=frozenset(labels.names(labels.SENSITIVE)))
    shown = makers.receiver(makers.make(owner, content=content, live=live, terms=everything)).bundle(passcode=CODE)
    assert label
    assert ids(shown, "Condition") == {"pressure", "hiv", "hidden"}

    ledger.hide(owner=owner, actor=owner, record="Condition/hidden", read=makers.READ, at=timezone.now())
    bundle = makers.receiver(makers.make(owner, content=content, live=live)).bundle(passcode=CODE)

    assert HiddenRecord.objects.get(owner=owner).record == "Condition/hidden"
    assert ids(bundle, "Condition") == {"pressure"}
    assert "HIV" not in json.dumps(bundle)


def test_time_and_sources_bound_a_link_as_they_bound_an_app():
    owner = makers.owner()
    people.store_records(owner, [people.condition(owner, "lake", onsetDateTime="2024-05-05")], hospital="Lakeside")
    since = int(timezone.datetime(2024, 1, 1, tzinfo=timezone.get_default_timezone()).timestamp() * 1_000_000)
    whole = makers.receiver(makers.make(owner, content=Content.RECORDS)).bundle(passcode=CODE)
    assert ids(whole, "Condition") == {"pressure", "lake"}

    narrowed = makers.receiver(makers.make(owner, content=Content.RECORDS, terms=Terms(since=since)))

    assert ids(narrowed.bundle(passcode=CODE), "Condition") == {"lake"}


@pytest.mark.parametrize("live", [True, False])
def test_summary_of_one_hospital_says_whose_it_is_and_nothing_of_another(live):
    owner = makers.owner()
    people.store_records(owner, [people.condition(owner, "lake")], hospital="Lakeside")
    terms = Terms(sources=frozenset({Source.objects.get(name="Lakeside").pk}))

    bundle = makers.receiver(makers.make(owner, live=live, terms=terms)).bundle(passcode=CODE)

    assert ips_rules.broken(bundle) == []
    assert (ids(bundle, "Condition"), ids(bundle, "Patient")) == ({"lake"}, {owner.patient_id})


def test_openings_and_refusals_are_in_her_access_log():
    owner = makers.owner()
    made = makers.make(owner)
    receiver = makers.receiver(made)
    receiver.post(passcode="guess")
    receiver.manifest(passcode=CODE)
    links.stop(made.link, at=timezone.now())
    receiver.post(passcode=CODE)

    found = [event for event in events.of(owner.pk) if event.interaction == "open-link"]

    assert [(event.outcome, event.detail.get("reason", "")) for event in found] == [
        (Outcome.REFUSED, "closed"), (Outcome.SUCCESS, ""), (Outcome.REFUSED, "passcode"),
    ]  # fmt: skip
    seen = found[1]
    assert (seen.agent_kind, seen.agent, seen.agent_name) == (Agent.LINK, str(made.link.uid), RECIPIENT)
    assert seen.consent_id == made.decision.pk
    assert seen.detail["types"]["Condition"] == 1


def test_her_ledger_names_the_link_and_her_acts_are_logged():
    owner = makers.owner()
    made = makers.make(owner, live=False)
    links.renew(made.link, ends=timezone.now() + timedelta(days=30), read=makers.READ, at=timezone.now())
    links.stop(made.link, at=timezone.now())

    assert (made.decision.grantee_kind, made.decision.grantee_name) == (Grantee.LINK, "For Dr. Example")
    assert (made.decision.shown, made.decision.text_version) == ({"purpose": "second opinion"}, "link-2026-11")
    told = {"patient_id": owner.patient_id, "status": "active", "changed": made.decision.decided, "sources": {}}
    assert validation.problems(resources.consent(made.decision, **told)) == []
    acts = [event.interaction for event in events.of(owner.pk) if event.agent_kind == Agent.OWNER]
    assert acts == ["revoke", "renew", "make-link"]
    assert ledger.verify(owner.pk) == []


def test_database_holds_neither_key_nor_address_nor_passcode_nor_content():
    owner = makers.owner()
    receiver = makers.receiver(makers.make(owner, live=False))
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM sharing_healthlink t WHERE owner_id = %s", [owner.pk])
        row = cursor.fetchone()[0]
        cursor.execute("SELECT sealed || frozen FROM sharing_healthlink WHERE owner_id = %s", [owner.pk])
        held = bytes(cursor.fetchone()[0])

    token, key = receiver.path.rpartition("/")[2], receiver.payload["key"]
    for secret in (token, key, CODE, "Penicillin"):
        assert secret not in row
        assert secret.encode() not in held
    assert decoded(key) not in held
    assert base64.b64encode(decoded(key)) not in held


def test_link_ends_with_her_key():
    owner = makers.owner()
    receiver = makers.receiver(makers.make(owner, live=False))
    assert receiver.post(passcode=CODE).status_code == 200

    keys.destroy(owner.pk, at=timezone.now())

    assert receiver.post(passcode=CODE).status_code == 404


def test_link_of_a_closed_account_opens_nothing():
    owner = makers.owner()
    receiver = makers.receiver(makers.make(owner))
    assert receiver.post(passcode=CODE).status_code == 200

    owner.is_active = False
    owner.save()

    assert receiver.post(passcode=CODE).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"\xff", b'{"recipient": ""}', b'{"recipient": "\\u0000\\u202e "}',
        b'{"recipient": 7}', b'{"recipient": "x", "passcode": 1}',
        b'{"recipient": "x", "embeddedLengthMax": "all"}', b'{"recipient": "x", "embeddedLengthMax": -1}',
        b'{"recipient": "' + b"x" * 10_001 + b'"}',
    ],
)  # fmt: skip
def test_malformed_request_is_told_what_is_wrong(body):
    receiver = makers.receiver(makers.make(makers.owner(), passcode=""))

    answer = receiver.client.post(receiver.path, body, content_type="application/json")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_name_a_visitor_gives_cannot_turn_the_letters_of_her_log_round():
    owner = makers.owner()
    receiver = makers.receiver(makers.make(owner, passcode=""))

    receiver.client.get(receiver.path, {"recipient": "Dr.\u202e \x00\x1b<b>Eve</b>\n of\u2066 Clinic\ufeff"})

    (seen,) = [event for event in events.of(owner.pk) if event.agent_kind == Agent.LINK]
    assert seen.agent_name == "Dr. <b>Eve</b> of Clinic"


def test_any_origin_may_ask_and_no_cookie_counts():
    receiver = makers.receiver(makers.make(makers.owner()))
    asks_first = {"Origin": "https://viewer.example", "Access-Control-Request-Method": "POST"}

    preflight = receiver.client.options(receiver.path, headers=asks_first)
    wrong = receiver.client.post(
        receiver.path, json.dumps({"recipient": "x"}), content_type="application/json",
        headers={"Origin": "https://viewer.example"},
    )  # fmt: skip

    assert preflight.status_code == 204
    assert "POST" in preflight["Access-Control-Allow-Methods"]
    assert "Content-Type" in preflight["Access-Control-Allow-Headers"]
    assert (wrong.status_code, wrong["Access-Control-Allow-Origin"]) == (401, "*")
    assert "Access-Control-Allow-Credentials" not in wrong
    assert "Set-Cookie" not in wrong
    assert wrong["Cache-Control"] == "no-store"


def test_polling_too_often_is_told_when_to_come_back(settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "link": 2}
    limits.forget()
    owner = makers.owner()
    receiver, other = (makers.receiver(makers.make(owner)) for _ in range(2))

    answers = [receiver.post(passcode=CODE) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[2]["Retry-After"]) <= 60
    assert other.post(passcode=CODE).status_code == 200


@pytest.mark.skipif(not servers.ROLE_URLS, reason="a server that was given has no roles of ours")
def test_web_role_opens_links_of_anybody_and_only_by_their_address():
    owner, other = makers.owner(), makers.owner()
    made, hers = makers.make(owner), makers.make(other, live=False)
    receivers = [makers.receiver(each) for each in (made, hers)]

    with web_role.requests():
        assert people.browser_of(other).get(f"/share/{made.link.pk}/").status_code == 404
        assert people.browser_of(owner).get(f"/share/{made.link.pk}/").status_code == 200
        found = [ids(receiver.bundle(passcode=CODE), "Condition") for receiver in receivers]
        wrong = receivers[0].post(passcode="guess")
        stopped = people.browser_of(owner).post(f"/share/{made.link.pk}/stop/")
        after = receivers[0].post(passcode=CODE)

    assert found == [{"pressure"}, {"pressure"}]
    assert (wrong.status_code, stopped.status_code, after.status_code) == (401, 302, 404)
    assert [event.outcome for event in events.of(other.pk) if event.agent_kind == Agent.LINK] == [Outcome.SUCCESS]


def test_no_more_links_than_may_be_open(monkeypatch):
    monkeypatch.setattr(links, "ACTIVE_MAX", 2)
    owner = makers.owner()
    first, _ = makers.make(owner), makers.make(owner)

    with pytest.raises(links.TooManyLinks):
        makers.make(owner)
    links.stop(first.link, at=timezone.now())
    makers.make(owner)
    assert HealthLink.objects.filter(owner=owner).count() == 3
