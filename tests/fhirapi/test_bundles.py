from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from fhirapi import bundles

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BASE = "https://record.example/fhir/r4"


@dataclass
class Kept:
    resource_type: str
    logical_id: str
    body: bytes


def bundle(*matches: Kept, **more: object) -> bytes:
    return bundles.searchset(BASE, list(matches), at=AT, links=[("self", f"{BASE}/Observation")], **more)


def test_a_body_arrives_byte_for_byte():
    body = b'{"resourceType":"Observation","id":"1","valueQuantity":{"value":1.10}}'

    assert b'"resource":' + body + b"," in bundle(Kept("Observation", "1", body))


def test_searchset_says_where_each_record_is_and_why_it_came():
    spliced = json.loads(
        bundle(Kept("Observation", "1", b'{"id":"1"}'), included=[Kept("Medication", "2", b'{"id":"2"}')], total=1)
    )

    assert spliced["total"] == 1
    assert spliced["meta"] == {"lastUpdated": "2026-01-02T03:04:05.000Z"}
    assert spliced["entry"] == [
        {"fullUrl": f"{BASE}/Observation/1", "resource": {"id": "1"}, "search": {"mode": "match"}},
        {"fullUrl": f"{BASE}/Medication/2", "resource": {"id": "2"}, "search": {"mode": "include"}},
    ]


def test_searchset_without_matches_has_no_entry_element():
    assert "entry" not in json.loads(bundle())


def test_address_encodes_what_would_break_it():
    url = bundles.address(BASE, "Observation", [("code", "a&b|c d"), ("date", "ge2020+x")])

    assert url == f"{BASE}/Observation?code=a%26b|c%20d&date=ge2020%2Bx"
