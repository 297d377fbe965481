"""Data points as Observations: values, units, times, devices, and what is refused with its place."""

from __future__ import annotations

import itertools
from collections import Counter
from decimal import Decimal

import pytest

from local import seeding
from standards.fhir import json, validation
from standards.open_mhealth import observations, schemas
from tests.fhirapi.datapoints import AT, DURING, PULSE, STEPS, point

SHARED = seeding.SHARED_DATA / "wearables"
KNOWN_TO_PASS = frozenset(
    {
        # What only the schemas' enumerations of words forbid is kept in words.
        "blood-pressure/4.0/shouldFail/invalid-pa-value.json",
        "blood-pressure/4.0/shouldFail/invalid-timeframe-format.json",
        # Version 2 of these took a part of the day; it is told in words.
        "body-height/2.0/shouldFail/with-part-of-day.json",
    }
)


def read(said):
    found = observations.read(said, patient="Patient/hers")
    assert [problem for each in found.observations for problem in validation.problems(each)] == []
    return found.observations


def wrong(said):
    with pytest.raises(observations.Wrong) as raised:
        observations.read(said, patient="Patient/hers")
    return [(each.path, each.message) for each in raised.value.problems]


def test_data_point_is_an_observation_with_id_device_times_loinc_and_ucum():
    (found,) = read(point())

    assert found == {
        "resourceType": "Observation",
        "identifier": [
            {
                "system": "https://w3id.org/openmhealth/schemas/omh/data-point",
                "value": "6f1f3c52-6c1b-4d5e-9a38-0d8b8f4b2c11",
            }
        ],
        "status": "final",
        "subject": {"reference": "Patient/hers"},
        "issued": "2026-05-01T08:01:00+02:00",
        "contained": [
            {
                "resourceType": "Device",
                "id": "device",
                "manufacturer": "Pulse Makers",
                "deviceName": [{"name": "Pulse Makers", "type": "user-friendly-name"}],
            }
        ],
        "device": {"reference": "#device", "display": "Pulse Makers"},
        "category": [
            {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
                ]
            }
        ],
        "code": {
            "coding": [
                {"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"},
                {
                    "system": "https://w3id.org/openmhealth/schemas/omh",
                    "code": "heart-rate",
                    "display": "Heart rate",
                },
            ]
        },
        "effectiveDateTime": "2026-05-01T08:00:00+02:00",
        "valueQuantity": {
            "value": 61,
            "unit": "beats/min",
            "system": "http://unitsofmeasure.org",
            "code": "/min",
        },
    }


def test_older_header_names_its_source_and_that_she_said_it_herself():
    said = point()
    said["header"] = {
        "id": "point-1",
        "schema_id": {"namespace": "omh", "name": "heart-rate", "version": "1.x"},
        "creation_date_time": "2026-05-01T08:01:00Z",
        "acquisition_provenance": {"source_name": "Run Diary", "modality": "self-reported"},
    }

    (found,) = read(said)

    assert found["identifier"][0]["value"] == "point-1"
    assert found["issued"] == "2026-05-01T08:01:00Z"
    assert found["device"]["display"] == "Run Diary"
    assert found["performer"] == [{"reference": "Patient/hers"}]


def test_blood_pressure_has_two_components():
    body = {
        "systolic_blood_pressure": {"value": Decimal("120.5"), "unit": "mmHg"},
        "diastolic_blood_pressure": {"value": 80, "unit": "mmHg"},
        "body_posture": "sitting",
        "user_notes": "after coffee",
        **AT,
    }

    (found,) = read(point(body=body, name="blood-pressure"))

    assert [each["code"]["coding"][0]["code"] for each in found["component"]] == ["8480-6", "8462-4", "body_posture"]
    assert found["component"][0]["valueQuantity"]["value"] == Decimal("120.5")
    assert found["component"][2]["valueString"] == "sitting"
    assert found["note"] == [{"text": "after coffee"}]
    assert "valueQuantity" not in found


@pytest.mark.parametrize(
    ("specimen", "code"),
    [("capillary blood", "41653-7"), ("interstitial fluid", "99504-3"), (None, "2339-0")],
)
def test_glucose_is_coded_by_its_specimen(specimen, code):
    body = {"blood_glucose": {"value": 99, "unit": "mg/dL"}, **AT}

    (found,) = read(point(body=body | ({"specimen_source": specimen} if specimen else {}), name="blood-glucose"))

    assert found["code"]["coding"][0]["code"] == code


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        (
            {"start_date_time": "2026-05-01T08:00:00+02:00", "end_date_time": "2026-05-01T09:00:00+02:00"},
            "2026-05-01T08:00:00+02:00",
            "2026-05-01T09:00:00+02:00",
        ),
        (
            {"start_date_time": "2026-05-01T08:00:00+02:00", "duration": {"value": Decimal("1.5"), "unit": "h"}},
            "2026-05-01T08:00:00+02:00",
            "2026-05-01T09:30:00+02:00",
        ),
        (
            {"end_date_time": "2026-05-01T00:10:00Z", "duration": {"value": 900, "unit": "sec"}},
            "2026-04-30T23:55:00+00:00",
            "2026-05-01T00:10:00Z",
        ),
    ],
)
def test_interval_is_told_by_any_two_of_start_end_and_duration(interval, start, end):
    (found,) = read(point(body={**STEPS, "effective_time_frame": {"time_interval": interval}}, name="step-count"))

    assert found["effectivePeriod"] == {"start": start, "end": end}


def test_part_of_a_day_is_a_day_and_a_word():
    frame = {"time_interval": {"date": "2026-05-01", "part_of_day": "morning"}}

    (found,) = read(point(body={**PULSE, "effective_time_frame": frame}))

    assert found["effectiveDateTime"] == "2026-05-01"
    assert found["_effectiveDateTime"]["extension"][0]["valueString"] == "morning"


def test_statistic_is_said_by_its_code():
    (found,) = read(point(body={**PULSE, **DURING, "descriptive_statistic": "average"}))

    assert found["method"]["coding"][0]["code"] == "average"


def test_series_is_an_observation_for_each_measure_with_an_id_of_its_own():
    found = read(point("a", body=[PULSE | AT, PULSE | DURING]))

    assert [each["identifier"][0]["value"] for each in found] == ["a/0", "a/1"]


def test_exercise_and_night_have_all_their_values():
    walk = {"activity_name": "walking", "distance": {"value": 3, "unit": "mi"}, "met_value": 2, **DURING}
    night = {
        "total_sleep_time": {"value": 7, "unit": "h"},
        "deep_sleep_duration": {"value": 90, "unit": "min"},
        "is_main_sleep": True,
        **DURING,
    }

    (walked,) = read(point(body=walk, name="physical-activity"))
    (slept,) = read(point(body=night, name="sleep-episode"))

    assert [each["code"]["coding"][0]["code"] for each in walked["component"]] == [
        "activity_name",
        "55430-3",
        "met_value",
    ]
    assert [each["code"]["coding"][0]["code"] for each in slept["component"]] == [
        "93832-4",
        "93831-6",
        "is_main_sleep",
    ]


def without(said, *path):
    *outer, last = path
    node = said
    for name in outer:
        node = node[name]
    del node[last]
    return said


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, [("header", "is required")]),
        ([], [("header", "is required")]),
        ({"header": {}}, [("body", "is required")]),
        (without(point(), "header", "schema_id"), [("header.schema_id", "needs namespace, name and version")]),
        (point("a b"), [("header.uuid", "is required: letters, digits and ._:/- up to 128")]),
        (point(name="geoposition"), [("header.schema_id", "data points of this schema are not read here")]),
        (point(modality="guessed"), [("header.modality", "is sensed or self-reported")]),
        (
            without(point(), "header", "source_creation_date_time"),
            [("header.source_creation_date_time", "is required")],
        ),
        (
            point(source_creation_date_time="2026-05-01T08:01:00"),
            [
                ("header.source_creation_date_time", "is a date and time with its offset (RFC 3339)"),
            ],
        ),
        (
            point(body={**AT, "heart_rate": {"value": "61", "unit": "beats/min"}}),
            [("body.heart_rate.value", "is a number")],
        ),
        (
            point(body={**AT, "heart_rate": {"value": 61, "unit": "bpm"}}),
            [("body.heart_rate.unit", "is one of beats/min")],
        ),
        (point(body=AT), [("body.heart_rate", "is required"), ("body", "says nothing")]),
        (point(body=PULSE), [("body.effective_time_frame", "is required: a date_time or a time_interval")]),
        (
            point(body=STEPS | AT, name="step-count"),
            [("body.effective_time_frame", "is required: a time_interval")],
        ),
        (
            point(
                body={
                    **PULSE,
                    "effective_time_frame": {
                        "time_interval": {
                            "start_date_time": "2026-05-01T08:00:00Z",
                            "end_date_time": "2026-05-01T08:00:00+02:00",
                        }
                    },
                }
            ),
            [("body.effective_time_frame.time_interval", "ends before it starts")],
        ),
        (
            point(
                body={
                    **PULSE,
                    "effective_time_frame": {
                        "time_interval": {
                            "start_date_time": "2026-05-01T08:00:00Z",
                            "duration": {"value": Decimal("1e999999"), "unit": "h"},
                        }
                    },
                }
            ),
            [("body.effective_time_frame.time_interval.duration", "is no length of time")],
        ),
        (point(body={**PULSE, **AT, "more": {"a": 1}}), [("body.more", "is not taken")]),
        (point(body={**PULSE, **AT, "more": [1]}), [("body.more", "is not taken")]),
        (
            point(body={**PULSE, **AT, "user_notes": "x" * 1_001}),
            [("body.user_notes", "is a text of at most 1000 characters")],
        ),
        (
            point(body={**PULSE, **AT, "descriptive_statistic": "mode"}),
            [("body.descriptive_statistic", "is no descriptive statistic")],
        ),
        (point(body=[]), [("body", "holds no more than 500 measures, and at least one")]),
        (point(body=[PULSE | AT, 7]), [("body[1]", "is an object")]),
        (
            point(body=PULSE | AT | {str(number): 1 for number in range(40)}),
            [("body", "has more than 40 members")],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(said, expected):
    assert wrong(said) == expected


@pytest.mark.skipif(not SHARED.exists(), reason="the public data sets do not lie beside the checkout")
def test_published_cases_pass_and_fail_as_their_authors_say():
    """Without a time, which older versions did not ask for, nothing is a reading of hers."""
    found = Counter()
    surprising = set()
    for path in sorted((SHARED / "open-mhealth").rglob("should*/*.json")):
        name, version, verdict, _ = path.parts[-4:]
        if name not in schemas.SCHEMAS:
            continue
        body = json.loads(path.read_bytes())
        timeless = not isinstance(body, dict) or "effective_time_frame" not in body
        said = point(body=body, name=name)
        said["header"]["schema_id"]["version"] = version
        try:
            read(said)
        except observations.Wrong:
            passed = False
        else:
            passed = True
        found[verdict, passed] += 1
        if passed is not (verdict == "shouldPass") and not timeless:
            surprising.add("/".join(path.parts[-4:]))
    assert found["shouldPass", True] == 68
    assert found["shouldFail", False] == 86
    # Its interval ends before it starts.
    assert surprising == KNOWN_TO_PASS | {"body-temperature/4.0/shouldPass/valid-temperature-with-statistic.json"}


@pytest.mark.skipif(not SHARED.exists(), reason="the public data sets do not lie beside the checkout")
def test_data_points_of_another_exchange_are_read():
    found = [
        read(json.loads(path.read_bytes())) for path in sorted((SHARED / "jupyterhealth-datapoints").glob("*.json"))
    ]

    assert [each["code"]["coding"][0]["code"] for each in itertools.chain(*found)] == [
        "2339-0",
        "85354-9",
        "8310-5",
        "8867-4",
        "9279-1",
    ]
