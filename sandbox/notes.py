"""What a clinician writes after a visit: plain text, synthetic, in the sections notes usually have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Visit:
    """What the writer of a note knows about the visit and the person."""

    at: datetime
    given: str
    age: int
    described: str
    complaint: str
    problems: Sequence[str]
    medicines: Sequence[str]
    allergies: Sequence[str]
    done: Sequence[str] = ()
    vaccines: Sequence[str] = ()


def write(visit: Visit) -> str:
    """The note of one visit."""
    return "\n".join(_lines(visit))


def write_discharge_summary(visit: Visit, *, days: int) -> str:
    """A long summary of an admission, with one section for each day; about a kilobyte a day."""
    course = [_day(visit, number) for number in range(1, days + 1)]
    return "\n".join([*_lines(visit), "", "# Hospital Course", *course])


def _lines(visit: Visit) -> list[str]:
    known = f" Patient has a history of {', '.join(text.lower() for text in visit.problems)}." if visit.problems else ""
    return [
        "",
        f"{visit.at:%Y-%m-%d}",
        "",
        "# Chief Complaint",
        visit.complaint or "No complaints.",
        "",
        "# History of Present Illness",
        f"{visit.given} is a {visit.age} year-old {visit.described}.{known}",
        "",
        "# Social History",
        "Patient has never smoked." if visit.age < 18 else "Smoking status and alcohol use were reviewed.",
        "",
        "# Allergies",
        *(visit.allergies or ["No Known Allergies."]),
        "",
        "# Medications",
        *([f"{medicine.lower()}" for medicine in visit.medicines] or ["No Active Medications."]),
        "",
        "# Assessment and Plan",
        *([f"Patient is presenting with {text.lower()}." for text in visit.problems[-1:]]),
        "",
        "## Plan",
        *_plan(visit),
        "",
    ]


def _plan(visit: Visit) -> list[str]:
    lines = []
    if visit.vaccines:
        lines.append(
            f"Patient was given the following immunizations: {', '.join(text.lower() for text in visit.vaccines)}."
        )
    if visit.done:
        lines += ["The following procedures were conducted:", *(f"- {text.lower()}" for text in visit.done)]
    if visit.medicines:
        lines += ["The patient was prescribed the following medications:", *(f"- {m.lower()}" for m in visit.medicines)]
    return lines or ["Return in a year, or sooner if anything changes."]


def _day(visit: Visit, number: int) -> str:
    medicines = "\n".join(f"- {medicine.lower()}, given as ordered and tolerated" for medicine in visit.medicines)
    problems = "\n".join(f"- {problem.lower()}: reviewed, plan unchanged" for problem in visit.problems)
    return (
        f"\n## Day {number}\nSeen on the morning round. {visit.given} slept and ate as expected; pain was controlled. "
        f"Vital signs were taken every four hours and stayed within the limits set on admission.\n{problems}\n"
        f"{medicines}\nPhysical therapy: walked {40 + 15 * number} steps with a frame. Skin intact, no falls.\n"
    )
