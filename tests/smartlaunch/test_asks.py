"""A clinician asks, she answers: he is told the same whoever she is, and what she says is in her ledger."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from audit.models import Event
from benchmarks import walk
from consent.models import Act, Decision, Grantee
from smartlaunch import asks, notices, visits
from smartlaunch.models import Ask, ChartLink, ShareRequest, Visit
from tests.clinic import charts
from tests.clinic.test_pages import page, patient_with_record, said
from tests.portal import people
from tests.portal.test_hospitals import words
from tests.smartlaunch import clinics

pytestmark = pytest.mark.django_db


def asked(browser, visit, code=""):
    """He asks, and a worker looks for whom."""
    answer = browser.post(f"/ehr/{visit.uid}/ask/", {"code": code, "csrfmiddlewaretoken": token(browser, visit)})
    for each in Ask.objects.filter(delivered__isnull=True):
        notices.deliver(each.pk, at=timezone.now())
    return answer


def token(browser, visit):
    return re.search(r'csrfmiddlewaretoken" value="(\w+)"', page(browser, visit).content.decode())[1]


def code_of(person):
    shown = people.browser_of(person).post("/clinics/code/").content.decode()
    return re.search(r"<code[^>]*>([\w-]+)</code>", shown)[1]


def answer(person, said_by_her, **more):
    (waiting,) = asks.waiting(person, at=timezone.now())
    browser, path = people.browser_of(person), f"/clinics/ask/{waiting.uid}/"
    sources = re.findall(r'name="sources" value="(\d+)"', browser.get(path).content.decode())
    form = {"answer": said_by_her, "kinds": "everything", "sources": sources, **more}
    return browser.post(path, form, follow=True)


@pytest.fixture
def chart():
    return charts.opened(clinics.ehr())


def test_code_leads_to_her_once_and_she_is_told_by_mail_and_in_the_portal(chart):
    person, (visit, browser) = patient_with_record(), chart
    code = code_of(person)

    asked(browser, visit, code.lower().replace("-", " "))

    (message,) = mail.outbox
    assert message.to == [person.email]
    assert "Dr. Ada Examplewright of Riverside General Hospital asks to see your record" in message.body
    assert "asks to see your record" in words(people.browser_of(person).get("/"))
    assert "Nothing is shared" in said(page(browser, visit))
    asked(browser, visit, code)
    assert ShareRequest.objects.count() == 1


@pytest.mark.parametrize(
    ("choice", "kind", "days"),
    [("visit", Grantee.CLINICIAN, None), ("season", Grantee.ORGANIZATION, 90), ("always", Grantee.ORGANIZATION, 0)],
)
def test_her_yes_is_a_decision_for_as_long_as_she_said_and_links_the_chart(chart, choice, kind, days):
    person, (visit, browser) = patient_with_record(), chart
    asked(browser, visit, code_of(person))

    answer(person, choice)

    decision = Decision.objects.get(owner=person, act=Act.GRANT)
    ends = {None: visit.ends, 0: None}.get(days, decision.decided + timedelta(days=90))
    assert (decision.grantee_kind, decision.ends) == (kind, ends)
    assert decision.text_version == "clinic-2026-11"
    assert ChartLink.objects.get(owner=person).patient == charts.PATIENT
    assert "Zenobia" in said(page(browser, visit))
    colleague, other = charts.opened(visit.ehr)
    assert ("Zenobia" in said(page(other, colleague))) == (choice != "visit")
    interactions = list(Event.objects.filter(owner_id=person.pk).values_list("interaction", flat=True))
    assert interactions[:2] == ["ask", "authorize"]


def test_her_no_is_in_the_ledger_links_nothing_and_shows_nothing(chart):
    person, (visit, browser) = patient_with_record(), chart
    asked(browser, visit, code_of(person))
    before = said(page(browser, visit))

    answer(person, "no")

    assert Decision.objects.get(owner=person).act == Act.REFUSE
    assert not ChartLink.objects.exists()
    assert said(page(browser, visit)) == before


def test_what_she_narrows_is_what_he_sees(chart):
    person, (visit, browser) = patient_with_record(), chart
    asked(browser, visit, code_of(person))

    answer(person, "season", kinds="allergies")

    shown = said(page(browser, visit))
    assert "Penicillin" in shown
    assert "High blood pressure" not in shown


def test_answer_and_work_are_the_same_whoever_the_ask_leads_to():
    ehr = clinics.ehr()
    known, person = patient_with_record(), patient_with_record()
    charts.link(known, ehr, "linked")
    code = code_of(person)
    told = []
    for chart, typed in (("linked", ""), ("nobody", ""), ("nobody", code), ("nobody", "WRONG-CODE9")):
        visit, browser = charts.opened(ehr, chart)
        form = {"code": typed, "csrfmiddlewaretoken": token(browser, visit)}
        with walk.counted() as queries:
            answered = browser.post(f"/ehr/{visit.uid}/ask/", form, follow=True)
        told.append((answered.status_code, queries(), said(answered)))

    assert len(set(told)) == 1
    assert sum(notices.deliver(each.pk, at=timezone.now()) for each in Ask.objects.all()) == 2


def test_code_ends_after_a_quarter_of_an_hour_and_a_new_one_takes_its_place(chart):
    person, (visit, _) = patient_with_record(), chart
    at = timezone.now()
    old = asks.show_code(person, at=at)
    new = asks.show_code(person, at=at)
    opened = clinics_open(visit)

    for code, later in ((old, timedelta()), (new, asks.CODE_LIFE)):
        asks.ask(opened, code, at=at + later)
        (made,) = Ask.objects.filter(delivered__isnull=True)
        assert asks.deliver(made.pk, patient=charts.PATIENT, at=at + later) is None
    asks.ask(opened, new, at=at)
    (made,) = Ask.objects.filter(delivered__isnull=True)
    # A worker may come late: what counts is when the clinician typed it.
    assert asks.deliver(made.pk, patient=charts.PATIENT, at=at + 4 * asks.CODE_LIFE) is not None


def clinics_open(visit):
    return visits.Open(Visit.objects.select_related("ehr", "clinician__organization").get(pk=visit.pk), None)


def test_ask_without_a_code_reaches_only_who_linked_that_chart_and_rests_after_a_no(chart):
    person, (visit, browser) = patient_with_record(), chart
    asked(browser, visit)
    assert not ShareRequest.objects.exists()

    charts.connect(person, visit.ehr)
    asked(browser, visit)
    answer(person, "no")
    asked(browser, visit)
    assert ShareRequest.objects.count() == 1

    ShareRequest.objects.update(asked=timezone.now() - asks.REST)
    asked(browser, visit)
    assert ShareRequest.objects.count() == 2


def test_two_workers_deliver_one_ask_once_and_one_waits_of_an_organisation(chart):
    person, (visit, browser) = patient_with_record(), chart
    asks.ask(clinics_open(visit), code_of(person), at=timezone.now())
    (made,) = Ask.objects.all()

    assert notices.deliver(made.pk, at=timezone.now())
    assert not notices.deliver(made.pk, at=timezone.now())

    asked(browser, visit, code_of(person))
    assert len(mail.outbox) == ShareRequest.objects.count() == 1


def test_clinician_who_asks_on_and_on_reaches_nobody(chart):
    person, (visit, browser) = patient_with_record(), chart
    opened = clinics_open(visit)
    for _ in range(asks.HOURLY):
        asks.ask(opened, "GUESS", at=timezone.now())

    asked(browser, visit, code_of(person))

    assert not ShareRequest.objects.exists()


def test_yes_for_a_visit_that_is_over_shares_nothing(chart):
    person, (visit, browser) = patient_with_record(), chart
    asked(browser, visit, code_of(person))
    ShareRequest.objects.update(visit_ends=timezone.now())

    answer(person, "visit")

    assert not Decision.objects.filter(owner=person).exists()
    assert asks.waiting(person, at=timezone.now())


def test_what_is_answered_or_lapsed_cannot_be_answered_again(chart):
    person, (visit, browser) = patient_with_record(), chart
    asked(browser, visit, code_of(person))
    (waiting,) = asks.waiting(person, at=timezone.now())
    answer(person, "no")

    again = people.browser_of(person).post(f"/clinics/ask/{waiting.uid}/", {"answer": "always", "kinds": "everything"})

    assert again.status_code == 404
    assert not Decision.objects.filter(owner=person, act=Act.GRANT).exists()


def test_stop_ends_the_links_to_that_organisation_too(chart):
    person, (visit, browser) = patient_with_record(), chart
    asked(browser, visit, code_of(person))
    answer(person, "always")
    assert "Riverside General Hospital" in words(people.browser_of(person).get("/clinics/"))

    people.browser_of(person).post(f"/clinics/{visit.ehr.organization.uid}/stop/")

    assert "None." in words(people.browser_of(person).get("/clinics/"))
    assert "Nothing is shared" in said(page(browser, visit))
    asked(browser, visit)
    assert ShareRequest.objects.count() == 1


def test_mail_that_could_not_leave_is_sent_by_the_next_round(chart, monkeypatch):
    person, (visit, browser) = patient_with_record(), chart
    monkeypatch.setattr("gateway.notices.send", lambda *_: False)
    asked(browser, visit, code_of(person))
    monkeypatch.undo()
    assert mail.outbox == []

    assert notices.deliver_waiting(at=timezone.now() + timedelta(minutes=2)) == 1
    assert len(mail.outbox) == 1
