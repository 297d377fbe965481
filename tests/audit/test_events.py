from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection, transaction

from audit import chains, events
from audit.models import Event, Head
from tests.audit import chain

pytestmark = pytest.mark.django_db


def test_events_of_one_owner_are_one_chain():
    owner = chain.owner(events=3)

    first, second, third = Event.objects.filter(owner_id=owner).order_by("sequence")

    assert [first.sequence, second.sequence, third.sequence] == [1, 2, 3]
    assert bytes(second.previous_hash) == bytes(first.hash)
    assert bytes(third.previous_hash) == bytes(second.hash)
    assert chains.verify(owner) == []


def test_the_head_is_the_last_event():
    owner = chain.owner(events=3)

    head, last = Head.objects.get(owner_id=owner), events.of(owner, 1)[0]

    assert (head.sequence, bytes(head.hash)) == (3, bytes(last.hash))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET agent = 'x'",
        "DELETE FROM audit_event",
        "UPDATE audit_head SET sequence = sequence - 1",
        "UPDATE audit_head SET hash = 'x'",
        "DELETE FROM audit_head",
    ],
)
def test_nothing_of_a_chain_can_be_changed_or_removed(statement):
    chain.owner(events=2)

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_events_written_at_once_make_one_unbroken_chain(transactional_db):
    owner = chain.owner()

    def write(_: int) -> None:
        try:
            chain.append(owner)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(80)))

    assert Event.objects.filter(owner_id=owner).count() == 80
    assert chains.verify(owner) == []


def test_writers_of_different_people_never_wait_for_each_other(transactional_db):
    busy, other = chain.owner(events=1), chain.owner(events=1)
    holds, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                chain.append(busy)
                holds.set()
                may_end.wait(20)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(hold)
        assert holds.wait(20)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '200ms'")
            chain.append(other)
            with pytest.raises(DatabaseError, match="lock timeout"):
                chain.append(busy)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
            may_end.set()
        held.result()

    assert [Head.objects.get(owner_id=one).sequence for one in (busy, other)] == [2, 2]


def test_an_event_is_committed_when_the_call_returns(transactional_db):
    chain.append(owner := chain.owner())

    def count() -> int:
        try:
            return Event.objects.filter(owner_id=owner).count()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as elsewhere:
        assert elsewhere.submit(count).result() == 1


def test_newest_events_come_first_and_pages_follow_on():
    owner = chain.owner()
    for number in range(5):
        chain.append(owner, detail={"n": number})

    first = list(events.of(owner, 2))
    second = list(events.of(owner, 2, before=first[-1].sequence))

    assert [event.detail["n"] for event in first + second] == [4, 3, 2, 1]


def test_one_owners_events_are_not_anothers():
    owner, other = chain.owner(events=1), chain.owner(events=1)

    assert [event.owner_id for event in events.of(owner, 10)] == [owner]
    assert [event.sequence for event in events.of(other, 10)] == [1]
