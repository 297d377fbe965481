"""Messages in the clinician's frame: what she and his organization wrote each other, and nothing of any other."""

from __future__ import annotations

import re
import uuid

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from audit.models import Event
from consent import emergencies, ledger
from consent.models import Grantee
from smartlaunch import notices
from smartlaunch.models import ClinicRole, Ehr
from sync import conversations
from sync.models import Message
from tests.clinic import charts
from tests.clinic.test_pages import page, said
from tests.portal import people
from tests.smartlaunch import clinics

pytestmark = pytest.mark.django_db


def at_her_chart(name: str = "Riverside General Hospital", **given):
    """Her chart open at a clinic she shares with."""
    person, ehr = people.sign_up(name="Zenobia Quillfeather"), clinics.ehr(name, **given)
    charts.link(person, ehr)
    charts.share(person, ehr.organization)
    visit, browser = charts.opened(ehr)
    return person, visit, browser


def send(browser, visit, text: str = "Yes, slowly.", **more: str):
    form = {"text": text, "once": uuid.uuid4().hex, "csrfmiddlewaretoken": token(browser, visit), **more}
    return browser.post(f"/ehr/{visit.uid}/messages/", form)


def token(browser, visit) -> str:
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page(browser, visit, "messages/").content.decode())[1]


def test_he_reads_what_she_wrote_with_the_event_in_her_log_and_she_sees_that_it_was_opened():
    person, visit, browser = at_her_chart()
    charts.write(person, visit.ehr.organization, "May I run again?")
    assert "1 new message from the patient" in said(page(browser, visit))

    shown = said(page(browser, visit, "messages/"))

    assert re.search("Zenobia Quillfeather .* new May I run again", shown)
    event = Event.objects.filter(owner_id=person.pk).latest("sequence")
    assert (event.interaction, event.agent_name) == (
        "read-messages",
        "Dr. Ada Examplewright, Riverside General Hospital",
    )
    assert event.detail["types"]["Communication"] == 1
    assert "new message" not in said(page(browser, visit))
    hers = people.browser_of(person).get(f"/messages/{visit.ehr.organization.uid}/")
    assert "not opened yet" not in said(hers)
    assert "opened " in said(hers)


def test_he_writes_with_his_name_and_she_is_told_by_mail_without_a_word_of_it():
    person, visit, browser = at_her_chart()

    answer = send(browser, visit, "Your <b>test</b> is back.", topic="Blood test")

    assert answer.headers["Location"] == f"/ehr/{visit.uid}/messages/?sent=yes"
    shown = page(browser, visit, "messages/", sent="yes")
    assert "Your &lt;b&gt;test&lt;/b&gt; is back." in shown.content.decode()
    assert "not opened yet" in said(shown)
    event = Event.objects.filter(owner_id=person.pk, interaction="write-message").get()
    assert (event.agent_kind, event.agent_name) == ("staff", "Dr. Ada Examplewright, Riverside General Hospital")
    notices.tell_of_message(person.pk, at=timezone.now())
    assert "test" not in mail.outbox[0].subject + mail.outbox[0].body
    hers = said(people.browser_of(person).get(f"/messages/{visit.ehr.organization.uid}/"))
    assert "Blood test" in hers
    assert "Dr. Ada Examplewright, Riverside General Hospital" in hers


def test_two_clinicians_of_one_organization_read_the_same_conversation():
    _, visit, browser = at_her_chart()
    send(browser, visit, "From the first.")
    ehr = visit.ehr
    second = clinics.clinician(ehr, name="Dr. Bo Sample", fhir_user="Practitioner/bo")
    other, his = clinics.visit(second, at_ehr=ehr)

    assert "From the first." in said(page(his, other, "messages/"))
    send(his, other, "From the second.")

    shown = said(page(browser, visit, "messages/"))
    assert "Dr. Bo Sample, Riverside General Hospital" in shown
    assert "From the second." in shown


def test_other_organization_sees_neither_a_word_nor_that_there_is_a_conversation():
    person, visit, browser = at_her_chart()
    send(browser, visit, "Only for her.")
    cedar = clinics.ehr("Cedar Clinic")
    charts.link(person, cedar, "elsewhere")
    charts.share(person, cedar.organization)
    other, his = charts.opened(cedar, "elsewhere")
    assert "Only for her." in said(page(browser, visit, "messages/"))

    for path in ("", "messages/", "results/", "search/"):
        shown = said(page(his, other, path))
        assert "Only for her" not in shown
        assert "Riverside" not in shown
        assert "new message" not in shown
    assert "Nothing was written yet" in said(page(his, other, "messages/"))
    logical_id = Message.objects.get(owner=person).logical_id
    assert page(his, other, f"record/Communication/{logical_id}/").status_code == 404
    assert page(his, other, "search/", q="Only").content.decode().count("Only for her") == 0


def test_his_other_pages_do_not_tell_it_either_because_she_chose_no_messages_for_them():
    person, visit, browser = at_her_chart()
    send(browser, visit, "Only for her.")

    for path in ("results/", "search/"):
        assert "Only for her" not in said(page(browser, visit, path))
    logical_id = Message.objects.get(owner=person).logical_id
    assert page(browser, visit, f"record/Communication/{logical_id}/").status_code == 404


def test_stopped_clinic_reads_and_writes_nothing_with_the_next_request():
    person, visit, browser = at_her_chart()
    charts.write(person, visit.ehr.organization, "May I run again?")
    assert "May I run again?" in said(page(browser, visit, "messages/"))
    form = token(browser, visit)

    people.browser_of(person).post(f"/clinics/{visit.ehr.organization.uid}/stop/")

    assert "Nothing is shared with" in said(page(browser, visit, "messages/"))
    answer = browser.post(f"/ehr/{visit.uid}/messages/", {"text": "Too late", "once": "1", "csrfmiddlewaretoken": form})
    assert "Nothing is shared with" in said(answer)
    assert Message.objects.filter(owner=person).count() == 1


def test_one_visit_reads_and_writes_by_its_own_decision():
    person, ehr = people.sign_up(), clinics.ehr()
    charts.link(person, ehr)
    visit, browser = charts.opened(ehr)
    charts.share(person, ehr.organization, kind=Grantee.CLINICIAN, grantee=str(visit.uid), ends=visit.ends)

    assert send(browser, visit, "Hello").status_code == 302

    assert "Hello" in said(page(browser, visit, "messages/"))


def test_second_click_sends_once_and_a_form_from_elsewhere_nothing():
    person, visit, browser = at_her_chart()
    for _ in range(2):
        assert send(browser, visit, once="the same").status_code == 302

    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.cookies
    assert strict.post(f"/ehr/{visit.uid}/messages/", {"text": "x", "once": "2"}).status_code == 403
    assert Message.objects.filter(owner=person).count() == 1


@pytest.mark.parametrize("text", ["", "nul\x00", "escape\x1b", "x" * 5001])
def test_what_is_no_message_is_told_and_not_sent(text):
    person, visit, browser = at_her_chart()

    answer = send(browser, visit, text)

    assert answer.status_code == 200
    assert 'class="errorlist' in answer.content.decode()
    assert not Message.objects.filter(owner=person).exists()


def test_more_in_a_day_than_a_clinic_may_is_told(monkeypatch):
    person, visit, browser = at_her_chart()
    monkeypatch.setattr(conversations, "THEIRS_DAILY", 1)
    send(browser, visit)

    assert "too many for one day" in said(send(browser, visit, "One more."))
    assert Message.objects.filter(owner=person).count() == 1


def test_who_looks_only_reads_and_does_not_write():
    person, ehr = people.sign_up(), clinics.ehr()
    charts.link(person, ehr)
    charts.share(person, ehr.organization)
    charts.write(person, ehr.organization, "May I run again?")
    reader = clinics.clinician(ehr, role=ClinicRole.READER)
    visit, browser = clinics.visit(reader, at_ehr=ehr)

    shown = page(browser, visit, "messages/")

    assert "May I run again?" in said(shown)
    assert 'name="text"' not in shown.content.decode()
    sent = {"text": "x", "once": "1", "csrfmiddlewaretoken": token(browser, visit)}
    assert browser.post(f"/ehr/{visit.uid}/messages/", sent).status_code == 200
    assert Message.objects.filter(owner=person).count() == 1


def test_opened_in_an_emergency_it_is_not_there():
    person, ehr = people.sign_up(), clinics.ehr()
    Ehr.objects.update(break_glass=True)
    charts.link(person, ehr)
    charts.share(person, ehr.organization)
    charts.write(person, ehr.organization, "May I run again?")
    visit, browser = charts.opened(ehr)
    assert "May I run again?" in said(page(browser, visit, "messages/"))
    named = {"grantee": str(ehr.organization.uid), "kind": Grantee.ORGANIZATION}
    ledger.withdraw(owner_id=person.pk, actor=person, at=timezone.now(), **named)
    told = {"clinician": "Dr. A", "organization": "Riverside", "reason": "Does not wake up"}
    emergencies.begin(person.pk, visit=visit.uid, **told, ends=visit.ends, at=timezone.now())

    shown = page(browser, visit, "messages/")

    assert "May I run again?" not in said(shown)
    assert "no part of what is opened in an emergency" in said(shown)
    assert "new message" not in said(page(browser, visit))
    assert 'name="text"' not in shown.content.decode()


def test_place_in_the_thread_that_is_none_begins_anew():
    _, visit, browser = at_her_chart()

    assert page(browser, visit, "messages/", after="nonsense").status_code == 302
