"""The HTTP half, its pure parts: where it may go, how long it waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync.sources.fhir_rest import client, plan

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
BASE = "https://ehr.example/fhir/r4/"


@pytest.mark.parametrize(
    "address",
    [
        "https://ehr.example/fhir/r4/Observation?patient=1",
        "https://ehr.example/fhir/r4?_getpages=abc",
        "https://ehr.example:443/fhir/r4/Observation",
        "https://EHR.example/fhir/r4/Observation",
    ],
)
def test_addresses_below_the_base(address: str):
    assert client.is_below(address, base=BASE)


@pytest.mark.parametrize(
    "address",
    [
        "http://ehr.example/fhir/r4/Observation",
        "https://ehr.example.evil.example/fhir/r4/Observation",
        "https://ehr.example@evil.example/fhir/r4/Observation",
        "https://user@ehr.example/fhir/r4/Observation",
        "https://ehr.example:8443/fhir/r4/Observation",
        "https://ehr.example:port/fhir/r4/Observation",
        "https://ehr.example/fhir/r40/Observation",
        "https://ehr.example/fhir/r4/../../admin",
        "https://ehr.example/fhir/r4/%2e%2e/admin",
        "https://ehr.example/fhir/r4/%252e%252e/admin",
        "https://ehr.example\\@evil.example/fhir/r4/Observation",
        "//evil.example/fhir/r4/Observation",
        "",
    ],
)
def test_addresses_elsewhere(address: str):
    assert not client.is_below(address, base=BASE)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("0", timedelta()),
        ("120", timedelta(seconds=120)),
        ("99999999999999999999", client.LONGEST_WAIT),
        ("Sun, 22 Nov 2026 12:02:00 GMT", timedelta(seconds=120)),
        ("Sun, 22 Nov 2026 11:00:00 GMT", timedelta()),
        ("Sun, 22 Nov 2027 12:02:00 GMT", client.LONGEST_WAIT),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(value: str | None, wait: timedelta | None):
    assert client.retry_after(value, at=AT) == wait


def test_a_plan_follows_what_the_hospital_says_it_has():
    statement = {
        "rest": [
            {
                "mode": "server",
                "resource": [
                    {"type": "Observation", "searchParam": [{"name": "patient"}]},
                    {"type": "Claim", "searchParam": [{"name": "patient"}]},
                    {"type": "Condition", "searchParam": [{"name": "code"}]},
                    {"type": "Procedure", "searchParam": [{"name": "subject"}], "interaction": [{"code": "read"}]},
                    {"type": "Goal", "searchParam": [{"name": "subject"}], "searchRevInclude": ["Provenance:target"]},
                    "nonsense",
                ],
            }
        ]
    }
    capability = plan.Capability.of(statement)

    searches = plan.searches(capability)

    assert [search.resource_type for search in searches] == ["Patient", "Observation", "Goal", "Claim"]
    assert plan.parameters(searches[2], patient="p1", page_size=100, capability=capability, with_total=True) == {
        "subject": "Patient/p1",
        "_revinclude": "Provenance:target",
        "_total": "accurate",
        "_count": "100",
    }


@pytest.mark.parametrize("statement", [{}, {"rest": "x"}, {"rest": [{"resource": [1, {"type": 3}]}]}])
def test_without_a_readable_statement_us_core_is_asked_for(statement: dict[str, object]):
    searches = plan.searches(plan.Capability.of(statement))

    assert [search.resource_type for search in searches] == ["Patient", *plan.US_CORE]
