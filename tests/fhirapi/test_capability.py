"""The CapabilityStatement says what is served, and what it says is served."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from fhirapi import capability, catalogue, including
from gateway import scopes as gateway_scopes
from standards.fhir import types
from tests.fhirapi import people

FIRST_TYPES = people.FIRST_TYPES
WORKING = {
    "token": "x",
    "reference": "x",
    "date": "2020",
    "string": "x",
    "quantity": "1",
    "number": "1",
    "uri": "urn:x",
}


@pytest.fixture
def statement():
    return Client().get(f"{people.BASE}/metadata").json()


@pytest.mark.spec("FHIR R4", "http.html#capabilities", "metadata is open to all")
def test_metadata_needs_no_token(statement):
    assert statement["resourceType"] == "CapabilityStatement"
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["format"] == ["application/fhir+json", "json"]
    assert statement["implementation"]["url"] == settings.FHIR_BASE
    assert Client(headers={"Authorization": "Bearer rubbish"}).get(f"{people.BASE}/metadata").status_code == 200


def test_metadata_is_cached_by_its_tag():
    answer = Client().get(f"{people.BASE}/metadata")

    again = Client(headers={"If-None-Match": answer["ETag"]}).get(f"{people.BASE}/metadata")

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.spec("SMART App Launch", "conformance", "the CapabilityStatement names the OAuth endpoints")
def test_metadata_names_the_oauth_endpoints(statement):
    security = statement["rest"][0]["security"]

    assert security["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    uris = {one["url"]: one["valueUri"] for one in security["extension"][0]["extension"]}
    assert {"authorize", "token"} <= uris.keys()
    assert all(uri.startswith(settings.PUBLIC_URL) for uri in uris.values())


@pytest.mark.spec("US Core 6.1.0", "CapabilityStatement", "every SHALL and SHOULD parameter of the first ten types")
def test_metadata_names_every_us_core_parameter(statement):
    described = {one["type"]: one for one in statement["rest"][0]["resource"]}

    for resource_type in FIRST_TYPES:
        names = {parameter["name"] for parameter in described[resource_type]["searchParam"]}
        assert set(types.US_CORE_SEARCHES[resource_type].parameters()) <= names
        assert "Provenance:target" in described[resource_type]["searchRevInclude"]
    assert described.keys() == catalogue.SERVED


@pytest.mark.django_db
@pytest.mark.slow
def test_what_metadata_says_works(statement):
    app = people.let_in(people.with_record(), "patient/*.rs")

    for described in statement["rest"][0]["resource"]:
        kind = described["type"]
        interactions = {one["code"] for one in described["interaction"]}
        assert app.get(f"/{kind}/none").status_code == 404
        assert app.get(f"/{kind}").status_code == (200 if "search-type" in interactions else 404)
        assert app.get(f"/{kind}/_history").status_code == (200 if "history-type" in interactions else 404)
        for parameter in described.get("searchParam", []):
            pair = f"{parameter['name']}={WORKING[parameter['type']]}"
            answer = app.get(f"/{kind}?{pair}", Prefer="handling=strict")
            assert answer.status_code == 200, (kind, pair, answer.content)
            assert pair in answer.json()["link"][0]["url"]


def test_metadata_is_itself_valid():
    from standards.fhir import validation

    assert validation.problems(capability.statement()) == []


@pytest.mark.django_db
def test_metadata_says_which_types_apps_write_and_how(statement):
    app = people.let_in(people.sign_up(), "patient/*.cruds")
    client = Client(headers={"Authorization": f"Bearer {app.token}"})
    methods = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}

    for described in statement["rest"][0]["resource"]:
        kind, said = described["type"], {one["code"] for one in described["interaction"]}
        for interaction, method in methods.items():
            where = f"{people.BASE}/{kind}" + ("" if interaction == "create" else "/none")
            answer = client.generic(method, where, b"x", content_type="application/fhir+json")
            served = answer.status_code != 405 and method in answer["Allow"]
            assert served is (interaction in said), (kind, interaction, answer.status_code)
        assert described.get("conditionalCreate", False) is ("create" in said)
    assert {one["code"] for one in statement["rest"][0]["interaction"]} >= {"batch", "transaction"}


def test_every_include_that_is_named_is_taken(statement):
    for described in statement["rest"][0]["resource"]:
        for path in described.get("searchInclude", []):
            assert including.Path.parse(path).holder == described["type"]
        for path in described.get("searchRevInclude", []):
            assert including.Path.parse(path).points_at(described["type"])


@pytest.mark.django_db
def test_every_operation_of_a_patient_that_is_named_is_there(statement):
    app = people.let_in(people.with_record(), "patient/*.rs")
    named = {
        f"{described['type']}/${one['name']}"
        for described in statement["rest"][0]["resource"]
        for one in described.get("operation", [])
    }

    assert named >= {"Patient/$everything", "Patient/$summary", "DocumentReference/$docref"}
    own = app.person.patient_id
    assert app.get(f"/Patient/{own}/$everything").status_code == 200
    assert app.get(f"/Patient/{own}/$summary").status_code == 200
    assert app.get(f"/DocumentReference/$docref?patient={own}").status_code == 200
    assert {
        "http://hl7.org/fhir/us/core/CapabilityStatement/us-core-server",
        "http://hl7.org/fhir/uv/ipa/CapabilityStatement/ipa-server",
    } <= set(statement["instantiates"])


def test_every_type_that_is_served_can_be_granted_by_itself():
    """A type that only ``patient/*`` reaches could be had with everything or not at all."""
    for kind in catalogue.SEARCHED:
        asked = [f"patient/{kind}.rs"]
        assert gateway_scopes.offerable(asked, asked) == asked
        assert gateway_scopes.preauthorised([f"system/{kind}.rs"], ["system/*.rs"]) == [f"system/{kind}.rs"]
