"""The first page answers what is new, what needs her and how complete she is, from counters and ledgers alone."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from audit import events
from benchmarks import walk
from gateway.models import Authorization
from records import sources, store
from records.models import SourceKind
from sync.models import Run, RunState
from tests.portal import people
from tests.sync import files

pytestmark = pytest.mark.django_db


def home(person) -> str:
    answer = people.browser_of(person).get("/")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def pulled(person, *, name: str = "Lakeside", state: RunState = RunState.COMPLETE, **steps):
    connection = people.connect(person, people.list_hospital(name))
    people.end_run(connection, state, **steps)
    return connection


def test_what_hospitals_brought_of_late_is_told_in_figures():
    person = people.sign_up()
    people.store_records(person, [people.observation(person, "a")])
    pulled(person, Observation={"total": 190, "received": 190, "new": 12, "changed": 3, "unchanged": 175})
    old = pulled(person, name="Long ago", Condition={"total": 2, "received": 2, "new": 2})
    Run.objects.filter(connection=old).update(queued=timezone.now() - timedelta(days=40))

    page = home(person)

    assert "<span>Measurements and findings: 12 new, 3 changed</span>" in page
    assert "Conditions: 2 new" not in page


def test_the_first_pull_of_a_hospital_is_a_few_words_and_leads_to_all_of_it():
    person = people.sign_up()
    people.store_records(person, [people.observation(person, "a")])
    brought = {"Observation": 400, "DiagnosticReport": 39, "MedicationRequest": 24, "Condition": 7, "Encounter": 9}
    pulled(
        person,
        **{
            kind: {"received": new, "new": new} for kind, new in (brought | {"Organization": 80, "Location": 3}).items()
        },
    )

    page = home(person)

    news = page[page.index('id="new"') : page.index('id="kinds"')]
    assert re.findall(r"<span>([^<]*)</span>", news) == [
        "Measurements and findings: 400 new",
        "Reports: 39 new",
        "Prescriptions: 24 new",
        "2 more kinds",
    ]
    assert re.search(r'href="/timeline/\?source=\d+"', news)


def test_who_has_nothing_from_anybody_is_told_how_to_begin():
    person = people.sign_up()
    patient = {"resourceType": "Patient", "id": person.patient_id, "name": [{"text": "Ana Example"}]}
    with transaction.atomic():
        store.put_page(owner_id=person.pk, source_id=sources.own().pk, resources=[patient], at=timezone.now())

    page = home(person)

    for address in ("/hospitals/", "/devices/", "/files/", "/own/"):
        assert f'href="{address}"' in page[page.index("Nothing here yet") :]
    assert "Nothing needs you just now." not in page

    people.store_records(person, [people.observation(person, "a")])
    assert "Nothing here yet" not in home(person)


def test_what_came_otherwise_is_told_by_its_kinds():
    person = people.sign_up()
    upload = sources.ensure(SourceKind.UPLOAD, "Dr. Old", "urn:uuid:old")
    with transaction.atomic():
        store.put_page(
            owner_id=person.pk,
            source_id=upload.pk,
            resources=[people.condition(person, "c")],
            at=timezone.now() - timedelta(days=2),
        )
    people.store_records(person, [people.observation(person, "stale")])  # long before

    page = home(person)

    news = page[page.index('id="new"') : page.index('id="kinds"')]
    assert "Dr. Old, from a file" in news
    assert "Conditions: " in news
    assert "Riverside" not in news


def test_nothing_new_and_nothing_needed_is_said():
    person = people.sign_up()
    people.store_records(person, [people.observation(person, "a")])

    page = home(person)

    assert "Nothing has come in this time." in page
    assert "Nothing needs you just now." in page


def test_what_needs_her_leads_to_where_it_is_done():
    person = people.sign_up()
    connection = pulled(person, state=RunState.PARTIAL, problem="server_error", Observation={"total": 4, "received": 1})
    authorization = people.let_in(person, "patient/*.rs", name="Heart Diary")
    soon = timezone.now() + timedelta(days=5)
    Authorization.objects.filter(pk=authorization.pk).update(expires=soon, created=soon - timedelta(days=90))
    other = files.bundle(files.patient(given="Berta", family="Other"), files.observation())
    files.give(people.browser_of(person), other, "other.json")

    page = home(person)

    for words in (
        f'href="/hospitals/{connection.pk}/"',
        "Heart Diary loses its access soon.",
        'href="/apps/"',
    ):
        assert words in page
    assert "Nothing needs you" not in page


def test_how_complete_she_is_names_what_is_missing():
    person = people.sign_up()
    people.store_records(person, [people.observation(person, "a")])
    pulled(person, Observation={"total": 3, "received": 3, "new": 3})
    pulled(
        person,
        name="Riverside",
        state=RunState.PARTIAL,
        problem="server_error",
        Observation={"total": 190, "received": 187, "new": 187},
    )

    page = home(person)

    assert "1 of 2 connections have handed over all that they said they have." in page
    assert "Measurements and findings: 187 of 190, 3 failed" in page


def test_no_record_is_opened_for_it_and_no_statement_is_asked_more_for_more():
    asked = []
    for number in (1, 40):
        person = people.sign_up()
        people.store_records(person, [people.observation(person, f"o{each}") for each in range(number)])
        for each in range(1 if number == 1 else 3):
            pulled(person, name=f"H {person.pk} {each}", Observation={"total": 3, "received": 3, "new": 3})
        asked.append(walk.cost(people.browser_of(person), "/", turns=1).queries)

        assert not [event for event in events.of(person.pk) if event.interaction in ("read", "search")]

    assert asked[0] == asked[1]
