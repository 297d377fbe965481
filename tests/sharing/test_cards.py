"""SMART Health Cards of ours: as small as the specification wants, signed, believed by our receiver and by others."""

from __future__ import annotations

import base64
import json
import zlib

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from jwcrypto import jwk, jws

from audit import events
from sharing import cards
from sharing.models import CardKey
from standards.smart import health_cards
from tests.portal import people
from tests.sharing import makers

pytestmark = pytest.mark.django_db
AT = timezone.now()


def shot(person, logical_id, **changes):
    return {
        "resourceType": "Immunization",
        "id": logical_id,
        "status": "completed",
        "vaccineCode": {
            "coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "207", "display": "COVID-19, mRNA"}],
            "text": "COVID-19",
        },
        "patient": {"reference": f"Patient/{person.patient_id}"},
        "occurrenceDateTime": "2021-03-01T09:00:00Z",
        "performer": [{"actor": {"display": "Riverside"}}],
        **changes,
    }


def key_set():
    answer = Client().get("/cards/.well-known/jwks.json", headers={"Origin": "https://verifier.example"})
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (200, "*")
    return answer.json()


def independently(card):
    """Header and payload, the signature checked with the published key by a library of others."""
    head = json.loads(base64.urlsafe_b64decode(card.split(".")[0] + "=="))
    (published,) = [key for key in key_set()["keys"] if key["kid"] == head["kid"]]
    token = jws.JWS()
    token.allowed_algs = ["ES256"]
    token.deserialize(card, jwk.JWK(**published))
    return head, json.loads(zlib.decompress(token.payload, wbits=-15))


def test_card_says_what_the_specification_wants_and_nothing_more():
    owner = makers.owner()
    people.store_records(owner, [shot(owner, "covid", note=[{"text": "secret"}])])

    (card,) = cards.issue(owner, cards.shots(owner, at=AT), at=AT)

    head, payload = independently(card)
    assert set(head) == {"alg", "zip", "kid"}
    assert (head["alg"], head["zip"]) == ("ES256", "DEF")
    assert (payload["iss"], payload["nbf"]) == ("http://127.0.0.1:8000/cards", int(AT.timestamp()))
    assert payload["vc"]["type"] == [
        "https://smarthealth.cards#health-card", "https://smarthealth.cards#immunization",
    ]  # fmt: skip
    subject = payload["vc"]["credentialSubject"]
    assert (subject["fhirVersion"], subject["fhirBundle"]["type"]) == ("4.0.1", "collection")
    entries = subject["fhirBundle"]["entry"]
    assert [entry["fullUrl"] for entry in entries] == ["resource:0", "resource:1", "resource:2"]
    assert set(entries[0]["resource"]) <= {"resourceType", "name", "birthDate"}
    assert entries[2]["resource"] == {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "207"}]},
        "patient": {"reference": "resource:0"},
        "occurrenceDateTime": "2021-03-01",
        "performer": [{"actor": {"display": "Riverside"}}],
    }


def test_keys_are_published_without_their_private_halves():
    cards.published(at=AT)
    (key,) = key_set()["keys"]

    assert set(key) == {"kty", "kid", "use", "alg", "crv", "x", "y"}
    assert (key["kty"], key["use"], key["alg"], key["crv"]) == ("EC", "sig", "ES256", "P-256")
    assert key["kid"] == jwk.JWK(**key).thumbprint()


def test_our_receiver_believes_it_from_its_code_and_not_once_it_is_changed():
    owner = makers.owner()
    (card,) = cards.issue(owner, cards.shots(owner, at=AT), at=AT)

    (read,) = health_cards.cards(f"shc:/{health_cards.digits(card)}")
    key = health_cards.key_for(read, key_set())

    assert health_cards.is_signed(read, key)
    assert read.is_valid_at(timezone.now())
    assert read.bundle["entry"][1]["resource"]["lotNumber"] == "A1"
    head, _, signature = card.split(".")
    other = zlib.compressobj(wbits=-15)
    body = base64.urlsafe_b64encode(other.compress(b'{"iss":"x"}') + other.flush()).decode().rstrip("=")
    assert not health_cards.is_signed(health_cards.card(f"{head}.{body}.{signature}"), key)


def test_many_immunizations_become_cards_that_fit_into_one_code_each():
    owner = makers.owner()
    people.store_records(
        owner,
        [
            shot(owner, f"s{n}", occurrenceDateTime=f"20{n + 10}-0{n % 9 + 1}-03", lotNumber=f"LOT-{n * 7919}")
            for n in range(30)
        ],
    )

    made = cards.issue(owner, cards.shots(owner, at=AT), at=AT)

    assert len(made) > 1
    assert all(len(card) <= health_cards.SINGLE_CODE_MAX for card in made)
    days = [
        entry["resource"]["occurrenceDateTime"]
        for card in made
        for entry in independently(card)[1]["vc"]["credentialSubject"]["fhirBundle"]["entry"][1:]
    ]
    assert len(days) == 31
    assert len(set(days)) == 31


def test_only_what_was_given_has_a_code_and_a_day_is_offered_and_each_once():
    owner = makers.owner()
    people.store_records(
        owner,
        [
            shot(owner, "given"),
            shot(owner, "refused", status="not-done"),
            shot(owner, "words", vaccineCode={"text": "some shot"}),
            {key: value for key, value in shot(owner, "when").items() if key != "occurrenceDateTime"}
            | {"occurrenceString": "as a child"},
        ],
    )
    people.store_records(owner, [shot(owner, "again")], hospital="Lakeside")

    assert {each.logical_id for each in cards.shots(owner, at=AT)} <= {"flu", "given", "again"}
    assert len(cards.shots(owner, at=AT)) == 2


def test_new_key_signs_and_the_old_one_still_vouches_unless_it_was_compromised():
    owner = makers.owner()
    chosen = cards.shots(owner, at=AT)
    (old,) = cards.issue(owner, chosen, at=AT)

    call_command("rotate_card_key")
    (new,) = cards.issue(owner, chosen, at=AT)

    assert independently(old)[0]["kid"] != independently(new)[0]["kid"]
    call_command("rotate_card_key", compromised=True)
    assert CardKey.objects.count() == 1
    assert health_cards.key_for(health_cards.card(old), key_set()) is None


def test_page_gives_codes_and_a_file_of_what_she_ticked():
    owner = makers.owner()
    people.store_records(owner, [shot(owner, "covid")])
    client = people.browser_of(owner)
    assert client.get("/share/card/").content.count(b'name="shot"') == 2

    shown = client.post("/share/card/", {"shot": ["flu"], "answer": "show"})
    file = client.post("/share/card/", {"shot": ["flu"], "answer": "file"})

    assert shown.content.count(b"data:image/svg+xml;base64,") == 1
    assert file["Content-Type"] == "application/smart-health-card"
    assert file["Content-Disposition"] == 'attachment; filename="immunizations.smart-health-card"'
    (card,) = json.loads(file.content)["verifiableCredential"]
    entries = independently(card)[1]["vc"]["credentialSubject"]["fhirBundle"]["entry"]
    assert [entry["resource"].get("lotNumber") for entry in entries[1:]] == ["A1"]
    assert [event.interaction for event in events.of(owner.pk)][:2] == ["issue-card", "issue-card"]
    assert b"Choose at least one." in client.post("/share/card/", {"shot": ["nobodys"]}).content
