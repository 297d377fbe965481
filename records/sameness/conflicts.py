"""What sources disagree on: found and shown, never settled for her (DESIGN D11). Pure.

Only the newest word of each source counts, so a dose that one clinic changed in time is no disagreement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from records.sameness import rules
from records.sameness.clusters import Cluster
from records.sameness.kinds import Kind
from records.sameness.said import Ref, Said


class Aspect(StrEnum):
    NONE_KNOWN = "none_known"
    STATE = "state"
    SURE = "sure"
    CRITICALITY = "criticality"
    STRENGTH = "strength"
    DOSE = "dose"
    VALUE = "value"
    GIVEN = "given"
    BIRTH_DATE = "birthDate"
    GENDER = "gender"
    DECEASED = "deceased"


@dataclass(frozen=True, slots=True)
class Side:
    """What one source says of it, and in which record. ``words``: FHIR's, in no language."""

    ref: Ref
    source_id: int
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """``kind`` is None for what is said of the person herself."""

    kind: Kind | None
    aspect: Aspect
    sides: tuple[Side, ...]


_CURRENT: Final = frozenset({"active", "recurrence", "relapse", "on-hold", "draft", "intended", "in-progress", ""})
_OVER: Final = frozenset({"resolved", "inactive", "remission", "completed", "stopped", "cancelled", "ended"})
_DENIED: Final = frozenset({"refuted"})
_AFFIRMED: Final = frozenset({"confirmed"})


def of_kind(kind: Kind, clusters: Iterable[Cluster]) -> list[Conflict]:
    """Within each cluster, and of allergies also between clusters."""
    every = list(clusters)
    found = [conflict for cluster in every for conflict in of_cluster(kind, cluster)]
    return [*(_none_known(every) if kind is Kind.ALLERGIES else ()), *found]


def of_cluster(kind: Kind, cluster: Cluster) -> list[Conflict]:
    if len(cluster.sources) < 2:
        return []
    found = (
        Conflict(kind, aspect, sides)
        for aspect, read in _READ.get(kind, {}).items()
        if (sides := _sides(cluster, read)) and _differ(aspect, cluster, sides)
    )
    return list(found)


def of_person(patients: Iterable[tuple[int, Mapping[str, Any]]]) -> list[Conflict]:
    """Of (source, Patient): what they say differently of who she is."""
    every = list(patients)
    return [
        conflict
        for aspect in (Aspect.BIRTH_DATE, Aspect.GENDER, Aspect.DECEASED)
        if (conflict := _personal(aspect, every)) is not None
    ]


def _personal(aspect: Aspect, patients: list[tuple[int, Mapping[str, Any]]]) -> Conflict | None:
    sides = [
        Side(Ref("Patient", str(patient["id"])), source, (words,))
        for source, patient in patients
        if (words := _personal_words(aspect, patient))
    ]
    said = {side.words for side in sides}
    # A year alone contradicts no day of that year.
    differs = any(not one[0].startswith(other[0]) and not other[0].startswith(one[0]) for one in said for other in said)
    return Conflict(None, aspect, tuple(sides)) if differs else None


def _personal_words(aspect: Aspect, patient: Mapping[str, Any]) -> str:
    if aspect is Aspect.DECEASED:
        when = patient.get("deceasedDateTime")
        return "true" if isinstance(when, str) or patient.get("deceasedBoolean") is True else "false"
    said = patient.get(str(aspect))
    return said if isinstance(said, str) and said != "unknown" else ""


Read = Callable[[Said], tuple[str, ...]]


def _sides(cluster: Cluster, read: Read) -> tuple[Side, ...]:
    """The newest word of each source that says something of it."""
    newest: dict[int, Side] = {}
    for said in cluster.members:
        words = read(said)
        if words and said.source_id not in newest:
            newest[said.source_id] = Side(said.ref, said.source_id, words)
    return tuple(newest.values())


def _differ(aspect: Aspect, cluster: Cluster, sides: tuple[Side, ...]) -> bool:
    if aspect is Aspect.VALUE:
        values = {said.ref: said.values for said in cluster.members}
        return any(not rules.agree(values[one.ref], values[other.ref]) for one in sides for other in sides)
    return len({side.words for side in sides}) > 1


def _state(said: Said) -> tuple[str, ...]:
    return ("active",) if said.state in _CURRENT else ("over",) if said.state in _OVER else ()


def _sure(said: Said) -> tuple[str, ...]:
    return (said.sure,) if said.sure in _DENIED | _AFFIRMED else ()


def _of_current(aspect: str) -> Read:
    return lambda said: tuple(sorted(said.about.get(aspect, ()))) if _state(said) == ("active",) else ()


def _about(aspect: str) -> Read:
    return lambda said: tuple(sorted(said.about.get(aspect, ())))


def _given(said: Said) -> tuple[str, ...]:
    return (said.state,) if said.state in {"completed", "not-done"} else ()


def _value(said: Said) -> tuple[str, ...]:
    return tuple(each.value.words for each in said.values)


_READ: Final[dict[Kind, dict[Aspect, Read]]] = {
    Kind.PROBLEMS: {Aspect.SURE: _sure, Aspect.STATE: _state},
    Kind.ALLERGIES: {Aspect.SURE: _sure, Aspect.STATE: _state, Aspect.CRITICALITY: _about("criticality")},
    Kind.MEDICINES: {Aspect.STATE: _state, Aspect.STRENGTH: _of_current("strength"), Aspect.DOSE: _of_current("dose")},
    Kind.VACCINES: {Aspect.GIVEN: _given},
    Kind.PROCEDURES: {Aspect.GIVEN: _given},
    Kind.RESULTS: {Aspect.VALUE: _value},
}
KINDS: Final = frozenset(_READ)
"""Of which sources can disagree at all: nothing is compared of what a visit or a clinician is."""


def _none_known(clusters: Iterable[Cluster]) -> Iterator[Conflict]:
    """One says that there is no allergy of a sort, and an allergy of that sort stands somewhere."""
    standing = [
        said
        for cluster in clusters
        for said in cluster.members
        if _state(said) == ("active",) and said.sure not in _DENIED
    ]
    allergies = [said for said in standing if "none_known" not in said.about]
    for denial in standing:
        for sort in sorted(denial.about.get("none_known", ())):
            against = [said for said in allergies if _is_of(said, sort)]
            if against:
                sides = (denial, *against)
                yield Conflict(
                    Kind.ALLERGIES,
                    Aspect.NONE_KNOWN,
                    tuple(Side(said.ref, said.source_id, tuple(sorted(said.names))) for said in sides),
                )


def _is_of(said: Said, sort: str) -> bool:
    """An allergy of no stated category may be of any."""
    stated = said.about.get("category")
    return not sort or not stated or sort in stated
