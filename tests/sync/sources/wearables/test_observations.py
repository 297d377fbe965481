from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from standards.fhir import json, validation
from sync.sources.wearables import metrics, observations, packing
from sync.sources.wearables.metrics import METRICS
from sync.sources.wearables.readings import Device, DeviceKind, Night, Sample, Spot, Stage, Total, Workout

WATCH = Device("w-1", "Her watch", DeviceKind.WATCH, "Acme", "Two")
AT = datetime(2024, 5, 1, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)


def everything():
    pulse = [Sample.at(AT + n * timedelta(minutes=1), Decimal(60 + n)) for n in range(3)]
    night = Night(
        AT,
        AT + 8 * HOUR,
        WATCH,
        "n1",
        stages=(
            (AT, AT + HOUR, Stage.LIGHT),
            (AT + HOUR, AT + 7 * HOUR, Stage.DEEP),
            (AT + 7 * HOUR, AT + 8 * HOUR, Stage.AWAKE),
        ),
    )
    pressure = ((METRICS["systolic"], Decimal(121)), (METRICS["diastolic"], Decimal(79)))
    return [
        *packing.by_day(METRICS["heart-rate"], WATCH, pulse).streams,
        Total(METRICS["steps"], WATCH, date(2024, 5, 1), Decimal(8012)),
        Spot(METRICS["weight"], AT, WATCH, "k1", Decimal("71.30")),
        Spot(None, AT, WATCH, "k2", parts=pressure, by_hand=True),
        night,
        Workout(AT, AT + HOUR, WATCH, "x1", "Run", ((METRICS["distance"], Decimal(9000)),)),
    ]


def composed():
    return observations.compose(everything(), patient="p1", assembler="Acme")


def by_code(code):
    found = [each for each in composed() if each["resourceType"] == "Observation"]
    return [each for each in found if each["code"]["coding"][0]["code"] == code]


def test_everything_is_valid_fhir_with_loinc_and_ucum():
    for resource in composed():
        assert validation.problems(json.loads(json.dumps(resource))) == []
    coded = [each["code"]["coding"][0] for each in composed() if each["resourceType"] == "Observation"]
    assert {each["system"] for each in coded} == {"http://loinc.org"}


def test_each_reading_names_its_device_and_a_provenance_names_each_reading():
    found = composed()
    told = [each for each in found if each["resourceType"] == "Observation"]
    (device,) = (each for each in found if each["resourceType"] == "Device")
    provenances = [each for each in found if each["resourceType"] == "Provenance"]

    assert {each["device"]["reference"] for each in told} == {f"Device/{device['id']}"}
    assert sorted(each["reference"] for one in provenances for each in one["target"]) == sorted(
        f"Observation/{each['id']}" for each in told
    )
    assert {one["agent"][0]["who"]["reference"] for one in provenances} == {f"Device/{device['id']}"}
    assert len(provenances) == 2  # the night belongs to the day of its end


def test_same_readings_are_the_same_resources():
    assert json.dumps(composed()) == json.dumps(composed())


def test_stream_has_a_summary_that_says_what_it_was_made_from():
    stream, summary = by_code("8867-4")

    assert summary["derivedFrom"] == [{"reference": f"Observation/{stream['id']}"}]
    assert summary["effectiveDateTime"] == "2024-05-01"
    said = {each["code"]["coding"][0]["code"]: each for each in summary["component"]}
    assert {code: each["valueQuantity"]["value"] for code, each in said.items() if "valueQuantity" in each} == {
        "41924-2": 61,
        "8883-1": 60,
        "8873-2": 62,
    }
    assert said["count"]["valueInteger"] == 3


def test_devices_own_total_takes_the_place_of_the_summary():
    walked = Sample(AT, AT + HOUR, Decimal(100))
    (stream,) = packing.by_day(METRICS["steps"], WATCH, [walked]).streams
    own = Total(METRICS["steps"], WATCH, stream.day, Decimal(103))

    found = observations.compose([stream, own], patient="p1", assembler="Acme")

    days = [each for each in found if each["resourceType"] == "Observation" and "effectiveDateTime" in each]
    assert [(each["valueQuantity"]["value"], "derivedFrom" in each) for each in days] == [(103, False)]


def test_weight_keeps_its_digits():
    (weight,) = by_code("29463-7")

    assert b'"value":71.30,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"' in json.dumps(weight)


def test_night_tells_its_stages_one_by_one():
    (night,) = by_code("93832-4")

    *durations, stages = night["component"]
    assert night["valueQuantity"]["value"] == 420  # without the hour awake
    assert [(each["code"]["coding"][0]["code"], each["valueQuantity"]["value"]) for each in durations] == [
        ("93830-8", 60),
        ("93831-6", 360),
        ("93828-2", 60),
    ]
    assert (stages["valueSampledData"]["period"], stages["valueSampledData"]["data"]) == (3_600_000, "1 2 2 2 2 2 2 0")


def test_pressure_is_one_panel_and_says_when_it_was_typed_in():
    (panel,) = by_code("85354-9")

    assert [each["valueQuantity"]["value"] for each in panel["component"]] == [121, 79]
    assert panel["method"] == {"text": "Entered by hand"}


def test_units_are_converted_or_refused():
    assert metrics.convert(Decimal("5.5"), "mmol/L", METRICS["glucose-meter"]) == Decimal("99.086")
    assert metrics.convert(Decimal("98.6"), "[degF]", METRICS["body-temperature"]) == 37
    assert metrics.convert(Decimal(160), "[lb_av]", METRICS["weight"]) == Decimal("72.575")
    assert metrics.convert(Decimal("71.30"), "kg", METRICS["weight"]).as_tuple() == Decimal("71.30").as_tuple()
