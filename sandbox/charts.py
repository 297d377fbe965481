"""Dealing resources out by person: what is about her, and all that this points at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.intake import Resource

_ABOUT: Final = ("patient", "subject", "beneficiary", "individual", "for")
"""The elements of R4 by which a resource says whom it is about (compartmentdefinition-patient.html)."""


@dataclass(slots=True)
class Dealt:
    """``charts``: the ``Type/id`` of each patient's resources, by her Patient id. ``strangers``: about a Patient who is
    not at hand. ``loose``: about nobody, and nothing of anybody's points there."""

    charts: dict[str, list[str]] = field(default_factory=dict)
    strangers: Counter[str] = field(default_factory=Counter)
    loose: Counter[str] = field(default_factory=Counter)


def deal(resources: Mapping[str, Resource], pointing: Mapping[str, list[str]], patients: Iterable[str]) -> Dealt:
    """Who gets what. ``pointing`` says which resources each one points at; ``patients`` are all known Patient ids.

    A resource about two people goes to neither chart but counts as a stranger's: a record about somebody else is never
    part of one's own.
    """
    dealt = Dealt(charts={patient: [] for patient in patients})
    owners = {key: _owners(resource) for key, resource in resources.items()}
    for key in [key for key in resources if key.startswith("Provenance/")]:
        owners[key] |= _owners_of_targets(resources[key], owners)
    for key, about in owners.items():
        kind = key.partition("/")[0]
        if len(about) == 1 and about <= dealt.charts.keys():
            dealt.charts[next(iter(about))].append(key)
        elif about:
            dealt.strangers[kind] += 1
    shared = {key for key, about in owners.items() if not about}
    reached: set[str] = set()
    for chart in dealt.charts.values():
        found = _closure(chart, pointing, shared)
        chart += found
        reached.update(found)
    dealt.loose.update(key.partition("/")[0] for key in shared - reached)
    return dealt


def _owners(resource: Resource) -> set[str]:
    """Ids of the Patients it is about."""
    if resource["resourceType"] == "Patient":
        return {resource["id"]}
    return {patient for name in _ABOUT for patient in _patients(resource.get(name))}


def _owners_of_targets(provenance: Resource, owners: Mapping[str, set[str]]) -> set[str]:
    targets = provenance.get("target")
    listed = targets if isinstance(targets, list) else []
    keys = [str(target.get("reference")) for target in listed if isinstance(target, dict)]
    return {patient for key in keys for patient in owners.get(key, ())}


def _patients(element: Any) -> list[str]:
    found = []
    for one in element if isinstance(element, list) else [element]:
        text = one.get("reference") if isinstance(one, dict) else None
        if isinstance(text, str) and text.startswith("Patient/"):
            found.append(text.removeprefix("Patient/"))
    return found


def _closure(chart: Iterable[str], pointing: Mapping[str, list[str]], shared: set[str]) -> list[str]:
    """What the chart points at that belongs to nobody, and what that points at, in the order it is met."""
    found: dict[str, None] = {}
    waiting = [key for own in chart for key in pointing.get(own, ())]
    while waiting:
        key = waiting.pop()
        if key in shared and key not in found:
            found[key] = None
            waiting += pointing.get(key, ())
    return list(found)
