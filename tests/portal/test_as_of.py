"""Her record as it was known on a past day: what had reached us then, as it was then, and what was not held yet."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.db import transaction
from django.utils import timezone

from benchmarks import walk
from consent import gate
from records import sources, store
from records.asof import AsOf
from records.models import SourceKind
from records.query import Query
from tests.architecture import possessions
from tests.portal import people
from tests.records.sameness.telling import problem, state

pytestmark = pytest.mark.django_db
FIRST, SECOND, THIRD = (datetime(2025, month, 10, 12, tzinfo=UTC) for month in (3, 5, 7))


def put(person, *resources, at: datetime, hospital: str = "Riverside") -> int:
    source = sources.ensure(SourceKind.EHR, hospital, f"https://{hospital.lower()}.example/fhir")
    with transaction.atomic():
        store.put_page(owner_id=person.pk, source_id=source.pk, resources=list(resources), at=at)
    return source.pk


def delete(person, *references: tuple[str, str], at: datetime) -> None:
    source = sources.ensure(SourceKind.EHR, "Riverside", "https://riverside.example/fhir")
    with transaction.atomic():
        store.delete(owner_id=person.pk, source_id=source.pk, references=list(references), at=at)


@pytest.fixture
def person():
    """Asthma in March, called over in May; gout in March, removed in July; a fracture known since July."""
    person = people.sign_up()
    put(person, problem("a"), problem("gout", "Gout", "90560007"), at=FIRST)
    put(person, problem("a", clinicalStatus=state("resolved")), at=SECOND)
    put(person, problem("new", "Fracture", "125605004"), at=THIRD)
    delete(person, ("Condition", "gout"), at=THIRD)
    return person


def page(person, address: str, status: int = 200) -> str:
    answer = people.browser_of(person).get(address)
    assert answer.status_code == status
    return re.sub(r"\s+", " ", answer.content.decode())


def names(person, address: str) -> list[str]:
    return sorted(set(re.findall(r'href="/record/Condition/([^/]+)/', page(person, address))))


@pytest.mark.parametrize(
    ("day", "known"),
    [
        ("2025-03-09", []),
        ("2025-03-10", ["a", "gout"]),
        ("2025-06-01", ["a", "gout"]),
        ("2025-07-10", ["a", "new"]),
        ("2999-01-01", ["a", "new"]),
        ("nonsense", ["a", "new"]),
        ("9999-12-31", ["a", "new"]),
    ],
)
def test_a_list_holds_what_had_reached_us_by_the_end_of_the_day(person, day, known):
    assert names(person, f"/records/conditions/?as_of={day}") == known
    assert names(person, f"/same/problems/?as_of={day}") == known


def test_a_record_is_shown_as_it_was_and_says_when_it_was_not_there(person):
    before, then, now = (
        page(person, f"/record/Condition/a/{query}") for query in ("?as_of=2025-03-01", "?as_of=2025-04-01", "")
    )

    assert "It first reached us on March 10, 2025" in before
    assert "As it was known here on April 1, 2025." in then
    assert "active" in then.partition("<dl")[2].partition("</dl>")[0]
    assert "resolved" in now.partition("<dl")[2].partition("</dl>")[0]
    assert "gout" not in page(person, "/records/conditions/")
    assert "Gout" in page(person, "/record/Condition/gout/?as_of=2025-06-01")
    page(person, "/record/Condition/nothing/?as_of=2025-06-01", status=404)


def test_links_of_a_past_list_lead_to_the_past(person):
    text = page(person, "/same/problems/?as_of=2025-04-01")

    assert '/record/Condition/a/?as_of=2025-04-01"' in text
    assert "Not the same" not in text


def test_what_was_not_connected_yet_is_named(person):
    people.connect(person, people.list_hospital("Cedar Clinic"))

    then, now = page(person, "/same/problems/?as_of=2025-04-01"), page(person, "/same/problems/")

    assert "Not held yet on that day: Cedar Clinic, connected" in then
    assert "Cedar Clinic, connected" not in now


def test_pages_of_a_past_day_hold_every_record_once():
    person = people.sign_up()
    ids = [f"p{number}" for number in range(65)]
    put(person, *(problem(each, f"Problem {each}", "") for each in ids), at=FIRST)
    put(person, *(problem(each, f"Changed {each}", "") for each in ids[:40]), at=THIRD)
    put(person, *(problem(f"late{number}", "Late", "") for number in range(40)), at=THIRD)
    address, seen, text = "/records/conditions/?as_of=2025-04-01", [], ""

    while address:
        text = page(person, address)
        seen += re.findall(r'href="/record/Condition/([^/]+)/\?as_of', text)
        assert "Changed" not in text
        found = re.search(r'rel="next" href="([^"]+)"', text)
        address = "/records/conditions/" + found[1].replace("&amp;", "&") if found else ""

    assert sorted(seen) == sorted(ids)


def test_a_category_is_asked_of_the_version_of_then():
    person = people.sign_up()
    put(person, people.observation(person, "moved"), at=FIRST)
    put(person, people.observation(person, "moved", category="vital-signs"), at=SECOND)

    then = page(person, "/records/vital-signs/?as_of=2025-04-01")
    now = page(person, "/records/vital-signs/")

    assert "/record/Observation/moved/" in now
    assert "/record/Observation/moved/" not in then.partition("<main")[2]


def test_a_delegate_sees_no_more_of_the_past_than_she_may_of_today():
    person, helper = people.sign_up(), people.sign_up()
    put(person, people.observation(person, "seen"), people.observation(person, "secret"), at=FIRST)
    sensitive = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}]}
    put(person, people.observation(person, "secret", meta=sensitive), at=SECOND)
    uid = possessions.delegate(person, helper).uid

    own = page(person, "/records/laboratory/?as_of=2025-04-01")
    theirs = page(helper, f"/for/{uid}/records/laboratory/?as_of=2025-04-01")

    assert "/record/Observation/secret/" in own
    assert f"/for/{uid}/record/Observation/seen/?as_of=2025-04-01" in theirs
    assert "secret" not in theirs
    page(helper, f"/for/{uid}/record/Observation/secret/?as_of=2025-04-01", status=404)


def test_a_version_that_was_sensitive_then_stays_hidden_from_a_delegate():
    person, helper = people.sign_up(), people.sign_up()
    sensitive = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}]}
    put(person, people.observation(person, "was", meta=sensitive), people.observation(person, "seen"), at=FIRST)
    put(person, people.observation(person, "was"), at=SECOND)
    uid = possessions.delegate(person, helper).uid

    theirs = page(helper, f"/for/{uid}/records/laboratory/?as_of=2025-04-01")

    assert "/record/Observation/seen/" in theirs
    assert "/record/Observation/was/" not in theirs


def test_queries_of_a_past_day_do_not_grow():
    asked = []
    for number in (3, 29):
        person = people.sign_up()
        put(person, *(problem(f"p{each}", f"Problem {each}", "") for each in range(number)), at=FIRST)
        client = people.browser_of(person)
        client.get("/records/conditions/?as_of=2025-04-01")
        with walk.counted() as queries:
            client.get("/records/conditions/?as_of=2025-04-01")
        asked.append(queries())

    assert asked[0] == asked[1] <= 60


def test_a_past_list_of_a_category_does_not_go_through_all_of_the_other_categories():
    person = people.sign_up()
    put(person, people.observation(person, "changed"), people.observation(person, "kept"), at=FIRST)
    put(person, people.observation(person, "changed", code={"text": "Other"}), at=THIRD)
    client, address = people.browser_of(person), "/records/laboratory/?as_of=2025-04-01"
    client.get(address)
    with walk.counted() as before:
        client.get(address)
    others = (people.observation(person, f"v{each}", category="vital-signs") for each in range(600))
    put(person, *others, at=FIRST)

    with walk.counted() as after:
        text = client.get(address).content.decode()

    assert after() == before()
    assert "/record/Observation/changed/" in text
    assert "/record/Observation/kept/" in text
    assert "/record/Observation/v1/" not in text


def test_the_store_and_its_history_agree(person):
    records = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="search", at=timezone.now())
    for at in (FIRST, SECOND, THIRD):
        by_history = {
            each.logical_id: next(
                version for version in records.history("Condition", each.logical_id) if version.last_updated <= at
            )
            for each in AsOf(records, at).first(Query.of("Condition"), 100)
        }
        assert {each.logical_id: each.body for each in AsOf(records, at).first(Query.of("Condition"), 100)} == {
            name: version.body for name, version in by_history.items()
        }
        assert AsOf(records, at).read("Condition", "a") == by_history["a"]
