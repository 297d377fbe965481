"""An organisation's own pages: its EHRs with a check step by step, its rules, who came in, and putting somebody out."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from joserfc.jwk import ECKey

from accounts.models import Person
from audit import events
from smartlaunch import ehrs
from smartlaunch.models import Clinician, ClinicRole, Ehr, Organization, RoleRule, Visit
from smartlaunch.visits import Context
from sync.models import AuthMethod
from tests.fakes.ehr import FakeEHR, Reply
from tests.portal import people
from tests.smartlaunch import clinics
from tests.smartlaunch.test_arrivals import arrive, knock, launching

pytestmark = pytest.mark.django_db


@pytest.fixture
def fake() -> Iterator[FakeEHR]:
    with launching().running() as running:
        yield running


@pytest.fixture
def ehr(fake: FakeEHR) -> Ehr:
    return clinics.ehr("Cedar Hospital", iss=fake.base, slug="cedar", secret="s3cret")


@pytest.fixture
def manager(ehr: Ehr) -> Person:
    person = people.sign_up(name="Mia Manager")
    ehr.organization.staff.add(person)
    return person


@pytest.fixture
def browser(manager: Person) -> Client:
    return people.browser_of(manager)


def form_of(ehr: Ehr, **changes: Any) -> dict[str, Any]:
    given = {
        "order": "save",
        "name": ehr.name,
        "iss": ehr.iss,
        "client_id": ehr.client_id,
        "method": ehr.auth_method,
        "secret": "",
        "scopes": ehr.scopes,
        "frame_ancestors": "\n".join(ehr.frame_ancestors),
    }
    return {**given, **changes}


def page(browser: Client, path: str, **form: Any) -> str:
    answer = browser.post(path, form) if form else browser.get(path)
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


# --- who may see it


def test_only_its_own_staff_finds_an_organization(browser: Client, ehr: Ehr):
    other = clinics.ehr("Elm Clinic")

    assert "Cedar Hospital" in page(browser, "/organizations/")
    assert "Elm Clinic" not in page(browser, "/organizations/")
    assert browser.get("/organizations/cedar-hospital/").status_code == 200
    assert browser.get(f"/organizations/{other.organization.slug}/").status_code == 404
    assert browser.get(f"/organizations/cedar-hospital/ehrs/{other.slug}/").status_code == 404
    assert people.browser_of(people.sign_up()).get("/organizations/cedar-hospital/").status_code == 404
    assert Client().get("/organizations/cedar-hospital/").status_code == 302


def test_her_account_leads_to_the_organizations_she_looks_after(browser: Client):
    assert 'href="/organizations/cedar-hospital/"' in page(browser, "/account/")
    assert "/organizations/" not in page(people.browser_of(people.sign_up()), "/account/")


def test_a_change_wants_a_fresh_sign_in(browser: Client, ehr: Ehr, settings: Any):
    settings.STEP_UP_AFTER = timedelta(0)

    answer = browser.post("/organizations/cedar-hospital/ehrs/cedar/", {"order": "stop"})

    assert answer.status_code == 302
    assert "/accounts/" in answer["Location"]
    assert Ehr.objects.get(slug="cedar").active


# --- its EHRs


def test_an_ehr_that_staff_enters_opens_nothing_until_this_site_lets_it(browser: Client, ehr: Ehr, manager: Person):
    with launching().running() as other:
        given = form_of(ehr, name="Second", iss=other.base, method="none", frame_ancestors="https://two.example\n")
        answer = browser.post("/organizations/cedar-hospital/ehrs/new/", given)
        added = Ehr.objects.get(iss=other.base)
        address = answer["Location"]

        assert (added.active, added.frame_ancestors) == (False, ["https://two.example"])
        assert knock(Client(), added).status_code == 400
        browser.post(address, {"order": "let"})
        assert not Ehr.objects.get(pk=added.pk).active

        Person.objects.filter(pk=manager.pk).update(is_staff=True)
        browser.post(address, {"order": "let"})
        assert Ehr.objects.get(pk=added.pk).active
        assert arrive(Client(), added).status_code == 302


def test_a_secret_is_kept_sealed_shown_never_and_stays_when_left_empty(browser: Client, ehr: Ehr):
    path = "/organizations/cedar-hospital/ehrs/cedar/"
    assert "s3cret" not in page(browser, path)

    browser.post(path, form_of(ehr, name="Cedar renamed"))

    changed = Ehr.objects.get(slug="cedar")
    assert (changed.name, ehrs.secret_of(changed), changed.active) == ("Cedar renamed", "s3cret", True)
    key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
    browser.post(path, form_of(ehr, method=AuthMethod.KEY.value, secret=json.dumps(key.as_dict(private=True))))
    assert Ehr.objects.get(slug="cedar").auth_method == AuthMethod.KEY


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("frame_ancestors", "https://*.example"),
        ("frame_ancestors", "https://ehr.example/path"),
        ("frame_ancestors", "'self'"),
        ("frame_ancestors", "https://a.example;script-src"),
        ("frame_ancestors", "ehr.example"),
        ("secret", "no key"),
        ("name", ""),
    ],
)
def test_what_cannot_be_registered_is_told_at_its_field(browser: Client, ehr: Ehr, field: str, value: str):
    method = AuthMethod.KEY.value if field == "secret" else ehr.auth_method

    answer = browser.post("/organizations/cedar-hospital/ehrs/cedar/", form_of(ehr, method=method, **{field: value}))

    assert answer.status_code == 400
    assert "field-wrong" in answer.content.decode()
    assert Ehr.objects.get(slug="cedar").frame_ancestors == [clinics.CHART]


def test_the_iss_of_an_ehr_never_changes_and_is_nobody_elses(browser: Client, ehr: Ehr):
    browser.post("/organizations/cedar-hospital/ehrs/cedar/", form_of(ehr, iss="https://evil.example/fhir"))
    taken = browser.post("/organizations/cedar-hospital/ehrs/new/", form_of(ehr, name="Again"))

    assert [one.iss for one in Ehr.objects.all()] == [ehr.iss]
    assert "registered already" in taken.content.decode()


# --- the check


def test_a_check_says_yes_to_each_step_of_an_ehr_that_works(browser: Client, ehr: Ehr):
    said = page(browser, "/organizations/cedar-hospital/ehrs/cedar/", order="check")

    assert said.count('<span class="mark mark-good">yes</span>') == 4
    assert "mark-bad" not in said


def refuse_client(fake: FakeEHR) -> None:
    body = json.dumps({"error": "invalid_client"}).encode()
    fake.fault("/auth/token", lambda _: Reply(401, body))


@pytest.mark.parametrize(
    ("break_it", "told", "steps"),
    [
        (lambda fake: fake.answer_with("smart-configuration", 404), "without PKCE by S256", 1),
        (lambda fake: fake.answer_with("jwks", 500), "Its key set cannot be fetched or read.", 2),
        (lambda fake: fake.metadata_changes.update(issuer=None), "It names no issuer", 2),
        (refuse_client, "check client_id, secret or key", 3),
    ],
)
def test_a_check_names_the_step_that_fails(
    browser: Client, ehr: Ehr, fake: FakeEHR, break_it: Any, told: str, steps: int
):
    break_it(fake)

    said = page(browser, "/organizations/cedar-hospital/ehrs/cedar/", order="check")

    assert told in said
    assert said.count('<span class="mark mark-good">yes</span>') == steps
    assert said.count("mark-bad") == 1


def test_launches_tell_how_far_they_came(browser: Client, ehr: Ehr, fake: FakeEHR):
    arrive(Client(), ehr)
    fake.claims_changes["fhirUser"] = "Patient/p1"
    arrive(Client(), ehr)

    said = page(browser, "/organizations/cedar-hospital/ehrs/cedar/")

    assert said.count("<details") == 2
    assert "No rule of the organization lets this person in." in said
    assert said.count("not reached") == 2


# --- rules and clinicians


def rules_form(*rules: tuple[str, str, str]) -> dict[str, Any]:
    rows = {
        f"form-{place}-{name}": value
        for place, rule in enumerate(rules)
        for name, value in zip(("claim", "value", "role"), rule, strict=True)
    }
    return {"form-TOTAL_FORMS": str(len(rules)), "form-INITIAL_FORMS": "0", **rows}


def test_new_rules_replace_the_old_and_lock_what_is_open(browser: Client, ehr: Ehr):
    inside = Client()
    chart = arrive(inside, ehr)["Location"]
    assert inside.get(chart).status_code == 200

    browser.post(
        "/organizations/cedar-hospital/rules/",
        rules_form(("groups", "heart", "reader"), ("", "", "reader"), ("fhirUser", "Practitioner", "clinician")),
    )

    rules = RoleRule.objects.filter(organization=ehr.organization)
    assert [(rule.claim, rule.value, rule.role) for rule in rules] == [
        ("groups", "heart", ClinicRole.READER),
        ("fhirUser", "Practitioner", ClinicRole.CLINICIAN),
    ]
    assert inside.get(chart).status_code == 403


def test_half_a_rule_is_none(browser: Client, ehr: Ehr):
    answer = browser.post("/organizations/cedar-hospital/rules/", rules_form(("groups", "", "reader")))

    assert answer.status_code == 400
    assert RoleRule.objects.filter(organization=ehr.organization).count() == 2


def test_a_clinician_is_shut_out_at_once_let_in_again_and_both_are_written_down(browser: Client, ehr: Ehr):
    inside = Client()
    chart = arrive(inside, ehr)["Location"]
    path = f"/organizations/cedar-hospital/clinicians/{Clinician.objects.get().uid}/"
    assert "Dr. Ana Rivera" in page(browser, "/organizations/cedar-hospital/")
    assert inside.get(chart).status_code == 200

    browser.post(path, {"order": "shut"})

    assert inside.get(chart).status_code == 403
    assert "shut out" in page(browser, "/organizations/cedar-hospital/")
    browser.post(path, {"order": "let"})
    assert arrive(Client(), ehr).status_code == 302
    written = [event.detail["did"] for event in events.of(events.NOBODY) if event.interaction == "organization"]
    assert written == ["let-clinician", "shut-clinician"]


def test_the_log_says_who_had_whose_chart_open(browser: Client, ehr: Ehr):
    inside = Client()
    chart = arrive(inside, ehr)["Location"]
    assert "still open" in page(browser, "/organizations/cedar-hospital/")

    inside.post(f"{chart}end/")

    said = page(browser, "/organizations/cedar-hospital/")
    assert "still open" not in said
    assert ">p1</td>" in said


def test_the_log_does_not_tell_whether_the_patient_is_anybody_here(browser: Client, ehr: Ehr, manager: Person):
    """A chart of somebody who has an account and shares nothing, and one of nobody, stand there alike."""
    known, unknown = (str(uuid.uuid4()) for _ in range(2))
    clinician = clinics.clinician(ehr, name="Dr. Elm")
    for patient, person in ((known, manager), (unknown, None)):
        clinics.visit(clinician, at_ehr=ehr, person=person, context=Context(patient))
    Visit.objects.update(began=timezone.now(), ends=timezone.now() + timedelta(hours=1))

    said = page(browser, "/organizations/cedar-hospital/")

    rows = [row for row in said.split("<tr>") if known in row or unknown in row]
    assert len(rows) == 2
    assert len({re.sub(f"{known}|{unknown}", "ID", row.partition("</tr>")[0]) for row in rows}) == 1


def test_an_organization_of_no_rules_lets_nobody_in(browser: Client, ehr: Ehr):
    RoleRule.objects.all().delete()

    assert "nobody comes in" in page(browser, "/organizations/cedar-hospital/")
    assert arrive(Client(), ehr).status_code == 400
    assert Organization.objects.get().clinicians.get().role == ClinicRole.NONE
