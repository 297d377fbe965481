"""Theirs to ours, without any I/O."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import identity
from sync.sources.fhir_rest import mapping
from sync.sources.fhir_rest.mapping import Frame, Mapped, Pointed

BASE = "https://ehr.example/fhir/r4"
OURS = "11111111-2222-3333-4444-555555555555"


def frame() -> Frame:
    return Frame(owner_id=7, source_url=BASE, base=BASE, patient="p1", patient_id=OURS)


def key(resource_type: str, remote_id: str) -> str:
    return identity.logical_id(7, BASE, resource_type, remote_id)


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ("Patient/p1", f"Patient/{OURS}"),
        (f"{BASE}/Patient/p1", f"Patient/{OURS}"),
        ("Patient/p1/_history/3", f"Patient/{OURS}"),
        ("Patient/p2", f"Patient/{key('Patient', 'p2')}"),
        ("Encounter/e1", f"Encounter/{key('Encounter', 'e1')}"),
        (f"{BASE}/Encounter/e1", f"Encounter/{key('Encounter', 'e1')}"),
        ("Encounter/e1/_history/2", f"Encounter/{key('Encounter', 'e1')}"),
        ("#inside", "#inside"),
        ("urn:uuid:5b3c3f2a-0000-4000-8000-000000000000", "urn:uuid:5b3c3f2a-0000-4000-8000-000000000000"),
        ("Practitioner?identifier=x|1", "Practitioner?identifier=x|1"),
        ("https://other.example/fhir/Encounter/e1", "https://other.example/fhir/Encounter/e1"),
        ("Nonsense/e1", "Nonsense/e1"),
    ],
)
def test_a_reference_is_rewritten_by_what_it_is(said: str, ours: str):
    resource = {"resourceType": "Observation", "id": "o1", "encounter": {"reference": said}}

    mapped = mapping.translate(resource, frame(), set())

    assert mapped["encounter"] == {"reference": ours}
    assert mapped["id"] == key("Observation", "o1")


def test_what_is_pointed_to_outside_her_compartment_is_noted():
    resource = {
        "resourceType": "DocumentReference",
        "id": "d1",
        "author": [{"reference": "Practitioner/dr1"}, {"reference": "#inside"}],
        "context": {"encounter": [{"reference": "Encounter/e1"}]},
        "content": [{"attachment": {"url": f"{BASE}/Binary/b1"}}],
    }
    pointed: set[Pointed] = set()

    mapped = mapping.translate(resource, frame(), pointed)

    assert pointed == {Pointed("Practitioner", "dr1"), Pointed("Binary", "b1")}
    assert mapped["content"] == [{"attachment": {"url": f"Binary/{key('Binary', 'b1')}"}}]


@pytest.mark.parametrize(
    ("resource", "another"),
    [
        ({"resourceType": "Patient", "id": "p1"}, False),
        ({"resourceType": "Patient", "id": "p2"}, True),
        ({"resourceType": "Observation", "subject": {"reference": "Patient/p1"}}, False),
        ({"resourceType": "Observation", "subject": {"reference": f"{BASE}/Patient/p1"}}, False),
        ({"resourceType": "Observation", "subject": {"reference": "Patient/p2"}}, True),
        ({"resourceType": "Observation", "subject": {"reference": "https://other.example/fhir/Patient/p1"}}, True),
        ({"resourceType": "Observation", "subject": {"reference": "Patient?identifier=x|1"}}, True),
        ({"resourceType": "Observation", "subject": {"reference": "urn:uuid:5b3c3f2a"}}, True),
        ({"resourceType": "Observation", "subject": {"identifier": {"value": "x"}}}, False),
        ({"resourceType": "Observation", "subject": {"reference": "#p"}}, False),
        ({"resourceType": "Observation", "subject": {"reference": "Group/g1"}}, False),
        ({"resourceType": "Observation"}, False),
        ({"resourceType": "Observation", "subject": "text"}, False),
        ({"resourceType": "Immunization", "patient": {"reference": "Patient/p2"}}, True),
        ({"resourceType": "Coverage", "beneficiary": {"reference": "Patient/p2"}}, True),
        ({"resourceType": "Account", "subject": [{"reference": "Patient/p1"}, {"reference": "Patient/p2"}]}, True),
        ({"resourceType": "Provenance", "target": [{"reference": "Patient/p2"}]}, True),
        ({"resourceType": "Practitioner", "id": "p2"}, False),
    ],
)
def test_whose_a_resource_is(resource: dict[str, Any], another: bool):
    assert mapping.is_about_another(resource, frame()) is another


def test_every_entry_has_exactly_one_outcome():
    hers = {"resourceType": "Observation", "id": "o1", "subject": {"reference": "Patient/p1"}}
    entries: list[Any] = [
        {"resource": hers, "search": {"mode": "match"}},
        {"resource": deepcopy(hers)},
        {"resource": {"resourceType": "Observation", "id": "o2", "subject": {"reference": "Patient/p2"}}},
        {"resource": {"resourceType": "Practitioner", "id": "dr1"}, "search": {"mode": "include"}},
        {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}},
        {"resource": {"resourceType": "Unheard", "id": "x"}},
        {"resource": {"resourceType": "Observation", "id": "no spaces"}},
        {},
        None,
    ]

    mapped = mapping.page({"resourceType": "Bundle", "entry": entries}, frame())

    assert [(each["resourceType"], each["id"]) for each in mapped.resources] == [
        ("Observation", key("Observation", "o1")),
        ("Practitioner", key("Practitioner", "dr1")),
    ]
    assert (mapped.received, mapped.included, mapped.repeated, mapped.held_back, mapped.warnings) == (7, 1, 1, 1, 1)
    assert [flaw.index for flaw in mapped.unusable] == [5, 6, 7, 8]


def test_what_was_not_asked_for_by_id_is_not_taken():
    bundle = {
        "resourceType": "Bundle",
        "entry": [{"resource": {"resourceType": "Practitioner", "id": name}} for name in ("dr1", "dr2")],
    }

    mapped = mapping.page(bundle, frame(), only={Pointed("Practitioner", "dr1")})

    assert mapped.listing == [Pointed("Practitioner", "dr1")]
    assert len(mapped.resources) == 1


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["Patient/p1", "Observation", "match"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resource", "resourceType", "id", "search", "mode", "subject", "reference", "link", "url", "entry"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(entries=junk, link=junk, total=junk)
def test_no_page_however_wrong_breaks_the_mapping(entries: Any, link: Any, total: Any):
    bundle = {"resourceType": "Bundle", "entry": entries, "link": link, "total": total}

    mapped: Mapped = mapping.page(bundle, frame())

    assert mapped.received + mapped.included == (
        len(mapped.resources) + mapped.repeated + len(mapped.unusable) + mapped.held_back
    )
    assert mapping.next_address(bundle) is None or isinstance(mapping.next_address(bundle), str)
    assert mapping.total(bundle) is None or mapping.total(bundle) == total


@given(remote=st.from_regex(r"[A-Za-z0-9\-.]{1,64}", fullmatch=True))
def test_ids_are_the_same_every_time_and_another_for_another_owner(remote: str):
    other = Frame(owner_id=8, source_url=BASE, base=BASE, patient="p1", patient_id=OURS)

    assert frame().logical_id("Observation", remote) == frame().logical_id("Observation", remote)
    assert frame().logical_id("Observation", remote) != other.logical_id("Observation", remote)
