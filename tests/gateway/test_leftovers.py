"""The sweep takes what is dead and leaves what lives."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from gateway import leftovers
from gateway.models import AccessToken, Authorization, AuthorizationRequest, Grant, RefreshToken
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db


def test_sweep_takes_only_what_is_dead():
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, "openid patient/*.rs offline_access")
    renewed = app.refresh(told["refresh_token"]).json()
    assert RefreshToken.objects.filter(replay__isnull=False).exists()

    leftovers.sweep(at=timezone.now() + timedelta(days=2))
    leftovers.sweep(at=timezone.now() + timedelta(days=2))

    assert not AuthorizationRequest.objects.exists()
    assert not Grant.objects.exists()
    assert not AccessToken.objects.exists()
    assert not RefreshToken.objects.filter(replay__isnull=False).exists()
    assert app.refresh(renewed["refresh_token"]).status_code == 200
    assert Authorization.objects.get().revoked is None


def test_sweep_keeps_what_recognises_a_replay():
    person, app = parties.sign_up(), App.register()
    code = app.ask(person, "openid offline_access")
    told = app.redeem(code).json()

    leftovers.sweep(at=timezone.now() + timedelta(hours=1))

    assert app.redeem(code).json()["error"] == "invalid_grant"
    assert app.userinfo(told["access_token"]).status_code == 401
