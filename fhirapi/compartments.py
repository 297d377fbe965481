"""Compartment search: ``GET Patient/[id]/[type]?…``, the records of one type that are about her (R4 http.html#search).

Every record of an owner that can name a patient is about the owner (docs/architecture.md), so for types with such a
parameter her compartment is her record; the others are asked for by the parameter CompartmentDefinition/patient names.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from django.http import HttpResponse
from rest_framework.request import Request

from fhirapi import catalogue, errors, parameters, searching
from fhirapi.views import FhirView, SearchView
from records.query import Clause
from standards.fhir import types

_ABOUT: Final = ("patient", "subject", "beneficiary")
SEARCHED: Final = frozenset(types.PATIENT_COMPARTMENT) & catalogue.SEARCHED
"""The types that are in a patient's compartment and served."""


class CompartmentView(SearchView):
    """``GET Patient/[id]/[type]?…``; nobody's compartment but that of the token's patient is there."""

    about_patient = True

    def get(self, request: Request, logical_id: str, resource_type: str) -> HttpResponse:  # type: ignore[override]
        return self.within(request, logical_id, resource_type, parameters.of_query(request))

    def within(self, request: Request, logical_id: str, resource_type: str, pairs: parameters.Pairs) -> HttpResponse:
        assert self.bearer is not None
        catalogue.require(resource_type, SEARCHED)
        if logical_id != self.bearer.patient_id:
            self.disclosure.asked = resource_type
            self.records(resource_type)
            raise errors.UnknownResource
        return self.found(request, resource_type, pairs)

    def bounded(self, search: searching.Search) -> searching.Search:
        assert self.bearer is not None
        resource_type = search.query.resource_type
        clause = Clause(_parameter(resource_type), (f"Patient/{self.bearer.patient_id}",))
        return replace(search, query=replace(search.query, clauses=(clause, *search.query.clauses)))

    def path(self, resource_type: str) -> str:
        assert self.bearer is not None
        return f"Patient/{self.bearer.patient_id}/{resource_type}"


class FormCompartmentView(CompartmentView):
    """``POST Patient/[id]/[type]/_search``: the same, its parameters in a form."""

    http_method_names = ["post"]

    def post(self, request: Request, logical_id: str, resource_type: str) -> HttpResponse:
        pairs = [*parameters.of_query(request), *parameters.of_body(request)]
        return self.within(request, logical_id, resource_type, pairs)


class WholeCompartmentView(FhirView):
    """``Patient/[id]/*``: a search over all types of a compartment is not supported; $everything is."""

    interaction = "search"

    def get(self, request: Request, logical_id: str) -> HttpResponse:
        raise errors.UnsupportedParameter("*", "ask for one type, or for Patient/[id]/$everything")

    post = get


def _parameter(resource_type: str) -> str:
    codes = types.PATIENT_COMPARTMENT[resource_type]
    return next((code for code in _ABOUT if code in codes), codes[0])
