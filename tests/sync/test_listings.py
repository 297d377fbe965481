"""Vendors' lists become names of the directory; what is registered or connected survives every new list."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from sync import directory, hospitals, listings
from sync.models import Brand, Hospital

LISTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "server-metadata"
shared = pytest.mark.skipif(not LISTS.exists(), reason="the shared data sets are not on this machine")


def brand(name: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Organization", "id": name.lower().replace(" ", "-"), "name": name, **more}


def endpoint(key: str, address: str, version: str = "4.0.1") -> dict[str, Any]:
    extension = {"url": "http://hl7.org/fhir/StructureDefinition/endpoint-fhir-version", "valueCode": version}
    return {"resourceType": "Endpoint", "id": key, "address": address, "name": key, "extension": [extension]}


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources]}


def portal(name: str, target: str) -> dict[str, Any]:
    parts = [
        {"url": "portalName", "valueString": name},
        {"url": "portalEndpoint", "valueReference": {"reference": f"Endpoint/{target}"}},
    ]
    return {"url": "http://hl7.org/fhir/StructureDefinition/organization-portal", "extension": parts}


def test_a_brand_has_its_portals_endpoint_its_aliases_and_its_places():
    entries, skipped = listings.read(
        bundle(
            brand(
                "Example Health",
                alias=["Good Health"],
                address=[{"city": "Madison", "state": "WI"}, {"city": "Anamosa"}],
                extension=[portal("My Example", "r4")],
            ),
            brand("Example Physicians", partOf={"reference": "Organization/example-health"}),
            brand("No Door"),
            endpoint("r4", "https://ehr.example.com/R4"),
        )
    )

    whole, part = entries
    assert (whole.name, whole.fhir_base, whole.place, whole.portal, whole.others) == (
        "Example Health",
        "https://ehr.example.com/R4",
        "Madison, WI",
        "My Example",
        ("Good Health", "Madison, WI", "Anamosa"),
    )
    assert (part.name, part.fhir_base) == ("Example Physicians", "https://ehr.example.com/R4")
    assert skipped == 1


def test_an_older_door_is_offered_only_where_there_is_no_other():
    both = brand("Both", endpoint=[{"reference": "Endpoint/old"}, {"reference": "Endpoint/new"}])
    only_old = brand("Only Old", endpoint=[{"reference": "Endpoint/old"}])

    entries, _ = listings.read(
        bundle(
            both, only_old, endpoint("old", "https://e.example/r2", "1.0.2"), endpoint("new", "https://e.example/r4")
        )
    )

    assert [(each.name, each.fhir_version) for each in entries] == [("Both", "4.0.1"), ("Only Old", "1.0.2")]


@pytest.mark.parametrize("address", ["ftp://h.example/fhir", "not an address", "https://h.example/fhir?x=1", "", None])
def test_an_entry_without_a_usable_address_is_left_out_and_counted(address: object):
    entries, skipped = listings.read([{"OrganizationName": "Cedar", "URL": address}])

    assert (entries, skipped) == ([], 1)


@pytest.mark.parametrize(
    "document", [{}, [], "text", {"resourceType": "Bundle", "entry": []}, [1, 2], {"Endpoints": 3}]
)
def test_what_is_no_list_is_refused_or_empty(document: object):
    if document == []:
        assert listings.read(document) == ([], 0)
    else:
        with pytest.raises(listings.UnknownForm):
            listings.read(document)


@pytest.mark.django_db
def test_reading_a_list_again_brings_it_up_to_date_and_takes_no_registration():
    hospitals.register("https://ehr.example.com/R4", name="Entered By Staff", client_id="ours")
    rows = [
        {"OrganizationName": "Example Health", "URL": "https://ehr.example.com/R4/"},
        {"OrganizationName": "Gone Tomorrow", "URL": "https://gone.example.com/R4"},
    ]
    entries, _ = listings.read(rows)
    first = listings.keep(entries, listing="a")
    assert (first.names, first.hospitals, first.new_hospitals) == (2, 2, 1)
    assert len(directory.found("gone", limit=5)) == 1

    again = listings.keep(entries[:1], listing="a")

    assert (again.names, again.new_hospitals, again.gone) == (1, 0, 1)
    assert directory.found("gone", limit=5) == []
    (found,) = directory.found("example", limit=5)
    assert (found.hospital.client_id, found.hospital.fhir_base) == ("ours", "https://ehr.example.com/R4")
    assert Hospital.objects.count() == 2  # what a list named once may still be connected


@pytest.mark.django_db
@shared
def test_the_published_lists_can_be_read():
    out = StringIO()
    call_command(
        "directory_import", str(LISTS / "mere-medical-epic-endpoints" / "R4Endpoints.json"), vendor="epic", stdout=out
    )
    call_command("directory_import", *map(str, sorted((LISTS / "lantern").glob("*EndpointSources.json"))), stdout=out)
    call_command("directory_import", *map(str, sorted((LISTS / "user-access-brands").glob("Bundle*.json"))), stdout=out)

    assert Brand.objects.count() > 1300
    assert "403 names" in out.getvalue()
    found = directory.found("brooklyn hosp", limit=5)
    assert ("The Brooklyn Hospital Center", "1.0.2") in {(each.name, each.hospital.fhir_version) for each in found}
    assert [each.name for each in directory.found("healthcentral portal", limit=5)] == ["ExampleLabs"]
    assert {each.hospital.fhir_version for each in directory.found("ExampleHealth", limit=9)} == {"4.0.1"}


@pytest.mark.django_db
def test_a_file_that_is_no_list_is_refused_by_name(tmp_path: Path):
    file = tmp_path / "list.json"
    file.write_text(json.dumps({"resourceType": "Patient"}))

    with pytest.raises(CommandError, match="neither a Bundle nor a list"):
        call_command("directory_import", str(file))
    with pytest.raises(CommandError, match=r"missing\.json"):
        call_command("directory_import", str(tmp_path / "missing.json"))
