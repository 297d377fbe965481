"""Break-glass: off by default, with a reason, short, loud in her log, and she is told at once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from audit import events
from audit.models import Event, Outcome
from consent import emergencies, gate, ledger
from consent.models import Emergency
from smartlaunch import notices
from smartlaunch.models import Ehr
from tests.clinic import charts
from tests.clinic.test_pages import page, patient_with_record, said
from tests.portal import people
from tests.portal.test_hospitals import words
from tests.sharing import makers
from tests.smartlaunch import clinics

pytestmark = pytest.mark.django_db
REASON = "Unconscious after a fall, medicines are not known"


@pytest.fixture
def linked():
    """Her chart is linked and nothing is shared."""
    person, ehr = patient_with_record(), clinics.ehr()
    Ehr.objects.update(break_glass=True)
    charts.link(person, ehr)
    return person, *charts.opened(ehr)


def break_glass(visit, browser, reason=REASON):
    form = page(browser, visit, "emergency/").content.decode()
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', form)[1]
    return browser.post(f"/ehr/{visit.uid}/emergency/", {"reason": reason, "csrfmiddlewaretoken": token}, follow=True)


def test_it_is_off_unless_the_organisation_switched_it_on(linked):
    _, visit, browser = linked
    assert "Open it in an emergency" in said(page(browser, visit))
    Ehr.objects.update(break_glass=False)

    assert "Open it in an emergency" not in said(page(browser, visit))
    assert "Nothing is shared" in said(break_glass(visit, browser))
    assert not Emergency.objects.exists()


def test_a_second_click_is_no_second_try(linked):
    person, visit, browser = linked

    for _ in range(2):
        assert "Penicillin" in said(break_glass(visit, browser))

    tries = Event.objects.filter(owner_id=person.pk, interaction="break-glass")
    assert [each.outcome for each in tries] == [Outcome.SUCCESS]


def test_what_is_open_ends_when_the_organisation_switches_it_off(linked):
    _, visit, browser = linked
    assert "Penicillin" in said(break_glass(visit, browser))

    Ehr.objects.update(break_glass=False)

    assert "Nothing is shared" in said(page(browser, visit))


def test_with_a_reason_it_opens_and_she_is_told_at_once(linked):
    person, visit, browser = linked
    assert "Nothing is shared" in said(page(browser, visit))

    shown = said(break_glass(visit, browser))

    assert "Penicillin" in shown
    assert "Opened in an emergency, without the patient's leave" in shown
    emergency = Emergency.objects.get()
    assert REASON.encode() not in bytes(emergency.sealed_reason)
    notices.tell_emergency(emergency.pk, at=timezone.now())
    notices.tell_emergency(emergency.pk, at=timezone.now())
    (message,) = mail.outbox
    assert message.to == [person.email]
    assert REASON not in message.body
    hers = words(people.browser_of(person).get("/clinics/"))
    assert REASON in hers
    first, second = Event.objects.filter(owner_id=person.pk, agent_kind="staff").order_by("sequence")
    assert (first.interaction, second.interaction) == ("break-glass", "emergency-look")
    log = words(people.browser_of(person).get("/access/"))
    assert "opened your record without your leave, in an emergency" in log
    assert (second.consent_id, second.detail["emergency"]) == (None, str(emergency.pk))


@pytest.mark.parametrize("reason", ["", "   ", "urgent"])
def test_without_a_reason_nothing_opens(linked, reason):
    _, visit, browser = linked

    assert "Say why" in said(break_glass(visit, browser, reason))
    assert not Emergency.objects.exists()


def test_it_ends_after_an_hour_and_does_not_open_again_in_that_visit(linked):
    person, visit, browser = linked
    break_glass(visit, browser)
    emergency = Emergency.objects.get()
    assert emergency.ends == min(emergency.began + timedelta(hours=1), visit.ends)
    reader = gate.InEmergency(emergency.pk, visit.uid)
    ask = {"owner_id": person.pk, "reader": reader, "interaction": "search"}
    assert gate.readable(**ask, at=emergency.ends - timedelta(seconds=1)).counts()

    with pytest.raises(gate.ConsentMissing):
        gate.readable(**ask, at=emergency.ends)
    Emergency.objects.update(began=timezone.now() - timedelta(hours=2), ends=timezone.now() - timedelta(hours=1))
    assert "No record can be opened" in said(break_glass(visit, browser))


def test_she_ends_it_with_one_tap(linked):
    person, visit, browser = linked
    break_glass(visit, browser)

    people.browser_of(person).post(f"/clinics/emergency/{Emergency.objects.get().pk}/end/")

    assert "Nothing is shared" in said(page(browser, visit))


def test_sensitive_and_hidden_records_stay_withheld(linked):
    person, visit, browser = linked
    people.store_records(person, [makers.sensitive(person)])
    at = timezone.now()
    ledger.hide(owner=person, actor=person, record="Condition/pressure", read=charts.READ, at=at)
    assert page(people.browser_of(person), visit).status_code == 403

    shown = said(break_glass(visit, browser))

    assert "Penicillin" in shown
    assert "High blood pressure" not in shown
    assert page(browser, visit, "record/Condition/hiv/").status_code == 404


def test_it_is_of_that_visit_alone(linked):
    person, visit, browser = linked
    break_glass(visit, browser)
    colleague, other = charts.opened(visit.ehr)

    assert "Nothing is shared" in said(page(other, colleague))
    (found,) = emergencies.of(person.pk)
    with pytest.raises(gate.ConsentMissing):
        gate.readable(
            owner_id=person.pk,
            reader=gate.InEmergency(found.pk, colleague.uid),
            interaction="search",
            at=timezone.now(),
        )


def test_chart_of_nobody_opens_nothing_and_the_try_is_on_record():
    ehr = clinics.ehr()
    Ehr.objects.update(break_glass=True)
    visit, browser = charts.opened(ehr, "nobody")

    assert "No record can be opened for this chart." in said(break_glass(visit, browser))
    tried = Event.objects.filter(owner_id=events.NOBODY, interaction="break-glass").get()
    assert (tried.outcome, tried.detail["visit"]) == ("4", str(visit.uid))


def test_nothing_of_it_is_sent_into_the_chart(linked):
    _, visit, browser = linked
    Ehr.objects.update(write_back=True)
    break_glass(visit, browser)

    assert "In an emergency nothing is sent into the chart." in said(page(browser, visit, "send/"))


def answer(person, word):
    browser = people.browser_of(person)
    return words(browser.post("/clinics/emergencies/", {"answer": word}, follow=True))


def test_she_forbids_it_and_what_is_open_is_shut(linked):
    person, visit, browser = linked
    assert "Penicillin" in said(break_glass(visit, browser))

    assert "Nobody can open your record in an emergency any more." in answer(person, "forbid")

    assert "Nothing is shared" in said(page(browser, visit))
    assert Emergency.objects.get().ended is not None


def test_who_tries_is_told_what_is_told_of_a_chart_of_nobody(linked):
    person, visit, browser = linked
    answer(person, "forbid")
    nobodys, other = charts.opened(visit.ehr, "nobody")

    refused, unknown = break_glass(visit, browser), break_glass(nobodys, other)

    assert "No record can be opened for this chart." in said(refused)
    assert said(refused).replace(str(visit.uid), "") == said(unknown).replace(str(nobodys.uid), "")
    assert not Emergency.objects.exists()
    tried = Event.objects.get(owner_id=person.pk, interaction="break-glass")
    assert tried.outcome == Outcome.REFUSED


def test_her_word_is_a_decision_and_she_can_take_it_back(linked):
    person, visit, browser = linked
    assert "Read more, or forbid it" in words(people.browser_of(person).get("/clinics/"))

    for word in ("forbid", "forbid", "allow", "allow", "forbid", "allow"):
        answer(person, word)

    acts = [(each.act, each.grantee_kind) for each in person.decisions.order_by("sequence")]
    assert [act for act, kind in acts if kind == "emergency"] == ["refuse", "grant", "withdraw", "refuse", "grant"]
    assert ledger.verify(person.pk) == []
    log = words(people.browser_of(person).get("/access/"))
    assert "forbade that your record is opened in an emergency" in log
    assert "Penicillin" in said(break_glass(visit, browser))


def test_nothing_opens_where_she_forbids_it_between_the_look_and_the_row(linked, monkeypatch):
    """Two at once: her refusal is written after it was asked for, before the emergency is."""
    person, visit, browser = linked
    begin = emergencies.begin

    def slow(owner_id, **said):
        answer(person, "forbid")
        return begin(owner_id, **said)

    monkeypatch.setattr(emergencies, "begin", slow)

    assert "Penicillin" not in said(break_glass(visit, browser))
    assert "Nothing is shared" in said(page(browser, visit))
