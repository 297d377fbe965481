"""Stolen passwords are refused without asking anybody."""

from __future__ import annotations

import secrets

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts import passwords
from accounts.models import Person

FORM = {"name": "Ana", "email": "ana@example.org", "language": "en"}


@pytest.mark.parametrize("stolen", ["1234567890", "qwertyuiop", "Password123", "iloveyou123", "football12"])
def test_frequent_stolen_passwords_are_known_in_any_case(stolen):
    assert passwords.is_breached(stolen)
    assert passwords.is_breached(stolen.upper())


def test_good_passwords_pass():
    """One of 10,000 may be taken for a stolen one; of 3,000 hardly two are."""
    taken = sum(passwords.is_breached(secrets.token_urlsafe(12)) for _ in range(3000))

    assert taken <= 2


@pytest.mark.django_db
def test_signing_up_with_a_stolen_one_says_why():
    answer = Client().post("/accounts/signup/", FORM | {"password1": "changeme123"})

    assert "lists of stolen ones" in answer.content.decode()
    assert not Person.objects.exists()
    assert Client().post("/accounts/signup/", FORM | {"password1": "lantern-otter-9-dune"}).status_code == 302


def test_filter_holds_all_it_was_made_of_and_nothing_short():
    bits = passwords.build(["Correct Horse 1", "short", "another one here"])

    assert passwords.is_in(bits, "correct horse 1")
    assert passwords.is_in(bits, "ANOTHER ONE HERE")
    assert not passwords.is_in(bits, "short")
    assert not passwords.is_in(bits, "correct horse 2")


def test_command_makes_the_filter(tmp_path, monkeypatch):
    monkeypatch.setattr(passwords, "FILE", tmp_path / "made.bin")
    (tmp_path / "list").write_text("0123456789abc\nsecond-password\n")

    call_command("build_breached", tmp_path / "list")

    assert passwords.is_in((tmp_path / "made.bin").read_bytes(), "second-password")
    with pytest.raises(CommandError):
        call_command("build_breached", tmp_path / "absent")
