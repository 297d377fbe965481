"""Rules as predicates on ``r``, a row of records_record: what no rule admits is not read (DESIGN D6)."""

from __future__ import annotations

from typing import Final

from records import blind, indexing, sources
from records.blinding import Blinding
from records.models import SourceKind
from records.numbering import PARAMETER_NUMBER
from records.rules import Rule
from records.statements import Sql, any_of

# Of what categories and codes a day is that was measured at home; one glucose by sensor is a stream of its own.
_DAYS: Final = (("category", ("activity", "vital-signs")), ("code", ("http://loinc.org|99504-3",)))


def admitted(rules: tuple[Rule, ...], resource_type: str, blinding: Blinding) -> Sql:
    """The rules for one type as a predicate on ``r``: any one rule is enough, no rule admits nothing."""
    return any_of(_admits(rule, blinding) for rule in rules if rule.reaches(resource_type))


def _admits(rule: Rule, blinding: Blinding) -> Sql:
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
        sql.add("AND").extend(probe(PARAMETER_NUMBER[code], _filter_values(blinding, code, value)))
    if rule.hidden:
        sql.add("AND NOT").extend(_hidden(rule, blinding))
    return sql.add(")")


def _hidden(rule: Rule, blinding: Blinding) -> Sql:
    """Whether the row is one of the hidden records, or a Binary that has its home in one."""
    sql = Sql().add("(false")
    if ids := rule.hidden_of(blinding.resource_type):
        sql.add("OR r.logical_id = ANY(%s)", ids)
    if blinding.resource_type == "Binary":
        homes = tuple(blind.value(blinding.key, text) for text in sorted(rule.hidden))
        sql.add("OR").extend(probe(PARAMETER_NUMBER["context"], homes))
    return sql.add(")")


def hidden(rule: Rule, resource_type: str, *, owner_id: int, blind_key: bytes) -> Sql:
    """What of one type the rule hides by name, as a predicate on ``r``."""
    return _hidden(rule, Blinding(owner_id, resource_type, blind_key))


def _filter_values(blinding: Blinding, code: str, value: str) -> tuple[int, ...]:
    if code == "context":
        return (blind.value(blinding.key, value),)
    return blinding.tokens(code, [value]) or ()


def predicate(rules: tuple[Rule, ...], resource_type: str, *, owner_id: int, blind_key: bytes) -> Sql:
    return admitted(rules, resource_type, Blinding(owner_id, resource_type, blind_key))


def not_measured_by_devices(blinding: Blinding) -> Sql:
    """Whether a row came from no feed of her devices: a maker's, or the days that an app or her phone's export tells.

    What hospitals measured is none, nor is a laboratory's result, by whatever way it came. OFFSET 0, as in ``probe``.
    """
    sql = Sql().add(
        "NOT EXISTS (SELECT 1 FROM records_source o WHERE o.id = r.source_id AND (o.kind = %s"
        " OR ((o.kind = %s OR o.url = %s) AND (false",
        str(SourceKind.WEARABLE),
        str(SourceKind.APP),
        sources.PHONE_URL,
    )
    for code, values in _DAYS:
        sql.add("OR").extend(probe(PARAMETER_NUMBER[code], blinding.tokens(code, values) or ()))
    return sql.add("))) OFFSET 0)")


def probe(parameter: int, values: tuple[int, ...]) -> Sql:
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
