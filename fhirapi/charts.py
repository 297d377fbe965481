"""Whose record a request is about when a clinician's app asks: the chart in context, or the one the request names.

A person's own app always asks about her. A clinician of a hospital may see every patient there, so his app names one:
by her Patient's id, by a record of hers, or by ``patient=`` in a search. What it may see there is the gate's answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from django.conf import settings
from django.utils import timezone
from rest_framework.request import Request

from consent import clinicians, gate
from fhirapi import parameters
from fhirapi.parameters import Pairs
from gateway.bearer import Bearer
from records.query import InvalidSearch
from standards.fhir import types
from standards.smart.scopes import ResourceScope

_NAMING: Final = ("patient", "subject", "patient:Patient", "subject:Patient")


def reader(bearer: Bearer) -> gate.App | gate.ClinicianApp | gate.DelegateApp | gate.Service:
    """Who asks the gate: the app of the person whose record it is, of who acts for her, of a clinician or a clinic."""
    if bearer.shared:
        return gate.Service(*bearer.shared, bearer.decision_id, bearer.scopes)
    if bearer.delegation:
        return gate.DelegateApp(
            bearer.client_id,
            bearer.decision_id,
            bearer.scopes,
            bearer.person_id,
            bearer.delegation,
            bearer.standing,
        )
    if not bearer.staff:
        return gate.App(bearer.client_id, bearer.decision_id, bearer.scopes, bearer.standing)
    return gate.ClinicianApp(
        bearer.client_id, bearer.decision_id, bearer.scopes, bearer.person_id, str(bearer.context.get("patient", ""))
    )


def turned(bearer: Bearer, request: Request, path: Mapping[str, Any], *, about_patient: bool) -> Bearer:
    """A clinician's bearer, turned to the chart this request is about; as it was, if it names none that he reaches.

    ``about_patient``: the id in the path is the Patient's. Raises InvalidSearch where a patient must be named.
    """
    resource_type, logical_id = path.get("resource_type", ""), path.get("logical_id", "")
    if logical_id and (about_patient or resource_type == "Patient"):
        return _of_patient(bearer, logical_id) or bearer
    if logical_id:
        return next((chart for chart in _charts(bearer) if _holds(chart, resource_type, logical_id)), bearer)
    named = _named(resource_type, _pairs(request))
    if len(named) == 1:
        return _of_patient(bearer, named.pop()) or bearer
    if "patient" not in bearer.context and (resource_type == "Patient" or resource_type in types.PATIENT_COMPARTMENT):
        raise InvalidSearch("_id" if resource_type == "Patient" else "patient", "is needed: no patient is in context")
    return bearer


def _pairs(request: Request) -> Pairs:
    form = request.method == "POST" and (request.content_type or "").startswith(parameters.FormParser.media_type)
    return [*parameters.of_query(request), *(parameters.of_body(request) if form else [])]


def _named(resource_type: str, pairs: Pairs) -> set[str]:
    """Ids of the Patients that a search names."""
    names = ("_id",) if resource_type == "Patient" else _NAMING
    values = [value for name, value in pairs if name in names]
    return {value.removeprefix(f"{settings.FHIR_BASE}/").removeprefix("Patient/") for value in values}


def _of_patient(bearer: Bearer, patient_id: str) -> Bearer | None:
    if patient_id == bearer.patient_id:
        return bearer
    found = clinicians.patients().filter(patient_id=patient_id).values_list("pk", "patient_id").first()
    return replace(bearer, owner_id=found[0], patient_id=found[1]) if found else None


def _charts(bearer: Bearer) -> Iterator[Bearer]:
    """The chart in context, what the hospital keeps of himself, and with a ``user/`` scope every other patient's."""
    yield bearer
    if bearer.owner_id != bearer.person_id:
        yield replace(bearer, owner_id=bearer.person_id)
    if any(isinstance(scope, ResourceScope) and scope.level == "user" for scope in bearer.scopes):
        for owner_id, patient_id in clinicians.patients().exclude(pk=bearer.owner_id).values_list("pk", "patient_id"):
            yield replace(bearer, owner_id=owner_id, patient_id=patient_id)


def _holds(chart: Bearer, resource_type: str, logical_id: str) -> bool:
    records = gate.readable(owner_id=chart.owner_id, reader=reader(chart), interaction="read", at=timezone.now())
    return records.read(resource_type, logical_id) is not None
