"""Apple Health exports as FHIR: types, units, zones, days and nights, what is left out, and what does harm."""

from __future__ import annotations

import io
import json as stdlib_json
from datetime import timedelta
from decimal import Decimal

import pytest

from local import seeding
from standards.fhir import validation
from sync.sources.apple_health import dating, export, kinds, source
from sync.sources.upload.accounts import Account, Fate, Reason
from sync.sources.upload.readings import Refused
from sync.sources.wearables import packing
from sync.sources.wearables.metrics import BY_CODE
from tests.sync.sources.apple_health.exports import category, element, metadata, quantity, record
from tests.sync.sources.apple_health.exports import export as written

SAMPLES = seeding.SHARED_DATA / "wearables" / "apple-health-export"


def read(data):
    """Its resources and its account: {(reason, what): count}."""
    rows, account = [], Account()
    setting = source.read(io.BytesIO(data), rows.append, pulse=lambda: None)
    resources = [each for page in source.pages(setting, sorted(rows), account) for each in page]
    source.tell(setting, account)
    assert [problem for each in resources for problem in validation.problems(each)] == []
    return resources, {(reason.value, what): count for (_, reason, what), count in account.lines.items()}


def observations(data):
    return [each for each in read(data)[0] if each["resourceType"] == "Observation"]


def code_of(observation):
    return observation["code"]["coding"][0]["code"]


def packed(found, code):
    """(local start, value) of every sample of the streams with this LOINC code."""
    return [
        (sample.start.isoformat(), sample.value)
        for each in found
        if code_of(each) == code and "valueSampledData" in each
        for sample in packing.unpack(each, BY_CODE[code])
    ]


def test_spot_reading_has_loinc_ucum_device_and_provenance():
    resources, _ = read(written(quantity("BodyMass", "154.3", "lb", source="Scale of Ana", device="")))

    patient, device, weight, provenance = resources
    assert patient == {"resourceType": "Patient", "id": "me", "birthDate": "1970-05-01", "gender": "female"}
    assert code_of(weight) == "29463-7"
    assert weight["valueQuantity"] == {
        "value": Decimal("69.989"),
        "unit": "kg",
        "system": "http://unitsofmeasure.org",
        "code": "kg",
    }
    assert weight["effectiveDateTime"] == "2024-06-15T08:00:00+02:00"
    assert weight["device"] == {"reference": f"Device/{device['id']}", "display": "Scale of Ana"}
    assert provenance["target"] == [{"reference": f"Observation/{weight['id']}"}]
    assert [each["type"]["coding"][0]["code"] for each in provenance["agent"]] == ["author", "assembler", "enterer"]


@pytest.mark.parametrize(
    ("name", "value", "unit", "code", "told"),
    [
        ("BodyMass", "70.5", "kg", "29463-7", "70.5"),
        ("Height", "5.5", "ft", "8302-2", "167.64"),
        ("BodyMassIndex", "22.5312", "count", "39156-5", "22.5312"),
        ("BodyFatPercentage", "0.235", "%", "41982-0", "23.5"),
        ("OxygenSaturation", "0.97", "%", "59408-5", "97"),
        ("BodyTemperature", "98.6", "degF", "8310-5", "37"),
        ("BloodGlucose", "5.5", "mmol<180.1558800000541>/L", "41653-7", "99.086"),
        ("RestingHeartRate", "58", "count/min", "40443-4", "58"),
        ("HeartRateVariabilitySDNN", "41.25", "ms", "80404-7", "41.25"),
        ("ForcedExpiratoryVolume1", "3100", "mL", "20150-9", "3.1"),
        ("VO2Max", "41.2", "mL/min·kg", "HKQuantityTypeIdentifierVO2Max", "41.2"),
    ],
)
def test_units_become_those_of_the_metric(name, value, unit, code, told):
    (found,) = observations(written(quantity(name, value, unit)))

    assert (code_of(found), found["valueQuantity"]["value"]) == (code, Decimal(told))


def test_same_reading_has_the_same_id_whatever_unit_and_offset_the_phone_is_set_to():
    in_paris = quantity("BodyMass", "70", "kg", "2024-06-15 08:00:00 +0200")
    in_london = quantity("BodyMass", "154.32358352941", "lb", "2024-06-15 07:00:00 +0100")

    (here,), (there,) = observations(written(in_paris)), observations(written(in_london))

    assert here["id"] == there["id"]
    assert here["valueQuantity"] == there["valueQuantity"]


def test_stream_is_one_observation_a_day_and_the_days_total_beside_it():
    given = [
        quantity("StepCount", "100", "count", "2024-06-15 23:50:00 +0200", "2024-06-15 23:55:00 +0200"),
        quantity("StepCount", "20", "count", "2024-06-16 00:00:00 +0200", "2024-06-16 00:05:00 +0200"),
        quantity("StepCount", "30", "count", "2024-06-16 00:05:00 +0200", "2024-06-16 00:10:00 +0200"),
    ]

    found = observations(written(*reversed(given)))

    totals = {each["effectiveDateTime"]: each["valueQuantity"]["value"] for each in found if code_of(each) == "41950-7"}
    assert totals == {"2024-06-15": 100, "2024-06-16": 50}
    assert packed(found, "55423-8") == [
        ("2024-06-15T23:50:00+02:00", 100),
        ("2024-06-16T00:00:00+02:00", 20),
        ("2024-06-16T00:05:00+02:00", 30),
    ]


def test_local_day_is_the_one_of_the_zone_it_was_measured_in():
    """The phone writes all times in the offset of the day of the export: 00:30 in Tokyo is 17:30 in Paris."""
    tokyo = quantity(
        "HeartRate", "61", "count/min", "2024-06-15 17:30:00 +0200", inner=metadata(HKTimeZone="Asia/Tokyo")
    )
    nowhere = metadata(HKTimeZone="Mars/Olympus")

    found = observations(
        written(tokyo, quantity("HeartRate", "62", "count/min", "2024-06-15 17:40:00 +0200", inner=nowhere))
    )

    assert packed(found, "8867-4") == [("2024-06-15T17:40:00+02:00", 62), ("2024-06-16T00:30:00+09:00", 61)]
    assert [each["effectiveDateTime"] for each in found if "component" in each] == ["2024-06-15", "2024-06-16"]


def test_night_of_the_change_to_winter_time_lasts_an_hour_longer():
    """Measured in Paris; the export was made in summer, so its clock does not go back."""
    zone = metadata(HKTimeZone="Europe/Paris")
    slept = ("HKCategoryValueSleepAnalysisAsleepCore", "", "2024-10-27 00:00:00 +0200", "2024-10-27 08:00:00 +0200")

    (night,) = observations(written(category("SleepAnalysis", *slept, inner=zone)))

    assert night["effectivePeriod"]["start"] == "2024-10-27T00:00:00+02:00"
    assert night["valueQuantity"]["value"] == 480


def test_night_is_put_together_from_stages_across_midnight():
    stages = [
        ("InBed", "2024-06-15 22:00:00 +0200", "2024-06-16 06:30:00 +0200"),
        ("AsleepCore", "2024-06-15 22:30:00 +0200", "2024-06-16 01:00:00 +0200"),
        ("AsleepDeep", "2024-06-16 01:00:00 +0200", "2024-06-16 02:00:00 +0200"),
        ("Awake", "2024-06-16 02:00:00 +0200", "2024-06-16 02:10:00 +0200"),
        ("AsleepREM", "2024-06-16 02:10:00 +0200", "2024-06-16 06:00:00 +0200"),
    ]
    nap = ("AsleepUnspecified", "2024-06-16 14:00:00 +0200", "2024-06-16 14:40:00 +0200")
    given = [
        category("SleepAnalysis", f"HKCategoryValueSleepAnalysis{name}", "", *span) for name, *span in [*stages, nap]
    ]

    night, short = observations(written(*given))

    minutes = {
        each["code"]["coding"][0]["code"]: each["valueQuantity"]["value"]
        for each in night["component"]
        if "valueQuantity" in each
    }
    assert night["effectivePeriod"] == {"start": "2024-06-15T22:00:00+02:00", "end": "2024-06-16T06:30:00+02:00"}
    assert night["valueQuantity"]["value"] == 440
    assert minutes == {"93830-8": 150, "93831-6": 60, "93828-2": 10, "93829-0": 230}
    assert short["valueQuantity"]["value"] == 40


def test_blood_pressure_of_a_correlation_is_one_observation_though_its_parts_stand_twice():
    parts = quantity("BloodPressureSystolic", "128", "mmHg") + quantity("BloodPressureDiastolic", "82", "mmHg")
    pressure = element("Correlation", parts, type="HKCorrelationTypeIdentifierBloodPressure")

    resources, told = read(written(parts, pressure))

    (found,) = [each for each in resources if each["resourceType"] == "Observation"]
    assert code_of(found) == "85354-9"
    assert [(code_of(each), each["valueQuantity"]["value"]) for each in found["component"]] == [
        ("8480-6", 128),
        ("8462-4", 82),
    ]
    assert told["repeated", "Blood pressure systolic"] == told["repeated", "Blood pressure diastolic"] == 1


def test_glucose_of_a_sensor_is_a_stream_and_of_a_meter_each_by_itself():
    sensor = [quantity("BloodGlucose", 100 + n, "mg/dL", f"2024-06-15 08:{5 * n:02}:00 +0200") for n in range(6)]
    meter = [
        quantity("BloodGlucose", 95, "mg/dL", f"2024-06-15 {hour}:00:00 +0200", source="Meter") for hour in ("07", "19")
    ]

    found = observations(written(*sensor, *meter))

    codes = [code_of(each) for each in found]
    assert codes.count("41653-7") == 2
    assert [value for _, value in packed(found, "99504-3")] == [100, 101, 102, 103, 104, 105]


def test_workout_has_its_kind_its_length_and_its_amounts():
    statistics = element("WorkoutStatistics", type="HKQuantityTypeIdentifierActiveEnergyBurned", sum="900", unit="kJ")
    statistics += element(
        "WorkoutStatistics", type="HKQuantityTypeIdentifierHeartRate", average="151", unit="count/min"
    )
    route = element("WorkoutRoute", element("FileReference", path="/workout-routes/route.gpx"), sourceName="Watch")
    workout = element(
        "Workout",
        statistics + route,
        workoutActivityType="HKWorkoutActivityTypeTraditionalStrengthTraining",
        duration="30",
        durationUnit="min",
        totalDistance="3.1",
        totalDistanceUnit="mi",
        sourceName="Watch",
        startDate="2024-06-15 18:00:00 +0200",
        endDate="2024-06-15 18:35:00 +0200",
    )

    resources, told = read(written(workout))

    (found,) = [each for each in resources if each["resourceType"] == "Observation"]
    assert found["valueCodeableConcept"] == {"text": "Traditional strength training"}
    assert {code_of(each): each["valueQuantity"]["value"] for each in found["component"]} == {
        "55411-3": 30,
        "55430-3": Decimal("4988.966"),
        "41981-2": Decimal("215.105"),
        "8867-4": 151,
    }
    assert told["whereabouts", "Workout route"] == told["whereabouts", "File reference"] == 1


def test_rings_of_a_day_are_what_the_phone_says_of_that_day():
    summary = {"dateComponents": "2024-06-15", "activeEnergyBurned": "590.252", "activeEnergyBurnedUnit": "kcal"}
    given = element("ActivitySummary", **summary, appleExerciseTime="68", appleStandHours="13")

    found = observations(written(given))

    told = {code_of(each): (each["effectiveDateTime"], each["valueQuantity"]["value"]) for each in found}
    assert told == {
        "41979-6": ("2024-06-15", Decimal("590.252")),
        "55411-3": ("2024-06-15", 68),
        kinds.STAND_HOUR: ("2024-06-15", 13),
    }


def test_type_that_nobody_here_knows_is_kept_under_its_own_name_where_its_unit_is_known():
    known = quantity("SomethingOfNextYear", "12.5", "m/s")
    unknown = quantity("SomethingOfNextYear", "12.5", "blips") + record("HKDataTypeOther", "1", "count")

    resources, told = read(written(known, unknown))

    (stream, day) = [each for each in resources if each["resourceType"] == "Observation"]
    assert stream["code"]["coding"] == [
        {
            "system": kinds.SYSTEM,
            "code": "HKQuantityTypeIdentifierSomethingOfNextYear",
            "display": "Something of next year",
        }
    ]
    assert stream["valueSampledData"]["origin"]["code"] == "m/s"
    assert day["effectiveDateTime"] == "2024-06-15"
    assert told["unknown_kind", "Something of next year (blips)"] == told["unknown_kind", "Other (count)"] == 1


@pytest.mark.parametrize(
    ("given", "policy"),
    [
        (category("SexualActivity", "HKCategoryValueNotApplicable"), "SEX"),
        (category("MenstrualFlow", "HKCategoryValueMenstrualFlowMedium"), "SEX"),
        (quantity("NumberOfAlcoholicBeverages", "2", "count"), "SUD"),
        (category("Headache", "HKCategoryValueSeverityMild"), None),
    ],
)
def test_what_apple_calls_by_names_of_its_own_says_how_sensitive_it_is(given, policy):
    found = observations(written(given))[0]

    tags = found.get("meta", {}).get("security", [])
    assert [tag["code"] for tag in tags] == ([policy] if policy else [])


def test_symptom_is_told_in_words():
    (found,) = observations(written(category("Headache", "HKCategoryValueSeverityMild")))

    assert found["code"]["coding"][0]["display"] == "Headache"
    assert found["valueCodeableConcept"]["text"] == "Severity mild"


def test_what_has_no_place_is_counted():
    beats = element("HeartRateVariabilityMetadataList", element("InstantaneousBeatsPerMinute", bpm="61", time="8:00"))
    given = [
        quantity("HeartRateVariabilitySDNN", "41", "ms", inner=beats),
        quantity("BodyMass", "much", "kg"),
        quantity("BodyMass", "70", "kg", "yesterday"),
        element("ClinicalRecord", type="HKClinicalTypeIdentifierAllergyRecord", resourceFilePath="/clinical-records/1"),
        element("VisionPrescription", type="HKVisionPrescriptionTypeIdentifierGlasses"),
    ]

    _, told = read(written(*given))

    assert told == {
        ("exported", "2024-06-20 10:00:00 +0200"): 1,
        ("readings", "Heart rate variability SDNN"): 1,
        ("not_mapped", "Heart rate variability SDNN"): 2,
        ("unreadable_part", "Body mass"): 2,
        ("in_other_files", "ClinicalRecord"): 1,
        ("unknown_kind", "VisionPrescription"): 1,
        ("not_mapped", "Blood type"): 1,
    }


def test_overlapping_words_of_one_device_count_once():
    hour = quantity("StepCount", "600", "count", "2024-06-15 08:00:00 +0200", "2024-06-15 09:00:00 +0200")
    part = quantity("StepCount", "100", "count", "2024-06-15 08:10:00 +0200", "2024-06-15 08:20:00 +0200")

    resources, told = read(written(hour, part))

    assert [each["valueQuantity"]["value"] for each in resources if "valueQuantity" in each] == [600]
    assert told["repeated", BY_CODE["55423-8"].display] == 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (written(quantity("BodyMass", "70", "kg"))[:-30], Reason.DAMAGED),
        (written(), Reason.NOTHING_IN_IT),
        (b"<HealthData><Record", Reason.DAMAGED),
        (b"<!DOCTYPE HealthData [" + b"x" * 3_000_000, Reason.DAMAGED),
        (written(doctype='<!DOCTYPE HealthData [<!ENTITY a "b">]>'), Reason.DOCTYPE),
        (written(doctype='<!DOCTYPE HealthData [<!ENTITY % a SYSTEM "http://127.0.0.1/a"> %a;]>'), Reason.DOCTYPE),
        (b"<HealthData>" + b"<a>" * 30 + b"</a>" * 30 + b"</HealthData>", Reason.BOMB),
        (b'<HealthData><Record a="' + b"x" * 6_000_000 + b'"/></HealthData>', Reason.BOMB),
    ],
)
def test_harmful_or_broken_export_is_refused_whole(data, why):
    with pytest.raises(Refused) as refused:
        read(data)

    assert refused.value.reason is why


def test_external_dtd_is_neither_fetched_nor_needed():
    doctype = '<!DOCTYPE HealthData SYSTEM "http://127.0.0.1:9/health.dtd">'

    assert len(observations(written(quantity("BodyMass", "70", "kg"), doctype=doctype))) == 1


def test_as_many_readings_of_one_day_as_no_phone_has_are_refused(monkeypatch):
    monkeypatch.setattr("sync.sources.apple_health.rows.ROWS_A_DAY_MAX", 2)

    with pytest.raises(Refused) as refused:
        read(written(*(quantity("HeartRate", n, "count/min") for n in range(60, 63))))

    assert refused.value.reason is Reason.TOO_MANY


def test_export_is_known_by_its_beginning():
    assert export.is_export(written()[:2048])
    assert not export.is_export(b"<ClinicalDocument><HealthDataset/></ClinicalDocument>")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-06-15",
        "2024-06-15 08:00:00 +02:0",
        "2024-06-15T08:00:00 +0200",
        "2024-13-15 08:00:00 +0200",
        "2024-06-15 24:00:00 +0200",
        "2024-06-15 08:00:00 0200 ",
    ],
)
def test_time_that_is_none_of_apples_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        dating.parse(text)


def test_time_and_offset():
    milliseconds, offset = dating.parse("2024-06-15 08:00:00 -0330")

    assert dating.at(milliseconds, offset).isoformat() == "2024-06-15T08:00:00-03:30"
    assert dating.at(milliseconds, offset).utcoffset() == timedelta(minutes=-210)


@pytest.mark.skipif(not SAMPLES.exists(), reason="the public data sets do not lie beside the checkout")
@pytest.mark.parametrize(
    ("name", "kept", "lost"),
    [
        ("export.xml", 10, {"whereabouts": 3}),
        ("paulstaab/export.xml", 8, {"unknown_kind": 5, "whereabouts": 8}),
    ],
)
def test_public_samples(name, kept, lost):
    rows, account = [], Account()
    setting = source.read(io.BytesIO((SAMPLES / name).read_bytes()), rows.append, pulse=lambda: None)
    found = [each for page in source.pages(setting, sorted(rows), account) for each in page]
    source.tell(setting, account)

    dropped = {}
    for (fate, reason, _), count in account.lines.items():
        if fate is Fate.DROPPED:
            dropped[reason.value] = dropped.get(reason.value, 0) + count
    assert sum(each["resourceType"] == "Observation" for each in found) == kept
    assert dropped == lost
    stdlib_json.dumps(account.outcome())
