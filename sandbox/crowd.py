"""One person with very many resources, streamed: for tests and measurements at size."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from sandbox import (
    allergies,
    catalogue,
    coverage,
    demographics,
    documents,
    elements,
    laboratory,
    medicines,
    notes,
    observations,
    plans,
    problems,
    procedures,
    provenance,
    staff,
    surveys,
    visits,
    vitals,
)
from sandbox.catalogue import Code
from sandbox.chart import Chart, Resource
from sandbox.staff import Staff

_FIRST: Final = datetime(1976, 3, 1, 14, 5, 9, 250_000, tzinfo=UTC)
_DAYS: Final = 18_500


def mixed(resources: int, *, seed: int) -> Iterator[Resource]:
    """Exactly ``resources`` of them, in about the proportions of a long record; references never point forward."""
    return islice(_visits(resources, seed), resources)


def observed(number: int, *, seed: int) -> Iterator[Resource]:
    """A Patient, then ``number`` Observations spread over fifty years, without encounters."""
    chart, rng = _new_chart(seed)
    yield chart.resources.pop()
    labs = [measure for panel in catalogue.PANELS for measure in panel.measures]
    for count in range(number):
        at = _FIRST + timedelta(days=_DAYS * count / number, seconds=rng.randrange(86_400))
        if count % 3:
            laboratory.measure(chart, at, rng.choice(labs), None)
        else:
            observations.record(
                chart,
                at,
                "vital-signs",
                [catalogue.HEART_RATE.loinc],
                None,
                profiles=["us-core-heart-rate"],
                valueQuantity=elements.quantity(rng.randint(52, 110), "/min"),
            )
        yield chart.resources.pop()


def _new_chart(seed: int) -> tuple[Chart, random.Random]:
    rng = random.Random(f"crowd {seed}")  # noqa: S311 - a made-up life, not a secret
    chart = Chart(staff.hospital(staff.RIVERSIDE, seed), name=f"Crowd {seed}", rng=rng)
    demographics.register(
        chart,
        given=["Max", "Imilian"],
        family=f"Loadwell-{seed}",
        gender="male",
        birth="1958-08-08",
        race=rng.choice(list(catalogue.RACES.values())),
        hispanic=rng.random() < 0.3,
        language=Code("urn:ietf:bcp:47", "en-US", "English (United States)"),
        city="Riverside",
        record_number=f"9{seed:06d}",
        phone="555-0199",
    )
    return chart, rng


def _visits(resources: int, seed: int) -> Iterator[Resource]:
    chart, rng = _new_chart(seed)
    yield from _drained(chart)
    yield from chart.hospital.resources()
    expected = max(1, resources // 12)
    number = 0
    while True:
        at = _FIRST + timedelta(days=_DAYS * number / expected, seconds=rng.randrange(7200))
        _visit(chart, at, rng.choice(chart.hospital.staff), number)
        yield from _drained(chart)
        number += 1


def _drained(chart: Chart) -> list[Resource]:
    written, chart.resources = chart.resources, []
    return written


def _visit(chart: Chart, at: datetime, doctor: Staff, number: int) -> None:
    rng = chart.rng
    reason = rng.choice([None, rng.choice(catalogue.PASSING)[0]])
    encounter = visits.record(
        chart, at, rng.choice(catalogue.VISITS), doctor, minutes=rng.choice([15, 30, 60]), reason=reason
    )
    events = _EVERY_VISIT + tuple(event for often, event in _SOMETIMES if number % often == 0)
    for event in events:
        event(chart, at, encounter, doctor)


_Event = Callable[[Chart, datetime, Resource, Staff], object]


def _measure(chart: Chart, at: datetime, encounter: Resource, _doctor: Staff) -> None:
    for measure in chart.rng.sample(catalogue.VITALS, 2):
        vitals.measure(chart, at, measure, encounter)
    vitals.measure_pressure(chart, at, encounter, systolic=chart.rng.uniform(105, 150))


def _draw_blood(chart: Chart, at: datetime, encounter: Resource, doctor: Staff) -> None:
    laboratory.run(chart, at, chart.rng.choice(catalogue.PANELS), encounter, doctor)
    laboratory.measure(chart, at, chart.rng.choice(catalogue.SINGLE_LABS), encounter)


def _act(chart: Chart, at: datetime, encounter: Resource, doctor: Staff) -> None:
    del doctor
    procedures.perform(chart, at, chart.rng.choice(catalogue.PROCEDURES), encounter)


def _diagnose(chart: Chart, at: datetime, encounter: Resource, doctor: Staff) -> None:
    rng = chart.rng
    codes = rng.choice([*catalogue.PASSING, *catalogue.CONDITIONS.values()])[: rng.choice([1, 2])]
    ended = at + timedelta(days=rng.randint(4, 90)) if rng.random() < 0.7 else None
    category = rng.choice(["encounter-diagnosis", "encounter-diagnosis", "problem-list-item"])
    condition = problems.diagnose(chart, at, codes, encounter, ended=ended, category=category)
    medicine = rng.choice(list(catalogue.MEDICINES.values()))
    medicines.prescribe(chart, at, medicine, encounter, doctor, reason=condition, active=ended is None)


def _prescribe(chart: Chart, at: datetime, encounter: Resource, doctor: Staff) -> None:
    medicines.prescribe(chart, at, chart.rng.choice(list(catalogue.MEDICINES.values())), encounter, doctor)


def _ask(chart: Chart, at: datetime, encounter: Resource, doctor: Staff) -> None:
    surveys.ask(chart, at, encounter, chart.rng.choice(catalogue.SURVEYS), doctor)
    surveys.ask_smoking(chart, at, encounter, chart.rng.choice(catalogue.SMOKING.answers))


def _ask_needs(chart: Chart, at: datetime, encounter: Resource, _doctor: Staff) -> None:
    surveys.ask_needs(chart, at, encounter)


def _vaccinate(chart: Chart, at: datetime, encounter: Resource, _doctor: Staff) -> None:
    medicines.vaccinate(chart, at, chart.rng.choice(catalogue.VACCINES), encounter)


def _write_down(chart: Chart, at: datetime, encounter: Resource, doctor: Staff) -> None:
    rng = chart.rng
    known = [codes[0].display for codes in rng.sample(list(catalogue.CONDITIONS.values()), 3)]
    taken = [medicine.display for medicine in rng.sample(list(catalogue.MEDICINES.values()), 2)]
    visit = notes.Visit(
        at, "Max", at.year - 1958, "nonhispanic white male", "", known, taken, (),
        done=[code.display for code in rng.sample(catalogue.PROCEDURES, 2)],
        vaccines=[rng.choice(catalogue.VACCINES).display],
    )  # fmt: skip
    documents.file(chart, at, notes.write(visit), encounter, doctor, current=False)


def _plan_care(chart: Chart, at: datetime, encounter: Resource, doctor: Staff) -> None:
    name = chart.rng.choice(list(catalogue.PLANS))
    condition = problems.diagnose(chart, at, catalogue.CONDITIONS[name], encounter, category="problem-list-item")
    plans.make(chart, at, name, condition, encounter, doctor)


def _operate(chart: Chart, at: datetime, encounter: Resource, doctor: Staff) -> None:
    code = chart.rng.choice(catalogue.PROCEDURES)
    order = procedures.order(chart, at, code, encounter, doctor)
    procedures.perform(chart, at, code, encounter, minutes=90, order=order)
    procedures.implant(chart, at, chart.rng.choice(catalogue.DEVICES))


def _react(chart: Chart, at: datetime, encounter: Resource, doctor: Staff) -> None:
    allergy = allergies.record(chart, at, chart.rng.choice(list(catalogue.ALLERGIES)))
    provenance.attest(chart, at, [encounter, allergy], doctor)
    coverage.enrol(chart, at.date(), f"EX{chart.rng.randrange(10**8, 10**9)}")


_EVERY_VISIT: Final[tuple[_Event, ...]] = (_measure, _act)
_SOMETIMES: Final[tuple[tuple[int, _Event], ...]] = (
    (2, _prescribe),
    (3, _diagnose),
    (3, _draw_blood),
    (4, _write_down),
    (5, _vaccinate),
    (6, _ask),
    (20, _ask_needs),
    (25, _operate),
    (30, _plan_care),
    (60, _react),
)
