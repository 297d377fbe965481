"""How a made-up person's years at one hospital become resources: check-ups, problems, a stay, treatment."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sandbox import (
    allergies,
    catalogue,
    coverage,
    demographics,
    documents,
    laboratory,
    medicines,
    notes,
    oddities,
    plans,
    problems,
    procedures,
    provenance,
    surveys,
    visits,
    vitals,
)
from sandbox.catalogue import Code
from sandbox.chart import Chart, Resource
from sandbox.people import Persona
from sandbox.staff import LAKESIDE, Hospital, Staff

AS_OF: Final = date(2026, 11, 13)
"""The day the population was looked at; fixed, so that the same seed gives the same bytes for ever."""


def chart_of(persona: Persona, hospital: Hospital, rng: random.Random) -> Chart:
    """The person's whole chart at this hospital."""
    chart = Chart(hospital, name=persona.key, rng=rng)
    story = _Story(chart, persona)
    story.introduce()
    for visit in range(persona.years, -1, -1):
        story.check_up(AS_OF.year - visit)
    if persona.pregnancy and hospital.name == LAKESIDE:
        story.pregnancy(persona.pregnancy)
    if persona.admission and hospital.name != LAKESIDE:
        story.admission(persona.admission)
    for cycle in range(persona.cycles):
        story.chemotherapy(cycle)
    if hospital.name != LAKESIDE:
        story.emergency(AS_OF.year - 2)
    if persona.odd:
        story.oddities()
    return chart


class _Story:
    """One person at one hospital while her chart is being written."""

    def __init__(self, chart: Chart, persona: Persona) -> None:
        self.chart, self.persona, self.rng = chart, persona, chart.rng
        self.staff = self._doctor()
        self.problems: dict[str, Resource] = {}
        self.height = self.rng.uniform(155, 185)
        self.weight = self.rng.uniform(58, 98)

    @property
    def child(self) -> bool:
        return AS_OF.year - self.persona.birth_year < 18

    def _doctor(self) -> Staff:
        team = self.chart.hospital.staff
        if self.chart.hospital.name == LAKESIDE:
            return team[1] if self.child else team[0]
        return team[2] if self.persona.cycles else team[0]

    def _day(self, year: int, month: int | None = None) -> datetime:
        month = month or self.rng.randint(1, 10)
        return datetime(
            year, month, self.rng.randint(1, 28), self.rng.randint(13, 20), self.rng.randint(0, 59),
            self.rng.randint(0, 59), self.rng.randint(1, 999) * 1000, tzinfo=UTC,
        )  # fmt: skip

    # --- the standing facts ---------------------------------------------------------------------------------------
    def introduce(self) -> None:
        """The Patient, her cover and allergies."""
        persona, chart = self.persona, self.chart
        demographics.register(
            chart,
            given=persona.given if chart.hospital.name != LAKESIDE else persona.given[:1],
            family=persona.family,
            gender=persona.gender,
            birth=persona.birth,
            race=catalogue.RACES[persona.race],
            hispanic=persona.hispanic,
            language=Code("urn:ietf:bcp:47", *persona.language),
            city=chart.hospital.city,
            record_number=f"{self.rng.randrange(10**6, 10**7)}",
            phone=f"555-01{self.rng.randrange(100):02d}",
            maiden=persona.maiden if chart.hospital.name == LAKESIDE else None,
        )
        first = self._day(AS_OF.year - persona.years, 1)
        coverage.enrol(chart, first.date().replace(day=1), f"EX{self.rng.randrange(10**8, 10**9)}")
        for name in persona.allergies:
            allergies.record(chart, first, name)
        if not persona.allergies:
            allergies.rule_out(chart, first)

    def _problem_list(self, at: datetime, encounter: Resource) -> None:
        """Write the problems known by then that are not yet on the list, with the plan that goes with them."""
        for name, began in self.persona.problems:
            if name in self.problems or began > at.year:
                continue
            onset = None if began >= AS_OF.year - self.persona.years else f"{began}-{self.rng.randint(1, 12):02d}"
            condition = problems.diagnose(
                self.chart, at, catalogue.CONDITIONS[name], encounter, category="problem-list-item", onset=onset
            )
            self.problems[name] = condition
            if name in catalogue.PLANS:
                plans.make(self.chart, at, name, condition, encounter, self.staff)

    # --- visits ---------------------------------------------------------------------------------------------------
    def check_up(self, year: int) -> None:
        """A yearly visit: vitals, smoking, screening, laboratory, a vaccine, prescriptions and the note."""
        if year <= self.persona.birth_year:
            return
        chart, at = self.chart, self._day(year)
        age = year - self.persona.birth_year
        encounter = visits.record(chart, at, catalogue.WELL_CHILD if age < 18 else catalogue.CHECK_UP, self.staff)
        self._problem_list(at, encounter)
        self._vitals(at, encounter, age)
        if age >= 12:
            surveys.ask_smoking(chart, at, encounter, catalogue.SMOKING.answers[self.persona.smoking])
            surveys.ask(chart, at, encounter, self.rng.choice(catalogue.SURVEYS), self.staff)
        if age >= 18:
            self._laboratory(at, encounter)
        if year == AS_OF.year - 1 and not self.child:
            surveys.ask_needs(chart, at, encounter)
        vaccines = self._vaccines(age)
        given = [medicines.vaccinate(chart, at, vaccine, encounter) for vaccine in vaccines]
        procedures.perform(chart, at, catalogue.PROCEDURES[0], encounter)
        prescribed = self._prescriptions(at, encounter, year)
        current = year == AS_OF.year
        note = documents.file(chart, at, self._note(at, vaccines=vaccines), encounter, self.staff, current=current)
        if current:
            provenance.attest(chart, at, [encounter, note, *given, *prescribed], self.staff)

    def _vitals(self, at: datetime, encounter: Resource, age: int) -> None:
        chart = self.chart
        height = 76 + age * 6.2 if age < 18 else self.height
        weight = 9 + age * 2.8 if age < 18 else self.weight + self.rng.uniform(-3, 3)
        vitals.measure(chart, at, catalogue.HEIGHT, encounter, near=height)
        vitals.measure(chart, at, catalogue.WEIGHT, encounter, near=weight)
        vitals.measure(chart, at, catalogue.BMI, encounter, near=weight / (height / 100) ** 2)
        if age < 18:
            vitals.measure(chart, at, catalogue.BMI_PERCENTILE, encounter)
        vitals.measure_pressure(chart, at, encounter, systolic=self.persona.systolic)
        for measure in (catalogue.HEART_RATE, catalogue.RESPIRATION, catalogue.OXYGEN, catalogue.TEMPERATURE):
            vitals.measure(chart, at, measure, encounter)
        vitals.measure(chart, at, catalogue.PAIN, encounter)

    def _laboratory(self, at: datetime, encounter: Resource) -> None:
        chart = self.chart
        names = {name for name, _ in self.persona.problems}
        laboratory.run(chart, at, catalogue.CBC, encounter, self.staff)
        chemistry = catalogue.METABOLIC if at.year % 2 else catalogue.COMPREHENSIVE
        laboratory.run(chart, at, chemistry, encounter, self.staff)
        if at.year % 2:
            laboratory.run(chart, at, catalogue.LIPIDS, encounter, self.staff)
        if names & {"diabetes", "prediabetes"}:
            laboratory.measure(chart, at, catalogue.HBA1C, encounter, near=7.2)
            laboratory.run(chart, at, catalogue.URINALYSIS, encounter, self.staff)
        for measure in self.rng.sample(catalogue.SINGLE_LABS[1:], 2):
            laboratory.measure(chart, at, measure, encounter)

    def _vaccines(self, age: int) -> list[Code]:
        if age <= 2:
            return list(catalogue.CHILD_VACCINES[:8])
        return [catalogue.FLU] if age > 6 and self.rng.random() < 0.4 else [catalogue.FLU, self._another(age)]

    def _another(self, age: int) -> Code:
        return self.rng.choice(catalogue.CHILD_VACCINES if age < 7 else catalogue.VACCINES[14:])

    def _prescriptions(self, at: datetime, encounter: Resource, year: int) -> list[Resource]:
        reasons = list(self.problems.values())
        return [
            medicines.prescribe(
                self.chart, at, catalogue.MEDICINES[name], encounter, self.staff, active=year == AS_OF.year,
                reason=reasons[number % len(reasons)] if reasons else None, by_reference=number == 0,
            )
            for number, name in enumerate(self.persona.medicines)
        ]  # fmt: skip

    def _note(self, at: datetime, **more: Any) -> str:
        return notes.write(self._visit(at, **more))

    def _visit(
        self,
        at: datetime,
        *,
        complaint: str = "",
        vaccines: list[Code] | None = None,
        done: list[Code] | None = None,
    ) -> notes.Visit:
        persona = self.persona
        origin = "hispanic" if persona.hispanic else "nonhispanic"
        return notes.Visit(
            at=at,
            given=persona.given[0],
            age=at.year - persona.birth_year,
            described=f"{origin} {persona.race} {persona.gender if persona.gender != 'other' else 'person'}",
            complaint=complaint,
            problems=[catalogue.CONDITIONS[name][0].display for name, began in persona.problems if began <= at.year],
            medicines=[catalogue.MEDICINES[name].display for name in persona.medicines],
            allergies=[f"Allergic to {catalogue.ALLERGIES[name][0].display}." for name in persona.allergies],
            done=[code.display for code in done or ()],
            vaccines=[code.display for code in vaccines or ()],
        )

    def emergency(self, year: int) -> None:
        """A passing illness or injury, seen in the emergency room and over."""
        chart, at, staff = self.chart, self._day(year), self.chart.hospital.staff[-1]
        codes = self.rng.choice(catalogue.PASSING[:15])
        encounter = visits.record(chart, at, catalogue.EMERGENCY, staff, minutes=110, reason=codes[0])
        condition = problems.diagnose(chart, at, codes, encounter, ended=at + timedelta(days=self.rng.randint(5, 30)))
        vitals.measure(chart, at, catalogue.TEMPERATURE, encounter)
        vitals.measure_pressure(chart, at, encounter, systolic=self.persona.systolic + 8)
        picture = self.rng.choice(catalogue.PROCEDURES[6:10])
        procedures.perform(chart, at, picture, encounter, minutes=30, reason=condition)
        medicines.prescribe(chart, at, catalogue.MEDICINES["acetaminophen"], encounter, staff, reason=condition)
        text = self._note(at, complaint=codes[0].display, done=[picture])
        documents.file(chart, at, text, encounter, staff, codes=(catalogue.EMERGENCY_NOTE,))

    def admission(self, year: int) -> None:
        """A stay: an operation that was ordered, a device, daily laboratory and a summary of more than 64 kB."""
        chart, at, staff = self.chart, self._day(year, 9), self.staff
        days = 5
        encounter = visits.record(chart, at, catalogue.INPATIENT, staff, minutes=days * 24 * 60)
        reason = next(iter(self.problems.values()), None)
        surgery = catalogue.PROCEDURES[25 if reason and "femur" in reason["code"]["text"] else 12]
        order = procedures.order(chart, at, surgery, encounter, staff)
        procedures.perform(chart, at + timedelta(hours=20), surgery, encounter, minutes=95, reason=reason, order=order)
        procedures.implant(
            chart, at + timedelta(hours=21), catalogue.DEVICES[2 if surgery is catalogue.PROCEDURES[25] else 0]
        )
        for day in range(days):
            laboratory.run(chart, at + timedelta(days=day, hours=6), catalogue.CBC, encounter, staff)
            laboratory.run(chart, at + timedelta(days=day, hours=6), catalogue.METABOLIC, encounter, staff)
            vitals.measure_pressure(chart, at + timedelta(days=day, hours=7), encounter, systolic=self.persona.systolic)
        summary = notes.write_discharge_summary(self._visit(at, done=[surgery]), days=110)
        documents.file(chart, at + timedelta(days=days), summary, encounter, staff, codes=(catalogue.DISCHARGE_NOTE,))

    def pregnancy(self, year: int) -> None:
        """Seven prenatal visits."""
        chart, start = self.chart, self._day(year, 1)
        first: Resource | None = None
        for visit in range(7):
            at = start + timedelta(days=30 * visit)
            encounter = visits.record(chart, at, catalogue.PRENATAL, self.staff)
            first = first or problems.diagnose(
                chart, at, catalogue.CONDITIONS["pregnancy"], encounter, ended=start + timedelta(days=278)
            )
            vitals.measure_pressure(chart, at, encounter, systolic=self.persona.systolic)
            vitals.measure(chart, at, catalogue.WEIGHT, encounter, near=self.weight + visit)
            done = list(catalogue.PROCEDURES[29:31])
            for procedure in done:
                procedures.perform(chart, at, procedure, encounter, reason=first)
            documents.file(chart, at, self._note(at, done=done), encounter, self.staff, current=False)

    def chemotherapy(self, cycle: int) -> None:
        """One cycle: blood count before, two infusions, the note."""
        chart, at = self.chart, self._day(AS_OF.year - 2, 1) + timedelta(days=28 * cycle)
        encounter = visits.record(chart, at, catalogue.PROBLEM_VISIT, self.staff, minutes=240)
        laboratory.run(chart, at, catalogue.CBC, encounter, self.staff)
        laboratory.run(chart, at, catalogue.COMPREHENSIVE, encounter, self.staff)
        reason = self.problems.get("breast")
        for name in ("paclitaxel", "cisplatin"):
            medicines.prescribe(chart, at, catalogue.MEDICINES[name], encounter, self.staff, reason=reason)
        treatment = catalogue.PROCEDURES[18]
        procedures.perform(chart, at + timedelta(hours=1), treatment, encounter, minutes=180, reason=reason)
        vitals.measure(chart, at, catalogue.PAIN, encounter)
        documents.file(chart, at, self._note(at, done=[treatment]), encounter, self.staff, current=False)

    def oddities(self) -> None:
        at = self._day(AS_OF.year, 10)
        encounter = visits.record(self.chart, at, catalogue.FOLLOW_UP, self.staff)
        oddities.write(self.chart, at, encounter, self.staff)
