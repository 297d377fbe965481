"""Every page of the portal and of a visit, by the URL maps: a longer record asks no statement more (``make pages``)."""

from __future__ import annotations

import pytest

from benchmarks import estates, population, walk
from tests.portal import people

pytestmark = pytest.mark.django_db


def held(number: int) -> estates.Estate:
    """A person of so many records, with the same connection, app and delegate whatever their number."""
    person, delegate = people.sign_up(), people.sign_up()
    resources = [*population.mixed(person.patient_id, number), *population.observations(person.patient_id, number)]
    people.store_records(person, resources)
    people.let_in(person, "patient/*.rs")
    return estates.of(person, delegate, record=("Observation", "obs-1-1"), measured="obs-1-1")


def asked_of(estate: estates.Estate, name: str, address: str) -> walk.Cost:
    return walk.cost(estate.browser_for(name), address, turns=1)


def test_no_page_asks_more_statements_of_a_longer_record():
    few, many = held(40), held(400)
    asked: dict[str, list[int]] = {}
    walked = set()

    for name in walk.pages():
        for address, longer in zip(walk.addresses(few, name), walk.addresses(many, name), strict=True):
            costs = [asked_of(one, name, where) for one, where in ((few, address), (many, longer))]
            if costs[1].queries > costs[0].queries:
                costs[1] = asked_of(many, name, longer)  # once a minute a page notes that its session is in use
            if costs[0].status == costs[1].status == 200:
                walked.add(name)
                asked[address] = [each.queries for each in costs]

    assert {address: number for address, number in asked.items() if number[1] > number[0]} == {}
    assert {
        "home",
        "timeline",
        "results",
        "trend",
        "records",
        "record",
        "same_kind",
        "for_timeline",
        "for_trend",
        "document",
        "show_link",
        "receipt",
        "clinic:panel",
        "clinic:search",
    } <= walked


def test_what_is_no_page_is_named_as_it_is_called():
    assert {pattern.name for each in walk.MAPS for pattern in each.urlpatterns} >= walk.NO_PAGES


def test_statements_are_counted_whichever_way_they_are_asked():
    person = people.sign_up()
    people.store_records(person, [people.observation(person, "a")])
    browser = people.browser_of(person)

    home, listing = (walk.cost(browser, address, turns=1).queries for address in ("/", "/records/laboratory/"))

    assert listing > 0
    assert home > 0
