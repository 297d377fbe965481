from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from django.db import DatabaseError, connection, transaction

from audit import events
from audit.models import Action, Agent, Event

pytestmark = pytest.mark.django_db
_owners = count(900_000)


def append(owner_id: int, **more) -> None:
    events.append(
        owner_id=owner_id,
        action=Action.READ,
        interaction="search",
        agent_kind=Agent.APP,
        agent="client",
        agent_name="An app",
        consent_id=7,
        origin="127.0.0.1",
        **{"detail": {"types": {"Observation": 50}}, **more},
    )


def test_events_of_one_owner_are_one_chain():
    owner = next(_owners)
    for _ in range(3):
        append(owner)

    first, second, third = Event.objects.filter(owner_id=owner).order_by("sequence")

    assert [first.sequence, second.sequence, third.sequence] == [1, 2, 3]
    assert bytes(second.previous_hash) == bytes(first.hash)
    assert bytes(third.previous_hash) == bytes(second.hash)
    assert events.verify(owner) == []


def test_an_event_cannot_be_changed_or_removed():
    owner = next(_owners)
    append(owner)

    for statement in ("UPDATE audit_event SET agent = 'x'", "DELETE FROM audit_event"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE audit_event SET agent_name = 'Nobody' WHERE owner_id = %s AND sequence = 2", "event 2 was altered"),
        ("UPDATE audit_event SET detail = '{}' WHERE owner_id = %s AND sequence = 2", "event 2 was altered"),
        ("DELETE FROM audit_event WHERE owner_id = %s AND sequence = 2", "an event before 3 is missing"),
        (
            "UPDATE audit_event SET previous_hash = 'x' WHERE owner_id = %s AND sequence = 3",
            "event 3 does not follow the one before it",
        ),
    ],
)
def test_whoever_gets_past_the_trigger_is_found_out(tampering, found):
    owner = next(_owners)
    for _ in range(3):
        append(owner)
    assert events.verify(owner) == []

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_event DISABLE TRIGGER audit_event_append_only")
        cursor.execute(tampering, [owner])
        cursor.execute("ALTER TABLE audit_event ENABLE TRIGGER audit_event_append_only")

    assert found in events.verify(owner)


def test_events_written_at_once_make_one_unbroken_chain(transactional_db):
    owner = next(_owners)

    def write(_: int) -> None:
        try:
            append(owner)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(80)))

    assert Event.objects.filter(owner_id=owner).count() == 80
    assert events.verify(owner) == []


def test_newest_events_come_first_and_pages_follow_on():
    owner = next(_owners)
    for number in range(5):
        append(owner, detail={"n": number})

    first = list(events.of(owner, 2))
    second = list(events.of(owner, 2, before=first[-1].sequence))

    assert [event.detail["n"] for event in first + second] == [4, 3, 2, 1]


def test_one_owners_events_are_not_anothers():
    owner, other = next(_owners), next(_owners)
    append(owner)
    append(other)

    assert [event.owner_id for event in events.of(owner, 10)] == [owner]
    assert [event.sequence for event in events.of(other, 10)] == [1]
