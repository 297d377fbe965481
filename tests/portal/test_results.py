"""Measures with their newest values, and one over time: units, extremes, sources, the table, and nothing hidden."""

from __future__ import annotations

import hashlib
import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from audit import events
from benchmarks import walk
from portal import curves, results
from portal.curves import Point, Thinned
from records import sources, store
from records.models import SourceKind
from tests.portal import people
from tests.portal.test_people import delegate
from tests.portal.test_timeline import own

pytestmark = pytest.mark.django_db

UCUM = "http://unitsofmeasure.org"
NEWEST = datetime(2024, 6, 1, 12, tzinfo=UTC)


def weight(person, logical_id: str, value: float, unit: str = "kg", *, ucum: bool = True, **more: Any):
    coded = {"system": UCUM, "code": unit} if ucum else {}
    return people.observation(
        person,
        logical_id,
        category="vital-signs",
        code={"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Body weight"}]},
        valueQuantity={"value": value, "unit": unit, **coded},
        **{"effectiveDateTime": "2024-05-01T10:00:00Z", **more},
    )


def drawn(person, logical_id: str = "a", over: str = "all") -> dict[str, Any]:
    answer = people.browser_of(person).get(f"/results/{logical_id}/points.json?over={over}")
    assert answer.status_code == 200
    return answer.json()


def values(chart: dict[str, Any]) -> list[list[float]]:
    return [[point[1] for point in line["points"]] for line in chart["lines"]]


def test_each_measure_is_listed_once_with_its_newest_value():
    person = people.sign_up()
    people.store_records(
        person,
        [
            weight(person, "old", 70, effectiveDateTime="2020-01-01"),
            weight(person, "new", 72.5),
            people.observation(person, "hb", valueQuantity={"value": 13.2, "unit": "g/dL"}),
        ],
    )

    page = people.browser_of(person).get("/results/").content.decode()

    assert re.findall(r'href="/results/([^/"]+)/"', page) == ["hb", "new"]
    for words in ("Body weight", "72.5 kg", "Hemoglobin", "13.2 g/dL", "Laboratory results", "Vital signs"):
        assert words in page
    assert re.findall(
        r'href="/results/([^/"]+)/"', people.browser_of(person).get("/results/?q=29463").content.decode()
    ) == ["new"]


def test_a_measure_with_two_codes_is_listed_once():
    person = people.sign_up()
    both = {"coding": [{"system": "urn:local", "code": "HB"}, {"system": "http://loinc.org", "code": "718-7"}]}
    people.store_records(person, [people.observation(person, "a", code=both), people.observation(person, "b")])

    page = people.browser_of(person).get("/results/").content.decode()

    assert len(re.findall(r'href="/results/[^/"]+/"', page)) == 1


def test_units_come_together_only_where_that_is_exact():
    person = people.sign_up()
    people.store_records(
        person,
        [
            weight(person, "a", 71.5),
            weight(person, "g", 72000, "g", effectiveDateTime="2024-04-01"),
            weight(person, "lb", 160, "[lb_av]", effectiveDateTime="2024-03-01"),
            weight(person, "stones", 11, "st", ucum=False, effectiveDateTime="2024-02-01"),
        ],
    )

    charts = drawn(person)["charts"]

    assert [(chart["unit"], values(chart)) for chart in charts] == [("kg", [[72.5748, 72.0, 71.5]]), ("st", [[11.0]])]
    page = people.browser_of(person).get("/results/a/?over=all").content.decode()
    assert "written in g, lb, shown in kg, which is exact" in page
    assert "Values in different units have a drawing each" in page
    assert "160 lb" in page  # the table says what was written


def test_sources_and_parts_have_lines_of_their_own_and_devices_are_on_the_same_chart():
    person = people.sign_up()
    pressure = {"coding": [{"system": "http://loinc.org", "code": "85354-9", "display": "Blood pressure"}]}
    parts = [
        {
            "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": name}]},
            "valueQuantity": {"value": value, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"},
        }
        for code, name, value in (("8480-6", "Systolic", 121), ("8462-4", "Diastolic", 79))
    ]
    people.store_records(person, [people.observation(person, "a", code=pressure, component=parts)])
    watch = sources.ensure(SourceKind.WEARABLE, "Watch maker", "https://watch.example/")
    with transaction.atomic():
        store.put_page(
            owner_id=person.pk,
            source_id=watch.pk,
            resources=[people.observation(person, "b", code=pressure, component=parts, effectiveDateTime="2020-02-01")],
            at=people.LOADED,
        )

    (chart,) = drawn(person)["charts"]

    assert [line["name"] for line in chart["lines"]] == [
        "Diastolic · Riverside",
        "Diastolic · Watch maker",
        "Systolic · Riverside",
        "Systolic · Watch maker",
    ]


def test_streams_are_drawn_sample_by_sample():
    person = people.sign_up()
    heart = {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]}
    stream = people.observation(
        person,
        "a",
        category="vital-signs",
        code=heart,
        effectivePeriod={"start": "2024-05-01T10:00:00+02:00", "end": "2024-05-01T10:03:00+02:00"},
        valueSampledData={
            "origin": {"value": 0, "unit": "beats/minute", "system": UCUM, "code": "/min"},
            "period": 60000,
            "dimensions": 1,
            "data": "70 E 75 80",
        },
    )
    del stream["effectiveDateTime"]
    quantity = {"value": 66, "unit": "bpm", "system": UCUM, "code": "{beats}/min"}
    clinic = people.observation(
        person, "c", category="vital-signs", code=heart, effectiveDateTime="2024-05-03", valueQuantity=quantity
    )
    people.store_records(person, [stream, clinic])

    (chart,) = drawn(person)["charts"]

    assert values(chart) == [[70.0, 75.0, 80.0, 66.0]]


def test_extremes_stay_whatever_else_goes():
    draw = random.Random(3)  # noqa: S311 - no secret
    thinned = Thinned(0, 10_000_000)
    every = [Point(draw.randrange(10_000_000), draw.gauss(70, 5), str(number), "") for number in range(20_000)]
    every[777], every[4242] = every[777]._replace(value=211.0), every[4242]._replace(value=3.0)

    for point in every:
        thinned.add(point)

    kept = thinned.points()
    assert len(kept) <= 2 * curves.BUCKETS
    assert {every[777], every[4242]} <= set(kept)
    assert kept == sorted(kept)
    for number in range(curves.BUCKETS):
        mine = [each.value for each in every if each.at * curves.BUCKETS // 10_000_000 == number]
        left = [each.value for each in kept if each.at * curves.BUCKETS // 10_000_000 == number]
        assert (min(mine), max(mine)) == (min(left), max(left))


def test_few_readings_are_drawn_as_they_are():
    thinned = Thinned(0, 100)
    points = [Point(number, float(number % 3), str(number), "") for number in range(100)]

    for point in points:
        thinned.add(point)

    assert thinned.points() == points


def test_what_has_no_number_or_no_day_is_in_the_table_only():
    person = people.sign_up()
    code = {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Body weight"}]}
    people.store_records(
        person,
        [
            weight(person, "a", 70),
            weight(person, "year", 71, effectiveDateTime="2019"),
            weight(person, "wrong", 710, status="entered-in-error"),
            people.observation(person, "words", code=code, valueString="Refused"),
        ],
    )

    charts = drawn(person)["charts"]

    assert [values(chart) for chart in charts] == [[[70.0]]]
    page = people.browser_of(person).get("/results/a/").content.decode()
    for words in ("71 kg", "Refused"):
        assert words in page


def test_usual_range_and_flag_are_told():
    person = people.sign_up()
    told = [{"low": {"value": 12, "unit": "g/dL"}, "high": {"value": 16, "unit": "g/dL"}}]
    high = [{"coding": [{"code": "H", "display": "High"}]}]
    quantity = {"value": 17.1, "unit": "g/dL"}
    people.store_records(
        person, [people.observation(person, "a", valueQuantity=quantity, referenceRange=told, interpretation=high)]
    )

    page = people.browser_of(person).get("/results/a/").content.decode()

    assert drawn(person)["charts"][0]["limits"] == [[12.0, 16.0]]
    assert "curve-band" in page
    for words in ("12 g/dL to 16 g/dL", "High"):
        assert words in page


def test_times_go_back_from_the_newest_reading():
    person = people.sign_up()
    days = {"a": 0, "b": 20, "c": 200, "d": 1000, "e": 4000}
    people.store_records(
        person,
        [
            weight(person, name, 70 + number, effectiveDateTime=(NEWEST - timedelta(days=each)).isoformat())
            for number, (name, each) in enumerate(days.items())
        ],
    )

    people.store_records(person, [weight(person, "undated", 99, effectiveDateTime=None)])

    found = {over: len(values(drawn(person, over=over)["charts"][0])[0]) for over in results.TIMES}

    assert found == {"month": 2, "year": 3, "five": 4, "all": 5}
    assert "99 kg" in people.browser_of(person).get("/results/a/").content.decode()


def test_a_stretch_can_be_seen_closer():
    person = people.sign_up()
    people.store_records(
        person, [weight(person, "a", 70), weight(person, "b", 80, effectiveDateTime="2024-05-02T10:00:00Z")]
    )
    browser, begin = people.browser_of(person), int(datetime(2024, 5, 2, tzinfo=UTC).timestamp())

    said = browser.get(f"/results/a/points.json?from={begin}&to={begin + 86_400}").json()
    nonsense = browser.get("/results/a/points.json?from=x&to=²²")

    assert [values(chart) for chart in said["charts"]] == [[[80.0]]]
    assert said["record"] == "/record/Observation/"
    assert nonsense.status_code == 200


@pytest.mark.parametrize("end", ["", "points.json"])
def test_what_is_not_there_and_what_has_no_code_are_not_found(end):
    person = people.sign_up()
    people.store_records(person, [people.observation(person, "a", code={"text": "Something"})])
    browser = people.browser_of(person)

    assert [browser.get(f"/results/{name}/{end}").status_code for name in ("a", "none")] == [404, 404]


def test_a_delegate_sees_what_she_may_and_nothing_of_the_rest():
    owner, ben = people.sign_up(), people.sign_up(name="Ben")
    people.store_records(
        owner, [people.observation(owner, "hb", valueQuantity={"value": 13, "unit": "g/dL"}), weight(owner, "w", 70)]
    )
    assert len(drawn(owner, "w")["charts"]) == 1
    uid = delegate(owner, ben, kinds=["laboratory"]).uid
    browser = people.browser_of(ben)

    page = browser.get(f"/for/{uid}/results/").content.decode()

    assert f"/for/{uid}/results/hb/" in page
    assert "weight" not in page.lower()
    assert [browser.get(f"/for/{uid}/results/{name}/").status_code for name in ("hb", "w", "none")] == [200, 404, 404]
    assert browser.get(f"/for/{uid}/results/w/points.json").status_code == 404
    assert browser.get(f"/for/{uid}/results/hb/points.json").json()["record"] == f"/for/{uid}/record/Observation/"


def test_everything_that_was_drawn_is_in_the_access_log():
    person = people.sign_up()
    people.store_records(person, [weight(person, "a", 70), weight(person, "b", 71)])

    drawn(person)

    assert [(event.interaction, event.detail) for event in events.of(person.pk)] == [
        ("search", {"types": {"Observation": 2}})
    ]


def test_number_of_statements_does_not_grow():
    asked: dict[str, list[int]] = {}
    for number in (3, 700):
        person = people.sign_up()
        people.store_records(
            person,
            [
                weight(person, f"w{each}", each, effectiveDateTime=(NEWEST - timedelta(hours=each)).isoformat())
                for each in range(number)
            ],
        )
        browser = people.browser_of(person)
        for address in ("/results/", "/results/w1/?over=all", "/results/w1/points.json?over=all"):
            asked.setdefault(address, []).append(walk.cost(browser, address, turns=1).queries)

    assert all(few == many for few, many in asked.values()), asked


def test_code_of_others_is_as_it_was_recorded():
    folder = settings.BASE_DIR / "static" / "vendor"
    told = dict(line.split()[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())

    held = {str(each.relative_to(folder)): hashlib.sha256(each.read_bytes()).hexdigest() for each in folder.glob("*/*")}

    assert held == told


def test_own_records_are_what_is_drawn():
    person, other = people.sign_up(), people.sign_up()
    people.store_records(other, [weight(other, "theirs", 50)])
    people.store_records(person, [weight(person, "a", 70)])

    found = curves.draw(own(person), "http://loinc.org|29463-7", since=0, until=2 * 10**15)

    assert [[point.value for point in line.points] for chart in found.charts for line in chart.lines] == [[70.0]]
