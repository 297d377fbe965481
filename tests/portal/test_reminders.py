"""Mail before an app's access ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from gateway.models import Authorization
from portal import reminders
from tests.portal import people

pytestmark = pytest.mark.django_db


def let_in(*scopes: str, ends_in: int = 10, language: str = "en", **fields) -> Authorization:
    person = people.sign_up(language=language)
    authorization = people.let_in(person, *(scopes or ("patient/Observation.rs", "offline_access")))
    at = timezone.now()
    dates = {"created": at - timedelta(days=80), "expires": at + timedelta(days=ends_in)} | fields
    Authorization.objects.filter(pk=authorization.pk).update(**dates)
    return authorization


def test_she_is_told_once_and_can_renew_from_the_mail():
    authorization = let_in()

    assert reminders.remind(at=timezone.now()) == 1
    assert reminders.remind(at=timezone.now()) == 0

    (message,) = mail.outbox
    assert message.to == [authorization.person.email]
    assert "Heart Diary can see your record until" in message.subject
    address = f"/apps/{authorization.pk}/renew/"
    assert address in message.body
    browser = people.browser_of(authorization.person)
    assert browser.get(address).status_code == 200
    assert browser.post(address).status_code == 302
    authorization.refresh_from_db()
    assert authorization.expires > timezone.now() + timedelta(days=80)
    assert authorization.reminded is None


def test_the_mail_is_in_her_language():
    let_in(language="es")

    reminders.remind(at=timezone.now())

    assert mail.outbox[0].subject.startswith("Heart Diary puede ver su historial hasta el")


@pytest.mark.parametrize(
    "fields",
    [
        {"ends_in": 40},
        {"paused": timezone.now()},
        {"revoked": timezone.now()},
        {"created": timezone.now() - timedelta(hours=1)},
    ],
)
def test_nobody_is_told_of_what_does_not_end_soon_or_is_over_or_was_meant_to_be_short(fields):
    let_in(**fields)

    assert reminders.remind(at=timezone.now()) == 0


def test_what_cannot_be_renewed_is_not_offered():
    let_in("patient/Observation.rs")

    assert reminders.remind(at=timezone.now()) == 0


def test_a_mail_that_could_not_be_sent_is_sent_in_the_next_round(monkeypatch):
    let_in()

    def refuse(*args, **options):
        raise ConnectionRefusedError

    with monkeypatch.context() as broken:
        broken.setattr("portal.reminders.send_mail", refuse)
        assert reminders.remind(at=timezone.now()) == 0

    assert reminders.remind(at=timezone.now()) == 1
