"""The demo's delegate: made by driving the pages, as both of them would."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Person
from consent import delegations
from consent.delegations import State
from local import seeding
from local.visitor import Visitor
from smartlaunch import organizations
from tests.portal import people

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_demos_delegate_is_asked_by_mail_and_says_yes(live_server, settings, tmp_path):
    settings.PUBLIC_URL = live_server.url
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    owner = people.sign_up(name="Ana Example")
    people.store_records(owner, [people.observation(owner, "lab")])
    people.store_records(owner, [people.observation(owner, "other")], hospital="Lakeside")
    visitor = Visitor()
    form = visitor.open(f"{live_server.url}/accounts/login/").form("login", "password")
    visitor.send(form, {"login": owner.email, "password": people.PASSWORD})

    account = seeding.ask_delegate(visitor, SimpleNamespace(url=live_server.url, place=tmp_path), "Ben Example")

    (held,) = delegations.held(Person.objects.get(email=account["email"]), at=timezone.now())
    assert (held.state, held.delegation.owner, account["role"]) == (State.ACTIVE, owner, "delegate")


def test_the_demos_staff_looks_after_both_hospitals(live_server, settings, monkeypatch):
    settings.PUBLIC_URL = live_server.url
    names = ("Riverside General Hospital", "Lakeside Clinic")
    for name in names:
        organizations.enter(name)
    monkeypatch.setattr(seeding, "_manage", lambda _, *order: call_command(*order))
    sites = [SimpleNamespace(values={"SITE_NAME": name}) for name in names]

    account = seeding.let_look_after(SimpleNamespace(url=live_server.url), sites)

    person = Person.objects.get(email=account["email"])
    assert {each.name for each in person.organizations.all()} == set(names)
    assert (account["role"], account["pages"]) == ("manager", f"{live_server.url}/organizations/")
