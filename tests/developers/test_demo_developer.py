"""The demo's developer: signs in as demo.json says, with an app that waits for review. Twice changes nothing."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import Person, Role
from developers import reviews
from gateway.models import Application

pytestmark = pytest.mark.django_db


def test_developer_and_reviewer_are_made_once(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    call_command("demo_developer")
    first = json.loads((tmp_path / "developers.json").read_text())

    call_command("demo_developer")

    assert json.loads((tmp_path / "developers.json").read_text()) == first
    assert [one["role"] for one in first] == ["developer", "staff"]
    assert Person.objects.get(role=Role.DEVELOPER).check_password(first[0]["password"])
    assert [review.application.name for review in reviews.queue()] == ["Walk Buddy"]
    assert (tmp_path / "developers.json").stat().st_mode & 0o077 == 0
    assert Application.objects.count() == 1


def test_only_a_sandbox_has_them(settings):
    settings.SANDBOX = False

    with pytest.raises(CommandError):
        call_command("demo_developer")
