"""Messages on her pages: she writes to a clinic she shares with, reads what it writes, and is told of it by mail."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from audit.models import Event
from benchmarks import walk
from consent import ledger
from consent.models import Grantee
from consent.terms import Terms
from custody import downloads, erasures
from records.query import Query
from smartlaunch import notices
from sync import conversations
from sync.models import Message
from tests.clinic import charts
from tests.consent.test_delegations import delegate
from tests.fhirapi import people as api
from tests.portal import people
from tests.portal.test_entries import records
from tests.portal.test_hospitals import words
from tests.smartlaunch import clinics

pytestmark = pytest.mark.django_db


def at_a_clinic(name: str = "Riverside General Hospital", **more):
    """Somebody who shares with a clinic, and a clinician there."""
    person, ehr = people.sign_up(), clinics.ehr(name)
    charts.share(person, ehr.organization, **more)
    return person, ehr.organization, clinics.clinician(ehr)


def address(organization) -> str:
    return f"/messages/{organization.uid}/"


def send(person, organization, text: str = "May I run again?", **said: str):
    form = {"text": text, "once": uuid.uuid4().hex, **said}
    return people.browser_of(person).post(address(organization), form)


def stop(person, organization) -> None:
    people.browser_of(person).post(f"/clinics/{organization.uid}/stop/")


def test_she_writes_and_it_stands_in_her_record_and_on_her_page_as_not_opened():
    person, organization, _ = at_a_clinic()

    assert send(person, organization, "May I <b>run</b>\nagain?", topic="Knee").status_code == 302

    page = people.browser_of(person).get(address(organization))
    assert re.search("You .* Knee", words(page))
    assert "May I &lt;b&gt;run&lt;/b&gt;\nagain?" in page.content.decode()
    assert "not opened yet" in words(page)
    assert records(person).count(Query.of("Communication")) == 1
    assert "Knee" in words(people.browser_of(person).get("/timeline/"))
    assert "Messages with Riverside General Hospital" in words(people.browser_of(person).get("/timeline/"))


def test_page_says_that_nobody_watches_it_what_stays_and_who_reads_it():
    person, organization, _ = at_a_clinic()

    said = words(people.browser_of(person).get(address(organization)))

    assert "Nobody watches messages day and night" in said
    assert "call your emergency number" in said
    assert "cannot be changed or taken back" in said
    assert "whoever opens your chart there can read it, and nobody else" in said


def test_second_click_sends_once():
    person, organization, _ = at_a_clinic()
    once = re.search(
        r'name="once" value="(\w+)"', people.browser_of(person).get(address(organization)).content.decode()
    )[1]

    for _ in range(2):
        assert send(person, organization, once=once).status_code == 302

    assert records(person).count(Query.of("Communication")) == 1


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"text": ""}, "This field is required"),
        ({"text": " \n "}, "This field is required"),
        ({"text": "nul\x00"}, "Null characters are not allowed"),
        ({"text": "escape\x1b"}, "signs in it that are no text"),
        ({"text": "x" * 5001}, "It is too long: at most 5000 characters"),
        ({"text": "fine", "topic": "x" * 121}, "at most 120 characters"),
        ({"text": "fine", "once": ""}, "Message"),
        ({"text": "fine", "once": "x" * 65}, "Message"),
    ],
)
def test_what_is_no_message_is_told_on_the_page_with_what_she_wrote(said, told):
    person, organization, _ = at_a_clinic()

    answer = send(person, organization, **said)

    assert answer.status_code == 200
    assert told in words(answer)
    assert records(person).count(Query.of("Communication")) == 0


def test_longest_message_with_the_line_ends_of_a_browser_is_taken():
    person, organization, _ = at_a_clinic()

    assert send(person, organization, "a\r\n" * 2500).status_code == 302


def test_more_in_a_day_than_one_may_is_told_and_not_sent(monkeypatch):
    person, organization, _ = at_a_clinic()
    monkeypatch.setattr(conversations, "HERS_DAILY", 1)
    send(person, organization)

    answer = send(person, organization, "And swim?")

    assert "too many for one day" in words(answer)
    assert "And swim?" in answer.content.decode()
    assert records(person).count(Query.of("Communication")) == 1


def test_clinic_that_is_none_and_one_she_never_shared_with_are_told_alike():
    person, organization, _ = at_a_clinic()
    other, stranger, _ = at_a_clinic("Cedar Clinic")
    charts.write(other, stranger, "Only for Cedar")
    browser = people.browser_of(person)
    assert browser.get(address(organization)).status_code == 200

    for uid in (stranger.uid, uuid.uuid4()):
        for ask in (browser.get, browser.post):
            assert ask(f"/messages/{uid}/", {"text": "x", "once": "1"}).status_code == 404


def test_list_has_what_is_new_first_and_says_where_she_shares_nothing_any_more():
    person, first, ada = at_a_clinic("Aspen Clinic")
    ehr = clinics.ehr("Birch Clinic")
    second, third = ehr.organization, clinics.ehr("Cedar Clinic").organization
    for organization in (second, third):
        charts.share(person, organization)
    charts.write(person, third, "Hello")
    charts.write(person, second, "Please call.", by=clinics.clinician(ehr))
    stop(person, third)

    said = words(people.browser_of(person).get("/messages/"))

    assert re.findall("Aspen Clinic|Birch Clinic|Cedar Clinic", said) == [
        "Birch Clinic",
        "Cedar Clinic",
        "Aspen Clinic",
    ]
    assert "1 new" in said
    assert "you share nothing with it now" in said
    assert "nothing written yet" in said
    assert ada.organization == first


def test_what_a_clinic_writes_is_new_until_she_opens_it():
    person, organization, ada = at_a_clinic()
    charts.write(person, organization, "Please come by.", by=ada)
    browser = people.browser_of(person)
    assert "1 new message from a clinic." in words(browser.get("/"))

    page = words(browser.get(address(organization)))

    assert "Dr. Ada Examplewright, Riverside General Hospital" in page
    assert "Please come by." in page
    assert " new " in page
    assert "new message" not in words(browser.get("/"))
    assert Message.objects.get(owner=person).seen is not None
    event = Event.objects.filter(owner_id=person.pk).latest("sequence")
    assert (event.interaction, event.detail["types"]) == ("read-messages", {"Communication": 1})


def test_look_that_only_asks_for_the_headers_opens_nothing():
    person, organization, ada = at_a_clinic()
    charts.write(person, organization, "Please come by.", by=ada)

    people.browser_of(person).head(address(organization))

    assert Message.objects.get(owner=person).seen is None


def test_after_she_stopped_the_clinic_she_reads_and_cannot_write():
    person, organization, _ = at_a_clinic()
    send(person, organization)
    assert 'name="text"' in people.browser_of(person).get(address(organization)).content.decode()

    stop(person, organization)

    page = people.browser_of(person).get(address(organization))
    assert "May I run again?" in words(page)
    assert "You share nothing with Riverside General Hospital now" in words(page)
    assert 'name="text"' not in page.content.decode()
    assert send(person, organization).status_code == 302
    assert records(person).count(Query.of("Communication")) == 1
    charts.share(person, organization)
    assert send(person, organization, "Again").status_code == 302
    assert records(person).count(Query.of("Communication")) == 2


def test_one_visit_is_written_to_as_the_clinic_while_it_lasts():
    person, ehr = people.sign_up(), clinics.ehr()
    visit, _ = charts.opened(ehr)
    charts.share(person, ehr.organization, kind=Grantee.CLINICIAN, grantee=str(visit.uid), ends=visit.ends)

    assert send(person, ehr.organization).status_code == 302

    ended = ledger.newest(person.pk, str(visit.uid), kind=Grantee.CLINICIAN)
    ledger.withdraw(owner_id=person.pk, grantee=ended.grantee, actor=person, at=timezone.now(), kind=ended.grantee_kind)
    assert "You share nothing with" in words(people.browser_of(person).get(address(ehr.organization)))


def test_thread_goes_back_page_by_page_with_as_many_statements():
    person, organization, _ = at_a_clinic()
    browser, at = people.browser_of(person), timezone.now() - timedelta(days=40)
    for number in range(3):
        charts.write(person, organization, f"message {number:02}.", at=at + timedelta(days=number))
    few = walk.cost(browser, address(organization), turns=1).queries
    for number in range(3, 30):
        charts.write(person, organization, f"message {number:02}.", at=at + timedelta(days=number))

    newest = browser.get(address(organization))
    assert re.findall(r"message \d\d", words(newest)) == [f"message {number}" for number in range(10, 30)]
    older = browser.get(address(organization) + re.search(r'href="(\?after=[^"]+)"', newest.content.decode())[1])
    assert re.findall(r"message \d\d", words(older)) == [f"message {number:02}" for number in range(10)]
    assert "The newest messages" in words(older)
    assert walk.cost(browser, address(organization), turns=1).queries == few
    assert browser.get(address(organization), {"after": "nonsense"}).status_code == 302


def test_mail_says_that_there_is_a_message_and_nothing_of_it_and_once_until_she_looks(settings):
    person, organization, ada = at_a_clinic()
    for text in ("Your HIV test is back.", "Please call."):
        charts.write(person, organization, text, by=ada)

        notices.tell_of_message(person.pk, at=timezone.now())

    (sent,) = mail.outbox
    assert sent.to == [person.email]
    assert f"{settings.PUBLIC_URL}/messages/" in sent.body
    told = sent.subject + sent.body
    assert not any(word in told for word in ("HIV", "call", "Ada", "Riverside", "clinic"))
    people.browser_of(person).get(address(organization))
    charts.write(person, organization, "One more.", by=ada)
    notices.tell_of_message(person.pk, at=timezone.now())
    assert len(mail.outbox) == 2


def test_mail_is_not_sent_to_who_does_without_it_and_found_again_where_its_ring_was_lost():
    person, organization, ada = at_a_clinic()
    silent, _, _ = at_a_clinic()
    silent.silenced = ["message"]
    silent.save()
    earlier = timezone.now() - timedelta(minutes=5)
    for owner in (person, silent):
        charts.write(owner, organization, "Please call.", by=ada, at=earlier)

    notices.deliver_waiting(at=timezone.now())

    assert [each.to for each in mail.outbox] == [[person.email]]
    notices.deliver_waiting(at=timezone.now())
    assert len(mail.outbox) == 1


def test_mail_that_cannot_leave_is_tried_again(monkeypatch):
    person, organization, ada = at_a_clinic()
    charts.write(person, organization, "Please call.", by=ada)

    def refuse(*_) -> bool:
        return False

    with monkeypatch.context() as patched:
        patched.setattr(notices.notices, "send", refuse)
        assert not notices.tell_of_message(person.pk, at=timezone.now())

    assert notices.tell_of_message(person.pk, at=timezone.now())
    assert len(mail.outbox) == 1


def test_delegate_reads_only_where_she_chose_messages_opens_nothing_and_never_writes():
    person, organization, ada = at_a_clinic()
    charts.write(person, organization, "Please come by.", by=ada)
    at, pages = timezone.now(), []
    for name, labels in (("Ben", frozenset({"MSG"})), ("Cleo", frozenset())):
        helper = people.sign_up(name=name)
        reader = delegate(person, helper, at=at, ends=at + timedelta(days=90), labels=labels)
        pages.append((people.browser_of(helper), f"/for/{reader.delegation}/messages/"))
    (ben, his), (cleo, hers) = pages

    assert "Riverside General Hospital" in words(ben.get(his))
    page = ben.get(f"{his}{organization.uid}/")
    assert "Please come by." in words(page)
    assert "You cannot write here" in words(page)
    assert 'name="text"' not in page.content.decode()
    assert Message.objects.get(owner=person).seen is None
    event = Event.objects.filter(owner_id=person.pk).latest("sequence")
    assert (event.interaction, event.agent_kind, event.agent_name) == ("read-messages", "delegate", "Ben")
    assert ben.post(f"{his}{organization.uid}/", {"text": "x", "once": "1"}).status_code == 404
    assert "Riverside" not in words(cleo.get(hers))
    assert cleo.get(f"{hers}{organization.uid}/").status_code == 404
    assert records(person).count(Query.of("Communication")) == 1


def test_her_own_page_of_a_message_says_why_it_is_withheld_and_cannot_make_it_ordinary():
    person, organization, _ = at_a_clinic()
    logical_id = charts.write(person, organization, "May I run again?")

    page = people.browser_of(person).get(f"/record/Communication/{logical_id}/")

    assert "Messages with clinics: You and a clinic wrote it each other." in words(page)
    assert "Mark as not sensitive" not in words(page)
    assert "May I run again?" in words(page)
    assert "Messages with clinics (1)" in words(people.browser_of(person).get("/private/?kind=MSG"))


def test_she_finds_the_kind_where_she_chooses_what_a_link_and_a_clinic_see():
    person, organization, _ = at_a_clinic()
    charts.write(person, organization, "May I run again?")

    for where in ("/share/new/", "/share/take/", "/people/invite/"):
        assert "Messages with clinics" in words(people.browser_of(person).get(where))


@pytest.mark.django_db(transaction=True)
def test_her_whole_download_has_every_message_and_her_erasure_leaves_none():
    person, organization, ada = at_a_clinic()
    charts.write(person, organization, "May I run again?")
    charts.write(person, organization, "Yes, slowly.", by=ada)

    download = downloads.ask(person, at=timezone.now())
    assert downloads.perform(download.pk, at=timezone.now())
    told = b"".join(downloads.opened(download, piece) for piece in downloads.pieces(download))
    assert b"May I run again?" in told
    assert b"Yes, slowly." in told

    erasure = erasures.ask(person, at=timezone.now(), now=True)
    assert erasures.perform(erasure.pk, at=timezone.now())
    assert not Message.objects.filter(owner_id=person.pk).exists()


def test_app_reads_messages_over_the_api_only_where_she_chose_the_kind_and_writes_none():
    person, organization, _ = at_a_clinic()
    logical_id = charts.write(person, organization, "May I run again?")
    chosen, other = (
        api.let_in(person, "patient/Communication.cruds", "patient/Provenance.rs", "patient/AuditEvent.rs", terms=terms)
        for terms in (Terms(labels=frozenset({"MSG"})), Terms())
    )
    assert chosen.get("/Communication").json()["total"] == 1
    assert chosen.get(f"/Communication/{logical_id}").status_code == 200
    assert chosen.get("/Provenance").json()["total"] == 1

    assert [other.get(f"/{kind}").json()["total"] for kind in ("Communication", "Provenance")] == [0, 0]
    missing, hidden = (other.get(f"/Communication/{name}") for name in ("nowhere", logical_id))
    assert hidden.status_code == missing.status_code == 404
    assert "write-message" not in other.get("/AuditEvent").content.decode()
    posted = {"resourceType": "Communication", "status": "completed"}
    assert chosen.post_json("/Communication", posted).status_code == 405
