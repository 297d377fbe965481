"""Filling the store as a sync does, page by page, and the same bytes by bare COPY beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, islice
from typing import Any

from django.db import connection, transaction

from accounts.models import Person
from benchmarks import yardstick
from records import sources, store
from records.models import SourceKind
from standards.fhir import dates, json

AT = datetime(2026, 1, 1, tzinfo=UTC)
PAGE = 100


@dataclass(frozen=True)
class Fill:
    """``seconds`` wall and ``cpu_seconds`` of this process, for ``number`` resources."""

    number: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.number / self.seconds


def fill(person: Person, pages: Iterable[list[dict[str, Any]]], *, hospital: str = "hospital") -> Fill:
    """Every page in a transaction of its own; drawing the people is not counted."""
    source = sources.ensure(SourceKind.EHR, f"Bench {hospital}", f"https://{hospital}.example/fhir")

    def keep(page: list[dict[str, Any]]) -> None:
        with transaction.atomic():
            outcome = store.put_page(owner_id=person.id, source_id=source.id, resources=page, at=AT)
        assert not outcome.refused

    return timed(pages, keep)


def timed(pages: Iterable[list[dict[str, Any]]], keep: Callable[[list[dict[str, Any]]], None]) -> Fill:
    """Keeps every page; what it takes to draw them is not counted."""
    number, seconds, cpu = 0, 0.0, 0.0
    for page in pages:
        started, cpu_started = time.perf_counter(), time.process_time()
        keep(page)
        seconds += time.perf_counter() - started
        cpu += time.process_time() - cpu_started
        number += len(page)
    return Fill(number, seconds, cpu)


def copy_again(person: Person) -> Fill:
    """COPY the owner's stored bodies and search rows into equal tables, one transaction for each page of records."""
    columns = (
        "owner_id, id, occurred, occurred_end, last_updated, source_id, labels, version_id, resource_type, dating,"
    )
    columns += " deleted, logical_id, content_hash, body"
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_record; DROP TABLE IF EXISTS bench_row_search")
        cursor.execute("CREATE TABLE bench_record (LIKE records_record INCLUDING ALL)")
        cursor.execute("CREATE TABLE bench_row_search (LIKE records_searchrow INCLUDING ALL)")
        # The columns are the constant above.
        cursor.execute(f"SELECT {columns} FROM records_record WHERE owner_id = %s ORDER BY id", [person.id])  # noqa: S608
        records = cursor.fetchall()
        cursor.execute("SELECT * FROM records_searchrow WHERE owner_id = %s ORDER BY record", [person.id])
        rows = cursor.fetchall()
    by_record: dict[int, list[Any]] = {}
    for row in rows:
        by_record.setdefault(row[5], []).append(row)
    seconds, cpu = 0.0, 0.0
    for first in range(0, len(records), PAGE):
        page = records[first : first + PAGE]
        started, cpu_started = time.perf_counter(), time.process_time()
        with transaction.atomic(), connection.cursor() as cursor:
            with cursor.copy(f"COPY bench_record ({columns}) FROM STDIN") as copy:
                for record in page:
                    copy.write_row(record)
            with cursor.copy("COPY bench_row_search FROM STDIN") as copy:
                for record in page:
                    for row in by_record.get(record[1], ()):
                        copy.write_row(row)
        seconds += time.perf_counter() - started
        cpu += time.process_time() - cpu_started
    return Fill(len(records), seconds, cpu)


def mirror(person: Person) -> None:
    """Put what we serve of this owner's Observations into the yardstick's table, in plain text."""
    with connection.cursor() as cursor:
        cursor.execute(yardstick.MAKE)
        numbers = count()
        bodies = (body for kind, _, body in store.bodies(owner_id=person.id) if kind == "Observation")
        # One connection cannot read while it copies.
        while chunk := list(islice(bodies, 5000)):
            with cursor.copy("COPY bench_body FROM STDIN") as copy:
                for body in chunk:
                    category, moment, logical_id = _of(body)
                    copy.write_row((person.id, next(numbers), category, moment, logical_id, body))
        cursor.execute("ANALYZE")


def _of(body: bytes) -> tuple[str, int, str]:
    resource = json.loads(body)
    category, moment = resource["category"][0]["coding"][0]["code"], dates.interval(resource["effectiveDateTime"]).low
    return category, moment, resource["id"]


def bytes_each(table: str, number: int) -> float:
    """Bytes on disk, indexes and overflow included, for each of ``number`` records."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s)", [table])
        return float(cursor.fetchone()[0]) / number


def settle() -> None:
    """What the planner expects follows what is there, as it does on any database that stands for a minute."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
