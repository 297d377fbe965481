"""Who looked, on her page and as files: who, when, what, by which decision, from where, and how to stop it."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from audit import chains, events
from audit.models import Action, Agent, Outcome
from gateway import authorizations
from standards.fhir import validation
from sync import connections
from tests.consent.test_delegations import delegate
from tests.portal import people
from tests.portal.test_apps import LABORATORY, look_by_app, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def she(db):
    """With an app that looked, one that was refused, a hospital, and somebody who guessed a password."""
    person = people.sign_up(name="=Ana")
    diary, walker = (people.let_in(person, LABORATORY, name=name) for name in ("Heart Diary", "Walker"))
    people.connect(person, people.list_hospital("Riverside Hospital"))
    look_by_app(person, diary, total=7)
    refusal(person, walker)
    events.append(
        owner_id=person.pk,
        action=Action.EXECUTE,
        interaction="sign-in",
        outcome=Outcome.REFUSED,
        agent_kind=Agent.UNKNOWN,
        agent="",
        origin="192.0.2.7",
    )
    return person


def refusal(person, authorization) -> None:
    events.append(
        owner_id=person.pk,
        action=Action.READ,
        interaction="read",
        outcome=Outcome.REFUSED,
        agent_kind=Agent.APP,
        agent=authorization.application.client_id,
        agent_name=authorization.application.name,
        consent_id=authorization.decision_id,
        origin="198.51.100.4",
        detail={"status": 404, "records": 0, "types": {}, "withheld": 1},
    )


def page_of(person, **asked) -> str:
    return words(people.browser_of(person).get("/access/", asked))


def test_each_line_says_who_what_from_where_and_by_which_decision(she):
    page = page_of(she)

    assert "Heart Diary looked at 7 × Measurements and findings" in page
    assert "Walker opened refused You have this record, and your decision kept it back." in page
    assert "from 198.51.100.4" in page
    assert "You connected Riverside Hospital" in page
    assert "Somebody tried to sign in refused" in page
    assert page.count("by your decision of") == 2


def test_a_line_of_many_kinds_tells_the_most_and_unfolds_the_rest():
    she = people.sign_up()
    kinds = ("Observation", "Condition", "Encounter", "Procedure", "Immunization", "CarePlan")
    events.append(
        owner_id=she.pk,
        action=Action.READ,
        interaction="search",
        agent_kind=Agent.OWNER,
        agent=str(she.subject),
        detail={"types": {kind: 60 - 10 * place for place, kind in enumerate(kinds)}},
    )

    page = people.browser_of(she).get("/access/").content.decode()

    shown, _, unfolded = page.partition("<details")
    assert [shown.count(f"{figure} ×") for figure in (60, 50, 40, 30, 20, 10)] == [1, 1, 1, 1, 0, 0]
    assert "2 more kinds" in unfolded
    assert [unfolded.count(f"{figure} ×") for figure in (20, 10)] == [1, 1]


def test_each_line_leads_to_where_it_is_stopped(she):
    browser = people.browser_of(she)
    diary, walker = authorizations.of(she).order_by("pk")
    page = browser.get("/access/").content.decode()

    for authorization in (diary, walker):
        assert f'href="/apps/{authorization.pk}/withdraw/"' in page
        assert f'href="/apps/{authorization.pk}/receipt/"' in page
    assert f'href="/hospitals/{connections.of(she).get().pk}/stop/"' in page
    assert 'href="/accounts/password/change/"' in page


def test_a_delegates_look_leads_to_the_end_of_the_delegation(she):
    ben, at = people.sign_up(name="Ben Example"), timezone.now()
    reader = delegate(she, ben, "patient/*.rs", at=at, ends=at + timedelta(days=30))
    events.append(
        owner_id=she.pk,
        action=Action.READ,
        interaction="search",
        agent_kind=Agent.DELEGATE,
        agent=str(ben.subject),
        agent_name=ben.name,
        consent_id=reader.decision_id,
        detail={"types": {"Condition": 2}},
    )

    page = people.browser_of(she).get("/access/").content.decode()

    assert "Ben Example looked at" in page
    assert f'href="/people/{she.delegations_given.get().uid}/end/"' in page


def test_what_was_stopped_is_named_and_cannot_be_stopped_again(she):
    diary, _ = authorizations.of(she).order_by("pk")
    authorizations.end(diary, by=she, at=timezone.now())

    page = people.browser_of(she).get("/access/").content.decode()

    assert f'href="/apps/{diary.pk}/withdraw/"' not in page
    assert "Heart Diary" in page


def test_the_log_can_be_asked_for_one_app_and_for_some_days(she):
    diary, _ = authorizations.of(she).order_by("pk")
    who = f"app|{diary.application.client_id}"
    today = timezone.now().date()

    assert "Heart Diary looked at" in page_of(she, who=who)
    assert "Walker opened" not in page_of(she, who=who)
    assert "Walker opened" in page_of(she, **{"from": today - timedelta(days=1), "until": today + timedelta(days=1)})
    assert "Nothing of this kind" in page_of(she, until=today - timedelta(days=2))
    assert "Nothing of this kind" in page_of(she, **{"from": today + timedelta(days=2)})
    assert "Somebody tried" in page_of(she, who="unknown|")


def test_pages_of_what_was_asked_for_follow_on(she, monkeypatch):
    monkeypatch.setattr("portal.views.access.PAGE", 2)
    diary, _ = authorizations.of(she).order_by("pk")
    for _number in range(4):
        look_by_app(she, diary, total=1)

    page = people.browser_of(she).get("/access/", {"who": f"app|{diary.application.client_id}"}).content.decode()

    assert 'rel="next"' in page
    assert f"who=app%7C{diary.application.client_id}" in page


@pytest.mark.parametrize(
    "asked",
    [{"who": "nobody"}, {"who": "app|' OR 1=1"}, {"from": "yesterday", "until": "0001-01-01"}, {"until": "9999-12-31"}],
)
def test_nonsense_is_not_asked_for(she, asked):
    assert people.browser_of(she).get("/access/", asked).status_code == 200


def test_the_table_has_a_row_for_each_event_and_no_formula(she):
    answer = people.browser_of(she).get("/access/log.csv")

    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="access-log.csv"'
    newest, *_, refused, looked, _connected = rows
    assert (newest["interaction"], newest["who"]) == ("download", "You")
    assert (refused["outcome"], refused["place"]) == ("refused", "198.51.100.4")
    assert (looked["who"], looked["what"]) == ("Heart Diary", "7 × Measurements and findings")
    assert looked["consent"] == str(authorizations.of(she).order_by("pk")[0].decision.uid)
    assert [int(row["number"]) for row in rows] == sorted((int(row["number"]) for row in rows), reverse=True)


def test_an_app_cannot_put_a_formula_into_her_table(she):
    look_by_app(she, people.let_in(she, LABORATORY, name='=HYPERLINK("http://evil")'), total=1)

    rows = list(csv.DictReader(io.StringIO(people.browser_of(she).get("/access/log.csv").getvalue().decode())))

    assert '\'=HYPERLINK("http://evil")' in [row["who"] for row in rows]


def test_the_bundle_holds_valid_audit_events_that_name_the_consent(she):
    answer = people.browser_of(she).get("/access/log.json")

    bundle = json.loads(answer.getvalue())
    told = [entry["resource"] for entry in bundle["entry"]]
    assert (bundle["type"], len(told)) == ("collection", events.matching(she.pk).count())
    assert validation.problems(bundle) == []
    uid = str(authorizations.of(she).order_by("pk")[0].decision.uid)
    assert any({"reference": f"Consent/{uid}"} in [each.get("what") for each in event["entity"]] for event in told)


@pytest.mark.parametrize("name", ["Ana Peña", "患者"])
def test_the_document_is_a_pdf_whatever_her_name_is(she, name):
    she.name = name
    she.save()

    written = people.browser_of(she).get("/access/log.pdf").getvalue()

    assert written.startswith(b"%PDF-")


def test_files_hold_only_what_was_asked_for_and_each_download_is_in_the_log(she):
    rows = csv.DictReader(
        io.StringIO(people.browser_of(she).get("/access/log.csv", {"who": "unknown|"}).getvalue().decode())
    )

    assert [row["interaction"] for row in rows] == ["sign-in"]
    assert events.of(she.pk, 1)[0].interaction == "download"
    assert chains.verify(she.pk) == []


@pytest.mark.parametrize("form", ["csv", "json", "pdf"])
def test_nobody_has_the_log_of_another(she, form, client):
    assert client.get(f"/access/log.{form}").status_code == 302
    stranger = people.browser_of(people.sign_up())

    assert b"Heart Diary" not in stranger.get(f"/access/log.{form}").getvalue()
