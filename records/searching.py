"""From a plan and the reader's rules to one SQL statement that reads rows in reading order (DESIGN D5, D6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from records import predicates
from records.blinding import Blinding
from records.models import FAR
from records.numbering import TYPE_NUMBER
from records.planning import Bounds, Plan, Rows
from records.query import Position, Query
from records.rules import Rule
from records.statements import Sql

COLUMNS: Final = (
    "r.id, r.occurred, r.occurred_end, r.last_updated, r.source_id, r.labels, r.version_id, r.resource_type, r.dating,"
    " r.deleted, r.logical_id, r.body, r.problems, r.attachment"
)
COLUMN_COUNT: Final = COLUMNS.count(",") + 1
# The words of the index ``record_endless``: a record whose time has no beginning or no end.
ENDLESS: Final = f"(e.occurred_end = {FAR} OR e.occurred = {-FAR})"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CHANGED: Final = "(extract(epoch FROM r.last_updated) * 1000000)::bigint"


def statement(
    made: Plan, rules: tuple[Rule, ...], query: Query, *, owner_id: int, blind_key: bytes, after: Position | None
) -> Sql:
    """The rows of a page in reading order, without LIMIT: ``COLUMNS`` of the records that the rules admit."""
    number = TYPE_NUMBER[query.resource_type]
    blinding = Blinding(owner_id, query.resource_type, blind_key)
    predicate = predicates.admitted(rules, query.resource_type, blinding)
    ascending = query.ascending
    direction = "ASC" if ascending else "DESC"
    # In the order of change the place to go on from is no place in the range, so the range is read from its start.
    changed_after, after = (after, None) if query.by_change else (None, after)
    sql = Sql().add(f"SELECT {COLUMNS} FROM")
    reading = _Reading(owner_id, number, made.bounds, direction, after, made.floor)
    if made.driver is None:
        sql.add("(").extend(reading.records()).add(") r WHERE true")
    else:
        sql.add("(").extend(reading.rows(made.driver))
        # OFFSET 0 keeps the planner from turning the look-up of a page's bodies into a join over the whole record.
        sql.add(
            ") s CROSS JOIN LATERAL (SELECT * FROM records_record x WHERE x.owner_id = %s AND x.id = s.record OFFSET 0)"
            " r WHERE true",
            owner_id,
        )
    sql.add("AND NOT r.deleted AND").extend(predicate)
    for condition in made.conditions:
        sql.add("AND").extend(condition)
    for rows in made.probes:
        sql.add("AND NOT" if rows.negated else "AND").extend(predicates.probe(rows.parameter, rows.values))
    if changed_after:
        sql.add(f"AND ({_CHANGED}, r.id) {'>' if ascending else '<'} (%s, %s)", changed_after.at, changed_after.record)
    order = "r.occurred {0}, r.id {0}" if made.driver is None else "s.occurred {0}, s.record {0}"
    if query.by_change:
        order = "r.last_updated {0}, r.id {0}"
    return sql.add("ORDER BY " + order.format(direction))


def narrowed(made: Plan) -> Sql:
    """All that a plan asks of SQL, each condition led by AND, whatever order the rows are read in."""
    sql = Sql()
    for condition in made.conditions:
        sql.add("AND").extend(condition)
    for rows in (*made.probes, *([made.driver] if made.driver else ())):
        sql.add("AND NOT" if rows.negated else "AND").extend(predicates.probe(rows.parameter, rows.values))
    return sql


@dataclass(frozen=True, slots=True)
class _Reading:
    """A stretch of one owner's records of one type, in reading order.

    A record that begins before the asked time may still reach into it, but no further back than the longest interval
    this owner has of the type, which the counters know. What has no beginning or no end is no measure for that: it is
    looked up beside the stretch, in an index of its own.
    """

    owner_id: int
    number: int
    bounds: Bounds | None
    direction: str
    after: Position | None
    floor: int | None = None

    def records(self) -> Sql:
        """Whole records."""
        found = self._stretch("SELECT * FROM records_record", "occurred", "id")
        if self._reaches_back:
            found.add(") UNION ALL (").extend(
                self._beside(Sql().add("SELECT e.* FROM records_record e"), "e.occurred", "e.id")
            )
        return Sql().add("(").extend(found).add(")")

    def rows(self, driver: Rows) -> Sql:
        """(occurred, record) of what has one of the values, each once even when several of them are its own."""
        branches = [branch for value in driver.values for branch in self._having(driver.parameter, value)]
        if len(branches) == 1:
            return branches[0]
        joined = Sql().add("SELECT DISTINCT occurred, record FROM (").extend(branches[0])
        for branch in branches[1:]:
            joined.add("UNION ALL").extend(branch)
        return joined.add(f") b ORDER BY occurred {self.direction}, record {self.direction}")

    def _having(self, parameter: int, value: int) -> Iterator[Sql]:
        rows = "SELECT occurred, record FROM records_searchrow"
        yield self._ordered(self._stretch(rows, "occurred", "record", parameter=parameter, value=value))
        if self._reaches_back:
            # OFFSET 0, as above: a look-up for each of the few, never a join over all that have the value.
            joined = Sql().add(
                "SELECT e.occurred, e.id AS record FROM records_record e CROSS JOIN LATERAL (SELECT 1"
                " FROM records_searchrow f WHERE f.owner_id = e.owner_id AND f.resource_type = e.resource_type"
                " AND f.param = %s AND f.value = %s AND f.occurred = e.occurred AND f.record = e.id OFFSET 0) f",
                parameter,
                value,
            )
            yield self._ordered(self._beside(joined, "e.occurred", "e.id"))

    def _ordered(self, branch: Sql) -> Sql:
        return Sql().add("(").extend(branch).add(f"ORDER BY occurred {self.direction}, record {self.direction})")

    @property
    def _reaches_back(self) -> bool:
        return self.bounds is not None and self.bounds.low is not None

    def _stretch(self, select: str, at: str, record: str, **values: int) -> Sql:
        sql = Sql().add(f"{select} WHERE owner_id = %s AND resource_type = %s", self.owner_id, self.number)
        if values:
            sql.add("AND param = %s AND value = %s", values["parameter"], values["value"])
        if self._reaches_back:
            sql.add(f"AND {at} >=").extend(self._furthest())
        return self._ended(sql, at, record)

    def _beside(self, select: Sql, at: str, record: str) -> Sql:
        sql = select.add("WHERE e.owner_id = %s AND e.resource_type = %s", self.owner_id, self.number)
        sql.add(f"AND {ENDLESS} AND {at} <").extend(self._furthest())
        return self._ended(sql, at, record)

    def _furthest(self) -> Sql:
        assert self.bounds is not None
        return Sql().add(
            "%s - (SELECT coalesce(max(longest), 0) FROM records_counter WHERE owner_id = %s AND resource_type = %s)",
            self.bounds.low,
            self.owner_id,
            self.number,
        )

    def _ended(self, sql: Sql, at: str, record: str) -> Sql:
        if self.bounds is not None and self.bounds.high is not None:
            sql.add(f"AND {at} < %s", self.bounds.high)
        if self.floor is not None:
            sql.add(f"AND {at} >= %s", self.floor)
        if self.after:
            sign = ">" if self.direction == "ASC" else "<"
            sql.add(f"AND ({at}, {record}) {sign} (%s, %s)", self.after.at, self.after.record)
        return sql


def before(moment: int) -> Position:
    """The place in the reading order, newest first, of what begins before a moment, µs since 1970 UTC."""
    return Position(moment, -1)  # no record has the number -1


def microseconds(moment: datetime) -> int:
    """Since 1970 UTC, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def of_type(owner_id: int, resource_type: str) -> Sql:
    """The records of one owner and type, to be looked up by id.

    Through subselects: of an owner or a type newer than its statistics the planner expects no rows, takes any index
    that starts so, and then goes through the whole type for one id (docs/adr/0010).
    """
    return Sql().add(
        "r.owner_id = (SELECT %s::integer) AND r.resource_type = (SELECT %s::smallint)",
        owner_id,
        TYPE_NUMBER[resource_type],
    )
