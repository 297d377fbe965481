"""The gate against an oracle, for random records, scopes, consents and searches: obvious, slow, and without an index.

The oracle reads the plain words a case was made of; it knows nothing of rows, hashes, rules, SQL or FHIR JSON.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent import gate
from fhirapi import searching
from records.query import InvalidSearch
from standards.smart import scopes
from tests.consent import test_gate as gate_cases
from tests.consent.test_gate import CATEGORIES, granted_scopes, oracle_admits, terms_chosen
from tests.records.people import AT, CATEGORY, put, sign_up, source

pytestmark = pytest.mark.django_db

CODES = ["718-7", "2345-7", "8867-4"]
STATUSES = ["final", "amended"]
DATES = {"Observation": "date", "Condition": "onset-date", "Procedure": "date"}
FIRST = datetime(2015, 1, 1, tzinfo=UTC).year

records_said = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["Observation", "Condition", "Procedure"]),
            "categories": st.lists(st.sampled_from(CATEGORIES), max_size=2, unique=True),
            "source": st.sampled_from(["Riverside", "Cedar"]),
            "tag": st.sampled_from(gate_cases.TAGS),
            **gate_cases.SENSITIVITY,
            "year": st.integers(2015, 2024),
            "code": st.sampled_from([*CODES, None]),
            "status": st.sampled_from(STATUSES),
            "hidden": st.sampled_from(gate_cases.HIDDEN_FROM),
        }
    ),
    min_size=1,
    max_size=10,
)
asked_pairs = st.lists(
    st.one_of(
        st.tuples(st.just("category"), st.lists(st.sampled_from(CATEGORIES), min_size=1, max_size=3, unique=True)),
        st.tuples(st.just("category:not"), st.lists(st.sampled_from(CATEGORIES), min_size=1, max_size=2, unique=True)),
        st.tuples(st.just("category:missing"), st.booleans()),
        st.tuples(st.just("code"), st.lists(st.sampled_from(CODES), min_size=1, max_size=2, unique=True)),
        st.tuples(st.just("code:missing"), st.booleans()),
        st.tuples(
            st.just("date"), st.tuples(st.sampled_from(["", "ge", "gt", "le", "lt", "ne"]), st.integers(2014, 2025))
        ),
        st.tuples(st.just("_id"), st.lists(st.integers(0, 11), min_size=1, max_size=4, unique=True)),
        st.tuples(st.just("status"), st.sampled_from(STATUSES)),
    ),
    max_size=3,
)
page_sizes = st.sampled_from([1, 2, 3, 50])
orders = st.sampled_from([None, "up", "down"])


def resource_of(number: int, said: dict[str, Any]) -> dict[str, Any]:
    made = gate_cases.resource_of(number, said)
    if said["code"]:
        made["code"] = {"coding": [{"system": "http://loinc.org", "code": said["code"]}]}
    if said["type"] != "Condition":
        made["status"] = said["status"]
    return made


def pair_for(kind: str, name: str, value: Any) -> tuple[str, str]:
    """The parameter as it would stand in an address."""
    if name in ("category", "category:not"):
        return name, ",".join(code if len(code) % 2 else f"{CATEGORY}|{code}" for code in value)
    if name.endswith(":missing"):
        return name, "true" if value else "false"
    if name == "date":
        return DATES[kind], f"{value[0]}{value[1]}"
    if name == "_id":
        return name, ",".join(f"r{number}" for number in value)
    return name, ",".join(value) if isinstance(value, list) else value


def oracle_matches(number: int, said: dict[str, Any], name: str, value: Any) -> bool:
    year = said["year"]
    match name:
        case "category":
            return any(code in said["categories"] for code in value)
        case "category:not":
            return not any(code in said["categories"] for code in value)
        case "category:missing":
            return (not said["categories"]) is value
        case "code":
            return said["code"] in value
        case "code:missing":
            return (said["code"] is None) is value
        case "_id":
            return number in value
        case "status":
            return said["status"] == value
    prefix, wanted = value
    return {
        "": year == wanted,
        "ne": year != wanted,
        "ge": year >= wanted,
        "gt": year > wanted,
        "le": year <= wanted,
        "lt": year < wanted,
    }[prefix]


def applies(kind: str, name: str) -> bool:
    """Procedure and Condition have not all of the parameters that Observation has."""
    return not (kind == "Condition" and name == "status")


def check(
    held: list[Any], granted: list[str], terms: dict[str, Any], pairs: list[Any], count: int, order: str | None
) -> None:
    person = sign_up()
    for name in ("Riverside", "Cedar"):
        told = [resource_of(number, said) for number, said in enumerate(held) if said["source"] == name]
        put(person, *told, source_id=source(name))
    gate_cases.hide_as_said(person, held)
    gate_cases.mark_as_said(person, held)
    decision = gate_cases.grant(person, granted=granted, terms=gate_cases.terms_of(terms))
    app = gate.App("app", decision.pk, scopes.parse_all(" ".join(granted)))
    records = gate.readable(owner_id=person.pk, reader=app, interaction="search", at=AT)

    for kind in ("Observation", "Condition", "Procedure"):
        asked = [(name, value) for name, value in pairs if applies(kind, name)]
        expected = {
            f"r{number}": said
            for number, said in enumerate(held)
            if said["type"] == kind
            and oracle_admits(said, granted, terms, "s")
            and all(oracle_matches(number, said, name, value) for name, value in asked)
        }
        sent = [pair_for(kind, name, value) for name, value in asked] + [("_count", str(count))]
        if order:
            sent.append(("_sort", ("-" if order == "down" else "") + DATES[kind]))
        search = searching.parse(kind, sent, base="https://record.example/fhir/r4", strict=False)
        found = _every_page(records, search.query)
        assert sorted(found) == sorted(expected), (kind, sent)
        assert records.count(search.query) == len(expected), (kind, sent)
        years = [expected[name]["year"] for name in found]
        if ("_sort", sent[-1][1]) in search.used or not order:
            assert years == sorted(years, reverse=order != "up"), (kind, sent)


def _every_page(records: Any, query: Any) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = records.search(query.page(query.count, after=after))
        assert len(page.entries) <= query.count
        found += [stored.logical_id for stored in page.entries]
        after = page.next
        if after is None:
            return found


cases = given(
    held=records_said, granted=granted_scopes, terms=terms_chosen, pairs=asked_pairs, count=page_sizes, order=orders
)
bounds = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}


@cases
@settings(max_examples=120, **bounds)
def test_a_search_finds_exactly_what_the_words_say(held, granted, terms, pairs, count, order):
    check(held, granted, terms, pairs, count, order)


@pytest.mark.thorough
@cases
@settings(max_examples=4000, **bounds)
def test_a_search_finds_exactly_what_the_words_say_in_thousands_of_cases(held, granted, terms, pairs, count, order):
    check(held, granted, terms, pairs, count, order)


@pytest.mark.parametrize("pair", [("date", "ge20x0"), ("code:missing", "perhaps"), ("_sort", "nothing")])
def test_what_means_nothing_is_refused_and_not_guessed(pair):
    person = sign_up()
    records = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="search", at=AT)

    with pytest.raises(InvalidSearch):
        records.search(searching.parse("Observation", [pair], base="", strict=False).query)
