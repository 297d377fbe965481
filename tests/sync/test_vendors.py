"""What vendors' systems do otherwise, one by one: each field of a profile against a server that does just that."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from accounts.models import Person
from smartlaunch import launches
from sync import budgets, connections, vendors
from sync.models import Connection, ConnectionState, Hospital, RunState, RunStep, StepState
from sync.problems import Problem, SourceError
from sync.sources.fhir_rest import client as http
from sync.tokens import Tokens
from sync.vendors import Slash, Vendor
from tests.fakes.ehr import Asked, FakeEHR, Reply
from tests.sync.conftest import connect
from tests.sync.test_runs import held, observation, perform, renewed, step_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.SYNC_PAGE_SIZE = 10
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0)


@pytest.fixture
def is_made_by(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The hospital's system has these ways from now on."""

    def made(**ways: Any) -> None:
        monkeypatch.setattr(vendors, "VENDORS", {"odd": Vendor("Odd", **ways)})
        Hospital.objects.filter(pk=hospital.pk).update(vendor="odd")
        hospital.refresh_from_db()

    return made


def refuse(status: int, code: str = "forbidden") -> Reply:
    return Reply(
        status, f'{{"resourceType":"OperationOutcome","issue":[{{"severity":"error","code":"{code}"}}]}}'.encode()
    )


# --- signing in


def asked_at_authorize(owner: Person, hospital: Hospital) -> dict[str, list[str]]:
    return parse_qs(urlsplit(launches.begin(owner, hospital=hospital, at=timezone.now())).query)


def test_no_aud(owner: Person, hospital: Hospital, is_made_by: Any):
    assert "aud" in asked_at_authorize(owner, hospital)

    is_made_by(sends_aud=False)

    assert "aud" not in asked_at_authorize(owner, hospital)


@pytest.mark.parametrize(
    ("slash", "end"), [(Slash.AS_SPELT, "/fhir"), (Slash.WITH, "/fhir/"), (Slash.WITHOUT, "/fhir")]
)
def test_trailing_slash_of_the_audience(
    ehr: FakeEHR, owner: Person, hospital: Hospital, is_made_by: Any, slash: Slash, end: str
):
    is_made_by(aud=slash)

    assert asked_at_authorize(owner, hospital)["aud"] == [ehr.origin + end]
    assert Vendor("Odd", aud=Slash.WITHOUT).audience("https://h.example/fhir/") == "https://h.example/fhir"


# --- tokens


def test_tokens_of_570_seconds_that_do_not_say_so(ehr: FakeEHR, owner: Person, hospital: Hospital, is_made_by: Any):
    is_made_by(token_seconds=570)
    ehr.token_extra = {"expires_in": None}
    at = timezone.now()
    given = Tokens.of(ehr.issue(), at=at, lives=vendors.of(hospital.vendor).token_seconds)
    assert given.expires == at + timedelta(seconds=570)
    connection = connect(owner, hospital, ehr)
    Connection.objects.update(token_expires=at)

    assert perform(connection).state == RunState.COMPLETE

    assert len(renewed(ehr)) == 1  # before it was refused, and it is known again how long it lives
    connection.refresh_from_db()
    assert connection.token_expires is not None
    assert abs(connection.token_expires - timezone.now() - timedelta(seconds=570)) < timedelta(seconds=60)


def test_offline_access_missing_from_the_returned_scope(ehr: FakeEHR, connection: Connection):
    assert "offline_access" not in connection.scope
    ehr.hold(*(observation(number) for number in range(15)))
    ehr.before = lambda asked: ehr.tokens.clear() if "_start=10" in asked.target and not renewed(ehr) else None

    assert perform(connection).state == RunState.COMPLETE

    assert held(connection)["Observation"] == 15


def answers_403_to_ended_tokens(ehr: FakeEHR) -> None:
    ehr.spoil = lambda _, reply: refuse(403) if reply.status == 401 else reply


def test_403_for_a_token_that_has_ended(ehr: FakeEHR, connection: Connection, is_made_by: Any):
    is_made_by(forbidden_means_ended=True)
    answers_403_to_ended_tokens(ehr)
    ehr.hold(*(observation(number) for number in range(15)))
    ehr.before = lambda asked: ehr.tokens.clear() if "_start=10" in asked.target and not renewed(ehr) else None

    run = perform(connection)

    assert (run.state, held(connection)["Observation"], len(renewed(ehr))) == (RunState.COMPLETE, 15, 1)


def test_403_that_means_what_it_says_there_too(ehr: FakeEHR, connection: Connection, is_made_by: Any):
    is_made_by(forbidden_means_ended=True)
    ehr.hold(observation(1))
    ehr.refuses = {"Condition": "403", "Goal": "403"}

    run = perform(connection)

    assert (run.state, held(connection)["Observation"]) == (RunState.COMPLETE, 1)
    refused = RunStep.objects.filter(run=run, resource_type="Condition").exclude(state=StepState.REPLACED)
    assert {step.state for step in refused} == {StepState.REFUSED}
    assert len(renewed(ehr)) == 1  # once, to be sure, and not for every type


def test_403_for_her_own_patient_there_asks_her_to_sign_in(ehr: FakeEHR, connection: Connection, is_made_by: Any):
    is_made_by(forbidden_means_ended=True)
    ehr.refuses = {"Patient": "403"}

    run = perform(connection)

    connection.refresh_from_db()
    assert (connection.state, run.problem) == (ConnectionState.NEEDS_REAUTH, Problem.SIGNED_OUT)


def test_403_elsewhere_is_no_reason_to_renew(ehr: FakeEHR, connection: Connection):
    ehr.refuses = {"Condition": "403"}

    assert perform(connection).state == RunState.COMPLETE

    assert renewed(ehr) == []


# --- asking


def test_accept_header(ehr: FakeEHR, connection: Connection, is_made_by: Any):
    wanted = "application/json+fhir"
    ehr.requires = lambda asked: None if asked.accept == wanted else refuse(406, "not-supported")
    ehr.hold(observation(1))
    is_made_by(accept=wanted)

    assert perform(connection).state == RunState.COMPLETE

    assert held(connection)["Observation"] == 1


def test_categories_asked_one_by_one_from_the_first(ehr: FakeEHR, connection: Connection, is_made_by: Any):
    """One that answers an empty page, as if there were nothing, to a search it thinks too wide."""
    is_made_by(by_category=frozenset({"Observation"}))
    ehr.hold(observation(1))

    run = perform(connection)

    assert run.state == RunState.COMPLETE
    assert held(connection)["Observation"] == 1
    assert all("category=" in target for target in ehr.targets(r"/Observation\?"))
    assert not RunStep.objects.filter(run=run, resource_type="Observation", query="").exists()


def test_status_mandatory(ehr: FakeEHR, connection: Connection, is_made_by: Any):
    ehr.requires = lambda asked: (
        refuse(400) if "/Observation?" in asked.target and "status=" not in asked.target else None
    )
    ehr.hold(observation(1))
    is_made_by(also={"Observation": "status=final,amended"})

    assert perform(connection).state == RunState.COMPLETE

    assert held(connection)["Observation"] == 1
    asked = [parse_qs(urlsplit(target).query) for target in ehr.targets(r"/Observation\?")]
    assert [query["status"] for query in asked] == [["final,amended"]]


def test_no_everything(ehr: FakeEHR, connection: Connection):
    ehr.requires = lambda asked: refuse(400) if "$" in asked.target else None

    assert perform(connection).state == RunState.COMPLETE

    assert ehr.targets(r"\$|%24") == []


def test_pages_no_larger_than_it_takes(ehr: FakeEHR, connection: Connection, is_made_by: Any):
    is_made_by(page_size=4)
    ehr.hold(*(observation(number) for number in range(9)))

    step = step_of(perform(connection), "Observation")

    assert (step.received, step.pages_got) == (9, 3)
    assert ehr.targets("_count=10") == []


# --- answers


@pytest.mark.parametrize("form", ["with its type", "without"])
def test_odd_paging_by_an_inner_address(ehr: FakeEHR, connection: Connection, is_made_by: Any, form: str):
    ehr.hold(*(observation(number) for number in range(25)))

    def lead_inside(bundle: dict[str, Any]) -> None:
        for link in bundle["link"]:
            query = urlsplit(link["url"]).query
            path = "/inner/Observation" if form == "with its type" else "/inner"
            link["url"] = f"http://10.0.0.7:8080{path}?{query}&_getpages=1"

    def follow(asked: Asked) -> Reply | None:
        """What a HAPI server does with _getpages at its base: the page of whatever listing it was."""
        parts = urlsplit(asked.target)
        if parts.path != "/fhir" or "_getpages" not in parts.query:
            return None
        query = {name: values for name, values in parse_qs(parts.query).items() if name != "_getpages"}
        return Reply(200, json.dumps(ehr._search("Observation", query)).encode())

    ehr.edit(r"/Observation\?", lead_inside, times=99)
    ehr.spoil = lambda asked, reply: follow(asked) or reply
    is_made_by(next_by_query=True)

    run = perform(connection)

    assert (run.state, held(connection)["Observation"]) == (RunState.COMPLETE, 25)
    assert bool(ehr.targets(r"/fhir\?")) == (form == "without")


def test_outcomes_inside_searchsets_are_no_records(ehr: FakeEHR, connection: Connection):
    def add_outcome(bundle: dict[str, Any]) -> None:
        bundle["entry"].insert(0, {"resource": {"resourceType": "OperationOutcome", "issue": []}})
        bundle["total"] = 1

    ehr.hold(observation(1))
    ehr.edit(r"/Observation\?", add_outcome)

    step = step_of(perform(connection), "Observation")

    assert (step.received, step.warnings, step.unusable, step.state) == (1, 1, 0, StepState.COMPLETE)


def test_totals_that_are_estimates(ehr: FakeEHR, connection: Connection, is_made_by: Any):
    ehr.hold(observation(1))
    ehr.edit(r"/Observation\?", lambda bundle: bundle.update(total=40), times=9)
    assert perform(connection).problem == Problem.SHORT
    is_made_by(totals_are_estimates=True)
    connections.update(connection, at=timezone.now())

    run = perform(connection)

    assert (run.state, step_of(run, "Observation").total) == (RunState.COMPLETE, None)


@pytest.mark.parametrize(
    "statement",
    [{"fhirVersion": "1.0.2", "resourceType": "Conformance"}, {"fhirVersion": "1.0.2"}, {"fhirVersion": "3.0.1"}],
)
def test_fhir_before_r4_is_declared_unreadable_and_never_half_read(
    ehr: FakeEHR, connection: Connection, statement: dict[str, str]
):
    ehr.hold(observation(1))
    ehr.edit("/metadata$", lambda resource: resource.update(statement), times=9)

    run = perform(connection)

    assert (run.state, run.problem) == (RunState.FAILED, Problem.OLD_FHIR)
    assert held(connection) == {}
    assert ehr.targets("/fhir/[A-Z]") == []


@pytest.mark.parametrize("version", ["4.0.1", "4.3.0", "5.0.0", ""])
def test_fhir_from_r4_on_and_what_does_not_say_is_read(ehr: FakeEHR, connection: Connection, version: str):
    ehr.hold(observation(1))
    ehr.edit("/metadata$", lambda resource: resource.update(fhirVersion=version), times=9)

    assert perform(connection).state == RunState.COMPLETE


# --- budgets


def test_no_more_is_asked_in_a_minute_than_the_vendor_allows(ehr: FakeEHR, connection: Connection, is_made_by: Any):
    is_made_by(requests_a_minute=3)
    ehr.hold(*(observation(number) for number in range(45)))

    run = perform(connection)

    if run.state == RunState.QUEUED:  # the minute may have turned meanwhile, and everything fitted into two
        assert 1 <= len(ehr.asked) <= 6
        assert run.attempts <= 1
        assert run.due > timezone.now()
    else:
        pytest.fail("a budget of three was enough for everything")


def test_a_budget_is_of_one_hospital_and_one_minute():
    at = timezone.now().replace(second=10, microsecond=0)
    for _ in range(2):
        budgets.spend(1, most=2, at=at)
    with pytest.raises(SourceError) as raised:
        budgets.spend(1, most=2, at=at)

    assert (raised.value.problem, raised.value.wait) == (Problem.OUR_TURN, timedelta(seconds=50))
    budgets.spend(2, most=2, at=at)
    budgets.spend(1, most=2, at=at + timedelta(minutes=1))


# --- the profiles


def test_every_field_of_a_profile_is_used_by_a_vendor_that_is_named():
    used = {
        field.name
        for vendor in vendors.VENDORS.values()
        for field in fields(Vendor)
        if getattr(vendor, field.name) != getattr(vendors.STANDARD, field.name)
    }

    assert used == {field.name for field in fields(Vendor)}


def test_a_hospital_without_a_profile_is_asked_as_the_standard_has_it():
    assert vendors.of("") == vendors.of("unheard-of") == vendors.STANDARD
