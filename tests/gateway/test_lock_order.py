"""Two that touch the same authorization at once wait for each other, and never both for the other."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic, sleep

import pytest
import requests
from django.db import connection, transaction
from django.utils import timezone

from audit import events
from audit.models import Action, Agent
from gateway import authorizations
from gateway.models import AccessToken, Authorization, RefreshToken
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db(transaction=True)
OFFLINE = "openid patient/Observation.rs offline_access"


def until_waiting(sent: Future[requests.Response]) -> None:
    """Until another connection waits for a lock of ours."""
    ends = monotonic() + 20
    while monotonic() < ends and not sent.done():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
            if cursor.fetchone():
                return
        sleep(0.02)
    raise AssertionError(f"nobody waited for us: {sent.result().text}")


def note(person_id: int) -> None:
    events.append(
        owner_id=person_id, action=Action.EXECUTE, interaction="revoke", agent_kind=Agent.OWNER, agent="", agent_name=""
    )


def refresh(address: str, form: dict[str, str]) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.post(address, data=form, timeout=30)


def held_token(authorization: Authorization) -> None:
    AccessToken.objects.select_for_update().get(authorization=authorization)


def held_refresh_token(authorization: Authorization) -> None:
    RefreshToken.objects.select_for_update().get(authorization=authorization, revoked__isnull=True)


@pytest.mark.parametrize("hold", [held_token, held_refresh_token])
def test_a_refresh_waits_for_an_end_of_its_authorization_and_neither_fails(live_server, hold):
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, OFFLINE)
    authorization = Authorization.objects.get()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            hold(authorization)
            sent = pool.submit(refresh, live_server.url + "/oauth/token", app.refresh_form(told["refresh_token"]))
            until_waiting(sent)
            note(person.pk)  # the log's lock: what waits for a token must not hold it
        assert sent.result().status_code == 200


def test_a_refresh_and_an_end_at_once_both_come_through(live_server):
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, OFFLINE)
    authorization = Authorization.objects.get()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Authorization.objects.select_for_update(no_key=True).get(pk=authorization.pk)
            held_refresh_token(authorization)
            sent = pool.submit(refresh, live_server.url + "/oauth/token", app.refresh_form(told["refresh_token"]))
            until_waiting(sent)
            authorizations.end(authorization, by=person, at=timezone.now())
        assert sent.result().status_code == 400

    assert not Authorization.objects.live(at=timezone.now()).exists()
    assert app.userinfo(told["access_token"]).status_code == 401
