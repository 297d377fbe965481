"""Every person of public synthetic data sets, pulled over HTTP from two hospitals: nothing lost, nothing altered."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from itertools import count

import pytest

from local import seeding
from standards.fhir import json
from tests.journeys.stack import holdings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not seeding.SHARED_DATA.exists(), reason="the public data sets do not lie beside the checkout"),
]
NAMESPACE = uuid.UUID("6f1f3c52-6c1b-5d5e-9a38-0d8b8f4b2c11")
_numbers = count(1)


def expected(body, *, owner, source_url, remote_patient):
    """A hospital's resource as docs/architecture.md says that it is rewritten: id, references, version and time."""
    resource = json.loads(body)

    def our_id(resource_type, remote_id):
        return str(uuid.uuid5(NAMESPACE, f"{owner['owner_id']}|{source_url}|{resource_type}/{remote_id}"))

    def walk(node):
        if isinstance(node, list):
            return [walk(one) for one in node]
        if not isinstance(node, dict):
            return node
        return {name: rewritten(name, value) for name, value in node.items()}

    def rewritten(name, value):
        if name == "reference" and isinstance(value, str):
            resource_type, slash, remote_id = value.partition("/")
            if slash and resource_type.isalpha() and "/" not in remote_id and "?" not in value and ":" not in value:
                if (resource_type, remote_id) == ("Patient", remote_patient):
                    return f"Patient/{owner['patient_id']}"
                return f"{resource_type}/{our_id(resource_type, remote_id)}"
        if name == "url" and isinstance(value, str) and value.startswith("Binary/"):
            return f"Binary/{our_id('Binary', value.removeprefix('Binary/'))}"
        return walk(value)

    found = walk(resource)
    found["id"] = our_id(resource["resourceType"], resource["id"])
    return content(found)


def content(resource):
    """Without the version and time of update, which each server counts for itself; order of fields as it stands."""
    meta = {name: value for name, value in resource["meta"].items() if name not in ("versionId", "lastUpdated")}
    rest = {name: value for name, value in resource.items() if name not in ("resourceType", "id", "meta")}
    return (resource["resourceType"], resource["id"]), json.dumps({"meta": meta, **rest})


@pytest.mark.parametrize("slug", ["riverside", "lakeside"])
def test_what_is_stored_of_every_person_is_what_her_hospital_holds_byte_for_byte(stack, slug, capsys):
    hospital = stack.hospital(slug)
    source_url = f"{hospital.url}/fhir/r4"
    patients = stack.patients_at(hospital)
    assert len(patients) >= 6

    for patient in patients:
        email = f"{slug}{next(_numbers)}@journeys.example"
        visitor = stack.sign_up(email)
        begun = time.monotonic()
        stack.connect(visitor, hospital, patient)
        stack.await_records(visitor)
        took = time.monotonic() - begun
        owner = next(one for one in stack.people_at(stack.person) if one["email"] == email)

        theirs = dict(
            expected(body, owner=owner, source_url=source_url, remote_patient=patient["patient_id"])
            for body in holdings(hospital, "bodies", patient["email"])
        )
        ours = dict(content(json.loads(body)) for body in holdings(stack.person, "bodies", email, source_url))

        assert Counter(kind for kind, _ in ours) == Counter(kind for kind, _ in theirs)
        assert ours == theirs
        with capsys.disabled():
            print(f"\n  {slug} {len(ours)} resources in {took:.1f} s, {len(ours) / took:.0f}/s", end="", flush=True)
