"""What the consent page says an app would receive is what its token then finds, for every choice she can make."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.test import Client
from django.utils import formats, timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Person
from audit import events
from consent import ledger
from consent.models import Decision
from records import sources, store
from records.labels import ACT_CODE
from records.models import SourceKind
from tests.gateway import parties
from tests.gateway.parties import IDENTITY, LAB, VITALS, App

pytestmark = pytest.mark.django_db
ASKED = (
    "patient/*.rs",
    "patient/*.read patient/Consent.rs",
    "patient/Observation.rs patient/Condition.rs patient/Patient.rs",
    f"patient/Observation.rs?category={LAB} patient/DocumentReference.rs",
    f"patient/Observation.rs patient/Observation.rs?category={VITALS} patient/Consent.rs",
    "patient/AuditEvent.rs patient/Consent.rs patient/Condition.rs",
)
HELD = (
    "AuditEvent",  # first: each look adds to it
    "Observation",
    "Condition",
    "DocumentReference",
    "Patient",
    "Practitioner",
    "Consent",
    "Procedure",
    "Provenance",
)
READ = ledger.Reading("1", "en")


@dataclass
class Meeting:
    person: Person
    app: App
    browser: Client
    place: str = ""
    """Where the page is about somebody else's record: what follows its address."""


@pytest.fixture
def meeting(db) -> Meeting:
    """A person with two hospitals, four categories, two sensitive kinds, twelve years and hidden records."""
    named = ("patient/Consent.rs", "patient/AuditEvent.rs")
    person, app = parties.sign_up(), App.register("patient/*.rs", "patient/*.read", *named, *IDENTITY)
    for number, hospital in enumerate(("Riverside", "Cedar")):
        source = sources.ensure(SourceKind.EHR, hospital, f"https://{hospital.lower()}.example/fhir")
        with transaction.atomic():
            told = list(_resources(person, number))
            outcome = store.put_page(owner_id=person.pk, source_id=source.pk, resources=told, at=datetime.now(UTC))
        assert outcome.refused == []
    for record, whom in (("Observation/o0-3", {}), ("Condition/c1-1", {"kind": "app", "grantee": app.client_id})):
        ledger.hide(owner=person, actor=person, record=record, read=READ, at=datetime.now(UTC), **whom)
    browser = Client()
    browser.force_login(person)
    return Meeting(person, app, browser)


def _resources(person: Person, hospital: int) -> Any:
    if hospital == 0:
        yield {"resourceType": "Patient", "id": person.patient_id, "birthDate": "1970-01-01"}
        yield {"resourceType": "Practitioner", "id": "doctor"}
    categories = ("laboratory", "vital-signs", "survey", "exam", None)
    for number in range(12):
        code = categories[(number + hospital) % 5]
        tag = {3: "HIV", 4: "PSY", 5: "HIV"}.get(number)
        marked = {"meta": {"security": [{"system": ACT_CODE, "code": tag}]}} if tag else {}
        both = [code, "laboratory"] if number == 7 else [code]
        yield {
            "resourceType": "Observation",
            "id": f"o{hospital}-{number}",
            "category": [_concept(LAB.partition("|")[0], each) for each in both if each],
            "effectiveDateTime": f"{2010 + number}-06-01T00:00:00Z",
            **marked,
        }
    for number in range(4):
        system = "http://terminology.hl7.org/CodeSystem/condition-category"
        yield {
            "resourceType": "Condition",
            "id": f"c{hospital}-{number}",
            "category": [_concept(system, "problem-list-item")] if number % 2 else [],
            **({"onsetDateTime": f"{2011 + 3 * number}-03-04T00:00:00Z"} if number else {}),
        }
    for number in range(12):
        named = [f"Observation/o{hospital}-{number}", *([f"Condition/c{hospital}-1"] if number == 5 else [])]
        yield {
            "resourceType": "Provenance",
            "id": f"v{hospital}-{number}",
            "target": [{"reference": name} for name in named],
            "recorded": "2020-01-01T00:00:00Z",
        }
    yield {"resourceType": "DocumentReference", "id": f"d{hospital}", "date": "2015-01-01T00:00:00Z"}
    yield {"resourceType": "Procedure", "id": f"p{hospital}", "performedDateTime": "2016"}


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def fields(page: str, name: str) -> list[str]:
    """The values of the boxes of one name."""
    found = re.findall(rf'<input type="checkbox" name="{name}" value="([^"]*)"', page)
    return [value.replace("&amp;", "&") for value in found]


def figures(page: str) -> dict[str, int]:
    """The numbers on the page by what they stand beside: ``box=…``, ``source=…``, ``label=…``, total, withheld."""
    shown = re.findall(r'class="mark" data-live="([^"]*)">([\d,]+)<', page)
    said = {name.replace("&amp;", "&"): int(number.replace(",", "")) for name, number in shown}
    for name in ("total", "withheld"):
        found = re.search(rf'data-live="{name}"[^>]*>[^<]*<strong>([\d,]+)<', page)
        if found:
            said[name] = int(found.group(1).replace(",", ""))
    return said


def found(app: App, token: str, query: str) -> int:
    answer = app.http.get(f"/fhir/r4/{query}", headers={"Authorization": f"Bearer {token}"})
    return 0 if answer.status_code == 403 else answer.json()["total"]


choices = st.fixed_dictionaries(
    {
        "asked": st.sampled_from(ASKED),
        "drop": st.sets(st.integers(0, 60), max_size=40),
        "sources": st.sampled_from([None, (0,), (1,), ()]),
        "labels": st.sets(st.sampled_from(["HIV", "PSY"])),
        "first": st.sampled_from(["", "", "2014-01-01"]),
        "last": st.sampled_from(["", "", "2018-12-31"]),
        "length": st.sampled_from(["once", "90", "395"]),
    }
)


def choose(meeting: Meeting, said: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The address of the page, and the form with these choices."""
    address = meeting.app.send_to_consent(meeting.browser, f"{said['asked']} offline_access openid") + meeting.place
    page = meeting.browser.get(address).content.decode()
    offered = fields(page, "source")
    kept = offered if said["sources"] is None else [offered[place] for place in said["sources"] if offered]
    return address, {
        "box": [box for place, box in enumerate(fields(page, "box")) if place not in said["drop"]] + ["identity"],
        **({"by_source": "1", "source": kept} if offered else {}),
        "label": sorted(said["labels"]),
        "first": said["first"],
        "last": said["last"],
        "length": said["length"],
    }


def agree(meeting: Meeting, said: dict[str, Any]) -> None:
    address, form = choose(meeting, said)
    counted = meeting.browser.post(address, {**form, "answer": "count"})
    assert counted.status_code == 200
    shown = figures(counted.content.decode())
    allowed = meeting.browser.post(address, {**form, "answer": "allow"})
    assert allowed.status_code == 303, allowed.content.decode()
    given = meeting.app.redeem(parties.query_of(allowed["Location"])["code"]).json()
    assert ("refresh_token" in given) == (said["length"] != "once" and "offline" in form["box"])

    totals = {kind: found(meeting.app, given["access_token"], f"{kind}?_summary=count") for kind in HELD}
    assert sum(totals.values()) == shown["total"], (form, totals)
    assert Decision.objects.filter(owner=meeting.person).latest("sequence").shown["records"] == shown["total"]
    for scope in given["scope"].split():
        kind, _, category = scope.removeprefix("patient/").replace(".rs", "").partition("?category=")
        if category:
            query = f"{kind}?category={category}&_summary=count"
            assert found(meeting.app, given["access_token"], query) == shown[f"box={kind}?{category}"], scope


@given(said=choices)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_number_previewed_is_the_number_received(meeting, said):
    agree(meeting, said)


@pytest.mark.thorough
@given(said=choices)
@settings(max_examples=800, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_number_previewed_is_the_number_received_in_hundreds_of_cases(meeting, said):
    agree(meeting, said)


def test_the_access_log_is_counted_as_the_first_look_finds_it(meeting):
    said = {"asked": "patient/AuditEvent.rs", "drop": set(), "sources": None, "labels": set(), "first": "", "last": ""}
    address, form = choose(meeting, {**said, "length": "90"})
    page = meeting.browser.get(address).content.decode()
    assert "Which people and apps looked at your record" in page

    answer = meeting.browser.post(address, {**form, "answer": "allow"})

    given = meeting.app.redeem(parties.query_of(answer["Location"])["code"]).json()
    first, second = (found(meeting.app, given["access_token"], "AuditEvent?_summary=count") for _ in range(2))
    told = events.matching(meeting.person.pk).exclude(interaction="hide").count()
    assert figures(page)["box=AuditEvent"] == first == 2
    assert (second, told) == (first + 1, first + 2), "her own hiding is not told, every look is"


delegations_given = st.fixed_dictionaries(
    {
        "granted": st.sampled_from(
            [
                ("patient/*.rs",),
                ("patient/Patient.rs", f"patient/Observation.rs?category={LAB}", "patient/Condition.rs"),
                ("patient/Observation.rs", "patient/DocumentReference.rs", "patient/Provenance.rs"),
                (f"patient/Observation.rs?category={LAB}", f"patient/Observation.rs?category={VITALS}"),
            ]
        ),
        "sources": st.sampled_from([None, ["Riverside"], ["Cedar"]]),
        "labels": st.sets(st.sampled_from(["HIV", "PSY"])),
        "since": st.sampled_from([None, 2013]),
        "until": st.sampled_from([None, 2019]),
        "hidden": st.booleans(),
    }
)


def agree_for_another(meeting: Meeting, given_to_her: dict[str, Any], said: dict[str, Any]) -> None:
    """The same for somebody who acts for the owner: neither the page nor the token knows of more than she may see."""
    ben, owner, at = parties.sign_up(), meeting.person, datetime.now(UTC)
    delegation = parties.act_for(owner, ben, *given_to_her["granted"], **terms_of(given_to_her))
    if given_to_her["hidden"]:
        whom = {"kind": "person", "grantee": str(delegation.uid)}
        ledger.hide(owner=owner, actor=owner, record="Observation/o1-0", read=READ, at=at, **whom)
    browser = Client()
    browser.force_login(ben)
    form = choose(theirs := Meeting(owner, meeting.app, browser, f"/for/{delegation.uid}"), said)[1]
    if set(form["box"]) <= {"identity", "offline"}:
        return

    agree(theirs, said)


def terms_of(said: dict[str, Any]) -> dict[str, Any]:
    year = {name: None if said[name] is None else datetime(said[name], 1, 1, tzinfo=UTC) for name in ("since", "until")}
    chosen = said["sources"] and [
        sources.ensure(SourceKind.EHR, name, f"https://{name.lower()}.example/fhir").pk for name in said["sources"]
    ]
    return {
        "sources": None if chosen is None else frozenset(chosen),
        "labels": frozenset(said["labels"]),
        **{name: None if at is None else int(at.timestamp()) * 1_000_000 for name, at in year.items()},
    }


@given(given_to_her=delegations_given, said=choices)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_number_a_delegate_sees_is_the_number_her_app_receives(meeting, given_to_her, said):
    agree_for_another(meeting, given_to_her, said)


@pytest.mark.thorough
@given(given_to_her=delegations_given, said=choices)
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_number_a_delegate_sees_is_the_number_her_app_receives_in_hundreds_of_cases(meeting, given_to_her, said):
    agree_for_another(meeting, given_to_her, said)


def test_unticking_a_source_takes_its_records_out_of_every_number(meeting):
    plain = {"asked": ASKED[0], "drop": set(), "labels": set(), "first": "", "last": "", "length": "90"}
    address, form = choose(meeting, {**plain, "sources": None})
    whole = figures(meeting.browser.post(address, {**form, "answer": "count"}).content.decode())
    page = meeting.browser.post(address, {**form, "answer": "count", "source": form["source"][:1]}).content.decode()

    halved = figures(page)

    one, other = (whole[f"source={source}"] for source in form["source"])
    assert whole["total"] == one + other
    assert halved["total"] == one
    assert halved[f"box=Observation?{LAB}"] < whole[f"box=Observation?{LAB}"]
    assert halved[f"source={form['source'][1]}"] == other, "what the other would add stays beside it"


def test_sensitive_records_are_withheld_and_said_to_her_alone(meeting):
    plain = {"asked": ASKED[2], "drop": set(), "sources": None, "first": "", "last": "", "length": "90"}
    address, form = choose(meeting, {**plain, "labels": set()})
    page = meeting.browser.get(address).content.decode()
    shown = figures(page)
    assert (shown["withheld"], shown["label=HIV"], shown["label=PSY"]) == (5, 3, 2), "one of them she hid besides"

    with_hiv = figures(meeting.browser.post(address, {**form, "answer": "count", "label": ["HIV"]}).content.decode())

    assert (with_hiv["withheld"], with_hiv["total"]) == (2, shown["total"] + 3)
    answer = meeting.browser.post(address, {**form, "answer": "allow"})
    assert "HIV" not in answer["Location"]
    given = meeting.app.redeem(parties.query_of(answer["Location"])["code"]).json()
    assert "HIV" not in str(given)
    assert found(meeting.app, given["access_token"], "Observation?_summary=count") == 24 - 6


def test_what_she_chose_is_what_the_ledger_says(meeting):
    said = {"asked": ASKED[2], "drop": set(), "labels": {"PSY"}, "first": "2014-01-01", "last": "2018-12-31"}
    address, form = choose(meeting, {**said, "sources": (1,), "length": "395"})
    form["box"].remove("Condition")

    meeting.browser.post(address, {**form, "answer": "allow"}, headers={"Accept-Language": "es"})

    decision = Decision.objects.filter(owner=meeting.person).latest("sequence")
    assert decision.terms["sources"] == [int(form["source"][0])]
    assert decision.terms["labels"] == ["PSY"]
    days = [datetime.fromtimestamp(decision.terms[name] / 1e6, tz=UTC).date() for name in ("since", "until")]
    assert days == [date(2014, 1, 1), date(2019, 1, 1)]
    assert "patient/Condition.rs" in decision.scopes_refused
    assert (decision.language, decision.text_version) == ("es", "2026-11")
    assert ledger.verify(meeting.person.pk) == []


def test_days_are_hers_by_her_clock(meeting):
    Person.objects.filter(pk=meeting.person.pk).update(time_zone="America/Los_Angeles")
    said = {"asked": ASKED[2], "drop": set(), "labels": set(), "sources": None, "length": "90"}
    address, form = choose(meeting, {**said, "first": "2014-06-01", "last": "2018-12-31"})
    page = meeting.browser.get(address).content.decode()
    ends = timezone.now().astimezone(ZoneInfo("America/Los_Angeles")) + timedelta(days=90)
    assert f"90 days, until {formats.date_format(ends, 'DATE_FORMAT')}" in page

    meeting.browser.post(address, {**form, "answer": "allow"})

    decision = Decision.objects.filter(owner=meeting.person).latest("sequence")
    edges = [datetime.fromtimestamp(decision.terms[name] / 1e6, UTC) for name in ("since", "until")]
    assert [str(edge) for edge in edges] == ["2014-06-01 07:00:00+00:00", "2019-01-01 00:00:00+00:00"]
    limits = meeting.browser.get("/apps/").content.decode()
    assert "only from June 1, 2014 on" in limits
    assert "only until Dec. 31, 2018" in limits or "only until December 31, 2018" in limits


@pytest.mark.parametrize(
    ("first", "last"), [("2020-02-30", ""), ("", "9999-12-31"), ("x", ""), ("2020-02-02", "2020-02-01")]
)
def test_days_that_are_none_are_asked_again(meeting, first, last):
    said = {"asked": ASKED[0], "drop": set(), "labels": set(), "sources": None, "length": "90"}
    address, form = choose(meeting, {**said, "first": first, "last": last})

    answer = meeting.browser.post(address, {**form, "answer": "allow"})

    assert answer.status_code == 400
    assert "The first and the last day must be days" in answer.content.decode()


def test_she_can_switch_the_account(meeting):
    address = meeting.app.send_to_consent(meeting.browser, "patient/*.rs")

    answer = meeting.browser.post(address, {"answer": "switch"})

    assert answer.status_code == 302
    assert address in answer["Location"]
    assert meeting.browser.get(address).status_code == 302, "she is signed out"


def test_a_study_offers_its_own_end_and_it_is_kept(meeting):
    application = meeting.app.application
    application.study_ends, application.purpose = date(2099, 5, 31), "HRESCH"
    application.save()
    address = meeting.app.send_to_consent(meeting.browser, "patient/Observation.rs offline_access")
    page = meeting.browser.get(address).content.decode()
    assert re.search(r'<option value="study" selected>Until the study ends, [^<]*2099', page)

    meeting.browser.post(address, {"answer": "allow", "box": [f"Observation?{LAB}"], "length": "study"})

    decision = Decision.objects.filter(owner=meeting.person).latest("sequence")
    assert decision.ends == datetime(2099, 6, 1, tzinfo=UTC)
    assert decision.purpose == "HRESCH"


def test_the_page_shows_what_the_app_promises_and_what_it_keeps_silent_about(meeting):
    application = meeting.app.application
    application.maker, application.retention, application.resale = "Heart Works", "connected", "never"
    application.save()

    page = meeting.browser.get(meeting.app.send_to_consent(meeting.browser, "patient/*.rs")).content.decode()

    assert "made by Heart Works" in page
    assert "It keeps your records until you stop it." in page
    assert "It never sells your records or passes them on." in page
    assert "It does not say how its copy is deleted." in page
    hidden_until_asked = page.index("<details>", page.index("For how long"))
    assert page.index("patient/*.rs") > hidden_until_asked, "no raw scope before the details that hold them"
