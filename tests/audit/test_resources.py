"""Events as AuditEvent: each profile of IHE BALP that one claims has all that the profile demands."""

from __future__ import annotations

import base64

import pytest

from audit import resources
from audit.models import Action, Agent, Event, Outcome
from standards.fhir import validation
from tests.audit import chain

pytestmark = pytest.mark.django_db
SERVER = "https://tributary.example"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
HL7 = "http://terminology.hl7.org/CodeSystem"
REST = "http://hl7.org/fhir/restful-interaction"
# What IHE BALP 1.1.3 demands: subtype and action, the types of client and server, whether it names one record.
DEMANDED = {
    "read": ("PatientRead", Action.READ, (DCM, "110152"), (DCM, "110153")),
    "vread": ("PatientRead", Action.READ, (DCM, "110152"), (DCM, "110153")),
    "search": ("PatientQuery", Action.EXECUTE, (DCM, "110153"), (DCM, "110152")),
    "create": ("PatientCreate", Action.CREATE, (DCM, "110153"), (DCM, "110152")),
    "update": ("PatientUpdate", Action.UPDATE, (DCM, "110153"), (DCM, "110152")),
    "patch": ("PatientUpdate", Action.UPDATE, (DCM, "110153"), (DCM, "110152")),
    "delete": ("PatientDelete", Action.DELETE, (DCM, "110150"), (f"{HL7}/provenance-participant-type", "custodian")),
}
DETAIL = {
    "search": {"asked": "Observation", "parameters": ["category", "date"], "types": {"Observation": 50}},
    "read": {"record": "Observation/1", "types": {"Observation": 1}},
}


def told(**more) -> dict:
    owner = chain.owner()
    chain.append(owner, **more)
    return resources.audit_event(
        Event.objects.get(owner_id=owner), logical_id="one", patient_id="ana", server=SERVER, consents={7: "seven"}
    )


def typed(parts: list[dict], system: str, code: str) -> list[dict]:
    """The parts of a slice, by the pattern of their type."""
    wanted = {"system": system, "code": code}
    return [part for part in parts if part["type"] == wanted or wanted in part["type"].get("coding", [])]


@pytest.mark.parametrize("interaction", DEMANDED)
def test_what_an_app_got_has_every_element_that_its_profile_demands(interaction):
    profile, action, client_type, server_type = DEMANDED[interaction]

    event = told(interaction=interaction, action=action, detail=DETAIL.get(interaction, DETAIL["read"]))

    assert event["meta"]["profile"] == [f"{resources.PROFILES}{profile}"]
    assert (event["type"]["system"], event["type"]["code"]) == (f"{HL7}/audit-event-type", "rest")
    assert event["subtype"] == [{"system": REST, "code": interaction}]
    assert (event["action"], event["outcome"]) == (action, Outcome.SUCCESS)
    assert event["recorded"]
    (client,) = typed(event["agent"], *client_type)
    assert client["who"] == {"identifier": {"system": "urn:oauth:client_id", "value": "client"}, "display": "An app"}
    assert client["network"] == {"address": "127.0.0.1", "type": "2"}
    assert set(client) <= {"type", "who", "requestor", "network"}
    (server,) = typed(event["agent"], *server_type)
    assert server["who"]["identifier"]["value"] == SERVER
    assert server["network"] == {"address": "tributary.example", "type": "1"}
    assert not server["requestor"]
    (data,) = typed(event["entity"], f"{HL7}/audit-entity-type", "2")
    if interaction == "search":
        assert data["role"] == {"system": f"{HL7}/object-role", "code": "24"}
        assert base64.b64decode(data["query"]) == b"Observation?category&date"
        assert not {"what", "lifecycle", "detail"} & set(data)
    else:
        assert data["role"] == {"system": f"{HL7}/object-role", "code": "4"}
        assert data["what"] == {"reference": "Observation/1"}
    (patient,) = typed(event["entity"], f"{HL7}/audit-entity-type", "1")
    assert patient["role"] == {"system": f"{HL7}/object-role", "code": "1"}
    assert patient["what"] == {"reference": "Patient/ana"}
    assert set(patient) == {"what", "type", "role"}
    assert event["source"]["observer"]
    assert validation.problems(event) == []


@pytest.mark.parametrize(
    "more",
    [
        {"interaction": "read", "outcome": Outcome.REFUSED, "detail": {"status": 404}},
        {"interaction": "operation", "action": Action.EXECUTE},
        {"interaction": "sign-in", "agent_kind": Agent.OWNER, "agent": "s", "agent_name": "Ana", "detail": {}},
        {"interaction": "sign-in", "agent_kind": Agent.UNKNOWN, "agent": "", "agent_name": "", "detail": {}},
        {"interaction": "authorize", "agent_kind": Agent.OWNER, "detail": {"granted": 2}},
        {"interaction": "sync", "agent_kind": Agent.SOURCE, "agent": "https://h.example/fhir", "origin": ""},
        {"interaction": "search", "agent_kind": Agent.OWNER},
        {"interaction": "read", "detail": {"clinician": "doctor", "record": "Observation/1"}},
        {"interaction": "something new", "detail": {}},
    ],
)
def test_whatever_else_is_a_valid_audit_event_that_claims_no_more_than_it_has(more):
    event = told(**more)

    assert validation.problems(event) == []
    assert bool(event["meta"].get("profile")) == ("clinician" in more.get("detail", {}))
    assert ("outcomeDesc" in event) == ("outcome" in more)


def test_an_event_names_the_consent_it_relied_on_and_how_many_of_which_kind():
    event = told(interaction="search", action=Action.EXECUTE, detail=DETAIL["search"])

    entities = event["entity"]
    assert {"reference": "Consent/seven"} in [each.get("what") for each in entities]
    (amount,) = typed(entities, f"{HL7}/audit-entity-type", "4")
    assert (amount["name"], amount["detail"]) == ("Observation", [{"type": "records", "valueString": "50"}])


def test_a_clinician_who_opened_the_app_is_the_requestor():
    event = told(interaction="read", detail={"clinician": "doctor", "record": "Observation/1"})

    assert [agent["requestor"] for agent in event["agent"]] == [False, False, True]
    (user,) = typed(event["agent"], f"{HL7}/v3-ParticipationType", "IRCP")
    assert user["who"]["identifier"]["value"] == "doctor"
    assert "network" not in user
