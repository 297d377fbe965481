"""The Brand Bundle: who we are, for apps that list where people's records lie (SMART user-access brands)."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from standards.fhir import validation

pytestmark = pytest.mark.django_db


@pytest.fixture
def said():
    return Client().get("/fhir/r4/.well-known/smart-configuration").json()


@pytest.fixture
def answer(said):
    path = urlsplit(said["user_access_brand_bundle"]).path
    return Client().get(path, headers={"Origin": "https://anywhere.example"})


@pytest.mark.spec("SMART App Launch 2.2", "brands", "the Brand Bundle is public, with CORS and a weak ETag")
def test_bundle_is_public_with_cors_and_a_weak_tag(said, answer):
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (200, "*")
    assert answer["ETag"].startswith('W/"')
    path = urlsplit(said["user_access_brand_bundle"]).path
    assert Client().get(path, headers={"If-None-Match": answer["ETag"]}).status_code == 304


@pytest.mark.spec("SMART App Launch 2.2", "brands", "the primary brand is in the Bundle exactly once")
def test_primary_brand_is_in_it_exactly_once(said, answer):
    brands = [
        entry["resource"] for entry in answer.json()["entry"] if entry["resource"]["resourceType"] == "Organization"
    ]

    matching = [brand for brand in brands if said["user_access_brand_identifier"] in brand["identifier"]]

    assert len(matching) == 1


@pytest.mark.spec("SMART App Launch 2.2", "brands", "portal endpoints are endpoints, and every Endpoint has a brand")
def test_endpoints_and_brands_hang_together(answer, settings):
    bundle = answer.json()
    found = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
    [brand] = [one for one in found.values() if one["resourceType"] == "Organization"]
    [(url, endpoint)] = [(url, one) for url, one in found.items() if one["resourceType"] == "Endpoint"]

    assert (bundle["type"], bool(bundle["timestamp"])) == ("collection", True)
    assert [one["reference"] for one in brand["endpoint"]] == [url]
    portal = next(one for one in brand["extension"] if one["url"].endswith("organization-portal"))
    assert {"url": "portalEndpoint", "valueReference": {"reference": url}} in portal["extension"]
    assert endpoint["address"] == settings.FHIR_BASE
    assert endpoint["connectionType"]["code"] == "hl7-fhir-rest"
    assert endpoint["extension"][0]["valueCode"] == "4.0.1"


@pytest.mark.spec("SMART App Launch 2.2", "brands", "brand, endpoint and Bundle have what their profiles require")
def test_each_part_has_what_its_profile_requires(answer, said):
    profiles = "http://hl7.org/fhir/smart-app-launch/StructureDefinition"
    bundle = answer.json()
    brand, endpoint = (entry["resource"] for entry in bundle["entry"])

    assert answer["Content-Type"].partition(";")[0] in ("application/json", "application/fhir+json")
    assert bundle["meta"]["profile"] == [f"{profiles}/user-access-brands-bundle"]
    assert [entry["fullUrl"] for entry in bundle["entry"]] == [f"urn:uuid:{one['id']}" for one in (brand, endpoint)]
    assert (brand["meta"]["profile"], brand["active"]) == ([f"{profiles}/user-access-brand"], True)
    assert brand["name"]
    assert [one["system"] for one in brand["telecom"] if one["value"].startswith("http")] == ["url"]
    # The value of a brand's own identifier is its website without a path.
    [website] = [one["value"] for one in brand["identifier"] if one["system"] == "urn:ietf:rfc:3986"]
    assert website == said["user_access_brand_identifier"]["value"]
    assert not website.removeprefix("http://").removeprefix("https://").count("/")
    assert (endpoint["meta"]["profile"], endpoint["status"]) == ([f"{profiles}/user-access-endpoint"], "active")
    assert endpoint["connectionType"]["system"].endswith("/CodeSystem/endpoint-connection-type")
    assert endpoint["payloadType"][0]["coding"][0]["code"] == "none"
    assert endpoint["contact"][0]["system"] == "url"
    assert endpoint["name"]


def test_logo_of_the_brand_is_there(answer):
    brand = answer.json()["entry"][0]["resource"]
    [logo] = [
        inner["valueUrl"] for one in brand["extension"] if one["url"].endswith("brand") for inner in one["extension"]
    ]

    assert finders.find(urlsplit(logo).path.removeprefix("/static/")) is not None


def test_bundle_keeps_to_the_models_of_fhir(answer):
    bundle = answer.json()

    assert validation.problems(bundle) == []
    assert [validation.problems(entry["resource"]) for entry in bundle["entry"]] == [[], []]


def test_identifiers_of_the_organisation_are_added(settings):
    settings.BRAND_WEBSITE = "https://www.north.example/about"
    settings.BRAND_IDENTIFIERS = ["urn:oid:1.2.3|north"]

    bundle = Client().get("/brands.json").json()

    [brand] = [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Organization"]
    assert brand["identifier"] == [
        {"system": "urn:ietf:rfc:3986", "value": "https://north.example"},
        {"system": "urn:oid:1.2.3", "value": "north"},
    ]
