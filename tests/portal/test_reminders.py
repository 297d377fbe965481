"""Mail before an app's access ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from consent import delegations, ledger
from consent.delegations import Offer
from consent.models import Delegation, Relationship
from consent.terms import Terms
from gateway.models import Authorization
from portal import reminders
from tests.portal import people

pytestmark = pytest.mark.django_db
READ = ledger.Reading("1", "en")


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


def test_a_name_with_a_line_break_keeps_nobody_from_being_told():
    named = let_in(ends_in=5)
    named.application.name = "Heart\nBcc: everybody@example.org"
    named.application.save()
    let_in(ends_in=6)

    assert reminders.remind(at=timezone.now()) == 2
    told = {message.subject.partition(" can see")[0] for message in mail.outbox}
    assert told == {"Heart Bcc: everybody@example.org", "Heart Diary"}


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
        broken.setattr("gateway.notices.send_mail", refuse)
        assert reminders.remind(at=timezone.now()) == 0

    assert reminders.remind(at=timezone.now()) == 1


def delegation(*, guardian: bool = False, ends_in: int = 10, age: int = 80, **fields) -> Delegation:
    """Given so many days ago, and taken on."""
    owner, ben = people.sign_up(name="Ana Example", **fields), people.sign_up(name="Ben", language="es")
    at = timezone.now() - timedelta(days=age)
    offer = Offer(
        name="Ben", email=ben.email, relationship=Relationship.PARENT if guardian else Relationship.FRIEND,
        guardian=guardian, granted=("patient/*.rs",), terms=Terms(), ends=at + timedelta(days=age + ends_in),
    )  # fmt: skip
    made, _ = delegations.invite(owner, offer, read=READ, at=at)
    delegations.accept(made, ben, at=at)
    made.refresh_from_db()
    return made


def test_both_sides_are_told_once_before_a_delegation_ends():
    made = delegation()

    assert reminders.remind_of_delegations(at=timezone.now()) == 1
    assert reminders.remind_of_delegations(at=timezone.now()) == 0

    to_owner, to_ben = mail.outbox
    assert (to_owner.to, to_ben.to) == ([made.owner.email], [made.delegate.email])
    assert "Acting for Ana Example ends on" in to_owner.subject
    assert "To let it go on, or to end it now" in to_owner.body
    assert "Ben actúa por Ana Example hasta el" in to_ben.body
    browser = people.browser_of(made.owner)
    assert browser.post(f"/people/{made.uid}/renew/").status_code == 302
    made.refresh_from_db()
    assert made.reminded is None, "the next end is told as well"
    assert reminders.remind_of_delegations(at=timezone.now()) == 0


def test_the_end_of_a_guardian_is_told_and_cannot_be_moved():
    delegation(guardian=True)

    assert reminders.remind_of_delegations(at=timezone.now()) == 1

    assert all("/people/" in message.body and "To let it go on" not in message.body for message in mail.outbox)


@pytest.mark.parametrize("how", ["far", "short", "paused", "ended", "closed", "over"])
def test_nobody_is_told_of_a_delegation_that_does_not_end_soon_or_is_over_or_was_meant_to_be_short(how):
    made = delegation(ends_in={"far": 15, "over": -1}.get(how, 10), age=5 if how == "short" else 80)
    if how == "paused":
        delegations.pause(made, at=timezone.now())
    elif how == "ended":
        delegations.end(made, by=made.delegate, at=timezone.now())
    elif how == "closed":
        type(made.owner).objects.filter(pk=made.owner.pk).update(is_active=False)

    assert reminders.remind_of_delegations(at=timezone.now()) == 0

    assert mail.outbox == []


def test_a_delegation_whose_mail_could_not_be_sent_is_told_in_the_next_round(monkeypatch):
    delegation()

    def refuse(*args, **options):
        raise ConnectionRefusedError

    with monkeypatch.context() as broken:
        broken.setattr("gateway.notices.send_mail", refuse)
        assert reminders.remind_of_delegations(at=timezone.now()) == 0

    assert reminders.remind_of_delegations(at=timezone.now()) == 1
