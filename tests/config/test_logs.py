"""Logs carry ids: nobody's name, no value of a record and no secret stands in any line of a whole journey.

Everything is logged that can be, at DEBUG, with the levels of config/settings.py for the libraries that would print
tokens; each thing looked for is first shown to exist where it may.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from config import logs
from custody import downloads, erasures
from sync import connections, farewells, runs
from sync.models import Run
from tests.custody import lives
from tests.fakes.cedar import ehr, hospital
from tests.gateway.parties import App
from tests.portal import people

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["ehr", "hospital"]


@pytest.fixture
def told() -> Iterator[list[str]]:
    """Every line that reaches a handler, as it would be written, with tracebacks."""
    lines: list[str] = []
    form = logs.Formatter(settings.LOGGING["formatters"]["line"]["fmt"])

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(form.format(record))

    root, keeper = logging.getLogger(), Keeper()
    before = root.level
    root.addHandler(keeper)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(keeper)
    root.setLevel(before)


def test_no_line_of_a_whole_journey_names_anybody_or_holds_a_value_or_a_secret(ehr, hospital, told, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    ehr.hold({"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
              "code": {"text": "Zebrafish allergy"}})  # fmt: skip
    life = lives.live("Zenobia Quillfeather", ehr, hospital)
    secrets = [life.access_token, *ehr.tokens, *ehr.refresh_tokens, people.PASSWORD]
    browser, bearer = Client(raise_request_exception=False), {"HTTP_AUTHORIZATION": f"Bearer {life.access_token}"}

    # What an app and the pages do, well and badly.
    assert b"Hemoglobin" in browser.get("/fhir/r4/Observation", **bearer).content
    for address in ("/fhir/r4/Observation?code=%00", "/fhir/r4/Condition/nobody", "/fhir/r4/Observation/Zebrafish"):
        browser.get(address, **bearer)
    browser.post("/oauth/token", {"grant_type": "refresh_token", "refresh_token": "made-up-refresh-token-77"})
    browser.post("/accounts/login/", {"login": life.person.email, "password": "wrong-password-of-hers-77"})
    browser.get("/account/", headers={"Cookie": "session=made-up-session-77"})
    life.browser.get("/")
    app = App.register()
    code = app.ask(life.person, "openid patient/*.rs")
    app.redeem(code)
    app.redeem(code)  # comes twice: its family ends
    # What a worker does, well and badly.
    ehr.patient = life.connection.patient
    ehr.answer_with("/Observation", 500, times=3)
    for run in Run.objects.unfinished():
        runs.perform(run.pk)
    downloads.perform(downloads.ask(life.person, at=timezone.now()).pk, at=timezone.now())
    ehr.answer_with("/auth/revoke", 500)
    connections.stop(life.connection, at=timezone.now())
    farewells.say(life.connection.pk)
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1"
    settings.EMAIL_PORT = 1
    erasures.perform(erasures.ask(life.person, at=timezone.now(), now=True).pk, at=timezone.now())

    text = "\n".join(told)
    assert "revoked" in text  # the lines are seen
    assert "could not be mailed" in text
    names = ["Zenobia", "Quillfeather", life.person.email, "Rivera"]
    values = ["Hemoglobin", "718-7", "High blood pressure", "Zebrafish allergy", "38341003", "a scan of a letter"]
    sent = ["made-up-refresh-token-77", "wrong-password-of-hers-77", "made-up-session-77", code]
    found = [word for word in (*names, *values, *sent, *secrets) if word in text]
    assert [(word, next(line for line in told if word in line)) for word in found] == []


@pytest.mark.parametrize(
    "path",
    [
        "/people/invitation/made-up-token-77/",
        "/accounts/password/reset/key/1f-made-up-token-77/",
        "/accounts/confirm-email/made-up-token-77/",
    ],
)
def test_a_secret_out_of_a_mail_is_in_no_line_even_where_its_page_breaks(told, settings, path):
    browser = Client(raise_request_exception=False)
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.config.test_logs.breaking"]

    assert browser.get(path).status_code == 500

    line = next(line for line in told if "Internal Server Error" in line)
    assert path.replace("1f-", "").replace("made-up-token-77", "[secret]") in line
    assert "made-up-token-77" not in "\n".join(told)


def breaking(get_response):
    """A site on which every page breaks."""

    def answer(request):
        raise ConnectionError

    return answer
