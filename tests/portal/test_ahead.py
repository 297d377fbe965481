"""Reminders of what lies ahead: asked for, sent once, saying little, in her log."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import Person
from audit import events
from audit.models import Agent
from portal import ahead
from portal.models import Reminder, Wish
from tests.portal import people

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def somebody(**fields) -> Person:
    return people.sign_up(**{"time_zone": "America/New_York", **fields})


def book(person: Person, start: datetime, *, logical_id: str = "visit", status: str = "booked") -> None:
    told = {"resourceType": "Appointment", "id": logical_id, "status": status, "start": start.isoformat()}
    told |= {"description": "HIV clinic", "participant": [{"status": "accepted", "actor": _patient(person)}]}
    people.store_records(person, [told | {"end": (start + timedelta(minutes=20)).isoformat()}])


def prescribe(person: Person, **request) -> None:
    told = {"resourceType": "MedicationRequest", "id": "tablets", "status": "active", "intent": "order"}
    told |= {"medicationCodeableConcept": {"text": "Lisinopril"}, "subject": _patient(person)}
    people.store_records(person, [told | request])


def _patient(person: Person) -> dict[str, str]:
    return {"reference": f"Patient/{person.patient_id}"}


def test_nobody_looks_ahead_for_who_did_not_ask():
    book(somebody(), AT + timedelta(hours=20))

    assert ahead.remind(at=AT) == 0
    assert mail.outbox == []


def test_she_is_reminded_once_of_when_and_not_of_what_for():
    person = somebody()
    Wish.objects.create(owner=person, occasion="appointment", how="mail")
    book(person, AT + timedelta(hours=20))

    assert [ahead.remind(at=AT + ahead.EVERY * each) for each in range(3)] == [1, 0, 0]

    (message,) = mail.outbox
    assert message.to == [person.email]
    assert message.subject == "You have an appointment on March 3, 2026, 12:00 AM."
    assert "/record/Appointment/visit/" in message.body
    assert "/account/notices/" in message.body
    assert "HIV" not in message.subject + message.body
    event = events.matching(person.pk).get(interaction="remind")
    assert (event.agent_kind, event.detail) == (Agent.SYSTEM, {"types": {"Appointment": 1}, "way": "mail"})
    assert "Appointment" in people.browser_of(person).get("/access/").content.decode()


def test_a_new_time_is_told_of_anew_and_a_cancelled_one_not_at_all():
    person = somebody()
    Wish.objects.create(owner=person, occasion="appointment", how="mail")
    book(person, AT + timedelta(hours=20))
    book(person, AT + timedelta(hours=21), logical_id="off", status="cancelled")
    book(person, AT + timedelta(days=3), logical_id="later")
    assert ahead.remind(at=AT) == 1

    book(person, AT + timedelta(hours=22))

    assert ahead.remind(at=AT + ahead.EVERY) == 1
    assert Reminder.objects.filter(owner=person).count() == 2


def test_looking_again_waits_half_an_hour():
    person = somebody()
    Wish.objects.create(owner=person, occasion="appointment", how="mail")
    assert ahead.remind(at=AT) == 0
    book(person, AT + timedelta(hours=20))

    assert ahead.remind(at=AT + timedelta(minutes=10)) == 0
    assert ahead.remind(at=AT + timedelta(minutes=31)) == 1


@pytest.mark.parametrize(
    "request_",
    [
        {"dispenseRequest": {"validityPeriod": {"end": "2026-03-09"}}},
        {"dispenseRequest": {"validityPeriod": {"end": "2026-03-09T23:59:59-05:00"}}},
        {
            "authoredOn": "2026-02-07T22:00:00-05:00",
            "dispenseRequest": {"numberOfRepeatsAllowed": 1, "expectedSupplyDuration": {"value": 15, "code": "d"}},
        },
    ],
)
def test_a_prescription_that_runs_out_is_told_by_its_day(request_):
    person = somebody(language="es")
    Wish.objects.create(owner=person, occasion="renewal", how="mail")
    prescribe(person, **request_)

    assert ahead.remind(at=AT) == 1
    assert mail.outbox[0].subject == "Una receta suya se acaba el 9 de marzo de 2026."
    assert "Lisinopril" not in mail.outbox[0].body


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"dispenseRequest": {"validityPeriod": {"end": "2026-05-09"}}},
        {"dispenseRequest": {"validityPeriod": {"end": "soon"}}},
        {"authoredOn": "2026-02-07", "dispenseRequest": {"expectedSupplyDuration": {"value": 1, "code": "mo"}}},
        {"status": "stopped", "dispenseRequest": {"validityPeriod": {"end": "2026-03-09"}}},
    ],
)
def test_what_says_no_day_or_is_not_near_is_not_told(request_):
    person = somebody()
    Wish.objects.create(owner=person, occasion="renewal", how="mail")
    prescribe(person, **request_)

    assert ahead.remind(at=AT) == 0


@pytest.mark.parametrize("how", ["text", "call"])
def test_a_telephone_is_reached_by_the_stand_in_of_a_sandbox(settings, tmp_path, how):
    settings.VAR_DIR = tmp_path
    person = somebody(phone="+15550100199")
    Wish.objects.create(owner=person, occasion="appointment", how=how)
    book(person, AT + timedelta(hours=20))

    assert ahead.remind(at=AT) == 1

    (file,) = (tmp_path / "phone").iterdir()
    told = {"to": "+15550100199", "words": "You have an appointment on March 3, 2026, 12:00 AM.", "language": "en"}
    assert json.loads(file.read_text()) == told
    assert f"-{how}-" in file.name
    assert mail.outbox == []


def test_what_could_not_be_sent_is_tried_again(settings):
    settings.SANDBOX = False
    person = somebody(phone="+15550100199")
    Wish.objects.create(owner=person, occasion="appointment", how="text")
    book(person, AT + timedelta(hours=20))
    assert ahead.remind(at=AT) == 0
    assert not Reminder.objects.exists()

    settings.SANDBOX = True

    assert ahead.remind(at=AT + ahead.EVERY) == 1


def test_nobody_who_left_is_reminded():
    person = somebody(is_active=False)
    Wish.objects.create(owner=person, occasion="appointment", how="mail")
    book(person, AT + timedelta(hours=20))

    assert ahead.remind(at=AT) == 0
    Person.objects.filter(pk=person.pk).update(is_active=True)
    assert ahead.remind(at=AT) == 1
    assert timezone.now() > AT
