"""SMART Health Cards: read from file and QR code, believed by the issuer's signature only, kept whatever it says."""

from __future__ import annotations

import base64
import time

import pytest

from local import seeding
from standards.fhir import json
from standards.smart import health_cards
from sync.sources.cards import client, source
from sync.sources.upload.accounts import Fate, Reason
from sync.sources.upload.readings import Refused
from tests.fakes.issuer import Issuer, file_of, numeric, tampered

RECEIVED = "2026-01-02T03:04:05.000Z"
PATIENT = {"resourceType": "Patient", "name": [{"family": "Example", "given": ["Ana"]}], "birthDate": "1970-05-01"}


def shot(code: str = "207") -> dict:
    return {
        "resourceType": "Immunization",
        "status": "not-done",
        "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": code}]},
        "patient": {"reference": "resource:0"},
        "occurrenceDateTime": "2021-01-01",
    }


@pytest.fixture
def issuer(settings):
    settings.SANDBOX = True
    found = Issuer()
    yield found
    found.close()


def read(data):
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    return source.read(data if isinstance(data, bytes) else data.encode(), title="card", received=now)


def verdicts(reading):
    worth = (Reason.VERIFIED, Reason.UNVERIFIED, Reason.FORGED)
    return [reason for (_, reason, _), count in reading.account.lines.items() if reason in worth for _ in range(count)]


def kinds(reading):
    return sorted(each["resourceType"] for each in reading.resources)


@pytest.mark.parametrize("form", ["file", "jws", "qr", "qr in parts"])
def test_card_is_read_in_every_form_and_its_signature_checked(issuer, form):
    card = issuer.card(PATIENT, shot())
    given = {
        "file": file_of(card),
        "jws": card,
        "qr": numeric(card)[0],
        "qr in parts": "\n".join(reversed(numeric(card, parts=3))),
    }[form]

    reading = read(given)

    assert kinds(reading) == ["DocumentReference", "Immunization", "Patient"]
    assert reading.account.lines[Fate.MAPPED, Reason.VERIFIED, issuer.address] == 1
    (patient,) = reading.patients()
    assert next(reading for reading in reading.resources if reading["resourceType"] == "Immunization")["patient"] == {
        "reference": f"Patient/{patient}"
    }


def test_cards_of_one_person_in_a_file_are_about_one_patient(issuer):
    reading = read(file_of(issuer.card(PATIENT, shot("207")), issuer.card(PATIENT, shot("88"))))

    assert kinds(reading) == ["DocumentReference", "Immunization", "Immunization", "Patient"]
    assert reading.patient == next(iter(reading.patients()))


def test_card_with_a_wrong_signature_is_kept_as_a_file_and_believed_in_nothing(issuer):
    forged = tampered(issuer.card(PATIENT, shot()))

    reading = read(file_of(forged))

    assert kinds(reading) == ["DocumentReference"]
    assert reading.account.lines[Fate.DROPPED, Reason.FORGED, issuer.address] == 1
    attachment = reading.resources[0]["content"][0]["attachment"]
    assert base64.b64decode(attachment["data"]) == file_of(forged)


def test_card_whose_issuer_cannot_be_asked_is_kept_and_marked(issuer):
    card = issuer.card(PATIENT, shot())
    issuer.keys = None

    reading = read(card)

    immunization = next(each for each in reading.resources if each["resourceType"] == "Immunization")
    assert verdicts(reading) == [Reason.UNVERIFIED]
    assert immunization["meta"]["tag"] == [source.UNVERIFIED]


@pytest.mark.parametrize("change", [{"kid": "another"}, {"use": "enc"}, {"alg": "ES384"}, {"kty": "RSA"}])
def test_key_that_may_not_sign_cards_verifies_nothing(issuer, change):
    issuer.keys = {"keys": [issuer.public(**change)]}

    assert verdicts(read(issuer.card(PATIENT, shot()))) == [Reason.UNVERIFIED]


def test_key_under_the_id_of_another_makes_it_forged(issuer):
    stranger = Issuer()
    issuer.keys = {"keys": [stranger.public(kid=issuer.kid)]}

    assert verdicts(read(issuer.card(PATIENT, shot()))) == [Reason.FORGED]
    stranger.close()


def test_card_that_is_not_valid_yet_or_no_longer_is_not_called_verified(issuer):
    early = issuer.card(PATIENT, shot(), begins=time.time() + 86_400)
    late = issuer.card(PATIENT, shot(), exp=time.time() - 86_400)

    assert [verdicts(read(each)) for each in (early, late)] == [[Reason.UNVERIFIED]] * 2


@pytest.mark.parametrize(
    ("revoked", "verdict"),
    [
        ({"rids": ["r1"]}, Reason.FORGED),
        ({"rids": ["r1.9999999999"]}, Reason.FORGED),
        ({"rids": ["r1.1"]}, Reason.VERIFIED),
        ({"rids": ["r2"]}, Reason.VERIFIED),
        ({"rids": ["r1"], "ctr": 1}, Reason.UNVERIFIED),
        ({"rids": ["r1"], "kid": "another"}, Reason.UNVERIFIED),
        ({"rids": ["r1"], "method": "mystery"}, Reason.UNVERIFIED),
        ({"rids": "r1"}, Reason.UNVERIFIED),
        (None, Reason.UNVERIFIED),
    ],
)
def test_revoked_card_is_believed_in_nothing_and_a_list_that_is_none_vouches_for_nothing(issuer, revoked, verdict):
    issuer.keys = {"keys": [issuer.public(crlVersion=2)]}
    issuer.revoked = revoked and {"kid": issuer.kid, "method": "rid", "ctr": 2, **revoked}

    assert verdicts(read(issuer.card(PATIENT, shot(), rid="r1"))) == [verdict]


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/issuer",
        "https://10.0.0.1/issuer",
        "https://169.254.169.254",
        "file:///etc",
        "https://x.example/",
        "",
    ],
)
def test_issuer_at_an_address_that_is_not_public_is_never_asked(issuer, settings, address):
    settings.SANDBOX = False

    assert verdicts(read(issuer.card(PATIENT, shot(), iss=address))) == [Reason.UNVERIFIED]
    assert issuer.asked == []


@pytest.mark.parametrize(
    "data",
    [
        b"shc:/12345",
        b"shc:/1/3/5676\nshc:/3/3/5676",
        b"shc:/0000",
        b"eyJhbGciOiJFUzI1NiJ9.e30.AAAA",
        b"a.b",
        b'{"verifiableCredential": "x"}',
        b'{"verifiableCredential": [1]}',
        b"",
    ],
)
def test_what_is_no_card_is_refused(data):
    with pytest.raises(Refused) as refused:
        source.read(data, title="", received=RECEIVED)

    assert refused.value.reason is Reason.DAMAGED


def test_card_that_would_unpack_into_too_much_is_refused(issuer, monkeypatch):
    monkeypatch.setattr(health_cards, "PAYLOAD_BYTES_MAX", 100)

    with pytest.raises(Refused):
        read(issuer.card(PATIENT, shot()))


@pytest.mark.skipif(not seeding.SHARED_DATA.exists(), reason="the public data sets do not lie beside the checkout")
@pytest.mark.parametrize("number", ["00", "01"])
def test_examples_of_the_specification_say_what_their_bundle_says(monkeypatch, number):
    folder = seeding.SHARED_DATA / "smart-health-cards" / "shc-shl-spec-examples"
    monkeypatch.setattr(client, "keys", lambda issuer: {})
    expected = json.loads((folder / f"example-{number}-a-fhirBundle.json").read_bytes())

    for form in ("d-jws.txt", "e-file.smart-health-card", "f-qr-code-numeric-value-0.txt"):
        (card,) = health_cards.cards(source._text((folder / f"example-{number}-{form}").read_bytes()))
        assert [entry["resource"]["resourceType"] for entry in card.bundle["entry"]] == [
            entry["resource"]["resourceType"] for entry in expected["entry"]
        ]


@pytest.mark.parametrize(
    "entries",
    [
        [{"fullUrl": ["x"], "resource": PATIENT}, 7],
        [{"fullUrl": {"a": 1}, "resource": shot()}],
        [{"fullUrl": "resource:0", "resource": shot() | {"meta": "x"}}],
        [{"fullUrl": "resource:0", "resource": shot() | {"meta": {"tag": "x"}}}],
    ],
)
@pytest.mark.parametrize("asked", [True, False], ids=["signed", "not verified"])
def test_card_that_is_hardly_a_bundle_is_kept_as_the_file_it_is(issuer, entries, asked):
    issuer.keys = issuer.keys if asked else None

    reading = read(issuer.card_of(entries))

    assert verdicts(reading) == [Reason.VERIFIED if asked else Reason.UNVERIFIED]
    assert kinds(reading)[0] == "DocumentReference"


@pytest.mark.parametrize("entries", [5, None, {}, [7]])
def test_card_without_any_entry_is_refused_in_words(issuer, entries):
    with pytest.raises(Refused) as refused:
        read(issuer.card_of(entries))

    assert refused.value.reason is Reason.NOTHING_IN_IT


@pytest.mark.parametrize("since", ["²", "9" * 5000, ""])
def test_card_is_revoked_by_a_list_that_does_not_say_since_when(issuer, since):
    issuer.keys = {"keys": [issuer.public(crlVersion=1)]}
    issuer.revoked = {"kid": issuer.kid, "method": "rid", "ctr": 1, "rids": [5, None, f"abc.{since}"]}

    assert verdicts(read(issuer.card(PATIENT, shot(), rid="abc"))) == [Reason.FORGED]
    assert verdicts(read(issuer.card(PATIENT, shot(), rid="other"))) == [Reason.VERIFIED]


def test_issuer_is_asked_once_however_many_cards_name_it(issuer):
    reading = read(file_of(*(issuer.card(PATIENT, shot(str(number))) for number in range(5))))

    assert verdicts(reading) == [Reason.VERIFIED] * 5
    assert issuer.asked == ["/issuer/.well-known/jwks.json"]


def test_file_of_cards_asks_few_issuers_and_holds_a_bounded_number(issuer, monkeypatch):
    monkeypatch.setattr(source, "ISSUERS_MAX", 1)
    monkeypatch.setattr(source, "CARDS_MAX", 2)
    stranger = Issuer()
    mixed = [issuer.card(PATIENT, shot()), stranger.card(PATIENT, shot())]

    assert verdicts(read(file_of(*mixed))) == [Reason.VERIFIED, Reason.UNVERIFIED]
    assert stranger.asked == []
    with pytest.raises(Refused) as refused:
        read(file_of(*mixed, mixed[0]))
    assert refused.value.reason is Reason.TOO_LARGE
    stranger.close()
