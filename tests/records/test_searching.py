from __future__ import annotations

import pytest
from django.db import connection

from records import planning, searching, statements
from records.models import Counter
from records.query import NEWEST_FIRST, OLDEST_FIRST, Query
from tests.records.people import observation, own, put, sign_up

pytestmark = pytest.mark.django_db

LAB = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"


def _lasting(logical_id: str, **period: str) -> dict:
    taken = observation(logical_id, effectivePeriod=period)
    del taken["effectiveDateTime"]
    return taken


def _record():
    person = sign_up()
    put(
        person,
        *(observation(f"at-{year}", effectiveDateTime=f"{year}-06-01") for year in range(2010, 2025)),
        *(_lasting(f"since-{year}", start=f"{year}-01-01") for year in (1999, 2005, 2015, 2024)),
        _lasting("until-2030", end="2030-01-01"),
        _lasting("until-2001", end="2001-01-01"),
        _lasting("always", start="2020-01-01", end="2021-01-01"),
        _lasting("other", start="2001-01-01") | {"category": []},
    )
    return own(person)


def _ids(record, query: Query) -> list[str]:
    """Page by page, two at a time."""
    found, cursor = [], None
    while True:
        page = record.search(query.page(2, after=cursor))
        found += [entry.logical_id for entry in page.entries]
        if (cursor := page.next) is None:
            return found


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("ge2024-03", ["at-2024", "since-2024", "since-2015", "since-2005", "since-1999", "until-2030"]),
        ("gt2024-06-01", ["since-2024", "since-2015", "since-2005", "since-1999", "until-2030"]),
        ("2024", ["at-2024"]),
        ("ap2020-07", ["always", "since-2015", "since-2005", "since-1999", "until-2030"]),
        ("lt2001", ["since-1999", "until-2001", "until-2030"]),
        ("eb2003", ["until-2001"]),
    ],
)
def test_what_has_no_beginning_or_no_end_is_found_in_its_place(date, expected):
    record = _record()
    query = Query.of("Observation").where("category", LAB).where("date", date)

    found = _ids(record, query)

    # Two that begin at no time come last, in no promised order.
    assert (found[:-2], set(found[-2:])) == (expected[:-2], set(expected[-2:]))
    assert record.count(query) == len(expected)


@pytest.mark.parametrize("clauses", [("ge2014-06", "le2016"), ("le2016", "ge2014-06"), ("lt2016-06", "ge2014-06")])
def test_two_dates_together_bound_the_stretch_at_both_ends(clauses):
    record = _record()
    alone = [set(_ids(record, Query.of("Observation").where("category", LAB).where("date", one))) for one in clauses]
    query = Query.of("Observation").where("category", LAB).where("date", clauses[0]).where("date", clauses[1])

    assert set(_ids(record, query)) == alone[0] & alone[1]
    made = planning.plan(query, owner_id=1, patient_id="", blind_key=bytes(32))
    assert None not in (made.bounds.low, made.bounds.high)


@pytest.mark.parametrize("sort", [NEWEST_FIRST, OLDEST_FIRST])
def test_every_page_goes_on_where_the_last_one_ended_whether_or_not_a_value_drives(sort):
    record = _record()
    query = Query("Observation", sort=sort).where("date", "ge2024-03")

    driven, undriven = _ids(record, query.where("category", LAB)), _ids(record, query)

    assert [one for one in undriven if one != "other"] == driven
    assert sorted(undriven) == sorted([*driven, "other"])


def test_an_interval_without_end_does_not_widen_the_search_of_all_others():
    person = sign_up()
    put(person, observation("day", effectiveDateTime="2024-05-06"))
    before = Counter.unguarded.get(owner=person).longest

    put(person, _lasting("open", start="1950"), _lasting("past", end="1960"))

    assert before == 86_400_000_000
    assert Counter.unguarded.get(owner=person).longest == before


def test_the_words_of_the_search_are_those_of_the_index():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT FROM records_record e WHERE e.owner_id = 1 AND e.resource_type = 1 AND " + searching.ENDLESS
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "record_endless" in plan


def test_a_read_of_an_owner_newer_than_the_statistics_goes_by_the_id(monkeypatch):
    for _ in range(4):
        put(sign_up(), *(observation(f"old-{number}") for number in range(100)))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE records_record")
        cursor.execute("SET LOCAL enable_seqscan = off")
    newcomer, asked = own(sign_up()), []
    with monkeypatch.context() as patched:
        patched.setattr(statements, "run", lambda sql, limit=None: asked.append(sql) or [])
        newcomer.read("Observation", "new-1")

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {asked[0]}", asked[0].values)
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "record_one_per_id" in plan
    assert "Filter: ((logical_id" not in plan
