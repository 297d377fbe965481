"""Questionnaires a clinic asks a patient to answer: exactly that clinic and she read them, while she shares with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from audit.models import Event
from benchmarks import walk
from consent import emergencies, gate, ledger
from consent.models import Grantee
from consent.terms import Terms
from portal import ahead, questionnaires
from portal.models import Wish
from records import labels, sources
from records.models import Record
from records.numbering import TYPE_NUMBER
from records.query import Query
from smartlaunch import follow_ups, notices
from smartlaunch import questionnaires as offers
from smartlaunch.models import Clinician, ClinicRole, Ehr, FollowUp, Organization, Questionnaire, Visit
from standards.fhir import validation
from standards.smart import scopes
from tests.clinic import charts
from tests.clinic.test_pages import patient_with_record, said
from tests.consent.test_ledger import grant
from tests.portal import people
from tests.smartlaunch import clinics

pytestmark = pytest.mark.django_db
AFTER = "after-a-visit"
ANSWERS = {"q1": "2", "q2": "no", "q3": "The <b>exercises</b>", "q4": "A cough", "q5": ""}
KINDS = ("Communication", "Questionnaire", "QuestionnaireResponse", "Provenance")


def offer(organization: Organization, name: str = AFTER) -> Questionnaire:
    return offers.enter(organization, questionnaires.ours(name).resource, ours=name, at=timezone.now())


def opened_for(person: Person, name: str = "Riverside General Hospital") -> tuple[Visit, Client, Questionnaire]:
    """A clinician there has her chart open, and the clinic has a questionnaire."""
    ehr = clinics.ehr(name)
    charts.link(person, ehr)
    charts.share(person, ehr.organization)
    visit, browser = charts.opened(ehr)
    return visit, browser, offer(ehr.organization)


def ask(visit: Visit, browser: Client, chosen: Questionnaire, **given: str) -> Any:
    path = f"/ehr/{visit.uid}/questionnaires/"
    wanted = (timezone.now() + timedelta(days=7)).date().isoformat()
    usual = {"questionnaire": str(chosen.uid), "words": "How are you?", "wanted": wanted, "once": str(chosen.uid)}
    return browser.post(path, {**usual, **given})


def asked(person: Person) -> tuple[Visit, Client, FollowUp]:
    visit, browser, chosen = opened_for(person)
    assert ask(visit, browser, chosen).status_code == 302
    return visit, browser, FollowUp.objects.get(owner=person)


def found(person: Person, kind: str, reader: Any = None) -> list[Any]:
    reader = reader or gate.Owner(person.pk)
    records = gate.readable(owner_id=person.pk, reader=reader, interaction="search", at=timezone.now())
    return [each.resource for each in records.every(Query.of(kind))]


def listing(visit: Visit, browser: Client) -> str:
    return said(browser.get(f"/ehr/{visit.uid}/questionnaires/"))


def answers(visit: Visit, browser: Client, follow_up: FollowUp) -> Any:
    return browser.get(f"/ehr/{visit.uid}/questionnaires/{follow_up.pk}/")


def stop(person: Person) -> None:
    (decision,) = ledger.newest_of_kind(person.pk, Grantee.ORGANIZATION)
    people.browser_of(person).post(f"/clinics/{decision.grantee}/stop/")


# --- asking and answering


def test_a_clinician_asks_she_answers_and_he_reads_it_item_by_item():
    person = patient_with_record()
    visit, browser, follow_up = asked(person)
    hers = people.browser_of(person)

    assert "not answered yet" in listing(visit, browser)
    assert "asks you to answer 1 questionnaire" in said(hers.get("/"))
    assert "After a visit waits for you" in said(hers.get("/own/answers/"))
    form = said(hers.get(f"/asked/{follow_up.pk}/"))
    assert "Dr. Ada Examplewright, Riverside General Hospital, asks you." in form
    assert "How are you?" in form
    assert "Who reads your answers: you, and whoever opens your record at Riverside General Hospital" in form
    assert hers.post(f"/asked/{follow_up.pk}/", ANSWERS).status_code == 302

    assert "asks you to answer" not in said(hers.get("/"))
    assert "After a visit answered" in said(hers.get("/own/answers/"))
    shown = answers(visit, browser, follow_up)
    assert "How are you since the visit? Worse" in said(shown)
    assert "What was difficult? The &lt;b&gt;exercises&lt;/b&gt;" in said(shown)
    assert "What do you want to ask? not answered" in said(shown)
    assert b"<b>exercises" not in shown.content


def test_all_of_it_is_valid_fhir_in_her_record_under_the_label_of_the_conversation():
    person = patient_with_record()
    _visit, _browser, follow_up = asked(person)
    people.browser_of(person).post(f"/asked/{follow_up.pk}/", ANSWERS)

    answered, question = found(person, "Communication")
    (response,), (questionnaire,) = found(person, "QuestionnaireResponse"), found(person, "Questionnaire")
    every = [answered, question, response, questionnaire, *found(person, "Provenance")]
    assert [each["resourceType"] for each in every if validation.problems(each)] == []
    assert question["payload"] == [
        {"contentString": "How are you?"},
        {
            "extension": [{"url": "urn:tributary:wanted-by", "valueDate": follow_up.wanted.isoformat()}],
            "contentReference": {"reference": f"Questionnaire/{questionnaire['id']}"},
        },
    ]
    assert answered["inResponseTo"] == [{"reference": f"Communication/{question['id']}"}]
    assert answered["payload"][1] == {"contentReference": {"reference": f"QuestionnaireResponse/{response['id']}"}}
    assert response["questionnaire"] == f"{questionnaire['url']}|{questionnaire['version']}"
    her = {"reference": f"Patient/{person.patient_id}"}
    assert (response["status"], response["author"], response["subject"]) == ("completed", her, her)
    conversation = sources.conversation(follow_up.organization.uid)
    # A Provenance is told to whoever may see what it names (docs/adr/0009).
    told = TYPE_NUMBER["Provenance"]
    rows = Record.unguarded.filter(owner=person, source=conversation).exclude(resource_type=told)
    assert {each.labels & labels.MESSAGE for each in rows} == {labels.MESSAGE}
    assert {kind: len(found(person, kind)) for kind in KINDS[:3]} == {
        "Communication": 2,
        "Questionnaire": 1,
        "QuestionnaireResponse": 1,
    }


def test_each_side_is_in_her_log_by_name():
    person = patient_with_record()
    visit, browser, follow_up = asked(person)
    people.browser_of(person).post(f"/asked/{follow_up.pk}/", ANSWERS)
    answers(visit, browser, follow_up)

    events = Event.objects.filter(owner_id=person.pk, agent_kind="staff").order_by("sequence")
    assert {each.agent_name for each in events} == {"Dr. Ada Examplewright, Riverside General Hospital"}
    assert [each.interaction for each in events] == [gate.WRITE_MESSAGE, gate.READ_MESSAGES]
    assert events[1].detail["types"] == {"Patient": 1, "Questionnaire": 1, "QuestionnaireResponse": 1}
    own = Event.objects.filter(owner_id=person.pk, agent_kind="owner")
    told = [each.detail["types"] for each in own if each.interaction not in (gate.READ_MESSAGES, gate.WRITE_MESSAGE)]
    assert not any(set(KINDS) & set(types) for types in told), "apps read these events"


def test_each_message_of_the_conversation_leads_to_its_questionnaire():
    person = patient_with_record()
    visit, browser, follow_up = asked(person)
    hers, thread = people.browser_of(person), f"/messages/{follow_up.organization.uid}/"
    asks, page = f"/ehr/{visit.uid}/questionnaires/", f"/asked/{follow_up.pk}/"
    assert f'href="{asks}"' in _letters(browser.get(f"/ehr/{visit.uid}/messages/"))
    assert "new message" in said(hers.get("/"))
    hers.get(page)
    assert "new message" not in said(hers.get("/"))

    hers.post(page, ANSWERS)

    assert _letters(hers.get(thread)).count(f'href="{page}"') == 2
    assert _letters(browser.get(f"/ehr/{visit.uid}/messages/")).count(f'href="{asks}{follow_up.pk}/"') == 2


def _letters(answer: Any) -> str:
    return answer.content.decode().partition('<ol class="letters">')[2]


def test_she_is_told_by_one_mail_that_says_only_that_something_waits(django_capture_on_commit_callbacks):
    person = patient_with_record()
    with django_capture_on_commit_callbacks(execute=True):
        asked(person)
    notices.deliver_waiting(at=timezone.now() + notices.PATIENCE * 2)

    (message,) = [each for each in mail.outbox if each.to == [person.email]]
    for word in ("Riverside", "visit", "questionnaire", "Ada"):
        assert word not in message.subject + message.body


def test_a_form_sent_twice_asks_once():
    person = patient_with_record()
    visit, browser, chosen = opened_for(person)

    assert [ask(visit, browser, chosen).status_code for _ in range(2)] == [302, 302]

    assert FollowUp.objects.count() == len(found(person, "Communication")) == len(found(person, "Questionnaire")) == 1


def test_answers_sent_twice_are_kept_once():
    person = patient_with_record()
    _visit, _browser, follow_up = asked(person)
    hers = people.browser_of(person)

    hers.post(f"/asked/{follow_up.pk}/", ANSWERS)
    again = hers.post(f"/asked/{follow_up.pk}/", ANSWERS)

    assert "It has changed meanwhile" in said(again)
    assert (len(found(person, "QuestionnaireResponse")), len(found(person, "Communication"))) == (1, 2)


def test_what_one_answers_in_spanish_the_other_reads_in_english():
    person = patient_with_record()
    Person.objects.filter(pk=person.pk).update(language="es")
    person.refresh_from_db()
    visit, browser, follow_up = asked(person)
    hers = people.browser_of(person)
    hers.cookies[settings.LANGUAGE_COOKIE_NAME] = "es"
    assert "Después de una visita" in said(hers.get(f"/asked/{follow_up.pk}/"))

    hers.post(f"/asked/{follow_up.pk}/", ANSWERS)

    (response,) = found(person, "QuestionnaireResponse")
    assert response["item"][0]["answer"] == [{"valueString": "Peor"}]
    assert "How are you since the visit? Worse" in said(answers(visit, browser, follow_up))


def test_a_questionnaire_of_the_clinics_own_is_asked_word_for_word():
    person = patient_with_record()
    visit, browser, _ours = opened_for(person)
    item = {"linkId": "1", "text": "<script>alert(1)</script> Hours of sleep?", "type": "decimal", "required": True}
    own = {"resourceType": "Questionnaire", "url": "https://r.example/q", "version": "3", "title": "Sleep & rest",
           "status": "active", "item": [item]}  # fmt: skip
    taken = questionnaires.taken(json.dumps(own).encode(), address="urn:x")
    chosen = offers.enter(visit.ehr.organization, taken, at=timezone.now())
    ask(visit, browser, chosen)
    follow_up, hers = FollowUp.objects.get(), people.browser_of(person)
    offers.withdraw(visit.ehr.organization, chosen.uid, at=timezone.now())

    page = hers.get(f"/asked/{follow_up.pk}/")
    refused = hers.post(f"/asked/{follow_up.pk}/", {"q0": ""})
    hers.post(f"/asked/{follow_up.pk}/", {"q0": "6.5"})

    assert b"<script>alert" not in page.content
    assert b"errorlist" in refused.content
    assert "Hours of sleep? 6.5" in said(answers(visit, browser, follow_up))
    assert found(person, "QuestionnaireResponse")[0]["questionnaire"] == "https://r.example/q|3"


# --- hers to change


def test_she_corrects_and_takes_back_and_he_sees_what_stands():
    person = patient_with_record()
    visit, browser, follow_up = asked(person)
    path, hers = f"/asked/{follow_up.pk}/", people.browser_of(person)
    hers.post(path, ANSWERS)
    assert '<option value="2" selected>' in hers.get(path).content.decode()

    assert hers.post(path, {**ANSWERS, "q1": "0", "version": "1"}).status_code == 302
    assert "How are you since the visit? Better" in said(answers(visit, browser, follow_up))
    assert "corrected since the first answer" in said(answers(visit, browser, follow_up))
    assert hers.post(f"{path}take-back/", {"version": "1"})["Location"] == path
    assert hers.post(f"{path}take-back/", {"version": "2"}).status_code == 302

    assert answers(visit, browser, follow_up).status_code == 404
    assert "taken back by the patient" in listing(visit, browser)
    assert "You took these answers back" in said(hers.get(path))
    assert hers.post(path, {**ANSWERS, "version": "3"}).status_code == 200
    owner = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="read", at=timezone.now())
    history = owner.history("QuestionnaireResponse", FollowUp.objects.get().response)
    assert [each.resource["status"] for each in history] == ["entered-in-error", "amended", "completed"]
    assert [validation.problems(each.resource) for each in history] == [[], [], []]
    assert [each["payload"][0]["contentString"] for each in found(person, "Communication")] == [
        "I took back my answers: After a visit.",
        "I corrected my answers: After a visit.",
        "I answered: After a visit.",
        "How are you?",
    ]


def test_that_she_will_not_answer_is_told_nobody_and_can_be_changed():
    person, other = patient_with_record(), patient_with_record()
    visit, browser, follow_up = asked(person)
    silent, silent_browser, _ = asked(other)

    assert people.browser_of(person).post(f"/asked/{follow_up.pk}/decline/").status_code == 302

    assert "not answered yet" in listing(visit, browser)
    assert listing(visit, browser).count("answered") == listing(silent, silent_browser).count("answered")
    hers = people.browser_of(person)
    assert "asks you to answer" not in said(hers.get("/"))
    assert hers.post(f"/asked/{follow_up.pk}/decline/").status_code == 404
    assert hers.post(f"/asked/{follow_up.pk}/", ANSWERS).status_code == 302
    assert "Worse" in said(answers(visit, browser, follow_up))


def test_five_without_an_answer_are_enough_whether_or_not_she_declined():
    told = []
    for declines in (False, True):
        person = patient_with_record()
        visit, browser, chosen = opened_for(person, f"Clinic {declines}")
        for number in range(follow_ups.OPEN_MAX):
            ask(visit, browser, chosen, once=str(number))
        for each in FollowUp.objects.filter(owner=person) if declines else ():
            follow_ups.decline(person, each.pk, at=timezone.now())

        answer = ask(visit, browser, chosen, once="one more")

        told.append("Five questionnaires of yours have no answer yet" in said(answer))
        assert len(found(person, "Communication")) == follow_ups.OPEN_MAX
    assert told == [True, True]


# --- who sees nothing


def an_app(person: Person, **terms: Any) -> gate.App:
    decision = grant(person, granted=("patient/*.rs",), terms=Terms(**terms), at=timezone.now())
    return gate.App("app", decision.pk, scopes.parse_all("patient/*.rs"))


def test_an_app_sees_it_only_where_she_chose_messages():
    person = patient_with_record()
    _visit, _browser, follow_up = asked(person)
    people.browser_of(person).post(f"/asked/{follow_up.pk}/", ANSWERS)

    chosen = {kind: len(found(person, kind, an_app(person, labels=frozenset({"MSG"})))) for kind in KINDS}
    without = {kind: len(found(person, kind, an_app(person))) for kind in KINDS}

    assert chosen == {"Communication": 2, "Questionnaire": 1, "QuestionnaireResponse": 1, "Provenance": 2}
    assert without == dict.fromkeys(KINDS, 0)


def test_another_clinic_sees_nothing_and_asks_with_nothing_of_theirs():
    person = patient_with_record()
    visit, browser, follow_up = asked(person)
    people.browser_of(person).post(f"/asked/{follow_up.pk}/", ANSWERS)
    other, elsewhere, own = opened_for(person, "Elm Clinic")
    assert answers(visit, browser, follow_up).status_code == 200

    assert answers(other, elsewhere, follow_up).status_code == 404
    assert "Nothing yet" in listing(other, elsewhere)
    theirs = visit.ehr.organization.questionnaires.get()
    for made_up in (str(theirs.uid), "x", "\x00", "9" * 400):
        assert b"errorlist" in ask(other, elsewhere, own, questionnaire=made_up).content
    assert FollowUp.objects.filter(organization=other.ehr.organization).count() == 0


def test_somebody_elses_is_nowhere():
    person, other = patient_with_record(), people.sign_up()
    _visit, _browser, follow_up = asked(person)
    client = people.browser_of(other)
    for path in ("", "decline/", "take-back/"):
        assert client.post(f"/asked/{follow_up.pk}/{path}", ANSWERS).status_code == 404
    assert client.get(f"/asked/{follow_up.pk}/").status_code == 404
    assert FollowUp.objects.get().open


def test_when_she_stops_the_clinic_it_is_closed_and_opens_again_when_she_shares_again():
    person = patient_with_record()
    visit, browser, follow_up = asked(person)
    hers = people.browser_of(person)
    Wish.objects.create(owner=person, occasion="questions", how="mail")

    stop(person)

    assert "Nothing is shared with Riverside" in listing(visit, browser)
    assert "Nothing is shared with Riverside" in said(answers(visit, browser, follow_up))
    assert ask(visit, browser, visit.ehr.organization.questionnaires.get(), once="new").status_code == 200
    assert "After a visit closed" in said(hers.get("/own/answers/"))
    assert "asks you to answer" not in said(hers.get("/"))
    assert "It is closed" in said(hers.post(f"/asked/{follow_up.pk}/", ANSWERS))
    assert found(person, "QuestionnaireResponse") == []
    assert ahead.remind(at=_morning_before(follow_up)) == 0
    charts.share(person, visit.ehr.organization)
    assert hers.post(f"/asked/{follow_up.pk}/", ANSWERS).status_code == 302
    stop(person)
    assert "Nothing is shared with Riverside" in said(answers(visit, browser, follow_up))
    kept = said(hers.get(f"/asked/{follow_up.pk}/"))
    assert "Worse" in kept
    assert "it can no longer read it here" in kept
    assert hers.post(f"/asked/{follow_up.pk}/take-back/", {"version": "1"})["Location"] == f"/asked/{follow_up.pk}/"


def test_in_an_emergency_nothing_is_asked_and_nothing_of_it_is_seen():
    person = patient_with_record()
    visit, _browser, follow_up = asked(person)
    Ehr.objects.update(break_glass=True)
    stop(person)
    charts.link(person, visit.ehr)
    in_need, browser = charts.opened(visit.ehr)
    told = {"visit": in_need.uid, "clinician": "Dr. A", "organization": "R", "reason": "She does not wake up."}
    emergencies.begin(person.pk, **told, ends=in_need.ends, at=timezone.now())
    assert "Zenobia" in said(browser.get(f"/ehr/{in_need.uid}/"))

    assert "After a visit" not in listing(in_need, browser)
    assert "After a visit" not in said(answers(in_need, browser, follow_up))
    ask(in_need, browser, visit.ehr.organization.questionnaires.get(), once="new")
    assert FollowUp.objects.count() == 1


def test_who_looks_only_does_not_ask():
    person = patient_with_record()
    visit, browser, chosen = opened_for(person)
    Clinician.objects.update(role=ClinicRole.READER)

    answer = ask(visit, browser, chosen)

    assert "you look only" in said(answer)
    assert FollowUp.objects.count() == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"wanted": "2001-01-01"},
        {"wanted": "2999-01-01"},
        {"wanted": "soon"},
        {"words": "x" * 1001},
        {"questionnaire": ""},
        {"once": ""},
        {"once": "x" * 65},
    ],
)
def test_a_slip_is_told_and_nothing_is_asked(wrong: dict[str, str]):
    person = patient_with_record()
    visit, browser, chosen = opened_for(person)

    answer = ask(visit, browser, chosen, **wrong)

    assert answer.status_code == 200
    assert b"errorlist" in answer.content
    assert found(person, "Communication") == []


# --- reminders


def _morning_before(follow_up: FollowUp) -> datetime:
    return datetime.combine(follow_up.wanted - timedelta(days=1), time(10), UTC)


def test_one_reminder_the_day_before_says_when_and_not_what():
    person = patient_with_record()
    Person.objects.filter(pk=person.pk).update(time_zone="UTC")
    _visit, _browser, follow_up = asked(person)
    Wish.objects.create(owner=person, occasion="questions", how="mail")
    morning = _morning_before(follow_up)
    mail.outbox.clear()

    times = (morning - timedelta(days=1), morning - timedelta(hours=8), morning, morning + ahead.EVERY)
    assert [ahead.remind(at=each) for each in times] == [0, 0, 1, 0]

    (message,) = mail.outbox
    assert message.subject.startswith("An answer is wanted from you by")
    assert f"/asked/{follow_up.pk}/" in message.body
    for word in ("Riverside", "visit", "Ada"):
        assert word not in message.subject + message.body
    event = Event.objects.filter(owner_id=person.pk).order_by("-sequence").first()
    assert (event.interaction, event.detail["way"]) == (gate.REMIND_OF_QUESTIONS, "mail")


def test_who_answered_or_declined_or_did_not_ask_for_it_is_not_reminded():
    answered, declined, silent = (patient_with_record() for _ in range(3))
    rows = {}
    for person, name in ((answered, "A"), (declined, "B"), (silent, "C")):
        visit, browser, chosen = opened_for(person, f"Clinic {name}")
        ask(visit, browser, chosen)
        rows[person] = FollowUp.objects.get(owner=person)
    for person in (answered, declined):
        Wish.objects.create(owner=person, occasion="questions", how="mail")
    people.browser_of(answered).post(f"/asked/{rows[answered].pk}/", ANSWERS)
    people.browser_of(declined).post(f"/asked/{rows[declined].pk}/decline/")

    assert sum(ahead.remind(at=_morning_before(rows[silent]) + ahead.EVERY * each) for each in range(4)) == 0


# --- what it costs


def test_the_lists_cost_the_same_with_one_and_with_four():
    person = patient_with_record()
    visit, browser, chosen = opened_for(person)
    hers, costs = people.browser_of(person), []

    for number in (1, 3):
        for each in range(number):
            ask(visit, browser, chosen, once=f"{number} {each}")
        looks = (lambda: listing(visit, browser), lambda: hers.get("/own/answers/"), lambda: hers.get("/"))
        costs.append([_statements(look) for look in looks])

    assert costs[0] == costs[1]


def _statements(look: Callable[[], Any]) -> int:
    look()
    with walk.counted() as queries:
        look()
    return queries()
