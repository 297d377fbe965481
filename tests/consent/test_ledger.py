from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256

import pytest
from django.db import DatabaseError, connection, transaction

from consent import ledger, texts
from consent.models import Act, Decision
from consent.terms import Terms
from tests.records.people import AT, sign_up

pytestmark = pytest.mark.django_db


def grant(
    person, *, kind="app", grantee="app", granted=("patient/Observation.rs",), ends=None, at=AT, terms=None, read=None
):
    return ledger.grant(
        owner=person,
        actor=person,
        kind=kind,
        grantee=grantee,
        grantee_name="An app",
        asked=["patient/Observation.rs", "patient/Condition.rs"],
        granted=list(granted),
        terms=terms or Terms(),
        purpose="care",
        ends=ends,
        read=read or ledger.Reading("2026-11", "en"),
        at=at,
    )


def test_a_grant_records_what_was_refused_with_what_was_granted():
    decision = grant(sign_up())

    assert decision.scopes_granted == ["patient/Observation.rs"]
    assert decision.scopes_refused == ["patient/Condition.rs"]
    assert (decision.text_version, decision.language) == ("2026-11", "en")


def test_a_withdrawal_is_a_row_of_its_own_and_ends_the_grant():
    person = sign_up()
    granted = grant(person)
    assert ledger.standing(granted.pk, owner_id=person.pk, grantee="app", at=AT) is not None

    withdrawn = ledger.withdraw(owner_id=person.pk, grantee="app", actor=person, at=AT)

    assert ledger.standing(granted.pk, owner_id=person.pk, grantee="app", at=AT) is None
    assert ledger.current(person.pk, "app") is None
    assert (withdrawn.sequence, withdrawn.act) == (2, Act.WITHDRAW)
    assert Decision.objects.get(pk=granted.pk).act == Act.GRANT


def test_a_new_grant_replaces_the_one_before():
    person = sign_up()
    old, new = grant(person), grant(person)

    assert ledger.standing(old.pk, owner_id=person.pk, grantee="app", at=AT) is None
    assert ledger.standing(new.pk, owner_id=person.pk, grantee="app", at=AT) is not None


def test_a_refusal_leaves_an_earlier_grant_standing():
    person = sign_up()
    granted = grant(person)

    ledger.refuse(
        owner=person,
        actor=person,
        grantee="app",
        grantee_name="An app",
        asked=["patient/*.rs"],
        read=ledger.Reading("1", "es"),
        at=AT,
    )

    assert ledger.standing(granted.pk, owner_id=person.pk, grantee="app", at=AT) is not None


def test_a_grant_ends_by_itself_at_the_read():
    person = sign_up()
    granted = grant(person, ends=AT + timedelta(hours=1))

    assert ledger.standing(granted.pk, owner_id=person.pk, grantee="app", at=AT) is not None
    assert ledger.standing(granted.pk, owner_id=person.pk, grantee="app", at=AT + timedelta(hours=1)) is None


def test_a_decision_stands_for_its_owner_and_app_alone():
    person, other = sign_up(), sign_up()
    granted = grant(person)

    assert ledger.standing(granted.pk, owner_id=other.pk, grantee="app", at=AT) is None
    assert ledger.standing(granted.pk, owner_id=person.pk, grantee="another app", at=AT) is None


def test_what_was_never_granted_cannot_be_withdrawn():
    person = sign_up()
    with pytest.raises(ledger.NothingToWithdraw):
        ledger.withdraw(owner_id=person.pk, grantee="app", actor=person, at=AT)


@pytest.mark.parametrize("statement", ["UPDATE consent_decision SET purpose = 'x'", "DELETE FROM consent_decision"])
def test_a_decision_cannot_be_edited_or_removed(statement):
    grant(sign_up())

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        (
            "UPDATE consent_decision SET scopes_granted = '{patient/*.rs}' WHERE owner_id = %s AND sequence = 2",
            "altered",
        ),
        ("UPDATE consent_decision SET ends = NULL WHERE owner_id = %s AND sequence = 2", "altered"),
        ("DELETE FROM consent_decision WHERE owner_id = %s AND sequence = 2", "missing"),
    ],
)
def test_whoever_gets_past_the_trigger_is_found_out(tampering, found):
    person = sign_up()
    for _ in range(3):
        grant(person, ends=AT + timedelta(days=90))
    assert ledger.verify(person.pk) == []

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE consent_decision DISABLE TRIGGER USER")
        cursor.execute(tampering, [person.pk])
        cursor.execute("ALTER TABLE consent_decision ENABLE TRIGGER USER")

    assert any(found in problem for problem in ledger.verify(person.pk))


def test_decisions_taken_at_once_make_one_chain(transactional_db):
    person = sign_up()

    def decide(_: int) -> None:
        try:
            grant(person)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decide, range(16)))

    assert ledger.verify(person.pk) == []
    assert Decision.objects.filter(owner=person).count() == 16


def test_published_texts_never_change():
    listed = dict(reversed(line.split()) for line in (texts.FOLDER / "SHA256SUMS").read_text().splitlines())
    kept = {
        str(path.relative_to(texts.FOLDER)): sha256(path.read_bytes()).hexdigest()
        for path in texts.FOLDER.glob("*/*.txt")
    }

    assert kept == listed


@pytest.mark.parametrize("version", [texts.SHARING, texts.HIDING, texts.DELEGATING])
def test_a_text_says_the_same_in_both_languages_and_another_language_reads_english(version):
    english, spanish, other = (texts.read(version, language) for language in ("en", "es", "xx"))

    assert len(english.paragraphs) == len(spanish.paragraphs)
    assert english.digest != spanish.digest
    assert other == english


def test_a_text_changed_after_she_read_it_is_found_out():
    person = sign_up()
    text = texts.read(texts.SHARING, "es")
    grant(person, read=ledger.Reading(text.version, text.language, text.digest))
    assert ledger.verify(person.pk) == []

    grant(person, read=ledger.Reading(text.version, text.language, "0" * 64))

    assert ledger.verify(person.pk) == ["the text that decision 2 names is not the one that is kept"]
