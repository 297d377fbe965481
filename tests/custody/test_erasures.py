"""A person erased: unreadable from one moment on, gone from every table, everybody else untouched."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import KeySet

from accounts import sessions
from accounts.models import Person
from audit import chains, checkpoints, events
from audit.models import Event
from consent import gate, ledger
from consent.models import Delegation, Relationship
from custody import certificates, erasures, traces
from custody.models import Erasure, ErasureState
from gateway import keys as signing
from records import keys
from sync import leases
from tests.custody import lives
from tests.fakes.cedar import ehr, hospital
from tests.portal import people

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["ehr", "hospital"]


@pytest.fixture(autouse=True)
def _mailbox(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def erase(person: Person) -> Erasure:
    erasure = erasures.ask(person, at=timezone.now(), now=True)
    assert erasures.perform(erasure.pk, at=timezone.now())
    erasure.refresh_from_db()
    return erasure


def naming(life: lives.Life) -> dict[str, list[str]]:
    """The rows that name her: by address, name, subject, Patient, or number in a column that means a person."""
    words = (life.person.email, life.person.name, str(life.person.subject), life.person.patient_id)
    found = {table: [row for row in rows if any(word in row for word in words)] for table, rows in lives.dump().items()}
    schema = traces.Schema()
    columns = {*schema.hers(), *((each.table, each.column) for each in schema.mentions())}
    with connection.cursor() as cursor:
        for table, column in sorted(columns):
            cursor.execute(f'SELECT t::text FROM "{table}" t WHERE "{column}" = %s', [life.person.pk])  # noqa: S608
            found[table] = found.get(table, []) + [row[0] for row in cursor.fetchall()]
    return {table: sorted(set(rows)) for table, rows in found.items() if rows}


def test_no_row_of_any_table_names_her_any_more_and_nobody_else_lost_one(ehr, hospital):
    hers, other = lives.live("Zenobia Quillfeather", ehr, hospital), lives.live("Barnaby Thistlewood", ehr, hospital)
    assert {
        "accounts_person", "audit_event", "consent_decision", "consent_hiddenrecord",
        "gateway_authorization", "records_labelmark", "records_ownerkey", "records_record", "records_recordversion",
        "records_samenessword", "records_searchrow", "sync_connection", "sync_run",
    } <= set(naming(hers))  # fmt: skip
    checkpoints.take(at=timezone.now())
    before, stored = naming(other), lives.files()
    assert Session.objects.count() >= 2

    erase(hers.person)

    assert naming(hers) == {}
    assert naming(other) == before
    assert len(stored) == 2
    assert len(lives.files()) == 1
    assert {sessions.told(each).get("_auth_user_id") for each in Session.objects.all()} == {str(other.person.pk)}
    assert not Person.objects.filter(pk=hers.person.pk).exists()
    assert chains.verify(other.person.pk) == ledger.verify(other.person.pk) == chains.verify(events.NOBODY) == []
    call_command("verify_audit")


def test_her_tokens_end_here_and_at_the_hospital(ehr, hospital, client):
    life = lives.live("Zenobia Quillfeather", ehr, hospital)
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {life.access_token}"}
    assert client.get("/fhir/r4/Observation", **bearer).status_code == 200
    assert life.browser.get("/").status_code == 200
    assert len(ehr.refresh_tokens) == 1

    erasure = erase(life.person)

    assert client.get("/fhir/r4/Observation", **bearer).status_code == 401
    assert life.browser.get("/account/").status_code == 302
    assert not ehr.refresh_tokens
    assert not ehr.tokens
    assert erasure.farewells == {"told": 1, "without_a_way_to_tell": 0, "did_not_answer": 0}


def test_a_hospital_that_is_away_does_not_hold_her_back_and_is_counted(ehr, hospital):
    life = lives.live("Zenobia Quillfeather", ehr, hospital)
    ehr.answer_with("/auth/revoke", 503, times=100)

    assert erase(life.person).farewells == {"told": 0, "without_a_way_to_tell": 0, "did_not_answer": 1}


def test_killed_after_the_key_is_gone_another_worker_ends_it(ehr, hospital, monkeypatch, settings):
    life = lives.live("Zenobia Quillfeather", ehr, hospital)
    erasure = erasures.ask(life.person, at=timezone.now(), now=True)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(traces, "settle", killed)
        with pytest.raises(KeyboardInterrupt):
            erasures.perform(erasure.pk, at=timezone.now())
    lives.forget_keys()
    with pytest.raises(keys.KeyUnavailable):
        keys.ensure(life.person.pk)
    assert naming(life)

    assert erasures.erase_due(at=timezone.now()) == 0  # the lease of the dead worker still runs
    assert erasures.erase_due(at=timezone.now() + settings.SYNC_LEASE + timedelta(seconds=1)) == 1
    assert naming(life) == {}


def test_two_workers_at_once_erase_once(ehr, hospital, monkeypatch):
    life = lives.live("Zenobia Quillfeather", ehr, hospital)
    erasure = erasures.ask(life.person, at=timezone.now(), now=True)
    seen: list[bool] = []
    settle = traces.settle

    def meanwhile() -> None:
        seen.append(erasures.perform(erasure.pk, at=timezone.now()))
        settle()

    monkeypatch.setattr(traces, "settle", meanwhile)

    assert erasures.perform(erasure.pk, at=timezone.now())
    assert seen == [False]


def test_what_others_received_is_kept_without_her_name(ehr, hospital):
    life = lives.live("Zenobia Quillfeather", ehr, hospital)

    erasure = erase(life.person)

    (kept,) = Event.objects.filter(owner_id=events.NOBODY, interaction="disclosed", agent=life.client_id)
    assert kept.detail["types"] == {"Observation": 7}
    assert kept.detail["erasure"] == str(erasure.uid)
    assert kept.origin == ""


def test_the_certificate_is_signed_counts_only_and_recognised_later(ehr, hospital):
    life = lives.live("Zenobia Quillfeather", ehr, hospital)
    held = len(naming(life)["records_record"])

    erasure = erase(life.person)

    told = jwt.decode(erasure.certificate, KeySet.import_key_set(signing.published(at=timezone.now()))).claims
    assert told["removed"]["records_record"] == held >= 4
    assert told["removed"]["files"] == 1
    assert signing.verified(erasure.certificate, at=timezone.now()) is None  # no id_token
    words = (life.person.email, "Zenobia", "Hemoglobin", "Cedar", life.person.patient_id, str(life.person.subject))
    assert [word for word in words if word in str(told)] == []
    assert certificates.is_ours(erasure.certificate)
    assert not certificates.is_ours(erasure.certificate + "x")


def test_the_certificate_is_mailed_and_her_address_forgotten(ehr, hospital):
    life = lives.live("Zenobia Quillfeather", ehr, hospital)

    erasure = erase(life.person)

    (sent,) = mail.outbox
    assert sent.to == [life.person.email]
    assert sent.attachments[0][1] == erasure.certificate.encode()
    assert erasure.sealed_address is None


def test_a_mail_that_does_not_leave_is_tried_again_for_a_month(ehr, hospital, settings, monkeypatch):
    life = lives.live("Zenobia Quillfeather", ehr, hospital)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    erasure = erase(life.person)
    assert (erasure.state, erasure.sealed_address is None) == (ErasureState.DONE, False)

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert erasures.forget_unsent(at=timezone.now()) == 1
    assert [message.to for message in mail.outbox] == [[life.person.email]]


def test_rows_of_those_not_erased_cannot_be_removed():
    person = people.sign_up()
    people.store_records(person, [people.observation(person, "hb")])
    events.append(owner_id=person.pk, action="R", interaction="read", agent_kind="owner", agent=str(person.subject))
    for table in ("records_record", "audit_event"):
        with connection.cursor() as cursor, pytest.raises(DatabaseError, match="append-only"):
            cursor.execute(f"DELETE FROM {table} WHERE owner_id = %s", [person.pk])  # noqa: S608


def test_a_destroyed_key_is_never_made_anew_nor_its_tombstone_removed():
    person = people.sign_up()
    keys.ensure(person.pk)

    keys.destroy(person.pk, at=timezone.now())

    with pytest.raises(keys.KeyUnavailable):
        keys.ensure(person.pk)
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM records_destroyedkey")


def test_somebody_who_acted_for_another_leaves_a_row_without_a_name():
    owner, helper = people.sign_up(), people.sign_up(name="Helga Helper")
    authorization = people.let_in(owner, "patient/*.rs")
    ledger.withdraw(owner_id=owner.pk, grantee=authorization.application.client_id, actor=helper, at=timezone.now())

    erase(helper)

    left = Person.objects.get(pk=helper.pk)
    assert (left.name, left.is_active, left.has_usable_password()) == ("", False, False)
    assert left.email.endswith("@erased.invalid")
    assert (left.subject, left.patient_id) != (helper.subject, helper.patient_id)
    assert ledger.verify(owner.pk) == []


def test_another_persons_invitation_to_her_stays_but_leads_to_nobody():
    owner, helper = people.sign_up(), people.sign_up(name="Helga Helper")
    at = timezone.now()
    kept = Delegation.objects.create(
        owner=owner,
        delegate=helper,
        name="Helga",
        email=helper.email,
        relationship=Relationship.FRIEND,
        invited=at,
        lapses=at,
        accepted=at,
    )

    erase(helper)

    kept.refresh_from_db()
    assert (kept.delegate, kept.accepted, kept.name) == (None, None, "")
    assert [table for table, found in lives.dump().items() if any(helper.email in row for row in found)] == []
    assert not Person.objects.filter(pk=helper.pk).exists()


# --- her page


def confirmed(browser: Client, address: str, **sent: str):
    """She asks, is asked for her password, and asks again."""
    asked = browser.get(address)
    if asked.status_code == 302:
        browser.post(asked["Location"], {"password": people.PASSWORD})
    return browser.get(address)


def signed_in(person: Person) -> Client:
    browser = Client()
    browser.force_login(person)
    return browser


def test_her_page_asks_for_the_password_again_and_states_the_days(settings):
    browser = signed_in(people.sign_up())
    usual, settings.STEP_UP_AFTER = settings.STEP_UP_AFTER, timedelta(0)
    first = browser.get("/account/erase/")
    assert first.status_code == 302
    assert "reauthenticate" in first["Location"]
    settings.STEP_UP_AFTER = usual

    page = confirmed(browser, "/account/erase/")

    assert page.status_code == 200
    assert re.search(r"You have 7\s+days to change your mind", page.content.decode())


def test_she_can_call_it_off_until_the_day_comes():
    person = people.sign_up()
    browser = signed_in(person)
    confirmed(browser, "/account/erase/")
    browser.post("/account/erase/")
    assert erasures.of(person).state == ErasureState.ASKED
    assert [message.to for message in mail.outbox] == [[person.email]]
    assert "Keep my record" in browser.get("/account/erase/").content.decode()

    browser.post("/account/keep/")

    assert erasures.of(person) is None
    assert erasures.erase_due(at=timezone.now() + timedelta(days=30)) == 0
    assert Person.objects.filter(pk=person.pk, is_active=True).exists()


def test_nobody_is_erased_before_the_day_and_then_by_the_beat():
    person = people.sign_up()
    erasures.ask(person, at=timezone.now())

    assert erasures.erase_due(at=timezone.now() + timedelta(days=6)) == 0
    assert erasures.erase_due(at=timezone.now() + timedelta(days=8)) == 1
    assert not Person.objects.filter(pk=person.pk).exists()


def test_asking_twice_is_asking_once():
    person = people.sign_up()

    assert erasures.ask(person, at=timezone.now()).pk == erasures.ask(person, at=timezone.now()).pk


# --- the command


def test_the_command_erases_and_recognises_its_certificate(tmp_path, capsys):
    person = people.sign_up()
    people.store_records(person, [people.observation(person, "hb")])
    written = tmp_path / "certificate.jws"

    call_command("erase_person", person.email, "--now", f"--out={written}")

    assert not Person.objects.filter(pk=person.pk).exists()
    call_command("erase_person", f"--verify={written}")
    written.write_text("eyJ.eyJ.x")
    with pytest.raises(CommandError, match="not issued"):
        call_command("erase_person", f"--verify={written}")


def test_the_gate_gives_nothing_once_the_key_is_gone():
    person = people.sign_up()
    people.store_records(person, [people.observation(person, "hb")])
    keys.destroy(person.pk, at=timezone.now())

    records = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="read", at=timezone.now())
    with pytest.raises(keys.KeyUnavailable):
        records.read("Observation", "hb")


def test_a_lease_that_was_lost_stops_before_the_key(ehr, hospital, monkeypatch):
    life = lives.live("Zenobia Quillfeather", ehr, hospital)
    erasure = erasures.ask(life.person, at=timezone.now(), now=True)
    monkeypatch.setattr(erasures, "_take_leave", lambda *_: Erasure.objects.update(claim=None))

    with pytest.raises(leases.ClaimLost):
        erasures.perform(erasure.pk, at=timezone.now())

    keys.of(life.person.pk)
