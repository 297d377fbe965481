"""npm ``fhir-kit-client`` under Node, with the token of a granular scope."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.gateway import parties
from tests.gateway.parties import LAB, App

pytestmark = pytest.mark.django_db(transaction=True)
PROGRAM = Path(__file__).parent / "kit.mjs"


def read(node_modules, site, person, scope):
    given = App.register().let_in(person, scope)
    surroundings = {
        "PACKAGES": str(node_modules),
        "FHIR_BASE": f"{site}/fhir/r4",
        "TOKEN": given["access_token"],
        "PATIENT": person.patient_id,
        "LABORATORY": "laboratory-0",
        "VITALS": "vital-signs-0",
    }
    done = subprocess.run(
        ["node", str(PROGRAM)],
        env=os.environ | surroundings,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.spec("SMART App Launch 2.2", "scopes", "fhir-kit-client reads exactly what a granular scope reaches")
def test_granular_scope_gives_its_category_and_nothing_else(node_modules, site):
    person = parties.sign_up()
    parties.store_observations(person, laboratory=5, vital_signs=3)

    coarse = read(node_modules, site, person, "patient/Observation.rs")
    granular = read(node_modules, site, person, f"patient/Observation.rs?category={LAB}")

    assert coarse["token"] == granular["token"] == f"{site}/oauth/token"
    assert (len(coarse["found"]), coarse["laboratory"], coarse["vitals"]) == (8, 200, 200)
    assert sorted(granular["found"]) == [f"laboratory-{number}" for number in range(5)]
    assert (granular["laboratory"], granular["vitals"], granular["conditions"]) == (200, 404, 403)
