"""``POST /Observation/$open-mhealth``: data points of Open mHealth and IEEE 1752.1, each kept or refused by itself.

A phone sends what it has gathered, and sends it again when no answer came: a point is known by the id its sender gave
it and kept once. Each becomes an Observation of the app's own, under the same scopes, checks, Provenance and access log
as if the app had created it (changes.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpResponse
from rest_framework.request import Request

from fhirapi import batches, changes, disclosures, errors, writing
from fhirapi.disclosures import Disclosure
from fhirapi.errors import TooManyEntries, UnknownSchema
from standards.fhir.validation import Problem
from standards.open_mhealth import observations
from sync import refusals
from sync.changes import CREATE, Change, Done

POINTS_MAX: Final = 200
OBSERVATIONS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Item:
    """One point of the request: what it asks to be written, or why it cannot be."""

    changes: tuple[Change, ...] = ()
    error: Exception | None = None


class DataPointsView(changes.Writes):
    """One point, or a list of them; the answer is a batch-response with an entry for each."""

    http_method_names = ["post"]

    def post(self, request: Request, resource_type: str) -> HttpResponse:
        self.require(resource_type)
        said = writing.points_of(request)
        points = said if isinstance(said, list) else [said]
        if len(points) > POINTS_MAX:
            raise TooManyEntries
        assert self.bearer is not None
        items = [_item(point, index, self.bearer.patient_id) for index, point in enumerate(points)]
        if sum(len(item.changes) for item in items) > OBSERVATIONS_MAX:
            raise TooManyEntries
        answers = self.kept(request, items)
        self.disclosure.told = bool(points)  # each point has been, kept or refused
        return self.answered(batches.answers_bundle("batch-response", [batches.told(answer) for answer in answers]))

    def kept(self, request: Request, items: Sequence[_Item]) -> list[HttpResponse]:
        """All that are good in one transaction; where one of them is refused after all, each in one of its own."""
        try:
            done = self.submit(request, [change for item in items for change in item.changes])
        except refusals.Refused:
            return [self.alone(request, item) for item in items]
        answers = []
        for item in items:
            own, done = done[: len(item.changes)], done[len(item.changes) :]
            answers.append(self.told(request, item, own))
        return answers

    def alone(self, request: Request, item: _Item) -> HttpResponse:
        try:
            return self.told(request, item, self.submit(request, list(item.changes)))
        except refusals.Refused as refused:
            return self.told(request, _Item(error=refused), [])

    def submit(self, request: Request, listed: list[Change]) -> list[Done]:
        assert self.bearer is not None
        by = writing.author(self.bearer, origin=request.META.get("REMOTE_ADDR", ""))
        return writing.submit(by, listed) if listed else []

    def told(self, request: Request, item: _Item, done: Sequence[Done]) -> HttpResponse:
        if item.error is not None:
            return self.refused(request, item.error)
        if len(done) == 1:
            prefer = writing.returned(request.META) if "return=" in request.META.get("HTTP_PREFER", "") else "minimal"
            return writing.answer(done[0], prefer=prefer, media_type=errors.MEDIA_TYPE)
        new = sum(one.written for one in done)
        text = f"{len(done)} observations, {new} of them new."
        body = writing.outcome_bytes(text)
        return HttpResponse(body, status=201 if new else 200, content_type=errors.MEDIA_TYPE)

    def refused(self, request: Request, error: Exception) -> HttpResponse:
        """With its line in her access log, as if it had come alone."""
        assert self.bearer is not None
        answer = errors.answer(error)
        disclosures.record(
            Disclosure(self.interaction, asked="Observation"),
            to=self.bearer,
            status=answer.status_code,
            origin=request.META.get("REMOTE_ADDR", ""),
        )
        return answer


def _item(point: Any, index: int, patient_id: str) -> _Item:
    where = f"[{index}]"
    try:
        found = observations.read(point, patient=f"Patient/{patient_id}")
    except observations.UnknownSchema:
        return _Item(error=_placed(UnknownSchema(), f"{where}.header.schema_id"))
    except observations.Wrong as wrong:
        placed = [Problem(f"{where}.{each.path}", each.message, each.severity) for each in wrong.problems]
        return _Item(error=refusals.Unacceptable(placed))
    return _Item(tuple(_change(each, where) for each in found.observations))


def _placed(error: UnknownSchema, where: str) -> UnknownSchema:
    error.where = where
    return error


def _change(observation: dict[str, Any], where: str) -> Change:
    """Kept unless this app has kept a point of this id already (as If-None-Exist)."""
    identifier = observation["identifier"][0]
    criteria = f"identifier={identifier['system']}|{identifier['value']}"
    return Change(
        CREATE,
        "Observation",
        content=observation,
        unless=writing.unless("Observation", criteria),
        where=where,
    )
