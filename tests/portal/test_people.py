"""People who act for an owner, at their pages: asked by mail, shown on every page, shut out by the next click."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit import events
from audit.models import Agent
from consent import delegations, gate, ledger
from consent.models import Delegation, Grantee
from portal.urls import urlpatterns
from records import patient
from records.query import Query
from tests.portal.people import browser_of, condition, observation, sign_up, store_records

pytestmark = pytest.mark.django_db

LINK = re.compile(r"http\S+(/people/invitation/[\w-]+/)")
FORM = {"name": "Ben", "relationship": "SPS", "kinds": ["everything"], "length": "365"}


@pytest.fixture
def owner():
    owner = sign_up(name="Ana Example")
    store_records(owner, [observation(owner, "lab"), observation(owner, "bp", category="vital-signs")])
    store_records(owner, [condition(owner, "c")])
    return owner


@pytest.fixture
def ben():
    return sign_up(name="Ben Example")


def ask(owner, person, **said) -> str:
    """She fills in the form; gives the path of the link in the mail."""
    mail.outbox.clear()
    answer = browser_of(owner).post("/people/invite/", {**FORM, "email": person.email, **said})
    assert (answer.status_code, answer.headers.get("Location")) == (302, "/people/")
    (sent,) = mail.outbox
    assert sent.to == [person.email]
    return LINK.search(sent.body)[1]


def delegate(owner, person, **said) -> Delegation:
    """Asked and accepted, as both would."""
    browser, link = browser_of(person), ask(owner, person, **said)
    assert browser.get(link, follow=True).status_code == 200
    assert browser.post("/people/invitation/", {"answer": "accept"}).status_code == 302
    return Delegation.objects.filter(owner=owner, delegate=person).latest("invited")


def pages_of(delegation: Delegation) -> list[str]:
    """Every address of the record she acts for, from the URL map; the test fails when one is added and not listed."""
    parts = {
        "for_home": [],
        "for_records": ["conditions"],
        "for_record": ["Condition", "c"],
        "for_timeline": [],
        "for_results": [],
        "for_trend": ["lab"],
        "for_trend_points": ["lab"],
        "for_readings": [],
        "for_visits": [],
        "for_care_team": [],
        "for_costs": [],
        "for_same": [],
        "for_same_kind": ["problems"],
        "for_differences": [],
        "for_messages": [],
    }
    named = {pattern.name for pattern in urlpatterns if str(pattern.pattern).startswith("for/")}
    # What only forms are sent to is asked by itself (test_people_apps), and so are the text of a paper (test_documents)
    # and a conversation (test_messages).
    assert named - {"for_open_app", "for_document", "for_conversation"} == set(parts)
    return [reverse(f"portal:{name}", args=[delegation.uid, *rest]) for name, rest in parts.items()]


def told(browser, address: str) -> tuple[int, str]:
    """Status and page, without what every page has of its own: its address and the form's secret."""
    answer = browser.get(address)
    page = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
    return answer.status_code, page.replace(address, "")


def test_an_invitation_by_mail_is_accepted_and_opens_the_record(owner, ben):
    link, browser = ask(owner, ben), browser_of(ben)

    opened = browser.get(link)
    assert (opened.headers["Location"], opened.headers["Referrer-Policy"]) == ("/people/invitation/", "no-referrer")
    page = browser.get("/people/invitation/").content.decode()
    assert "Act for Ana Example?" in page
    assert "The whole record" in page
    mail.outbox.clear()
    accepted = browser.post("/people/invitation/", {"answer": "accept"}, follow=True)

    page = accepted.content.decode()
    assert "You are looking at the record of Ana Example." in page
    assert "3 records you may see" in page
    assert sorted(sent.to[0] for sent in mail.outbox) == sorted([owner.email, ben.email])
    assert browser.get(link, follow=True).status_code == 404


def test_a_link_that_was_passed_on_is_worth_nothing(owner, ben):
    stranger, link = sign_up(name="Eve"), ask(owner, ben)
    browser = browser_of(stranger)

    shown = browser.get(link, follow=True)

    assert shown.status_code == 404
    assert "Ana" not in shown.content.decode()
    assert browser.post("/people/invitation/", {"answer": "accept"}).status_code == 404
    assert browser_of(ben).get(link, follow=True).status_code == 200


def test_somebody_who_is_not_signed_in_signs_in_and_finds_the_invitation(owner, ben, client):
    link = ask(owner, ben)

    asked_in = client.get(link, follow=True)
    assert asked_in.redirect_chain[-1][0].endswith("?next=/people/invitation/")
    client.force_login(ben)

    assert "Act for Ana Example?" in client.get("/people/invitation/").content.decode()


def test_declining_shares_nothing_and_tells_the_owner(owner, ben):
    browser, link = browser_of(ben), ask(owner, ben)
    browser.get(link)
    mail.outbox.clear()

    browser.post("/people/invitation/", {"answer": "decline"})

    assert owner.email in [sent.to[0] for sent in mail.outbox]
    assert "said no" in browser_of(owner).get("/people/").content.decode()
    assert delegations.held(ben, at=timezone.now()) == []


def test_acting_for_somebody_is_shown_on_every_page_with_a_way_to_switch(owner, ben):
    delegation, other = delegate(owner, ben), sign_up(name="Cora Example")
    second = delegate(other, ben)
    browser = browser_of(ben)

    for address in pages_of(delegation):
        if address.endswith(".json"):
            continue
        page = browser.get(address).content.decode()
        assert "You are looking at the record of Ana Example." in page, address
        assert f'href="/for/{second.uid}/"' in page, address
    for address in ("/", "/people/", "/apps/", "/access/"):
        page = browser.get(address).content.decode()
        assert "You are looking at" not in page, address
        assert f'href="/for/{delegation.uid}/"' in page, address
    assert "/for/" not in browser_of(owner).get("/").content.decode()


def test_what_a_delegate_looks_at_stands_in_the_owners_log_under_the_decision(owner, ben):
    delegation = delegate(owner, ben)
    decision = ledger.newest(owner.pk, str(delegation.uid), kind=Grantee.PERSON)

    browser_of(ben).get(f"/for/{delegation.uid}/record/Condition/c/")

    event = events.of(owner.pk)[0]
    told = (event.agent_kind, event.agent, event.agent_name, event.interaction, event.consent_id, event.detail["types"])
    assert told == (Agent.DELEGATE, str(ben.subject), "Ben Example", "read", decision.pk, {"Condition": 1})
    assert not [one for one in events.of(ben.pk) if one.interaction == "read"]
    log = browser_of(owner).get("/access/").content.decode()
    assert "Ben Example" in log
    assert "by your decision of" in log


def test_a_delegate_cannot_decide_in_the_owners_name(owner, ben):
    delegation = delegate(owner, ben)
    browser = browser_of(ben)
    page = browser.get(f"/for/{delegation.uid}/record/Condition/c/").content.decode()
    assert "High blood pressure" in page
    assert "Hide this record" not in page
    assert "Mark as sensitive" not in page
    assert "Hide this record" in browser_of(owner).get("/record/Condition/c/").content.decode()

    assert browser.post("/record/Condition/c/hide/", {"hide": "everyone"}).status_code == 404
    assert browser.post("/record/Condition/c/sensitivity/", {"verdict": "sensitive"}).status_code == 404
    for order in ("pause", "resume", "renew"):
        assert browser.post(f"/people/{delegation.uid}/{order}/").status_code == 404


def test_strangers_get_the_same_answer_as_for_nothing(owner, ben):
    delegation, stranger = delegate(owner, ben), sign_up(name="Eve")
    nothing = uuid4()
    addresses = [*pages_of(delegation), f"/people/{delegation.uid}/end/"]
    for address in addresses:
        assert browser_of(ben).get(address).status_code == 200, address

    for person in (stranger, sign_up()):
        browser = browser_of(person)
        for address in addresses:
            absent = told(browser, address.replace(str(delegation.uid), str(nothing)))
            assert told(browser, address) == absent
            assert absent[0] == 404, address
        for order in ("end", "pause", "resume", "renew"):
            assert browser.post(f"/people/{delegation.uid}/{order}/").status_code == 404
    # The owner herself has no business under her delegate's addresses: her own pages are hers.
    assert {browser_of(owner).get(address).status_code for address in pages_of(delegation)} == {404}


@pytest.mark.parametrize("how", ["owner ends", "delegate ends", "pause", "expiry", "closed"])
def test_the_next_click_after_an_end_is_shut_without_signing_out(owner, ben, how, settings):
    delegation, browser = delegate(owner, ben), browser_of(ben)
    assert {browser.get(address).status_code for address in pages_of(delegation)} == {200}

    match how:
        case "owner ends":
            assert browser_of(owner).post(f"/people/{delegation.uid}/end/").status_code == 302
        case "delegate ends":
            assert browser.post(f"/people/{delegation.uid}/end/").status_code == 302
        case "pause":
            assert browser_of(owner).post(f"/people/{delegation.uid}/pause/").status_code == 302
        case "expiry":
            read = ledger.Reading("1", "en")
            moment = timezone.now()
            delegations.renew(delegation, ends=moment + timedelta(microseconds=1), read=read, at=moment)
        case "closed":
            owner.is_active = False
            owner.save()

    assert {browser.get(address).status_code for address in pages_of(delegation)} == {404}
    assert "/for/" not in browser.get("/").content.decode()


def test_a_narrower_delegate_finds_only_what_was_chosen(owner, ben):
    whole = delegate(owner, sign_up(name="Cora"), kinds=["everything"])
    cora = browser_of(whole.delegate)
    assert cora.get(f"/for/{whole.uid}/record/Condition/c/").status_code == 200

    delegation, browser = delegate(owner, ben, kinds=["laboratory"]), browser_of(ben)

    assert "1 record you may see" in browser.get(f"/for/{delegation.uid}/").content.decode()
    assert browser.get(f"/for/{delegation.uid}/record/Observation/lab/").status_code == 200
    for hidden in ("Observation/bp", "Condition/c"):
        answer = told(browser, f"/for/{delegation.uid}/record/{hidden}/")
        assert answer == told(browser, f"/for/{delegation.uid}/record/{hidden}x/")
        assert answer[0] == 404
    page = browser.get(f"/for/{delegation.uid}/records/conditions/").content.decode()
    assert "High blood pressure" not in page


def test_what_is_said_of_a_hidden_record_is_not_counted_for_a_delegate_either(owner, ben):
    of_c = {"target": [{"reference": "Condition/c"}], "recorded": "2020-01-01T00:00:00Z", "agent": [{"who": {}}]}
    store_records(owner, [{"resourceType": "Provenance", "id": "of-c", **of_c}])
    delegation, browser = delegate(owner, ben), browser_of(ben)
    pages = [f"/for/{delegation.uid}/", f"/for/{delegation.uid}/records/other/?list=Provenance"]

    def shown() -> tuple[str, bool]:
        home, other = (browser.get(page).content.decode() for page in pages)
        return re.search(r"(\d+) records you may see", home)[1], "/record/Provenance/of-c/" in other

    assert shown() == ("4", True)
    assert browser_of(owner).post("/record/Condition/c/hide/", {"hide": "everyone"}).status_code == 302

    assert shown() == ("2", False)


def test_sources_and_time_are_as_she_chose(owner, ben):
    store_records(owner, [observation(owner, "old", effectiveDateTime="2001-01-01")], hospital="Lakeside")
    form = browser_of(owner).get("/people/invite/").content.decode()
    lakeside = re.search(r'name="sources" value="(\d+)"[^>]*>\s*<span>Lakeside', form)[1]

    delegation = delegate(owner, ben, sources=[lakeside], first="2000-01-01", last="2001-12-31")

    records = gate.readable(
        owner_id=owner.pk,
        reader=gate.Delegate(
            ben.pk, str(delegation.uid), ledger.newest(owner.pk, str(delegation.uid), kind=Grantee.PERSON).pk
        ),
        interaction="search",
        at=timezone.now(),
    )
    assert [one.logical_id for one in records.search(Query.of("Observation")).entries] == ["old"]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"kinds": []}, "Choose at least one."),
        ({"email": "not an address"}, "valid email"),
        ({"first": "2020-02-02", "last": "2020-02-01"}, "The last day is before the first."),
        ({"last": "9999-12-31"}, "Enter a valid date."),
        ({"relationship": "BOSS"}, "Select a valid choice"),
        ({"length": "9999"}, "Select a valid choice"),
        ({"labels": ["UNC"]}, "Select a valid choice"),
        ({"kinds": ["other"]}, "Select a valid choice"),
    ],
)
def test_a_wrong_form_is_told_in_words_and_shares_nothing(owner, ben, said, problem):
    page = browser_of(owner).post("/people/invite/", {**FORM, "email": ben.email, **said})

    assert page.status_code == 200
    assert problem in page.content.decode()
    assert (Delegation.objects.count(), len(mail.outbox)) == (0, 0)


def test_she_shows_who_she_is_before_she_asks_or_renews(owner, ben, settings):
    delegation, browser = delegate(owner, ben), browser_of(owner)
    assert browser.get("/people/invite/").status_code == 200
    settings.STEP_UP_AFTER = timedelta(0)

    for address in ("/people/invite/", f"/people/{delegation.uid}/renew/"):
        answer = browser.post(address, {**FORM, "email": "another@example.org"})
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/accounts/reauthenticate/")
    assert Delegation.objects.count() == 1


def test_nobody_asks_herself(owner):
    page = browser_of(owner).post("/people/invite/", {**FORM, "email": owner.email.upper()})

    assert "This is your own address." in page.content.decode()


def test_a_mail_that_cannot_be_sent_takes_the_invitation_back(owner, ben, monkeypatch):
    def broken(*_, **__):
        raise OSError

    monkeypatch.setattr("gateway.notices.send_mail", broken)

    page = browser_of(owner).post("/people/invite/", {**FORM, "email": ben.email}, follow=True)

    assert "The mail could not be sent" in page.content.decode()
    assert [each.state for each in delegations.given(owner, at=timezone.now())] == [delegations.State.ENDED]


def test_only_a_minor_can_name_a_guardian(owner, ben):
    assert "My parent or guardian" not in browser_of(owner).get("/people/invite/").content.decode()
    mia, year = sign_up(name="Mia Example"), timezone.now().year - 9
    store_records(mia, [{"resourceType": "Patient", "id": "p", "birthDate": f"{year}-03-04"}, observation(mia, "lab")])
    patient.compose(mia.pk, at=timezone.now())
    assert "My parent or guardian" in browser_of(mia).get("/people/invite/").content.decode()

    delegation = delegate(mia, ben, guardian="on", relationship="PRN", kinds=[])

    (held,) = delegations.held(ben, at=timezone.now())
    assert (held.decision.ends.year, held.decision.scopes_granted) == (year + 18, ["patient/*.rs"])
    assert browser_of(ben).get(f"/for/{delegation.uid}/record/Observation/lab/").status_code == 200
    assert browser_of(mia).post(f"/people/{delegation.uid}/renew/").status_code == 404


def test_pausing_and_renewing_are_told_to_both(owner, ben):
    delegation, browser = delegate(owner, ben), browser_of(owner)

    for order in ("pause", "resume", "renew", "end"):
        mail.outbox.clear()
        assert browser.post(f"/people/{delegation.uid}/{order}/").status_code == 302
        assert {sent.to[0] for sent in mail.outbox} == {owner.email, ben.email}, order
    assert browser.post(f"/people/{delegation.uid}/end/").status_code == 404


def test_the_page_speaks_of_both_sides(owner, ben):
    delegation = delegate(owner, ben)

    given, held = (browser_of(each).get("/people/").content.decode() for each in (owner, ben))

    assert (ben.email in given, f"/people/{delegation.uid}/pause/" in given) == (True, True)
    assert (f'href="/for/{delegation.uid}/"' in held, f"/people/{delegation.uid}/pause/" in held) == (True, False)


def test_three_cost_as_many_queries_as_one(owner, ben):
    delegate(owner, ben)
    browser = browser_of(ben)
    browser.get("/people/")  # whatever the first page of a session costs
    with CaptureQueriesContext(connection) as log:
        browser.get("/people/")
        one = len(log)
    for name in ("Cora", "Dan"):
        delegate(sign_up(name=name), ben)

    with CaptureQueriesContext(connection) as log:
        browser.get("/people/")
        assert len(log) == one
