"""The timeline: everything in one order, narrowed and searched, page after page, and no query more for a long one."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from audit import events
from consent import gate
from portal import finding, kinds
from portal import timeline as pages
from portal.timeline import PAGE, Wish
from records import repertoire, timeline
from tests.portal import people
from tests.portal.test_people import delegate
from tests.portal.test_records import queries

pytestmark = pytest.mark.django_db

GLUCOSE = {"coding": [{"system": "http://loinc.org", "code": "2345-7", "display": "Glucose [Mass/volume] in Serum"}]}


def shown(answer) -> list[str]:
    return re.findall(r'href="(?:/for/[^/]+)?/record/\w+/([^/]+)/"', answer.content.decode())


def own(person):
    return gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="search", at=people.LOADED)


def note(person, logical_id: str, words: str, **more: Any) -> dict[str, Any]:
    attachment = {"contentType": "text/plain", "data": base64.b64encode(words.encode()).decode()}
    return {
        "resourceType": "DocumentReference",
        "id": logical_id,
        "status": "current",
        "subject": {"reference": f"Patient/{person.patient_id}"},
        "type": {"text": "Progress note"},
        "date": "2021-02-03T10:00:00Z",
        "content": [{"attachment": attachment}],
        **more,
    }


def record_of_years():
    person = people.sign_up()
    people.store_records(
        person,
        [
            people.observation(person, "lab-2024", effectiveDateTime="2024-05-06"),
            people.observation(person, "pulse-2022", category="vital-signs", effectiveDateTime="2022"),
            people.condition(person, "pressure-2019"),
            note(person, "note-2021", "She slept badly; naïve to metformin."),
        ],
    )
    people.store_records(
        person, [people.observation(person, "sugar-2023", code=GLUCOSE, effectiveDateTime="2023-07")], hospital="Lake"
    )
    people.store_records(person, [people.condition(person, "undated", onsetDateTime=None)])
    return person


def test_everything_is_in_one_order_with_what_has_no_date_last():
    person = record_of_years()

    answer = people.browser_of(person).get("/timeline/")

    assert shown(answer) == ["lab-2024", "sugar-2023", "pulse-2022", "note-2021", "pressure-2019", "undated"]
    assert re.findall(r"<h2>([^<]+)</h2>", answer.content.decode()) == [
        *("2024", "2023", "2022", "2021", "2019", "Without a date")
    ]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ("kind=laboratory", ["lab-2024", "sugar-2023"]),
        ("kind=conditions", ["pressure-2019", "undated"]),
        ("kind=other", []),
        ("from=2022-01-01", ["lab-2024", "sugar-2023", "pulse-2022"]),
        ("to=2022-12-31", ["pulse-2022", "note-2021", "pressure-2019", "undated"]),
        ("from=2021-01-01&to=2021-12-31", ["note-2021"]),
        ("kind=laboratory&to=2023-12-31", ["sugar-2023"]),
        # In words: of what codes are called, codes, conditions, notes in files, without accents and capitals.
        ("q=GLUCOSE", ["sugar-2023"]),
        ("q=2345-7", ["sugar-2023"]),
        ("q=blood+high", ["pressure-2019", "undated"]),
        ("q=Naive+metformin", ["note-2021"]),
        ("q=naïve&kind=laboratory", []),
        ("q=nothing-like-it", []),
        # What means nothing asks for nothing.
        ("kind=nonsense&from=yesterday&source=x", ["lab-2024", "sugar-2023", "pulse-2022", "note-2021"]),
        ("from=9999-12-31&to=9999-12-31", []),
        ("to=0001-01-01", ["undated"]),
    ],
)
def test_what_is_asked_for_is_shown(wish, expected):
    person = record_of_years()

    answer = people.browser_of(person).get(f"/timeline/?{wish}")

    assert (answer.status_code, shown(answer)[: len(expected) or None]) == (200, expected)


def test_one_source_can_be_chosen():
    person = record_of_years()
    browser = people.browser_of(person)
    (number,) = re.findall(r'<option value="(\d+)">Lake<', browser.get("/timeline/").content.decode())

    assert shown(browser.get(f"/timeline/?source={number}")) == ["sugar-2023"]
    assert shown(browser.get(f"/timeline/?source={number}&q=glucose")) == ["sugar-2023"]


def test_words_are_found_in_a_file_beside_its_document():
    person = people.sign_up()
    text = {
        "resourceType": "Binary",
        "id": "file",
        "contentType": "text/plain",
        "data": base64.b64encode(b"Bilateral otosclerosis.").decode(),
    }
    content = [{"attachment": {"contentType": "text/plain", "url": "Binary/file"}}]
    people.store_records(person, [text, note(person, "letter", "", content=content)])

    assert shown(people.browser_of(person).get("/timeline/?q=otosclerosis")) == ["letter"]


def test_a_day_is_hers():
    person = people.sign_up(time_zone="Asia/Tokyo")
    late = people.observation(person, "late", effectiveDateTime="2024-05-01T20:00:00Z")  # on the 2nd in Tokyo
    people.store_records(person, [late])
    browser = people.browser_of(person)

    assert shown(browser.get("/timeline/?from=2024-05-02&to=2024-05-02")) == ["late"]
    assert shown(browser.get("/timeline/?to=2024-05-01")) == []


@pytest.mark.parametrize("wish", ["", "q=hemoglobin&", "kind=laboratory&"])
def test_pages_cover_every_record_once(wish):
    person = people.sign_up()
    ids = [f"lab-{number}" for number in range(2 * PAGE + 5)]
    people.store_records(person, [people.observation(person, each) for each in ids])
    browser, address, seen = people.browser_of(person), f"/timeline/?{wish}", []

    while address:
        answer = browser.get(address)
        seen += shown(answer)
        address = older(answer)

    assert sorted(seen) == sorted(ids)


def older(answer) -> str:
    """The address of the page after this one, "" at the end."""
    found = re.search(r'rel="next" href="([^"]+)"', answer.content.decode())
    return "/timeline/" + found[1].replace("&amp;", "&") if found else ""


def test_a_search_says_how_far_it_looked_and_goes_on(monkeypatch):
    browser = people.browser_of(record_of_years())
    monkeypatch.setattr(timeline, "LOOKED_THROUGH", 1)

    stopped = browser.get("/timeline/?q=pressure")

    assert shown(stopped) == []
    assert "Looked back to Feb. 3, 2021 so far" in stopped.content.decode()
    assert shown(browser.get(older(stopped))) == ["pressure-2019"]


def test_files_that_are_opened_are_few(monkeypatch):
    monkeypatch.setattr(timeline, "FILES_MAX", 2)
    person = people.sign_up()
    content = [{"attachment": {"contentType": "text/plain", "url": "Binary/absent"}}]
    people.store_records(person, [note(person, f"letter-{each}", "", content=content) for each in range(5)])

    looked = pages.read(own(person), Wish(words="nothing"), kinds.shown(own(person).counts()), cursor=None)

    assert (looked.entries, bool(looked.next)) == ([], True)


def test_place_that_is_none_of_ours_begins_anew():
    person = record_of_years()

    answer = people.browser_of(person).get("/timeline/?kind=laboratory&after=nonsense")

    assert (answer.status_code, answer["Location"]) == (302, "/timeline/?kind=laboratory")


def test_empty_timeline_says_so():
    answer = people.browser_of(people.sign_up()).get("/timeline/?q=x")

    assert "Nothing found" in answer.content.decode()


@pytest.mark.parametrize("wish", ["", "?q=hemoglobin", "?kind=laboratory", "?from=2019-01-01"])
def test_number_of_queries_does_not_grow(wish):
    asked = []
    for number in (1, 3 * PAGE):
        person = people.sign_up()
        people.store_records(person, [people.observation(person, f"lab-{each}") for each in range(number)])
        asked.append(queries(people.browser_of(person), f"/timeline/{wish}"))

    assert asked[0] == asked[1]


def test_each_page_leaves_one_event():
    person = record_of_years()

    people.browser_of(person).get("/timeline/?kind=laboratory")

    assert [(event.interaction, event.detail) for event in events.of(person.pk)] == [
        ("search", {"types": {"Observation": 2}})
    ]


def test_a_delegate_sees_hers_under_an_address_of_its_own():
    owner, ben = record_of_years(), people.sign_up(name="Ben")
    every = [str(count.source_id) for count in own(owner).counts()]
    uid = delegate(owner, ben, kinds=["laboratory"], sources=every).uid
    browser = people.browser_of(ben)

    answer = browser.get(f"/for/{uid}/timeline/")

    assert shown(answer) == ["lab-2024", "sugar-2023"]
    assert 'value="conditions"' not in answer.content.decode()
    assert shown(browser.get(f"/for/{uid}/timeline/?q=pressure")) == []
    assert shown(browser.get("/timeline/")) == []


def test_repertoire_has_each_code_once_with_its_newest_record():
    person = record_of_years()

    found = {
        tuple(finding._texts(each.newest.resource["code"])): each.newest.logical_id
        for each in repertoire.of(own(person), "Observation")
    }

    assert sorted(found.values()) == ["lab-2024", "sugar-2023"]
