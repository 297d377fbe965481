"""Doorbells: rung after the commit, and again for what nobody answered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.db import transaction
from django.utils import timezone

from sync import claims, connections, doorbell
from sync.models import Connection, Run, RunState

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The run ids of messages sent, instead of a broker: only the wire is replaced."""
    sent: list[int] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: sent.append(args[0]))
    return sent


def test_a_doorbell_rings_only_once_the_run_is_committed(connection: Connection, heard: list[int]):
    run = Run.objects.get(connection=connection)

    with transaction.atomic():
        doorbell.ring(run.pk, at=timezone.now())
        assert heard == []

    assert heard == [run.pk]


def test_a_lost_doorbell_is_rung_again_but_not_at_every_beat(connection: Connection, heard: list[int]):
    run = Run.objects.get(connection=connection)
    at = timezone.now()
    assert doorbell.ring_again(at=at) == 0  # it has just been rung

    later = at + doorbell.PATIENCE + timedelta(seconds=1)
    assert doorbell.ring_again(at=later) == 1
    assert doorbell.ring_again(at=later + timedelta(seconds=15)) == 0
    assert heard == [run.pk]


def test_a_run_left_by_a_dead_worker_is_rung_for(connection: Connection, heard: list[int], settings: Any):
    run = Run.objects.get(connection=connection)
    at = timezone.now()
    assert claims.take(run.pk, at=at) is not None
    assert doorbell.ring_again(at=at + settings.SYNC_LEASE / 2) == 0

    assert doorbell.ring_again(at=at + settings.SYNC_LEASE * 2) == 1


def test_a_run_put_off_is_rung_for_when_it_is_due(connection: Connection, heard: list[int]):
    run = Run.objects.get(connection=connection)
    at = timezone.now()
    claim = claims.take(run.pk, at=at)
    assert claim is not None
    claim.put_off(until=at + timedelta(seconds=20))

    assert doorbell.ring_again(at=at + timedelta(seconds=10)) == 0
    assert doorbell.ring_again(at=at + timedelta(seconds=21)) == 1


def test_sync_now_twice_is_one_run(connection: Connection, heard: list[int]):
    first = connections.update(connection, at=timezone.now())
    second = connections.update(connection, at=timezone.now())

    assert first == second == Run.objects.get(connection=connection)


def test_a_stopped_connection_gets_no_run(connection: Connection, heard: list[int]):
    connections.stop(connection, at=timezone.now())

    assert connections.update(connection, at=timezone.now()) is None
    assert Run.objects.get(connection=connection).state == RunState.PARTIAL
