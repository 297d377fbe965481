"""Pausing, going on, renewing, receipts, and hiding one record: what she does, and what the app then gets."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from audit.models import Event
from consent import ledger, texts
from consent.models import Act, Decision
from gateway.models import Authorization
from standards.fhir import validation
from tests import browser
from tests.gateway import parties
from tests.gateway.parties import LAB, App
from tests.portal import people

pytestmark = pytest.mark.django_db


class Case:
    """A person, her browser, and an app she let in for good by the consent page."""

    def __init__(self) -> None:
        self.person, self.app = parties.sign_up(name="Ana"), App.register()
        parties.store_observations(self.person, laboratory=3)
        self.given = self.app.let_in(self.person, "patient/Observation.rs offline_access", keep=lambda box: True)
        self.browser = people.browser_of(self.person)
        self.pk = Authorization.objects.get(person=self.person).pk

    def reads(self, path: str = "Observation?_summary=count", token: str | None = None):
        return self.app.http.get(
            f"/fhir/r4/{path}", headers={"Authorization": f"Bearer {token or self.given['access_token']}"}
        )


@pytest.fixture
def case(db) -> Case:
    return Case()


def test_a_paused_app_is_refused_like_a_withdrawn_one_and_goes_on_with_its_tokens(case):
    assert case.reads().json()["total"] == 3

    assert case.browser.post(f"/apps/{case.pk}/pause/").status_code == 302

    assert case.reads().status_code == 401
    assert case.app.refresh(case.given["refresh_token"]).json()["error"] == "invalid_grant"
    assert "Paused" in case.browser.get("/apps/").content.decode()
    assert case.browser.post(f"/apps/{case.pk}/pause/").status_code == 404

    assert case.browser.post(f"/apps/{case.pk}/resume/").status_code == 302

    assert case.reads().json()["total"] == 3
    assert case.app.refresh(case.given["refresh_token"]).status_code == 200
    assert [each.act for each in Decision.objects.filter(owner=case.person).order_by("sequence")] == [
        Act.GRANT,
        Act.PAUSE,
        Act.RESUME,
    ]
    noted = set(Event.objects.filter(owner_id=case.person.pk).values_list("interaction", flat=True))
    assert {"pause", "resume"} <= noted
    assert ledger.verify(case.person.pk) == []


def test_a_paused_app_can_be_withdrawn(case):
    case.browser.post(f"/apps/{case.pk}/pause/")

    assert case.browser.post(f"/apps/{case.pk}/withdraw/").status_code == 302

    assert case.browser.post(f"/apps/{case.pk}/resume/").status_code == 404
    assert case.reads().status_code == 401
    assert ledger.newest(case.person.pk, case.app.client_id).act == Act.WITHDRAW


def test_renewing_moves_the_end_and_nothing_else(case):
    before = Decision.objects.get(owner=case.person)
    Authorization.objects.filter(pk=case.pk).update(expires=timezone.now() + timedelta(days=1))

    assert "90" not in case.browser.get(f"/apps/{case.pk}/renew/").content.decode().split("<main")[0]
    assert case.browser.post(f"/apps/{case.pk}/renew/").status_code == 302

    after = ledger.current(case.person.pk, case.app.client_id)
    assert (after.act, after.scopes_granted, after.terms) == (Act.RENEW, before.scopes_granted, before.terms)
    assert after.ends > before.ends
    assert case.reads().json()["total"] == 3


def test_the_read_itself_enforces_the_end(case, monkeypatch):
    later = timezone.now() + timedelta(days=91)
    assert case.reads().status_code == 200
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)

    assert case.reads().status_code == 401


@pytest.mark.parametrize("path", ["pause", "resume", "renew", "receipt", "receipt.json", "consent.json"])
def test_nobody_else_decides_or_sees_it(case, path):
    other = people.browser_of(people.sign_up())
    end = "" if path.endswith("json") else "/"

    for ask in (other.get, other.post):
        assert ask(f"/apps/{case.pk}/{path}{end}").status_code in (404, 405)

    assert Decision.objects.filter(owner=case.person).count() == 1


def test_the_receipt_says_what_was_decided_and_which_text_she_read(case):
    page = case.browser.get(f"/apps/{case.pk}/receipt/").content.decode()
    said = case.browser.get(f"/apps/{case.pk}/receipt.json").json()
    decision = Decision.objects.get(owner=case.person)

    assert "Measurements and findings" in page
    assert texts.read(texts.SHARING, "en").paragraphs[0] in page
    assert said["scopes"]["granted"] == decision.scopes_granted
    assert said["text"]["sha256"] == texts.read(texts.SHARING, "en").digest == decision.text_hash
    assert said["chain"]["hash"] == bytes(decision.hash).hex()
    assert said["shown"]["records"] == 3


def test_the_receipt_as_fhir_consent_is_valid_and_carries_the_text(case):
    answer = case.browser.get(f"/apps/{case.pk}/consent.json")
    consent = answer.json()

    assert answer["Content-Type"] == "application/fhir+json"
    assert validation.problems(consent) == []
    assert consent["status"] == "active"
    assert base64.b64decode(consent["sourceAttachment"]["data"]) == texts.raw(texts.SHARING, "en")


def test_a_record_she_hides_is_gone_for_the_app_and_comes_back(case):
    record = "/record/Observation/laboratory-1/"
    assert case.reads("Observation/laboratory-1").status_code == 200

    assert case.browser.post(f"{record}hide/", {"hide": "everyone"}).status_code == 302

    assert case.reads("Observation/laboratory-1").status_code == case.reads("Observation/none").status_code == 404
    assert case.reads().json()["total"] == 2
    page = case.browser.get(record).content.decode()
    assert "Hidden" in page
    assert "Hide no longer" in page
    case.browser.post(f"{record}hide/", {"show": "everyone"})
    case.browser.post(f"{record}hide/", {"hide": case.app.client_id})
    assert case.reads().json()["total"] == 2
    case.browser.post(f"{record}hide/", {"show": case.app.client_id})
    assert case.reads().json()["total"] == 3
    assert ledger.verify(case.person.pk) == []


@pytest.mark.parametrize("form", [{}, {"hide": "nobody"}, {"show": ""}])
def test_hiding_from_nobody_is_no_decision(case, form):
    assert case.browser.post("/record/Observation/laboratory-1/hide/", form).status_code == 404
    assert case.browser.post("/record/Observation/not-hers/hide/", {"hide": "everyone"}).status_code == 404
    assert Decision.objects.filter(owner=case.person).count() == 1


def test_verify_ledger_names_the_altered_row(case, capsys):
    case.browser.post("/record/Observation/laboratory-1/hide/", {"hide": "everyone"})
    call_command("verify_ledger")
    assert "all as they were written" in capsys.readouterr().out

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE consent_decision DISABLE TRIGGER consent_decision_append_only")
        cursor.execute("UPDATE consent_decision SET text_hash = 'x' WHERE sequence = 1")
        cursor.execute("DELETE FROM consent_hiddenrecord")
        cursor.execute("ALTER TABLE consent_decision ENABLE TRIGGER consent_decision_append_only")

    with pytest.raises(CommandError):
        call_command("verify_ledger")
    told = capsys.readouterr().err
    assert "decision 1 was altered" in told
    assert "Observation/laboratory-1 is not kept hidden as she decided" in told


def test_the_number_follows_the_boxes_by_itself(live_server, open_page, transactional_db):
    case = Case()
    page = open_page(**browser.PHONE)
    cookie = case.browser.cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
    address = case.app.send_to_consent(case.browser, "patient/Observation.rs patient/Condition.rs")
    page.goto(live_server.url + address)
    total = page.locator("[data-live=total]")
    assert total.inner_text() == "What is ticked: 3 records today."

    page.locator(f"input[value='Observation?{LAB}']").uncheck()
    page.get_by_text("What is ticked: 0 records today.").wait_for()

    assert total.inner_text() == "What is ticked: 0 records today."
    assert page.evaluate("document.documentElement.scrollWidth") == browser.PHONE["width"]
