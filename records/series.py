"""All Observations of one code, newest first: one statement, and few of them in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from audit import cursors
from records import keys, planning, sealing, searching
from records.numbering import TYPE_NUMBER
from records.opening import Opener
from records.query import OLDEST_FIRST, Query
from records.reading import RecordSet
from records.statements import Sql

_TYPE: Final = "Observation"
_ANY_DATE: Final = "ge1800"
_COLUMNS: Final = "r.occurred, r.source_id, r.version_id, r.logical_id, r.body, r.attachment"


class Measured(NamedTuple):
    """``body`` is the stored JSON without tags; ``occurred`` in µs since 1970 UTC."""

    logical_id: str
    source_id: int
    occurred: int
    body: bytes


def query(code: str) -> Query:
    """The search for a code, as FHIR writes a token (``system|code``)."""
    return Query.of(_TYPE).where("code", code)


def ends(records: RecordSet, code: str) -> tuple[int, int] | None:
    """When the oldest and the newest of them that have a date began, µs since 1970 UTC; None when there are none."""
    dated = query(code).where("date", _ANY_DATE)
    newest = records.search(dated.page(1)).entries
    if not newest:
        return None
    oldest = records.search(replace(dated, sort=OLDEST_FIRST).page(1)).entries
    return oldest[0].occurred, newest[0].occurred


def stream(records: RecordSet, code: str, *, since: int, until: int) -> Iterator[Measured]:
    """Those that begin in this time (µs since 1970 UTC, half-open), newest first. Raises query.InvalidSearch.

    The connection answers nothing else meanwhile.
    """
    owner_keys = keys.ensure(records.owner_id)
    asked = query(code)
    made = planning.plan(asked, owner_id=records.owner_id, patient_id=records.patient_id, blind_key=owner_keys.blind)
    if made.nothing or not records._reaches(_TYPE):
        return
    made.floor = since
    sql = (
        Sql()
        .add(f"SELECT {_COLUMNS} FROM (")  # noqa: S608 - names of our own
        .extend(records._statement(made, asked, owner_keys, searching.before(until)))
    )
    opener, number = Opener(records.owner_id, owner_keys.cipher), TYPE_NUMBER[_TYPE]
    for occurred, source_id, version_id, logical_id, sealed, attachment in cursors.stream(
        str(sql.add(") r")), sql.values
    ):
        where = sealing.place(records.owner_id, number, logical_id, version_id)
        yield Measured(logical_id, source_id, occurred, opener.body(sealed, attachment, where, 0))
