"""SMART Health Cards of ours: as small as the specification wants, signed, believed by our receiver and by others."""

from __future__ import annotations

import base64
import json
import re
import zlib

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from jwcrypto import jwk, jws

from audit import events
from sharing import cards
from sharing.models import Card, CardKey, TakenBack
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
    assert re.fullmatch(r"[A-Za-z0-9_-]{11}", payload["vc"]["rid"])
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

    assert set(key) == {"kty", "kid", "use", "alg", "crv", "x", "y", "crlVersion"}
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


def revoked(kid):
    answer = Client().get(f"/cards/.well-known/crl/{kid}.json", headers={"Origin": "https://verifier.example"})
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (200, "*")
    assert answer["Cache-Control"] == "public, max-age=300"
    return answer.json()


def made(owner, count=1):
    """Cards of one immunization, as text, oldest first."""
    return [cards.issue(owner, cards.shots(owner, at=AT)[:1], at=AT)[0] for _ in range(count)]


def numbers(*texts):
    return [independently(text)[1]["vc"]["rid"] for text in texts]


def test_card_she_takes_back_is_named_in_the_list_of_its_key_and_the_other_is_not():
    owner = makers.owner()
    lost, kept = made(owner, 2)
    read = [health_cards.card(each) for each in (lost, kept)]
    kid = read[0].kid
    assert revoked(kid) == {"kid": kid, "method": "rid", "ctr": 1, "rids": []}
    assert key_set()["keys"][0]["crlVersion"] == 1

    (mine,) = [each for each in cards.of(owner, most=9) if cards.rid(each) == numbers(lost)[0]]
    cards.take_back(owner, [mine], at=AT)

    assert revoked(kid) == {"kid": kid, "method": "rid", "ctr": 2, "rids": numbers(lost)}
    key = health_cards.key_for(read[0], key_set())
    assert key["crlVersion"] == 2
    assert health_cards.is_list_of(revoked(kid), key)
    assert [health_cards.is_revoked(each, revoked(kid)) for each in read] == [True, False]
    with pytest.raises(cards.NothingToTakeBack):
        cards.take_back(owner, [mine], at=AT)


def test_numbers_of_cards_have_nothing_in_common_and_stand_in_no_table():
    owner, other = makers.owner(), makers.owner()

    texts = [*made(owner, 2), *made(other)]

    assert len(set(numbers(*texts))) == 3
    rows = str([list(model.objects.values()) for model in (Card, TakenBack)])
    assert not any(number in rows for number in numbers(*texts))
    assert str(list(Card.objects.values())).count("140") == 0, "what a card says is not kept"


def test_list_of_one_key_names_no_card_of_another_and_an_unknown_key_has_none():
    owner = makers.owner()
    (old,) = made(owner)
    call_command("rotate_card_key")
    (new,) = made(owner)

    cards.take_back(owner, cards.good(owner), at=AT)

    assert [revoked(health_cards.card(each).kid)["rids"] for each in (old, new)] == [numbers(old), numbers(new)]
    assert Client().get("/cards/.well-known/crl/unknown.json").status_code == 404


def test_card_whose_key_is_gone_is_told_so_and_not_taken_back():
    owner = makers.owner()
    made(owner)
    call_command("rotate_card_key", compromised=True)
    client = people.browser_of(owner)

    page = client.get("/share/card/").content

    assert b"this site has changed its key" in page
    assert b"Take back<span" not in page
    assert client.get(f"/share/card/{Card.objects.get().uid}/back/").status_code == 404


def test_she_takes_one_back_and_then_all_and_her_log_says_so():
    owner = makers.owner()
    made(owner, 3)
    client = people.browser_of(owner)
    page = client.get("/share/card/").content.decode()
    assert page.count("1 immunization<") + page.count("1 immunization ") == 3
    address = re.search(r'href="(/share/card/[0-9a-f-]{36}/back/)"', page)[1]

    asked, done = client.get(address), client.post(address, follow=True)

    assert "Take back the card of" in asked.content.decode()
    assert TakenBack.objects.count() == 1
    assert "1 card is taken back." in done.content.decode()
    assert done.content.decode().count("Taken back on") == 1
    assert done.content.decode().rindex("Take back<span") < done.content.decode().index("Taken back on")
    assert "Take back all 2 cards?" in client.get("/share/card/back/").content.decode()
    assert "2 cards are taken back." in client.post("/share/card/back/", follow=True).content.decode()
    assert TakenBack.objects.count() == 3
    assert [client.post(each).status_code for each in (address, "/share/card/back/")] == [404, 404]
    told = events.of(owner.pk, 2)
    assert [(each.interaction, each.detail["cards"]) for each in told] == [("take-back-card", 2), ("take-back-card", 1)]
    assert "took back a health card" in client.get("/access/").content.decode()


def test_nobody_takes_back_a_card_of_hers():
    owner = makers.owner()
    made(owner)
    address = f"/share/card/{Card.objects.get().uid}/back/"
    stranger = people.browser_of(makers.owner())

    assert [stranger.get(address).status_code, stranger.post(address).status_code] == [404, 404]
    assert people.browser_of(owner).get(address).status_code == 200
    assert TakenBack.objects.count() == 0


def test_cards_are_bounded_in_number_and_those_taken_back_do_not_count(monkeypatch):
    monkeypatch.setattr(cards, "KEPT_MAX", 2)
    owner = makers.owner()
    made(owner, 2)
    with pytest.raises(cards.TooManyCards):
        made(owner)
    assert b"Take some back first." in people.browser_of(owner).post("/share/card/", {"shot": ["flu"]}).content

    cards.take_back(owner, cards.good(owner)[:1], at=AT)

    assert len(made(owner)) == 1
