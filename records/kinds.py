"""How much there is of each kind: from counters that are kept as records are written, never by counting rows where that
can be helped (DESIGN D5). What the rules do not admit is not counted.
"""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from records import blind, keys, labels, predicates, sources, statements
from records.models import Counter
from records.numbering import PARAMETER_NUMBER, TYPE_NAME, TYPE_NUMBER
from records.rules import Rule
from records.statements import Sql
from standards.smart import scopes

# Categories that the person's pages and the consent page name; a record in none of them is in the category "".
CATEGORIES: Final = tuple(
    dict.fromkeys(
        [
            *(value for values in scopes.US_CORE_GRANULAR.values() for value in values),
            *(
                f"http://terminology.hl7.org/CodeSystem/observation-category|{code}"
                for code in ("imaging", "procedure", "exam", "therapy", "activity")
            ),
            "http://terminology.hl7.org/CodeSystem/v2-0074|LAB",
            "http://loinc.org|LP29684-5",
            "http://loinc.org|LP29708-2",
            "http://loinc.org|LP7839-6",
            "http://hl7.org/fhir/us/core/CodeSystem/careplan-category|assess-plan",
            # Beside another: what she wrote herself is looked at as such, and for what it is.
            f"{sources.ENTRY_CATEGORIES}|self-entered",
        ]
    )
)


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many records of one kind: each record is in exactly one KindCount, so sums are exact.

    ``categories`` are the known ones of these records in the order of CATEGORIES, ``labels`` their sensitivity labels,
    ``newest`` the ``occurred`` of the newest.
    """

    resource_type: str
    categories: tuple[str, ...]
    source_id: int
    labels: tuple[str, ...]
    total: int
    problems: int
    newest: int
    changed: datetime

    @property
    def category(self) -> str:
        """The first known category, or "" for none."""
        return self.categories[0] if self.categories else ""


# As a counter's: type, blind categories, source, label bits, total, problems, newest, changed.
_Row = tuple[Any, ...]


def counted(owner_id: int, rules: tuple[Rule, ...]) -> list[KindCount]:
    """What some rules admit of an owner's record, by kind; its rows are read only where a rule has a time window."""
    blind_key = keys.ensure(owner_id).blind
    if any(rule.windowed for rule in rules):
        rows = _gone_through(owner_id, rules, blind_key)
    else:
        held = Counter.unguarded.filter(owner_id=owner_id, total__gt=0).values_list(
            "resource_type", "categories", "source_id", "labels", "total", "problems", "newest", "changed"
        )
        admitted = [row for row in held if any(_admits(rule, blind_key, row) for rule in rules)]
        rows = _without_hidden(owner_id, rules, blind_key, admitted)
    return [_kind(blind_key, row) for row in rows]


def _admits(rule: Rule, blind_key: bytes, row: _Row) -> bool:
    """Whether the rule admits every record that this counter counts."""
    resource_type, categories, source_id, label_bits = TYPE_NAME[row[0]], row[1], row[2], row[3]
    return (
        rule.reaches(resource_type)
        and not label_bits & rule.withheld
        and (rule.sources is None or source_id in rule.sources)
        and all(
            code == "category" and any(value in categories for value in _values(blind_key, text))
            for code, text in rule.filters
        )
    )


def _values(blind_key: bytes, text: str) -> tuple[int, ...]:
    system, bar, code = text.rpartition("|")
    if bar:
        return (blind.token(blind_key, system, code),)
    return tuple(
        blind.token(blind_key, known.rpartition("|")[0], code) for known in CATEGORIES if known.endswith(f"|{code}")
    )


def _without_hidden(owner_id: int, rules: tuple[Rule, ...], blind_key: bytes, rows: list[_Row]) -> list[_Row]:
    """The counters less the records hidden by name, which no counter knows; they are few and looked up."""
    hiding = next((rule for rule in rules if rule.hidden), None)
    if hiding is None:
        return rows
    types = {text.partition("/")[0] for text in hiding.hidden} & TYPE_NUMBER.keys()
    less: dict[Any, _Row] = {}
    for name in sorted(types | {"Binary"}):
        predicate = predicates.hidden(hiding, name, owner_id=owner_id, blind_key=blind_key)
        found = statements.run(_few_counted(owner_id, TYPE_NUMBER[name], predicate))
        less |= {_group(row): row for row in found}
    again = {row[0] for row in rows if (one := less.get(_group(row))) and _is_newest(one, row)}
    newest = {
        _group(row): row for number in again for row in _of_type(owner_id, number, rules=rules, blind_key=blind_key)
    }
    left = []
    for row in rows:
        hidden = less.get(_group(row))
        if hidden is None:
            left.append(row)
        elif row[4] > hidden[4]:
            told = newest.get(_group(row), row)
            left.append((*row[:4], row[4] - hidden[4], row[5] - hidden[5], *told[6:]))
    return left


def _group(row: _Row) -> tuple[Any, ...]:
    return row[0], tuple(row[1]), row[2], row[3]


def _is_newest(hidden: _Row, row: _Row) -> bool:
    """Whether what the counter says of the newest may be about a hidden one."""
    return bool(hidden[6] >= row[6])


def _gone_through(owner_id: int, rules: tuple[Rule, ...], blind_key: bytes) -> list[_Row]:
    """Counts by going through the rows: only when a rule has a time window, which no counter knows."""
    held = Counter.unguarded.filter(owner_id=owner_id, total__gt=0)
    found: list[_Row] = []
    for number in held.values_list("resource_type", flat=True).distinct():
        if any(rule.reaches(TYPE_NAME[number]) for rule in rules):
            found += _of_type(owner_id, number, rules=rules, blind_key=blind_key)
    return found


def _of_type(owner_id: int, number: int, *, rules: tuple[Rule, ...], blind_key: bytes) -> list[_Row]:
    sql = (
        Sql()
        .add(
            "SELECT r.resource_type, coalesce(c.categories, '{}'), r.source_id, r.labels, count(*)::int,"
            " count(r.problems)::int, max(r.occurred), max(r.last_updated) FROM records_record r"
            " LEFT JOIN (SELECT record, array_agg(value ORDER BY value) AS categories"
            " FROM records_searchrow WHERE owner_id = %s AND resource_type = %s AND param = %s"
            " GROUP BY record) c ON c.record = r.id"
            " WHERE r.owner_id = %s AND r.resource_type = %s AND NOT r.deleted AND",
            owner_id,
            number,
            PARAMETER_NUMBER["category"],
            owner_id,
            number,
        )
        .extend(predicates.predicate(rules, TYPE_NAME[number], owner_id=owner_id, blind_key=blind_key))
        .add("GROUP BY 1, 2, 3, 4")
    )
    return statements.run(sql)


def _kind(blind_key: bytes, row: _Row) -> KindCount:
    known = _known_categories(blind_key)
    return KindCount(
        TYPE_NAME[row[0]],
        tuple(text for value, text in known.items() if value in row[1]),
        row[2],
        tuple(labels.names(row[3])),
        row[4],
        row[5],
        row[6],
        row[7],
    )


def _few_counted(owner_id: int, number: int, predicate: Sql) -> Sql:
    """The few records of one type that meet the predicate, grouped as the counters group them."""
    return (
        Sql()
        .add(
            "SELECT r.resource_type, c.categories, r.source_id, r.labels, count(*)::int, count(r.problems)::int,"
            " max(r.occurred), max(r.last_updated) FROM records_record r"
            " CROSS JOIN LATERAL (SELECT coalesce(array_agg(f.value ORDER BY f.value), '{}') AS categories"
            " FROM records_searchrow f WHERE f.owner_id = %s AND f.resource_type = %s AND f.param = %s"
            " AND f.occurred = r.occurred AND f.record = r.id) c"
            " WHERE r.owner_id = %s AND r.resource_type = %s AND NOT r.deleted AND",
            owner_id,
            number,
            PARAMETER_NUMBER["category"],
            owner_id,
            number,
        )
        .extend(predicate)
        .add("GROUP BY 1, 2, 3, 4")
    )


@lru_cache(maxsize=1024)
def _known_categories(blind_key: bytes) -> dict[int, str]:
    return {blind.token(blind_key, *value.rpartition("|")[::2]): value for value in CATEGORIES}


def tally(kinds: list[KindCount]) -> Tally[str]:
    """Totals by resource type."""
    totals: Tally[str] = Tally()
    for kind in kinds:
        totals[kind.resource_type] += kind.total
    return totals
