"""From a query and the reader's rules to one SQL statement that reads rows in reading order (DESIGN D5, D6).

One clause with rows drives: its rows are already in the order of the page. Other clauses with rows are probed by
primary key, and so are the rules. Clauses without rows are tests on the opened resource.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from records import blind, indexing, inheriting, provenances, statements
from records.models import FAR, Dating
from records.numbering import PARAMETER_NUMBER, TYPE_NUMBER
from records.query import Clause, InvalidSearch, Position, Query
from records.rules import Rule
from standards.fhir import dates, matching, search_parameters

COLUMNS: Final = (
    "r.id, r.occurred, r.occurred_end, r.last_updated, r.source_id, r.labels, r.version_id, r.resource_type, r.dating,"
    " r.deleted, r.logical_id, r.body, r.problems, r.attachment"
)
COLUMN_COUNT: Final = COLUMNS.count(",") + 1
# The parameters that select most come first: the first that a query has drives it.
_DRIVING: Final = (
    "identifier",
    "target",
    "encounter",
    "code",
    "type",
    "class",
    "category",
    "clinical-status",
    "lifecycle-status",
)
_RANK: Final = {PARAMETER_NUMBER[code]: rank for rank, code in enumerate(_DRIVING)}
_ABOUT_OWNER: Final = frozenset({"patient", "subject", "beneficiary"})
_ALWAYS_THERE: Final = frozenset({"_id", "_lastUpdated"})

# The words of the index ``record_endless``: a record whose time has no beginning or no end.
ENDLESS: Final = f"(e.occurred_end = {FAR} OR e.occurred = {-FAR})"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CHANGED: Final = "(extract(epoch FROM r.last_updated) * 1000000)::bigint"

_ASK_SYSTEMS: Final = "SELECT system FROM records_codesystem WHERE owner_id = %s AND resource_type = %s AND param = %s"

Test = Callable[[Mapping[str, Any]], bool]


@dataclass(slots=True)
class Sql:
    """Text and its values, kept together."""

    text: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, text: str, *values: Any) -> Sql:
        self.text.append(text)
        self.values.extend(values)
        return self

    def extend(self, other: Sql) -> Sql:
        return self.add(" ".join(other.text), *other.values)

    def __str__(self) -> str:
        return " ".join(self.text)


@dataclass(frozen=True, slots=True)
class _Rows:
    """A clause answered by rows: parameter number and the blind values, any of which is enough."""

    parameter: int
    values: tuple[int, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Where in the reading order matches can lie at all: what reaches to ``low``, and what begins before ``high``."""

    low: int | None
    high: int | None


@dataclass(slots=True)
class Plan:
    """A compiled query. ``nothing``: it can have no answer; ``tests``: what is left to ask of opened resources.

    ``named``: what rows answer by the records a Provenance names, to be asked again of what it may name.
    """

    driver: _Rows | None = None
    probes: list[_Rows] = field(default_factory=list)
    conditions: list[Sql] = field(default_factory=list)
    tests: list[Test] = field(default_factory=list)
    doubtful: list[Test] = field(default_factory=list)
    named: list[Test] = field(default_factory=list)
    bounds: _Bounds | None = None
    nothing: bool = False

    def holds(self, told: Mapping[str, Any]) -> bool:
        """Whether a Provenance still answers the query as far as it may be told (provenances.py)."""
        return all(test(told) for test in (*self.tests, *self.named))


def plan(query: Query, *, owner_id: int, patient_id: str, blind_key: bytes) -> Plan:
    """Raises InvalidSearch."""
    made = Plan()
    for clause in query.clauses:
        _place(made, clause, query.resource_type, _Blinding(owner_id, query.resource_type, blind_key), patient_id)
    ranked = sorted((rows for rows in made.probes if not rows.negated), key=_rank)
    if ranked:
        made.driver = ranked[0]
        made.probes.remove(made.driver)
    return made


def _rank(rows: _Rows) -> int:
    return _RANK.get(rows.parameter, len(_RANK))


@dataclass(frozen=True, slots=True)
class _Blinding:
    """Turns search values of one owner and type into the blind values of its rows."""

    owner_id: int
    resource_type: str
    key: bytes

    def tokens(self, code: str, values: Iterable[str]) -> tuple[int, ...] | None:
        """None when a value asks for any code of a system, which no row can answer."""
        asked = [matching.parse_token(value) for value in values]
        if any(token.code is None for token in asked):
            return None
        systems = self._systems(code) if any(token.system is None for token in asked) else ()
        return tuple(
            dict.fromkeys(
                blind.token(self.key, system, token.code)
                for token in asked
                if token.code is not None
                for system in (systems if token.system is None else (token.system,))
            )
        )

    def references(self, parameter: search_parameters.SearchParameter, values: Iterable[str]) -> tuple[int, ...] | None:
        texts: list[str] = []
        for value in map(matching.unescape, values):
            if "/" in value:
                texts.append(inheriting.reference_text(value) or value)
            elif parameter.targets:
                texts.extend(f"{target}/{value}" for target in sorted(parameter.targets))
            else:
                return None
        return tuple(dict.fromkeys(blind.value(self.key, text) for text in texts))

    def _systems(self, code: str) -> tuple[str, ...]:
        numbers = (TYPE_NUMBER[self.resource_type], PARAMETER_NUMBER[code])
        return tuple(row[0] for row in statements.read(_ASK_SYSTEMS, [self.owner_id, *numbers]))


def _place(made: Plan, clause: Clause, resource_type: str, blinding: _Blinding, patient_id: str) -> None:
    """Decides how one clause is answered."""
    if clause.code in _ALWAYS_THERE and clause.modifier == "missing":
        made.nothing |= _asks_for_missing(clause)
        return
    if clause.code == "_id":
        ids = [value.removeprefix(f"{resource_type}/") for value in clause.values]
        _plain_only(clause)
        made.conditions.append(Sql().add("r.logical_id = ANY(%s)", ids))
        return
    if clause.code == "_lastUpdated":
        made.conditions.append(_updated(clause))
        return
    parameter = search_parameters.for_type(resource_type).get(clause.code)
    if parameter is None:
        raise InvalidSearch(clause.code, f"not a search parameter of {resource_type}")
    if _asks_whose(parameter, clause):
        # Every record of an owner that can name a patient is about the owner: sync holds back what is not.
        owns = any(value in (patient_id, f"Patient/{patient_id}") for value in clause.values)
        if owns or clause.modifier or not any(_names_no_patient(value) for value in clause.values):
            made.nothing |= not owns
            return
    test = _test(parameter, clause)
    rows = _rows(parameter, clause, blinding)
    if rows is not None:
        made.nothing |= not rows.values and not rows.negated
        made.probes.append(rows)
        if resource_type == provenances.KIND:
            made.named.append(test)
    elif clause.code == indexing.MAIN_DATE.get(resource_type) and clause.modifier is None:
        _date(made, clause, test)
    else:
        made.tests.append(test)


def _asks_whose(parameter: search_parameters.SearchParameter, clause: Clause) -> bool:
    return clause.code in _ABOUT_OWNER and "Patient" in parameter.targets and clause.modifier in (None, "Patient")


def _names_no_patient(value: str) -> bool:
    """``Device/…``: what the resource itself names is asked, not whose record it is."""
    return "/" in value and not value.startswith("Patient/")


def _asks_for_missing(clause: Clause) -> bool:
    """Raises InvalidSearch."""
    if clause.values not in (("true",), ("false",)):
        raise InvalidSearch(clause.code, "with :missing is true or false")
    return clause.values == ("true",)


def _plain_only(clause: Clause) -> None:
    if clause.modifier is not None:
        raise InvalidSearch(clause.code, "takes no modifier")


def _test(parameter: search_parameters.SearchParameter, clause: Clause) -> Test:
    try:
        return matching.compile_clause(parameter, clause.values, modifier=clause.modifier)
    except matching.InvalidValue as error:
        raise InvalidSearch(clause.code, str(error)) from error


def _rows(parameter: search_parameters.SearchParameter, clause: Clause, blinding: _Blinding) -> _Rows | None:
    if parameter not in indexing.row_parameters(blinding.resource_type) or clause.modifier not in (None, "not"):
        return None
    values = (
        blinding.tokens(parameter.code, clause.values)
        if parameter.type == "token"
        else blinding.references(parameter, clause.values)
    )
    return None if values is None else _Rows(PARAMETER_NUMBER[parameter.code], values, clause.modifier == "not")


def _asked(clause: Clause) -> list[dates.SearchDate]:
    try:
        return [dates.SearchDate.parse(value) for value in clause.values]
    except dates.InvalidDate as error:
        raise InvalidSearch(clause.code, str(error)) from error


def _updated(clause: Clause) -> Sql:
    _plain_only(clause)
    # As the body says it: in milliseconds.
    microseconds = "(extract(epoch FROM date_trunc('milliseconds', r.last_updated)) * 1000000)::bigint"
    return _any_of(_compared(asked, microseconds, f"{microseconds} + 1000") for asked in _asked(clause))


def microseconds(moment: datetime) -> int:
    """Since 1970 UTC, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _date(made: Plan, clause: Clause, test: Test) -> None:
    """The main date: a range of the index, compared exactly in SQL; only records with several dates are opened."""
    asked = _asked(clause)
    exact = _any_of(_compared(one, "r.occurred", "r.occurred_end") for one in asked)
    made.conditions.append(
        Sql()
        .add("(r.dating = %s OR (r.dating = %s AND", int(Dating.SEVERAL), int(Dating.EXACT))
        .extend(exact)
        .add("))")
    )
    made.doubtful.append(test)
    if len(asked) == 1:
        made.bounds = _bounds(asked[0])


def _any_of(parts: Iterable[Sql]) -> Sql:
    joined = Sql().add("(false")
    for part in parts:
        joined.add("OR").extend(part)
    return joined.add(")")


def _compared(asked: dates.SearchDate, low: str, high: str) -> Sql:
    """dates.compare as SQL over a half-open interval."""
    span = asked.interval
    equal = Sql().add(f"({low} >= %s AND {high} <= %s)", span.low, span.high)
    match asked.prefix:
        case "eq":
            return equal
        case "ne":
            return Sql().add("NOT").extend(equal)
        case "gt":
            return Sql().add(f"{high} > %s", span.high)
        case "lt":
            return Sql().add(f"{low} < %s", span.low)
        case "ge":
            return Sql().add(f"({high} > %s OR", span.high).extend(equal).add(")")
        case "le":
            return Sql().add(f"({low} < %s OR", span.low).extend(equal).add(")")
        case "sa":
            return Sql().add(f"{low} >= %s", span.high)
        case "eb":
            return Sql().add(f"{high} <= %s", span.low)
        case _:
            return Sql().add(f"({low} < %s AND {high} > %s)", span.high, span.low)


def _bounds(asked: dates.SearchDate) -> _Bounds:
    span = asked.interval
    return _Bounds(
        span.low if asked.prefix in ("eq", "ge", "gt", "sa", "ap") else None,
        span.high if asked.prefix in ("eq", "le", "lt", "eb", "ap") else None,
    )


def statement(
    made: Plan, rules: tuple[Rule, ...], query: Query, *, owner_id: int, blind_key: bytes, after: Position | None
) -> Sql:
    """The rows of a page in reading order, without LIMIT: ``COLUMNS`` of the records that the rules admit."""
    number = TYPE_NUMBER[query.resource_type]
    blinding = _Blinding(owner_id, query.resource_type, blind_key)
    predicate = admitted(rules, query.resource_type, blinding)
    ascending = query.ascending
    direction = "ASC" if ascending else "DESC"
    # In the order of change the place to go on from is no place in the range, so the range is read from its start.
    changed_after, after = (after, None) if query.by_change else (None, after)
    sql = Sql().add(f"SELECT {COLUMNS} FROM")
    reading = _Reading(owner_id, number, made.bounds, direction, after)
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
        sql.add("AND NOT" if rows.negated else "AND").extend(_probe(rows.parameter, rows.values))
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
        sql.add("AND NOT" if rows.negated else "AND").extend(_probe(rows.parameter, rows.values))
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
    bounds: _Bounds | None
    direction: str
    after: Position | None

    def records(self) -> Sql:
        """Whole records."""
        found = self._stretch("SELECT * FROM records_record", "occurred", "id")
        if self._reaches_back:
            found.add(") UNION ALL (").extend(
                self._beside(Sql().add("SELECT e.* FROM records_record e"), "e.occurred", "e.id")
            )
        return Sql().add("(").extend(found).add(")")

    def rows(self, driver: _Rows) -> Sql:
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
        if self.after:
            sign = ">" if self.direction == "ASC" else "<"
            sql.add(f"AND ({at}, {record}) {sign} (%s, %s)", self.after.at, self.after.record)
        return sql


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


def _probe(parameter: int, values: tuple[int, ...]) -> Sql:
    """Whether the record has a row with one of the values: a look-up by primary key.

    OFFSET 0 keeps it one for each record; as a join it would go through all that have the value where the planner
    expects none.
    """
    return Sql().add(
        "EXISTS (SELECT 1 FROM records_searchrow f WHERE f.owner_id = r.owner_id AND f.resource_type = r.resource_type"
        " AND f.param = %s AND f.value = ANY(%s) AND f.occurred = r.occurred AND f.record = r.id OFFSET 0)",
        parameter,
        list(values),
    )


def admitted(rules: tuple[Rule, ...], resource_type: str, blinding: _Blinding) -> Sql:
    """The rules for one type as a predicate on ``r``: any one rule is enough, no rule admits nothing."""
    return _any_of(_admits(rule, blinding) for rule in rules if rule.reaches(resource_type))


def _admits(rule: Rule, blinding: _Blinding) -> Sql:
    sql = Sql().add("(true")
    if rule.withheld:
        sql.add("AND (r.labels & %s) = 0", rule.withheld)
    if rule.sources is not None:
        sql.add("AND r.source_id = ANY(%s)", sorted(rule.sources))
    if rule.since is not None:
        sql.add("AND r.occurred_end > %s", rule.since)
    if rule.until is not None:
        sql.add("AND r.occurred < %s AND r.occurred_end > %s", rule.until, indexing.NEVER)
    for code, value in rule.filters:
        sql.add("AND").extend(_probe(PARAMETER_NUMBER[code], _filter_values(blinding, code, value)))
    if rule.hidden:
        sql.add("AND NOT").extend(_hidden(rule, blinding))
    return sql.add(")")


def _hidden(rule: Rule, blinding: _Blinding) -> Sql:
    """Whether the row is one of the hidden records, or a Binary that has its home in one."""
    sql = Sql().add("(false")
    if ids := rule.hidden_of(blinding.resource_type):
        sql.add("OR r.logical_id = ANY(%s)", ids)
    if blinding.resource_type == "Binary":
        homes = tuple(blind.value(blinding.key, text) for text in sorted(rule.hidden))
        sql.add("OR").extend(_probe(PARAMETER_NUMBER["context"], homes))
    return sql.add(")")


def hidden(rule: Rule, resource_type: str, *, owner_id: int, blind_key: bytes) -> Sql:
    """What of one type the rule hides by name, as a predicate on ``r``."""
    return _hidden(rule, _Blinding(owner_id, resource_type, blind_key))


def _filter_values(blinding: _Blinding, code: str, value: str) -> tuple[int, ...]:
    if code == "context":
        return (blind.value(blinding.key, value),)
    return blinding.tokens(code, [value]) or ()


def predicate(rules: tuple[Rule, ...], resource_type: str, *, owner_id: int, blind_key: bytes) -> Sql:
    return admitted(rules, resource_type, _Blinding(owner_id, resource_type, blind_key))


def run(sql: Sql, limit: int | None = None) -> list[tuple[Any, ...]]:
    """All rows of a statement, or the first ``limit``."""
    return statements.read(f"{sql} LIMIT {limit:d}" if limit is not None else str(sql), sql.values)
