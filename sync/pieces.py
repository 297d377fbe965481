"""Pieces: what a maker of devices hands over by itself, sealed and kept before it is answered.

They lie under the key of whose account it is, and nowhere else: what is told of an account that nobody here has
connected is not kept. A run then composes each day anew of which a piece has come (sync.sources.wearables.handed), so
that what arrives twice, late or in another order makes the same record.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from accounts import binding
from records import sealing, statements
from standards.fhir import json
from sync import connections
from sync.models import Connection, ConnectionState, Hospital, Piece
from sync.sources.wearables import makers, pushes, readings
from sync.sources.wearables.maker import About, Maker
from sync.sources.wearables.pushes import Entry, Told

AT_ONCE: Final = 500


def take(hospital: Hospital, told: Told, *, at: datetime) -> list[str]:
    """Keep what was handed over, for everybody who has connected the account it is of; of which accounts there is news.

    When this returns it is on the disk.
    """
    maker = makers.of(hospital.vendor)
    news: list[str] = []
    if maker is None or maker.push is None:
        return news
    for account, owner_id, connection_id in _connected(hospital, told.accounts()):
        with binding.bound(owner_id):
            connection = Connection.objects.select_related("hospital__source", "owner").get(pk=connection_id)
            followed = put(connection, maker, told.entries.get(account, ()), at=at)
            if account in told.ended:
                connections.end_there(connection, at=at)
            elif followed:
                news.append(account)
    return list(dict.fromkeys(news))


def _connected(hospital: Hospital, accounts: Sequence[str]) -> list[tuple[str, int, int]]:
    """(account, owner, connection), always in one order; while she only has to sign in again, it is hers as before."""
    if not accounts:
        return []
    found = statements.read(
        "SELECT account, owner_id, connection_id FROM account_connections(%s::bigint, %s::text[])",
        [hospital.pk, list(accounts)],
    )
    return sorted((str(account), int(owner), int(connection)) for account, owner, connection in found)


@transaction.atomic
def put(connection: Connection, maker: Maker, entries: Iterable[Entry], *, at: datetime) -> bool:
    """Each under the days that it tells of; a newer version also under those that the older one told of.

    False where she has stopped it meanwhile: then nothing is kept.
    """
    if not _is_followed(connection):
        return False
    # Of one name said twice in one breath the last word stands.
    named = {each.digest(): each for each in entries}
    digests = list(named)
    for first in range(0, len(digests), AT_ONCE):
        _put_some(connection, maker, {digest: named[digest] for digest in digests[first : first + AT_ONCE]}, at)
    return True


def _is_followed(connection: Connection) -> bool:
    """Asked under its lock: who stops it waits, and a removal that follows finds all that was kept."""
    followed = Connection.objects.filter(
        state__in=[ConnectionState.ACTIVE, ConnectionState.NEEDS_REAUTH], removal__isnull=True
    )
    return followed.select_for_update(no_key=True).filter(pk=connection.pk).first() is not None


def _put_some(connection: Connection, maker: Maker, named: Mapping[bytes, Entry], at: datetime) -> None:
    days = {digest: _days(maker, each, at) for digest, each in named.items()}
    known = Piece.objects.filter(connection=connection, digest__in=list(named), day__isnull=False)
    for digest, day in known.values_list("digest", "day"):
        days[bytes(digest)].add(day)
    rows = [_row(connection, each, day, at) for digest, each in named.items() for day in sorted(days[digest], key=str)]
    Piece.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["connection", "digest", "day"],
        update_fields=["sealed", "waiting", "stamp", "received"],
    )


def _row(connection: Connection, entry: Entry, day: date | None, at: datetime) -> Piece:
    body = entry.lies.encode() if entry.lies else json.dumps(dict(entry.content))
    sealed = sealing.seal_secret(connection.owner_id, _purpose(connection), zlib.compress(body))
    return Piece(
        connection=connection,
        kind=entry.kind,
        digest=entry.digest(),
        day=day,
        sealed=sealed,
        waiting=True,
        stamp=uuid.uuid4(),
        received=at,
    )


def _days(maker: Maker, entry: Entry, at: datetime) -> set[date | None]:
    """What cannot be read is of the day on which it came, so that a page of the ledger says that there is such."""
    if entry.lies:
        return {None}
    found = maker.feed(entry.kind).read([{entry.kind: [entry.content]}], About())
    return {readings.day_of(each) for each in found.readings} or {at.date()}


def _purpose(connection: Connection) -> str:
    return f"piece|{connection.hospital_id}|{connection.patient}"


def wait(connection: Connection, *, since: datetime) -> bool:
    """Whether anything has come since then that is not in the record yet."""
    return Piece.objects.filter(connection=connection, waiting=True, received__gte=since).exists()


def forget(connection: Connection) -> int:
    """All that one account handed over; how many."""
    return Piece.objects.filter(connection=connection).delete()[0]


class Shelf:
    """The pieces of one connection, for its source during one call of a run."""

    def __init__(self, connection: Connection, maker: Maker) -> None:
        self._connection, self._maker = connection, maker
        self._pieces = Piece.objects.filter(connection=connection)
        self._read: dict[tuple[str, date], list[uuid.UUID]] = {}

    def waits(self, kind: str) -> bool:
        return self._pieces.filter(kind=kind, waiting=True).exists()

    def newest(self, kind: str, *, before: date | None = None) -> date | None:
        """The newest day of which something waits."""
        older = Q(day__lt=before) if before else Q(day__isnull=False)
        found: date | None = self._pieces.filter(older, kind=kind, waiting=True).aggregate(day=Max("day"))["day"]
        return found

    def of(self, kind: str, day: date) -> Iterator[Mapping[str, Any]]:
        """All that was told of a day, in the order in which it was first told."""
        found = list(self._pieces.filter(kind=kind, day=day).order_by("pk"))
        self._read[kind, day] = [each.stamp for each in found if each.waiting]
        return (json.loads(self._opened(each)) for each in found)

    def kept(self, kind: str, day: date) -> None:
        """What ``of`` gave of this day is in the record; what came since still waits."""
        self._pieces.filter(kind=kind, day=day, stamp__in=self._read.pop((kind, day), [])).update(waiting=False)

    def elsewhere(self, kind: str, *, after: int = 0) -> int | None:
        """The next that has to be fetched where it lies."""
        waiting = self._pieces.filter(kind=kind, day__isnull=True, pk__gt=after).order_by("pk")
        return waiting.values_list("pk", flat=True).first()

    def address(self, pk: int) -> str:
        """Where it lies; empty once it has been fetched."""
        piece = self._pieces.filter(pk=pk, day__isnull=True).first()
        return self._opened(piece).decode() if piece else ""

    def fetched(self, pk: int, kind: str, rows: Iterable[Any]) -> int:
        """What lay there, as if it had been handed over itself; how many."""
        how = self._maker.push
        assert how is not None
        hers = [row for row in rows if pushes.is_whose(how, row, self._connection.patient)]
        # An entry that leads on to another place is none that we asked for.
        entries = [each for each in (pushes.entry(how, kind, row) for row in hers) if not each.lies]
        with transaction.atomic():
            put(self._connection, self._maker, entries, at=timezone.now())
            self._pieces.filter(pk=pk).delete()
        return len(entries)

    def gone(self, pk: int) -> None:
        """It lies there no more."""
        self._pieces.filter(pk=pk).delete()

    def _opened(self, piece: Piece) -> bytes:
        purpose = _purpose(self._connection)
        return zlib.decompress(sealing.open_secret(self._connection.owner_id, purpose, bytes(piece.sealed)))
