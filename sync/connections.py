"""Connections: made, mended in place, stopped."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from sync import doorbell, farewells, retries, tokens
from sync.models import Connection, ConnectionState, Farewell, Hospital, Run, RunKind, RunState
from sync.problems import Problem
from sync.tokens import Tokens

RESUMED_WITHIN: Final = timedelta(days=1)
_INTERRUPTED: Final = frozenset({Problem.SIGNED_OUT, Problem.STOPPED})


def of(owner: Person) -> QuerySet[Connection]:
    """Her connections, with their hospitals, by name."""
    return Connection.objects.filter(owner=owner).select_related("hospital").order_by("hospital__name", "pk")


def sources_at(iss: str) -> frozenset[int]:
    """The sources of what came from this FHIR base, by whomever."""
    spelled = {iss.rstrip("/"), f"{iss.rstrip('/')}/"}
    return frozenset(Hospital.objects.filter(fhir_base__in=spelled).values_list("source_id", flat=True))


@transaction.atomic
def connect(
    owner: Person,
    *,
    hospital: Hospital,
    patient: str,
    tokens_given: Tokens,
    token_endpoint: str,
    revocation_endpoint: str = "",
    at: datetime,
    origin: str = "",
) -> Connection:
    """Keep the tokens of this account and queue a run. The same account again swaps its tokens in place."""
    # Her row is locked, because a connection that does not exist yet cannot be: two tabs make one connection.
    # Not her key: a worker that has written to her access log asks for it at its commit, and we ask for the log.
    Person.objects.select_for_update(no_key=True).get(pk=owner.pk)
    connection = Connection.objects.filter(owner=owner, hospital=hospital, patient=patient).first()
    if connection is None:
        connection = Connection(owner=owner, hospital=hospital, patient=patient)
    connection.token_endpoint = token_endpoint
    connection.revocation_endpoint = revocation_endpoint
    connection.connected = at
    connection.state, connection.sealed_subject, connection.fed = ConnectionState.ACTIVE, None, ""
    tokens.seal(connection, tokens_given)
    connection.save()
    # The log last: a page under way holds its run, which we may ring for, and then asks for the log.
    _go_on(connection, at=at)
    _note(connection, "connect", by=owner, origin=origin)
    return connection


def _go_on(connection: Connection, *, at: datetime) -> None:
    """After signing in again: a run that ended for want of it goes on where it was, unless that was long ago."""
    run = retries.newest(connection)
    if run and run.problem in _INTERRUPTED and run.finished and at - run.finished < RESUMED_WITHIN:
        retries.reopen(run, at=at)
    update(connection, at=at)


@transaction.atomic
def retry(connection: Connection, *, at: datetime, resource_type: str = "") -> Run | None:
    """Fetch what failed in the newest run (of one type), and only that; an update where nothing did.

    None as with ``update``.
    """
    connection = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    run = retries.newest(connection)
    if connection.state == ConnectionState.ACTIVE and run is not None and run.state in retries.ENDED_BADLY:
        retries.reopen(run, at=at, resource_type=resource_type)
    return update(connection, at=at)


@transaction.atomic
def update(connection: Connection, *, at: datetime) -> Run | None:
    """Queue a run ("sync now"); the one under way if there is one; None for a connection that is not active."""
    connection = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    if connection.state != ConnectionState.ACTIVE:
        return None
    if (under_way := Run.objects.unfinished().filter(connection=connection).first()) is not None:
        doorbell.ring(under_way.pk, at=at)
        return under_way
    kind = RunKind.FIRST if connection.last_success is None else RunKind.UPDATE
    run = Run.objects.create(
        owner_id=connection.owner_id, connection=connection, kind=kind, queued=at, due=at, state=RunState.QUEUED
    )
    doorbell.ring(run.pk, at=at)
    return run


@transaction.atomic
def stop(connection: Connection, *, at: datetime, origin: str = "") -> None:
    """No more updates: the tokens are no longer used, the hospital is asked to revoke them, and a run under way ends
    at its next page. What came stays."""
    connection = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    farewells.prepare(connection)
    _shut(connection, at=at)
    if connection.farewell == Farewell.WAITING:
        farewells.ring(connection.pk)
    _note(connection, "disconnect", by=connection.owner, origin=origin)


@transaction.atomic
def end_there(connection: Connection, *, at: datetime) -> None:
    """She has ended it where it comes from, which tells us so: as if she had stopped it, and nobody has to be told."""
    connection = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    if connection.state == ConnectionState.STOPPED:
        return
    connection.farewell, connection.sealed_farewell = Farewell.HEARD, None
    _shut(connection, at=at)
    _note(connection, "disconnect", by=None, origin="")


def _shut(connection: Connection, *, at: datetime) -> None:
    connection.state, connection.sealed_subject = ConnectionState.STOPPED, None
    connection.sealed_tokens = None
    connection.token_expires = None
    connection.fed = ""
    connection.save(
        update_fields=[
            "fed",
            "state",
            "sealed_subject",
            "sealed_tokens",
            "token_expires",
            "sealed_farewell",
            "farewell",
            "farewell_tries",
        ]
    )
    # Without its claim a worker that holds the run finds out before it stores another page.
    Run.objects.unfinished().filter(connection=connection).update(
        state=RunState.PARTIAL, problem=Problem.STOPPED, claim=None, finished=at
    )


@transaction.atomic
def confirm(connection: Connection, *, at: datetime, origin: str = "") -> bool:
    """She says that the record there is hers: it is pulled from now on. False where nothing was asked."""
    asked = Connection.objects.filter(pk=connection.pk, state=ConnectionState.HELD)
    if not asked.update(state=ConnectionState.ACTIVE, sealed_subject=None, recognized=at):
        return False
    update(connection, at=at)
    _note(connection, "recognize", by=connection.owner, origin=origin)
    return True


def ask_to_sign_in(connection_id: int) -> None:
    """The hospital no longer accepts our tokens: only she can mend that. A stopped connection stays stopped."""
    Connection.objects.filter(pk=connection_id, state=ConnectionState.ACTIVE).update(
        state=ConnectionState.NEEDS_REAUTH, fed=""
    )


def _note(connection: Connection, interaction: str, *, by: Person | None, origin: str) -> None:
    """``by``: None where the source did it."""
    hospital = connection.hospital
    events.append(
        owner_id=connection.owner_id,
        action=Action.EXECUTE,
        interaction=interaction,
        agent_kind=Agent.OWNER if by else Agent.SOURCE,
        agent=str(by.subject) if by else hospital.source.url[:120],
        agent_name=by.name if by else hospital.name,
        origin=origin,
        detail={"source": hospital.source.url[:120], "name": hospital.name},
    )
