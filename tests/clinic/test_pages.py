"""What a clinician sees: what she shares with his organisation, with its source, and nothing else of anybody."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Event
from benchmarks import walk
from consent import ledger
from consent.models import Grantee
from consent.terms import Terms
from records import patient, sources
from smartlaunch.models import Visit
from tests.clinic import charts
from tests.portal import people
from tests.portal.test_hospitals import short_of_three, words
from tests.portal.test_readings import measured
from tests.smartlaunch import clinics

pytestmark = pytest.mark.django_db
PAGES = ("", "readings/", "results/", "search/")


def patient_with_record():
    person = people.sign_up(name="Zenobia Quillfeather")
    people.store_records(
        person,
        [
            people.condition(person, "pressure", clinicalStatus={"coding": [{"code": "active"}]}),
            people.observation(person, "hb", valueQuantity={"value": 13.5, "unit": "g/dL"}),
            {
                "resourceType": "AllergyIntolerance",
                "id": "penicillin",
                "clinicalStatus": {"coding": [{"code": "active"}]},
                "code": {"text": "Penicillin"},
                "patient": {"reference": f"Patient/{person.patient_id}"},
            },
        ],
    )
    patient.ensure(person.pk, at=timezone.now())
    return person


def page(browser: Client, visit: Visit, path: str = "", **query: str):
    return browser.get(f"/ehr/{visit.uid}/{path}", query)


def said(answer) -> str:
    return words(answer)


def test_shared_record_is_seen_with_its_sources_and_each_page_is_in_her_log():
    person = patient_with_record()
    visit, browser = charts.open_for(person)

    shown = {path: said(page(browser, visit, path)) for path in PAGES}

    assert "Zenobia Quillfeather" in shown[""]
    assert "High blood pressure" in shown[""]
    assert "Penicillin" in shown[""]
    assert "Hemoglobin 13.5 g/dL" in shown["results/"]
    assert "Riverside" in shown[""]
    assert "Hemoglobin" in said(page(browser, visit, "search/", q="hemoglobin"))
    assert "13.5 g/dL" in said(page(browser, visit, "record/Observation/hb/"))
    event = Event.objects.filter(owner_id=person.pk, agent_kind="staff").order_by("sequence").first()
    assert event.agent_name == "Dr. Ada Examplewright, Riverside General Hospital"
    assert event.consent_id == ledger.newest_of_kind(person.pk, Grantee.ORGANIZATION)[0].pk
    assert event.detail["types"] == {"Patient": 1, "Condition": 1, "AllergyIntolerance": 1}


def test_home_and_clinic_is_the_same_as_on_her_own_page():
    person = patient_with_record()
    measured(person)
    visit, browser = charts.open_for(person)

    hers, his = said(people.browser_of(person).get("/readings/")), said(page(browser, visit, "readings/"))

    start, end = "At home 150.0/95.0", "How this is worked out"
    assert hers[hers.index(start) : hers.index(end)] == his[his.index(start) : his.index(end)]
    assert "Masked pattern" in said(page(browser, visit))


@pytest.mark.parametrize("path", [*PAGES, "record/Condition/pressure/"])
def test_withdrawn_decision_shows_nothing_with_the_next_request(path):
    person = patient_with_record()
    visit, browser = charts.open_for(person)
    assert "Zenobia" in said(page(browser, visit, path))
    before = browser.get(f"/ehr/{visit.uid}/still").content

    (decision,) = ledger.newest_of_kind(person.pk, Grantee.ORGANIZATION)
    people.browser_of(person).post(f"/clinics/{decision.grantee}/stop/")

    answer = page(browser, visit, path)
    assert "Zenobia" not in said(answer)
    assert "Nothing is shared with Riverside General Hospital" in said(answer)
    assert browser.get(f"/ehr/{visit.uid}/still").content != before


def without_secrets(answer) -> str:
    return re.sub(r'csrfmiddlewaretoken" value="\w+"|/ehr/[\w-]+/|data-stands="\w+"', "", answer.content.decode())


def test_no_link_no_decision_a_refusal_and_an_ended_grant_are_told_alike_with_as_many_queries():
    ehr = clinics.ehr()
    linked, refused, ended, connected = (patient_with_record() for _ in range(4))
    for number, person in enumerate((linked, refused, ended)):
        charts.link(person, ehr, f"p{number}")
    charts.connect(connected, ehr, "p3")
    organization = ehr.organization
    wide = {"asked": ["patient/*.rs"], "read": charts.READ, "at": timezone.now(), "kind": Grantee.ORGANIZATION}
    named = {"grantee": str(organization.uid), "grantee_name": organization.name}
    ledger.refuse(owner=refused, actor=refused, **named, **wide)
    past = timezone.now() - timedelta(days=2)
    charts.share(ended, organization, at=past, ends=past + timedelta(days=1))

    told = []
    for chart in ("p0", "p1", "p2", "p3", "nobody"):
        visit, browser = charts.opened(ehr, chart)
        for path in PAGES:
            page(browser, visit, path)
            with walk.counted() as queries:
                answer = page(browser, visit, path)
            told.append((answer.status_code, queries(), without_secrets(answer)))

    assert len(set(told)) == 1


def test_first_page_of_a_visit_makes_no_statement_more_for_who_is_linked():
    person, ehr = patient_with_record(), clinics.ehr()
    charts.link(person, ehr)
    visit, browser = charts.opened(ehr, "nobody")
    page(browser, visit)  # what a process asks once

    told = []
    for chart in (charts.PATIENT, "nobody"):
        visit, browser = charts.opened(ehr, chart)
        with walk.counted() as queries:
            answer = page(browser, visit)
        told.append((answer.status_code, queries(), without_secrets(answer)))
    assert told[0] == told[1]

    charts.share(person, ehr.organization)
    visit, browser = charts.opened(ehr)
    assert "Zenobia" in said(page(browser, visit))
    assert Visit.objects.get(pk=visit.pk).person_id == person.pk


def test_two_people_who_both_say_that_a_chart_is_theirs_show_nothing():
    ehr = clinics.ehr()
    person, other = patient_with_record(), people.sign_up()
    charts.share(person, ehr.organization)
    charts.link(person, ehr)
    visit, browser = charts.opened(ehr)
    assert "Zenobia" in said(page(browser, visit))

    charts.link(other, ehr)

    assert "Nothing is shared" in said(page(browser, visit))


def test_her_own_connection_to_that_ehr_is_a_link_once_it_was_found_to_be_hers():
    person, ehr = patient_with_record(), clinics.ehr()
    charts.share(person, ehr.organization)
    visit, browser = charts.opened(ehr)
    charts.connect(person, ehr, recognized=None)
    assert "Nothing is shared" in said(page(browser, visit))

    person.connections.update(recognized=timezone.now())
    assert "Zenobia" in said(page(browser, visit))

    elsewhere, other = charts.opened(ehr, "another-chart")
    assert "Nothing is shared" in said(page(other, elsewhere))


def test_another_organisation_sees_nothing_of_it():
    person = patient_with_record()
    charts.open_for(person)
    other = clinics.ehr("Lakeside Clinic")
    charts.link(person, other)

    visit, browser = charts.opened(other)

    assert "Nothing is shared with Lakeside Clinic" in said(page(browser, visit))


def test_scopes_sources_and_hidden_records_bound_what_is_shown_and_what_is_told_missing():
    person = patient_with_record()
    people.store_records(person, [people.condition(person, "b", code={"text": "Gout"})], hospital="Lakeside")
    visit, browser = charts.open_for(person)
    assert "Gout" in said(page(browser, visit))

    at = timezone.now()
    ledger.hide(owner=person, actor=person, record="Condition/pressure", read=charts.READ, at=at)
    lakeside = sources.ensure("ehr", "Lakeside", "https://lakeside.example/fhir").pk
    narrow = Terms(sources=frozenset({lakeside}))
    charts.share(person, visit.ehr.organization, "patient/Condition.rs", "patient/Patient.rs", terms=narrow)

    shown = said(page(browser, visit))
    assert "Gout" in shown
    assert "Penicillin" not in shown
    assert "High blood pressure" not in shown
    assert "Riverside" not in shown.replace("Riverside General Hospital", "")
    hidden, missing = page(browser, visit, "record/Condition/pressure/"), page(browser, visit, "record/Condition/x/")
    assert (hidden.status_code, without_secrets(hidden)) == (missing.status_code, without_secrets(missing))
    assert hidden.status_code == 404
    assert page(browser, visit, "record/Condition/%00/").status_code == 404


def test_what_is_missing_is_told_without_numbers_that_count_what_she_withholds():
    person = patient_with_record()
    hospital = people.list_hospital("Riverside")
    short_of_three(people.connect(person, hospital))
    visit, browser = charts.open_for(person, "patient/Observation.rs", "patient/Patient.rs")
    assert "187 of 190" in words(people.browser_of(person).get(f"/hospitals/{person.connections.get().pk}/"))

    shown = said(page(browser, visit))

    assert "Riverside" in shown.replace("Riverside General Hospital", "")
    assert ": incomplete" in shown
    assert "187" not in shown
    assert "190" not in shown


def test_banner_stands_where_the_ehr_needs_one():
    person = patient_with_record()
    visit, browser = charts.open_for(person)
    assert '<div class="whose card">' in page(browser, visit).content.decode()

    Visit.objects.filter(pk=visit.pk).update(need_patient_banner=False)

    body = page(browser, visit).content.decode()
    assert '<div class="whose">' in body
    assert "Shared by Zenobia Quillfeather" in body


def test_summary_takes_as_many_queries_for_many_records():
    person = patient_with_record()
    measured(person)
    visit, browser = charts.open_for(person)
    counted = []
    for number in range(2):
        page(browser, visit)
        with walk.counted() as queries:
            page(browser, visit)
        counted.append(queries())
        more = [people.observation(person, f"more-{number}-{each}") for each in range(300)]
        people.store_records(person, more)

    assert counted[0] == counted[1] <= 60
