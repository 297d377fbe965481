"""From the clauses of a query to a plan: which rows drive it, which are probed, what is left to ask of the resources.

One clause with rows drives: its rows are already in the order of the page. Other clauses with rows are probed by
primary key, and so are the rules. Clauses without rows are tests on the opened resource.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from records import composition, indexing, predicates, provenances
from records.blinding import Blinding
from records.models import Dating
from records.numbering import PARAMETER_NUMBER
from records.query import Clause, InvalidSearch, Query
from records.statements import Sql, any_of
from standards.fhir import dates, matching, search_parameters

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


Test = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Rows:
    """A clause answered by rows: parameter number and the blind values, any of which is enough."""

    parameter: int
    values: tuple[int, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where in the reading order matches can lie at all: what reaches to ``low``, and what begins before ``high``."""

    low: int | None
    high: int | None


@dataclass(slots=True)
class Plan:
    """A compiled query. ``nothing``: it can have no answer; ``tests``: what is left to ask of opened resources.

    ``named``: what rows answer of a Provenance or a Patient, to be asked again of what it may tell.
    ``floor``: what begins before it is not wanted, µs since 1970 UTC.
    """

    driver: Rows | None = None
    probes: list[Rows] = field(default_factory=list)
    conditions: list[Sql] = field(default_factory=list)
    tests: list[Test] = field(default_factory=list)
    doubtful: list[Test] = field(default_factory=list)
    named: list[Test] = field(default_factory=list)
    bounds: Bounds | None = None
    floor: int | None = None
    nothing: bool = False

    def holds(self, told: Mapping[str, Any]) -> bool:
        """Whether a Provenance or a Patient still answers the query as far as it may be told."""
        return all(test(told) for test in (*self.tests, *self.named))


def plan(query: Query, *, owner_id: int, patient_id: str, blind_key: bytes) -> Plan:
    """Raises InvalidSearch."""
    made = Plan()
    blinding = Blinding(owner_id, query.resource_type, blind_key)
    for clause in query.clauses:
        _place(made, clause, query.resource_type, blinding, patient_id)
    if not query.measured:
        made.conditions.append(predicates.not_measured_by_devices(blinding))
    ranked = sorted((rows for rows in made.probes if not rows.negated), key=_rank)
    if ranked:
        made.driver = ranked[0]
        made.probes.remove(made.driver)
    return made


def _rank(rows: Rows) -> int:
    return _RANK.get(rows.parameter, len(_RANK))


def _place(made: Plan, clause: Clause, resource_type: str, blinding: Blinding, patient_id: str) -> None:
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
        if resource_type in (provenances.KIND, composition.KIND):
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


def _rows(parameter: search_parameters.SearchParameter, clause: Clause, blinding: Blinding) -> Rows | None:
    if parameter not in indexing.row_parameters(blinding.resource_type) or clause.modifier not in (None, "not"):
        return None
    values = (
        blinding.tokens(parameter.code, clause.values)
        if parameter.type == "token"
        else blinding.references(parameter, clause.values)
    )
    return None if values is None else Rows(PARAMETER_NUMBER[parameter.code], values, clause.modifier == "not")


def _asked(clause: Clause) -> list[dates.SearchDate]:
    try:
        return [dates.SearchDate.parse(value) for value in clause.values]
    except dates.InvalidDate as error:
        raise InvalidSearch(clause.code, str(error)) from error


def _updated(clause: Clause) -> Sql:
    _plain_only(clause)
    # As the body says it: in milliseconds.
    microseconds = "(extract(epoch FROM date_trunc('milliseconds', r.last_updated)) * 1000000)::bigint"
    return any_of(_compared(asked, microseconds, f"{microseconds} + 1000") for asked in _asked(clause))


def _date(made: Plan, clause: Clause, test: Test) -> None:
    """The main date: a range of the index, compared exactly in SQL; only records with several dates are opened."""
    asked = _asked(clause)
    exact = any_of(_compared(one, "r.occurred", "r.occurred_end") for one in asked)
    made.conditions.append(
        Sql()
        .add("(r.dating = %s OR (r.dating = %s AND", int(Dating.SEVERAL), int(Dating.EXACT))
        .extend(exact)
        .add("))")
    )
    made.doubtful.append(test)
    if len(asked) == 1:
        made.bounds = _within(made.bounds, _bounds(asked[0]))


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


def _within(one: Bounds | None, other: Bounds) -> Bounds:
    """Where both can lie: "from … until …" is two clauses, and without its lower end all before it would be read."""
    if one is None:
        return other
    lows = [each for each in (one.low, other.low) if each is not None]
    highs = [each for each in (one.high, other.high) if each is not None]
    return Bounds(max(lows, default=None), min(highs, default=None))


def _bounds(asked: dates.SearchDate) -> Bounds:
    span = asked.interval
    return Bounds(
        span.low if asked.prefix in ("eq", "ge", "gt", "sa", "ap") else None,
        span.high if asked.prefix in ("eq", "le", "lt", "eb", "ap") else None,
    )
