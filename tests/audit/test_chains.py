"""Whoever gets past the triggers is found out: by the next event, by the head, by a seal, by what left the house."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audit import chains, checkpoints, events, exports
from audit.models import Checkpoint
from tests.audit import chain

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE audit_event SET agent_name = 'Nobody' WHERE owner_id = %s AND sequence = 2", "event 2 was altered"),
        ("UPDATE audit_event SET detail = '{}' WHERE owner_id = %s AND sequence = 2", "event 2 was altered"),
        ("DELETE FROM audit_event WHERE owner_id = %s AND sequence = 1", "an event before 2 is missing"),
        ("DELETE FROM audit_event WHERE owner_id = %s AND sequence = 2", "an event before 3 is missing"),
        ("DELETE FROM audit_event WHERE owner_id = %s AND sequence = 3", "event 3 is missing at the end"),
        ("DELETE FROM audit_event WHERE owner_id = %s AND sequence > 1", "events 2 to 3 are missing at the end"),
        ("DELETE FROM audit_event WHERE owner_id = %s", "events 1 to 3 are missing at the end"),
        ("DELETE FROM audit_head WHERE owner_id = %s", "the head of the chain is missing"),
        (
            "UPDATE audit_event SET previous_hash = 'x' WHERE owner_id = %s AND sequence = 3",
            "event 3 does not follow the one before it",
        ),
        (
            "UPDATE audit_head SET hash = 'x' WHERE owner_id = %s",
            "event 3 is not the one that the head of the chain names",
        ),
    ],
)
def test_tampering_is_named(tampering, found):
    owner = chain.owner(events=3)
    assert chains.verify(owner) == []

    chain.tamper(tampering, owner)

    assert found in chains.verify(owner)


def rewrite(owner: int) -> None:
    """Alters event 2 and makes every hash after it again, the head too: the database alone cannot tell."""
    chain.tamper("UPDATE audit_event SET agent_name = 'Nobody' WHERE owner_id = %s AND sequence = 2", owner)
    for sequence in (2, 3):
        chain.tamper(
            "UPDATE audit_event e SET previous_hash = coalesce((SELECT hash FROM audit_event p WHERE p.owner_id ="
            " e.owner_id AND p.sequence = e.sequence - 1), ''::bytea) WHERE owner_id = %s AND sequence = %s",
            owner,
            sequence,
        )
        chain.tamper(
            "UPDATE audit_event e SET hash = audit_event_hash(e) WHERE owner_id = %s AND sequence = %s",
            owner,
            sequence,
        )
    chain.tamper(
        "UPDATE audit_head h SET hash = (SELECT hash FROM audit_event e WHERE e.owner_id = h.owner_id"
        " AND e.sequence = h.sequence) WHERE owner_id = %s",
        owner,
    )


def cut_back(owner: int) -> None:
    """Takes the last event away, and the head with it."""
    chain.tamper("DELETE FROM audit_event WHERE owner_id = %s AND sequence = 3", owner)
    chain.tamper(
        "UPDATE audit_head h SET sequence = 2, hash = (SELECT hash FROM audit_event e WHERE e.owner_id = h.owner_id"
        " AND e.sequence = 2) WHERE owner_id = %s",
        owner,
    )


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        (rewrite, "event 3 is not that of its checkpoint"),
        (cut_back, "event 3 is missing, but stands in its checkpoint"),
    ],
)
def test_a_chain_made_again_by_one_who_knows_how_breaks_its_checkpoint(tampering, found):
    plain, sealed = chain.owner(events=3), None
    tampering(plain)
    assert chains.verify(plain) == []
    sealed = chain.owner(events=3)
    checkpoints.take(at=timezone.now())

    tampering(sealed)

    assert chains.verify(sealed) == [found]


@pytest.mark.parametrize("tampering", [rewrite, cut_back])
def test_what_left_the_house_shows_even_a_chain_whose_checkpoint_was_taken_away(tampering, tmp_path):
    owner = chain.owner(events=3)
    kept = tmp_path / "kept.jsonl"
    kept.write_text("".join(f"{exports.line(event)}\n" for event in events.of(owner)))
    call_command("verify_audit", owner=owner, against=kept, stdout=io.StringIO())

    tampering(owner)

    call_command("verify_audit", owner=owner, stdout=io.StringIO())
    with pytest.raises(CommandError):
        call_command("verify_audit", owner=owner, against=kept, stderr=io.StringIO())


def test_a_seal_cannot_be_made_without_the_key(settings):
    owner = chain.owner(events=1)
    checkpoints.take(at=timezone.now())
    assert list(checkpoints.faults(owner)) == []
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the key after it"
    assert list(checkpoints.faults(owner)) == []

    settings.SECRET_KEY_FALLBACKS = []

    number = Checkpoint.objects.get(owner_id=owner).number
    assert list(checkpoints.faults(owner)) == [f"checkpoint {number} was altered"]
    assert checkpoints.of(owner) == {}


def test_checkpoints_are_one_chain_and_taken_once_per_growth():
    first = chain.owner(events=1)
    checkpoints.take(at=timezone.now())
    assert checkpoints.take(at=timezone.now()) == 0
    second = chain.owner(events=1)
    chain.append(first)

    assert checkpoints.take(at=timezone.now()) == 2

    assert list(checkpoints.faults()) == []
    assert sorted(checkpoints.of(first)) == [1, 2]
    number = Checkpoint.objects.filter(owner_id=second).get().number
    chain.tamper("DELETE FROM audit_checkpoint WHERE owner_id = %s AND sequence = 1", first)
    assert f"a checkpoint before {number - 1} is missing" in list(checkpoints.faults())


def test_a_chain_that_is_being_written_to_is_sealed_next_time_and_holds_up_nobody(transactional_db):
    busy, other = chain.owner(events=1), chain.owner(events=1)

    def take() -> int:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")
            return checkpoints.take(at=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as elsewhere:
        with transaction.atomic():
            chain.append(busy)
            assert elsewhere.submit(take).result(timeout=20) == 1
        assert checkpoints.of(other)
        assert not checkpoints.of(busy)
        assert elsewhere.submit(take).result(timeout=20) == 1

    assert list(checkpoints.of(busy)) == [2]
    assert list(checkpoints.faults()) == []


@pytest.mark.parametrize("statement", ["UPDATE audit_checkpoint SET hash = 'x'", "DELETE FROM audit_checkpoint"])
def test_a_checkpoint_cannot_be_changed_or_removed(statement):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_command_proves_all_chains_and_names_the_first_break_of_each():
    good, bad = chain.owner(events=2), chain.owner(events=4)
    out, err = io.StringIO(), io.StringIO()
    call_command("verify_audit", stdout=out)
    assert out.getvalue().endswith(" access logs, all as they were written\n")

    chain.tamper("UPDATE audit_event SET agent = 'x' WHERE owner_id = %s AND sequence > 2", bad)

    with pytest.raises(CommandError, match="2 faults in"):
        call_command("verify_audit", stdout=out, stderr=err)
    assert err.getvalue() == f"owner {bad}: event 3 was altered\n"
    call_command("verify_audit", owner=good, stdout=out)


def test_the_command_refuses_lines_that_are_not_ours(tmp_path):
    kept = tmp_path / "kept.jsonl"
    kept.write_text("hello\n")

    with pytest.raises(CommandError, match="not lines of export_audit"):
        call_command("verify_audit", against=kept)
