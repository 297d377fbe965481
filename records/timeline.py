"""Records of many types in one order, newest first: one statement, a range of an index for each type.

What begins in a time, comes from some sources or has words in it is found in the same order; no page reads more rows
than its own, and one of words no more than LOOKED_THROUGH.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from records import keys, planning, searching, statements
from records.numbering import PARAMETER_NUMBER
from records.opening import Page, Stored
from records.planning import Plan, Rows
from records.query import NEWEST_FIRST, InvalidSearch, Position, Query, position
from records.reading import RecordSet
from records.statements import Sql

LOOKED_THROUGH: Final = 1_500
"""Records that one page of a search for words opens at most."""
FILES_MAX: Final = 60
"""Files that one page of a search for words opens at most."""
# More values than this are asked of each row instead of being read side by side.
_SIDE_BY_SIDE: Final = 40

Files = Mapping[str, Stored]


@dataclass(frozen=True, slots=True)
class Asked:
    """``queries``: at most one for each type. ``sources``: their ids, None for all. ``since`` and ``until``: when it
    begins, µs since 1970 UTC, half-open. ``codes``: by type, blind values of ``code`` one of which it must have.
    ``cursor``: what the page before gave as ``next``.
    """

    queries: tuple[Query, ...]
    sources: frozenset[int] | None = None
    since: int | None = None
    until: int | None = None
    codes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """How a record is asked for words. ``files``: the ids of Binaries whose text is part of it."""

    files: Callable[[dict[str, Any]], Sequence[str]]
    holds: Callable[[dict[str, Any], Files], bool]


@dataclass(frozen=True, slots=True)
class Found:
    """``reached``: when the last record that was looked through happened, if there are more behind it."""

    page: Page
    reached: int | None = None


def page(records: RecordSet, asked: Asked, *, count: int) -> Page:
    """Raises query.InvalidSearch for a cursor of something else."""
    rows = _rows(records, asked, count + 1)
    entries = records._opened(keys.ensure(records.owner_id), rows[:count])
    return Page(entries, _cursor(rows[count - 1]) if len(rows) > count else None)


def found(records: RecordSet, asked: Asked, words: Words, *, count: int) -> Found:
    """What has the words, or one of ``asked.codes``. Raises query.InvalidSearch for a cursor of something else."""
    rows = _rows(records, asked, LOOKED_THROUGH)
    opened = records._opened(keys.ensure(records.owner_id), rows)
    files, reach = _files(records, opened, words, asked)
    hits: list[Stored] = []
    for place, stored in enumerate(opened[:reach]):
        if stored.resource_type in asked.codes or words.holds(stored.resource, files):
            hits.append(stored)
        if len(hits) == count and place + 1 < len(rows):
            return Found(Page(hits, _cursor(rows[place])), stored.occurred)
    if reach < len(rows) or len(rows) == LOOKED_THROUGH:
        return Found(Page(hits, _cursor(rows[reach - 1])), opened[reach - 1].occurred)
    return Found(Page(hits, None))


def _files(records: RecordSet, opened: Sequence[Stored], words: Words, asked: Asked) -> tuple[dict[str, Stored], int]:
    """The files of the first records that name no more than FILES_MAX, and how many records those are."""
    named: list[str] = []
    for place, stored in enumerate(opened):
        more = [] if stored.resource_type in asked.codes else words.files(stored.resource)
        if named and len(named) + len(more) > FILES_MAX:
            return _read_files(records, named), place
        named += more[:FILES_MAX]
    return _read_files(records, named), len(opened)


def _read_files(records: RecordSet, named: Sequence[str]) -> dict[str, Stored]:
    if not named:
        return {}
    files = records.search(Query.of("Binary").where("_id", *named).page(len(named))).entries
    return {each.logical_id: each for each in files}


def _rows(records: RecordSet, asked: Asked, limit: int) -> list[tuple[Any, ...]]:
    owner_keys = keys.ensure(records.owner_id)
    after = _after(asked)
    branches = []
    for query in asked.queries:
        made = planning.plan(
            query, owner_id=records.owner_id, patient_id=records.patient_id, blind_key=owner_keys.blind
        )
        _narrow(made, asked, query.resource_type)
        if not made.nothing and records._reaches(query.resource_type):
            branches.append(records._statement(made, query, owner_keys, after))
    if not branches:
        return []
    sql = Sql().add("SELECT * FROM (")
    for number, branch in enumerate(branches):
        # Each already in order, so that the database merges them and reads no further than the page.
        sql.add("UNION ALL (" if number else "(").extend(branch).add(f"LIMIT {limit:d})")
    return statements.run(sql.add(") t ORDER BY t.occurred DESC, t.id DESC"), limit)


def _narrow(made: Plan, asked: Asked, resource_type: str) -> None:
    """Raises InvalidSearch for a query that SQL alone cannot answer."""
    if made.tests or made.doubtful:
        raise InvalidSearch("_type", "is no query of a timeline")
    made.floor = asked.since
    if asked.sources is not None:
        made.conditions.append(Sql().add("r.source_id = ANY(%s)", sorted(asked.sources)))
    if (values := asked.codes.get(resource_type)) is not None:
        having = Rows(PARAMETER_NUMBER["code"], values)
        made.nothing |= not values
        if len(values) > _SIDE_BY_SIDE:
            made.probes.append(having)
        else:
            made.probes += [made.driver] if made.driver else []
            made.driver = having


def _after(asked: Asked) -> Position | None:
    """Raises InvalidSearch."""
    if asked.cursor is not None:
        return position(Query("", cursor=asked.cursor))
    return None if asked.until is None else searching.before(asked.until)


def _cursor(row: tuple[Any, ...]) -> str:
    return Position(row[1], row[0]).cursor(NEWEST_FIRST)
