"""Worlds with something to hide: of every type the server has, one record its reader may see and one it may not.

The shown record points at the hidden ones by every reference its type has, and the hidden one points back, so that
whatever follows a reference in either direction would find it. Hidden records carry a word that nothing else carries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db import transaction

from accounts.models import Person
from consent import ledger
from consent.terms import Terms
from fhirapi import catalogue, including
from gateway import scopes as offered
from records import inheriting, labels, marks, sources, store
from records.labels import ACT_CODE
from records.models import SourceKind
from standards.fhir import search_parameters, structures, types
from standards.smart import scopes
from tests.fhirapi import people, population

WORD = "Kept-From-The-Reader"
EVERYTHING = "patient/*.cruds"
GRANULAR = {kind: categories[0] for kind, categories in scopes.US_CORE_GRANULAR.items()}
DATED = {
    "Observation": "effectiveDateTime",
    "Condition": "onsetDateTime",
    "DocumentReference": "date",
    "Encounter": "period",
    "Procedure": "performedDateTime",
    "DiagnosticReport": "effectiveDateTime",
    "MedicationRequest": "authoredOn",
    "Immunization": "occurrenceDateTime",
    "ServiceRequest": "authoredOn",
}
UNSELECTED = {
    "Observation": f"{population.OBSERVATION_CATEGORY}|vital-signs",
    "Condition": f"{population.CONDITION_CATEGORY}|problem-list-item",
    "DocumentReference": "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category|other",
}
"""A category of each type with granular scopes that the reader of the category world was not given."""


@dataclass(frozen=True)
class World:
    """``whole`` may see the hidden records, ``reader`` may not. Ids of hidden records are ``hidden-<type>``."""

    whole: people.App
    reader: people.App
    hidden: tuple[str, ...]
    shown: tuple[str, ...]

    @property
    def hidden_patient(self) -> str:
        """The Patient of the hidden records; the reader's own where they are of the same person."""
        return self.whole.person.patient_id


def hidden_id(kind: str) -> str:
    return f"hidden-{kind}"[:64]


def shown_id(kind: str) -> str:
    return f"shown-{kind}"[:64]


def of_another_person() -> World:
    her, him = people.sign_up(), people.sign_up()
    _keep(her, _hidden(her.patient_id))
    _keep(him, _shown(him.patient_id))
    return _world(people.let_in(her, EVERYTHING), people.let_in(him, EVERYTHING))


def labelled_sensitive() -> World:
    person = people.sign_up()
    security = [{"system": ACT_CODE, "code": "HIV"}]
    hidden = _hidden(person.patient_id, meta={"security": security})
    _keep(person, hidden, _about_nothing_sensitive(_shown(person.patient_id)))
    chosen = Terms(labels=frozenset({"HIV"}))
    return _world(people.let_in(person, EVERYTHING, terms=chosen), people.let_in(person, EVERYTHING))


def sensitive_by_code_or_her_word() -> World:
    """No source said anything: every second type by a code, and by her word the others and those about people."""
    person = people.sign_up()
    hidden = _hidden(person.patient_id)
    coded = [one for one in hidden[::2] if one["resourceType"] not in labels.ABOUT_PEOPLE]
    for one in coded:
        _code(one, {"system": "http://snomed.info/sct", "code": "31676001"})
    _keep(person, hidden, _about_nothing_sensitive(_shown(person.patient_id)))
    for one in hidden:
        if one not in coded:
            name = (one["resourceType"], one["id"])
            marks.mark(person.id, name, sensitive=True, actor=person, at=people.LOADED)
    chosen = Terms(labels=frozenset({"HIV", "OWN"}))
    return _world(people.let_in(person, EVERYTHING, terms=chosen), people.let_in(person, EVERYTHING))


def _code(resource: dict[str, Any], coding: dict[str, str]) -> None:
    """Where the type says what it is about; elsewhere in an extension."""
    field = structures.r4().fields(resource["resourceType"]).get("code")
    if field and field.type == "CodeableConcept" and not field.many:
        resource["code"] = {"coding": [coding], "text": WORD}
    else:
        resource["extension"] = [{"url": "urn:records:about", "valueCoding": coding}]


def _about_nothing_sensitive(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the references by which a record is as sensitive as what it names; all others stay."""
    for one in resources:
        for path in inheriting.PATHS.get(one["resourceType"], ()):
            one.pop(path[0], None)
    return resources


def of_a_source_left_out() -> World:
    person = people.sign_up()
    source_id = _keep(person, _shown(person.patient_id))
    other = sources.ensure(SourceKind.EHR, "Other", "https://other.example/fhir")
    with transaction.atomic():
        store.put_page(owner_id=person.id, source_id=other.id, resources=_hidden(person.patient_id), at=people.LOADED)
    terms = Terms(sources=frozenset({source_id}))
    return _world(people.let_in(person, EVERYTHING), people.let_in(person, EVERYTHING, terms=terms))


def hidden_by_name() -> World:
    """Each record hidden by itself, from everyone or from this one app; an app that is let in later is one of all."""
    person = people.sign_up()
    _keep(person, _hidden(person.patient_id), _shown(person.patient_id))
    reader, whole = people.let_in(person, EVERYTHING), people.let_in(person, EVERYTHING)
    for kind in _kinds():
        ledger.hide(
            owner=person,
            actor=person,
            record=f"{kind}/{hidden_id(kind)}",
            read=ledger.Reading("1", "en"),
            at=people.LOADED,
            kind="app",
            grantee=reader.application.client_id,
        )
    return _world(whole, reader)


def outside_the_time() -> World:
    """All that says when it happened: what lies outside the window, and what is hidden as it says nothing of it."""
    person = people.sign_up()
    hidden, shown = _hidden(person.patient_id), _shown(person.patient_id)
    dated = [one for one in shown if _dates(one, "2021-06-01")]
    kinds = tuple(one["resourceType"] for one in dated)
    _keep(person, [one for one in hidden if one["resourceType"] in kinds and _dates(one, "2001-06-01")], dated)
    since = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    reader = people.let_in(person, EVERYTHING, terms=Terms(since=since))
    return _world(people.let_in(person, EVERYTHING), reader, kinds, kinds)


def of_unselected_categories() -> World:
    """Granular scopes for the types that have them, whole ones for the rest."""
    person = people.sign_up()
    hidden = [one for one in _hidden(person.patient_id) if one["resourceType"] in GRANULAR]
    for one in hidden:
        one["category"] = [_concept(UNSELECTED[one["resourceType"]])]
    _keep(person, hidden, _shown(person.patient_id))
    granted = [f"patient/{kind}.cruds?category={value}" for kind, value in GRANULAR.items()]
    granted += [scope for kind in (*_kinds(), "Patient") if kind not in GRANULAR and (scope := _scope(kind))]
    return _world(people.let_in(person, EVERYTHING), people.let_in(person, *granted), tuple(GRANULAR))


def of_unselected_types() -> World:
    """Scopes for half of the types; the records of the other half are hidden."""
    person = people.sign_up()
    granted = [kind for kind in _kinds()[::2] if _scope(kind)]
    resources = [one for one in _hidden(person.patient_id) if one["resourceType"] not in granted]
    _keep(person, resources, [one for one in _shown(person.patient_id) if one["resourceType"] in granted])
    reader = people.let_in(person, *map(_scope, granted))
    return _world(people.let_in(person, EVERYTHING), reader, tuple(kind for kind in _kinds() if kind not in granted))


WORLDS: dict[str, Callable[[], World]] = {
    "another person": of_another_person,
    "sensitive": labelled_sensitive,
    "sensitive by code, or by her word": sensitive_by_code_or_her_word,
    "source left out": of_a_source_left_out,
    "hidden record": hidden_by_name,
    "outside the time": outside_the_time,
    "unselected category": of_unselected_categories,
    "unselected type": of_unselected_types,
}


def _world(
    whole: people.App,
    reader: people.App,
    hidden: tuple[str, ...] | None = None,
    shown: tuple[str, ...] | None = None,
) -> World:
    return World(whole, reader, hidden or _kinds(), shown or _kinds())


def _dates(resource: dict[str, Any], day: str) -> bool:
    """Says the day as the type says when it happened; False for a type that has no such element of a simple type."""
    name = DATED.get(resource["resourceType"])
    if name is None:
        return False
    instant = f"{day}T00:00:00Z"
    resource[name] = {"start": instant, "end": instant} if name == "period" else instant
    return True


def _scope(kind: str) -> str:
    """A scope for this type alone; empty where none is offered."""
    scope = f"patient/{kind}.cruds"
    return scope if offered.offerable([scope], [scope]) else ""


@cache
def _kinds() -> tuple[str, ...]:
    """Every served type but Patient, of which there is one, and Binary, which belongs to what names it."""
    return tuple(sorted(catalogue.SEARCHED - {"Patient"}))


def _keep(person: Person, *resources: list[dict[str, Any]]) -> int:
    source_id = people.store_records(person, [population.patient(person.patient_id)])
    for some in resources:
        people.store_records(person, some)
    return source_id


def _hidden(patient_id: str, **more: Any) -> list[dict[str, Any]]:
    made = [_resource(kind, hidden_id(kind), patient_id, shown_id) for kind in _kinds()]
    for one in made:
        kind = one["resourceType"]
        one |= more
        one["text"] = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{WORD} {kind}</div>'}
        one["identifier"] = [{"system": "urn:records", "value": f"{WORD}-{kind}"}]
        for name, field in structures.r4().fields(kind).items():
            if field.type == "CodeableConcept" and field.required:
                one[name] = [{"text": WORD}] if field.many else {"text": WORD}
    return made


def _shown(patient_id: str) -> list[dict[str, Any]]:
    made = [_resource(kind, shown_id(kind), patient_id, hidden_id) for kind in _kinds()]
    for one in made:
        if value := GRANULAR.get(one["resourceType"]):
            one["category"] = [_concept(value)]
        if one["resourceType"] == "Provenance":  # naming hidden ones only it would be hidden itself
            one["target"].append({"reference": f"Provenance/{one['id']}"})
    return made


def _resource(kind: str, logical_id: str, patient_id: str, pointed_at: Callable[[str], str]) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": kind, "id": logical_id, "status": "active"}
    for code in including.followed(kind):
        parameter = search_parameters.for_type(kind)[code]
        target = next((one for one in _kinds() if one != kind and one in (parameter.targets or {"Observation"})), "")
        if target:
            _point(made, kind, parameter.paths[0].steps, f"{target}/{pointed_at(target)}")
    for code in types.PATIENT_COMPARTMENT.get(kind, ())[:1]:
        _point(made, kind, search_parameters.for_type(kind)[code].paths[0].steps, f"Patient/{patient_id}")
    return made


def _point(resource: dict[str, Any], kind: str, steps: tuple[Any, ...], reference: str) -> None:
    """Add a reference where the steps lead, arrays where the definitions have them."""
    holder, of = resource, kind
    names = [step for step in steps if isinstance(step, str)]
    for position, name in enumerate(names):
        field = structures.r4().fields(of)[name]
        last = position == len(names) - 1
        value: dict[str, Any] = {"reference": reference} if last else {}
        if field.many:
            holder.setdefault(name, []).append(value)
        else:
            value = holder.setdefault(name, value) if not last else value
            holder[name] = value
        holder, of = value, field.type


def _concept(token: str) -> dict[str, Any]:
    system, _, code = token.partition("|")
    return {"coding": [{"system": system, "code": code}]}
