"""Every person of public synthetic data sets, pulled over HTTP from two hospitals: nothing lost, nothing altered."""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter

import pytest

from local import seeding
from standards.fhir import json
from tests.journeys.stack import PASSWORD, bodies, holdings, kill_worker, start_worker

pytestmark = pytest.mark.slow
NAMESPACE = uuid.UUID("6f1f3c52-6c1b-5d5e-9a38-0d8b8f4b2c11")
# As many as the largest person of a public set has, who does not lie beside the checkout herself.
BIG = 10_181


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


@pytest.mark.skipif(not seeding.SHARED_DATA.exists(), reason="the public data sets do not lie beside the checkout")
@pytest.mark.parametrize("slug", ["riverside", pytest.param("lakeside", marks=pytest.mark.thorough)])
def test_what_is_stored_of_every_person_is_what_her_hospital_holds_byte_for_byte(stack, slug):
    hospital = stack.hospital(slug)
    patients = stack.patients_at(hospital)
    assert len(patients) >= 8

    connected = []
    for number, patient in enumerate(patients):
        email = f"{slug}{number}@journeys.example"
        visitor = stack.sign_up(email, name=patient["name"])
        stack.connect(visitor, hospital, patient)
        connected.append((visitor, email, patient))

    for visitor, _, _ in connected:
        stack.await_records(visitor, seconds=600)
    assert_all_is_here(stack, hospital, {email: patient for _, email, patient in connected})


def assert_all_is_here(stack, hospital, patients):
    """Per type and in all: the same resources, and each of them byte for byte, after the documented rewriting.

    ``patients``: as whom the hospital knows each of our people, by her address here.
    """
    source_url = f"{hospital.url}/fhir/r4"
    owners = {one["email"]: one for one in stack.people_at(stack.person)}
    told_of_each = bodies(hospital, *(patient["email"] for patient in patients.values()))
    kept_of_each = bodies(stack.person, *patients, source=source_url)
    for (email, patient), told, kept in zip(patients.items(), told_of_each, kept_of_each, strict=True):
        known = {"owner": owners[email], "source_url": source_url, "remote_patient": patient["patient_id"]}
        theirs = dict(expected(body, **known) for body in told)
        ours = dict(content(json.loads(body)) for body in kept)

        assert len(kept) == len(ours) == len(told)
        assert Counter(kind for kind, _ in ours) == Counter(kind for kind, _ in theirs)
        assert ours == theirs


@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.thorough)])
def test_a_pull_of_ten_thousand_resources_survives_kills_of_its_worker(stack, kills):
    """SIGKILL to the worker at random pages: the run ends complete, with no duplicate and no gap."""
    hospital, email = stack.hospital("riverside"), f"kills{kills}@journeys.example"
    holdings(hospital, "big", str(BIG), "big@journeys.example", PASSWORD)
    patient = next(one for one in stack.people_at(hospital) if one["email"] == "big@journeys.example")
    visitor = stack.sign_up(email, name=patient["name"])
    dice = random.Random(20261121)  # noqa: S311 - to choose pages, the same ones each time

    def pages():
        statement = """
            SELECT count(*) FROM sync_pageentry p JOIN sync_runstep s ON s.id = p.step_id
            JOIN sync_run r ON r.id = s.run_id JOIN accounts_person o ON o.id = r.owner_id WHERE o.email = %s
        """
        return stack.query(statement, email)[0][0]

    stack.connect(visitor, hospital, {**patient, "password": PASSWORD})
    for kill in range(kills):
        goal = pages() + dice.randint(2, 8)
        wait_until(lambda goal=goal: pages() >= goal)
        time.sleep(dice.random() / 10)
        kill_worker(stack)
        assert "yes" in arrivals(stack, visitor, hospital), f"the run was over before kill {kill + 1}"
        start_worker(stack)
    stack.await_records(visitor, seconds=600)

    assert_all_is_here(stack, hospital, {email: patient})
    # Written twice would be a second version; her one Patient alone is composed anew as more becomes known.
    versions = stack.query(
        """
        SELECT count(*) FROM records_recordversion v JOIN accounts_person o ON o.id = v.owner_id
        JOIN records_record r ON r.owner_id = o.id AND r.id = v.record
        WHERE o.email = %s AND r.logical_id <> o.patient_id
        """,
        email,
    )
    assert versions == [(0,)]


@pytest.mark.thorough
def test_ten_thousand_resources_are_pulled_without_a_kill(stack, capsys):
    hospital, email = stack.hospital("riverside"), "ten-thousand@journeys.example"
    holdings(hospital, "big", str(BIG), "big@journeys.example", PASSWORD)
    patient = next(one for one in stack.people_at(hospital) if one["email"] == "big@journeys.example")
    visitor = stack.sign_up(email, name=patient["name"])
    begun = time.monotonic()

    stack.connect(visitor, hospital, {**patient, "password": PASSWORD})
    stack.await_records(visitor, seconds=600)

    took = time.monotonic() - begun
    assert_all_is_here(stack, hospital, {email: patient})
    with capsys.disabled():
        print(f"\n  {BIG} resources pulled in {took:.1f} s, {BIG / took:.0f}/s", flush=True)


def arrivals(stack, visitor, hospital):
    page = visitor.open(f"{stack.connection_page(visitor, hospital)}?part=arrivals")
    return page.text.partition('data-under-way="')[2][:3]


def wait_until(met, *, seconds=120):
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)
