"""Stopping a connection takes our tokens back at the hospital too, over real HTTP (RFC 7009)."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.models import Person
from sync import connections, farewells, hospitals
from sync.models import Connection, Farewell
from tests.fakes.ehr import CLIENT_ID, FakeEHR
from tests.sync.conftest import connect

pytestmark = pytest.mark.django_db(transaction=True)


def stopped(connection: Connection) -> Connection:
    connections.stop(connection, at=timezone.now())
    connection.refresh_from_db()
    return connection


def test_the_hospital_revokes_both_tokens_of_a_stopped_connection(ehr: FakeEHR, connection: Connection):
    assert len(ehr.refresh_tokens) == len(ehr.tokens) == 1

    farewells.say(stopped(connection).pk)

    connection.refresh_from_db()
    assert [(each["token_type_hint"], each["client_id"]) for each in ehr.revoked] == [
        ("refresh_token", CLIENT_ID),
        ("access_token", CLIENT_ID),
    ]
    assert not ehr.refresh_tokens
    assert not ehr.tokens
    assert (connection.farewell, connection.sealed_farewell, connection.sealed_tokens) == (Farewell.HEARD, None, None)


def test_saying_it_again_asks_nothing_more(ehr: FakeEHR, connection: Connection):
    farewells.say(stopped(connection).pk)

    assert farewells.say(connection.pk) == Farewell.HEARD
    assert len(ehr.revoked) == 2


def test_stopping_twice_still_tells_the_hospital(ehr: FakeEHR, connection: Connection):
    stopped(connection)

    assert farewells.say(stopped(connection).pk) == Farewell.HEARD


def test_a_hospital_that_is_away_is_told_later(ehr: FakeEHR, connection: Connection):
    ehr.answer_with("/auth/revoke", 503)
    stopped(connection)

    assert farewells.say(connection.pk) == Farewell.WAITING
    assert farewells.ring_again(at=timezone.now()) == 0
    assert farewells.ring_again(at=timezone.now() + farewells.PAUSE) == 1
    assert farewells.say(connection.pk) == Farewell.HEARD


def test_who_has_just_been_tried_keeps_nobody_else_waiting(
    ehr: FakeEHR, owner: Person, connection: Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(farewells, "AT_ONCE", 1)
    ehr.answer_with("/auth/revoke", 503)
    farewells.say(stopped(connection).pk)
    other = hospitals.register(f"{ehr.base}/other", name="Elm", client_id=CLIENT_ID)
    stopped(connect(owner, other, ehr))

    assert farewells.ring_again(at=timezone.now()) == 1


def test_after_some_tries_the_tokens_are_forgotten_and_it_says_so(ehr: FakeEHR, connection: Connection):
    ehr.answer_with("/auth/revoke", 500, times=100)
    stopped(connection)

    outcomes = [farewells.say(connection.pk) for _ in range(farewells.TRIES_MAX)]

    connection.refresh_from_db()
    assert outcomes == [Farewell.WAITING] * (farewells.TRIES_MAX - 1) + [Farewell.NOT_HEARD]
    assert connection.sealed_farewell is None


def test_a_hospital_without_the_endpoint_is_not_asked(ehr: FakeEHR, connection: Connection):
    Connection.objects.update(revocation_endpoint="")
    connection.refresh_from_db()

    assert stopped(connection).farewell == Farewell.NOT_OFFERED
    assert connection.sealed_farewell is None
    assert ehr.revoked == []


def test_an_address_inside_is_never_asked(ehr: FakeEHR, connection: Connection, settings):
    Connection.objects.update(revocation_endpoint="https://169.254.169.254/revoke")
    connection.refresh_from_db()

    assert farewells.say(stopped(connection).pk) == Farewell.WAITING
    assert ehr.revoked == []
