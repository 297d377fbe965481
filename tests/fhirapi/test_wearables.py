"""What devices measured is a record like any other: gate, search and export treat it as such."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from records import identity
from sync.sources.wearables import observations, packing
from sync.sources.wearables.metrics import METRICS
from sync.sources.wearables.readings import Device, DeviceKind, Sample, Spot
from tests.fhirapi import people

pytestmark = pytest.mark.django_db

WATCH = Device("w", "Her watch", DeviceKind.WATCH)
EIGHT = datetime(2024, 5, 1, 8, tzinfo=UTC)
ACTIVITY = "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|activity"
LABORATORY = "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"


def wearer():
    """Steps (activity), a pulse and a weight (vital signs) of one day."""
    person = people.sign_up()
    walk = Sample(EIGHT, EIGHT + timedelta(minutes=10), Decimal(900))
    composed = observations.compose(
        [
            *packing.by_day(METRICS["steps"], WATCH, [walk]).streams,
            *packing.by_day(METRICS["heart-rate"], WATCH, [Sample.at(EIGHT, Decimal(60))]).streams,
            Spot(METRICS["weight"], EIGHT, WATCH, "k", Decimal("70.5")),
        ],
        patient=person.patient_id,
        assembler="Maker",
    )
    for each in composed:
        each["id"] = identity.logical_id(person.pk, people.SOURCE, each["resourceType"], each["id"])
    for each in composed:
        for reference in each.get("target", []):
            kind, _, name = reference["reference"].partition("/")
            reference["reference"] = f"{kind}/{identity.logical_id(person.pk, people.SOURCE, kind, name)}"
    people.store_records(person, composed)
    return person


def test_app_sees_what_its_scope_names_and_no_other_reading():
    person = wearer()
    everything = people.let_in(person, "patient/*.rs")
    whole = everything.ids("/Observation")
    assert len(whole) == 5  # two streams, two summaries, a weight

    steps_only = people.let_in(person, ACTIVITY)

    seen = steps_only.ids("/Observation")
    assert len(seen) == 2
    assert set(seen) < set(whole)
    hidden = (set(whole) - set(seen)).pop()
    assert everything.get(f"/{hidden}").status_code == 200
    assert steps_only.get(f"/{hidden}").status_code == 404
    assert steps_only.get(f"/Observation/{'0' * 36}").status_code == 404
    assert steps_only.bundle("/Observation?code=29463-7&_total=accurate")["total"] == 0


def test_app_for_laboratory_results_sees_no_device_at_all():
    person = wearer()
    app = people.let_in(person, LABORATORY)

    assert app.ids("/Observation") == []
    assert app.get("/Device").status_code == 403
    assert app.get("/Provenance").status_code == 403


def test_day_is_found_by_code_date_and_device():
    app = people.let_in(wearer(), "patient/*.rs")

    (device,) = app.ids("/Device")
    assert len(app.ids("/Observation?code=http://loinc.org|41950-7&date=2024-05-01")) == 1
    assert app.ids("/Observation?code=http://loinc.org|41950-7&date=2024-05-02") == []
    assert device


def test_provenance_names_only_the_readings_that_may_be_seen():
    person = wearer()
    both = people.let_in(person, "patient/*.rs")
    (whole,) = both.bundle("/Provenance")["entry"]
    assert len(whole["resource"]["target"]) == 5

    app = people.let_in(person, ACTIVITY, "patient/Provenance.rs")

    (told,) = app.bundle("/Provenance")["entry"]
    assert {each["reference"] for each in told["resource"]["target"]} == set(app.ids("/Observation"))


def test_whole_record_holds_them_with_their_device_and_provenance():
    person = wearer()
    app = people.let_in(person, "patient/*.rs")

    entries = app.bundle(f"/Patient/{person.patient_id}/$everything")["entry"]

    kinds = Counter(each["resource"]["resourceType"] for each in entries)
    assert (kinds["Observation"], kinds["Device"], kinds["Provenance"]) == (5, 1, 1)
