"""Operations on a patient's record: each asks the gate what a search would, and hands out nothing else.

The patient of the address must be the token's own; any other looks as if she did not exist.
"""

from __future__ import annotations

import uuid
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from consent import gate
from fhirapi import asking, bundles, catalogue, errors, parameters
from fhirapi.parameters import Pairs
from fhirapi.searching import CURSOR, VALUES_MAX
from fhirapi.views import FhirView, is_strict
from records import summaries
from records.query import Clause, InvalidSearch, Query
from records.reading import Page, RecordSet, Stored
from records.sweeping import Stretch, Sweep
from standards.fhir import json, matching, occurrence, types
from standards.fhir.dates import Interval
from standards.fhir.ips import document

EVERYTHING_MAX: Final = 10_000
"""Records in one answer of $everything, also when no ``_count`` is given."""
EVERYTHING_BYTES_MAX: Final = 32 * 1024 * 1024
"""An answer of $everything ends with the record that reaches this."""
DOCUMENTS_DEFAULT: Final = 50
DOCUMENTS_MAX: Final = 200
DATED: Final = types.CLINICAL_TYPES - {"Device"}
"""The types whose time is the time of care: ``start`` and ``end`` are about these (R4 patient-operation-everything)."""
_POINTED_AT: Final = catalogue.SERVED - frozenset(types.PATIENT_COMPARTMENT)
_ON_DEMAND: Final = errors.outcome(
    "informational", "Nothing is written on demand here; these are the documents there are.", severity="information"
)


class OperationView(FhirView):
    """GET with the parameters in the query, POST with a form or a Parameters resource (R4 operations.html)."""

    parser_classes = [parameters.FormParser, asking.ParametersParser, asking.PlainParametersParser]
    interaction = "search"
    logged_as = "operation"
    about_patient = True
    names: tuple[str, ...] = ()
    called = ""

    def get(self, request: Request, **kwargs: str) -> HttpResponse:
        return self.asked(request, parameters.of_query(request), **kwargs)

    def post(self, request: Request, **kwargs: str) -> HttpResponse:
        return self.asked(request, [*parameters.of_query(request), *parameters.of_body(request)], **kwargs)

    def asked(self, request: Request, pairs: Pairs, **kwargs: str) -> HttpResponse:
        self.disclosure.asked = self.called
        given = asking.known(pairs, self.names, strict=is_strict(request))
        self.disclosure.parameters = [name for name in given if name != CURSOR]
        return self.performed(given, **kwargs)

    @abstractmethod
    def performed(self, given: dict[str, str], **kwargs: str) -> HttpResponse:
        """The answer of this operation to its checked parameters."""

    def whole_record(self) -> RecordSet:
        """What the gate lets this token search, of all types. Raises ConsentMissing."""
        assert self.bearer is not None
        return gate.readable(
            owner_id=self.bearer.owner_id, reader=self.reader(), interaction=self.interaction, at=timezone.now()
        )

    def require_patient(self, logical_id: str) -> None:
        assert self.bearer is not None
        if logical_id != self.bearer.patient_id:
            raise errors.UnknownResource

    def paged(self, path: str, given: dict[str, str], page: Page | Stretch, **more: Any) -> HttpResponse:
        """A searchset of the page; ``included`` and ``outcome`` as in bundles.searchset."""
        base = settings.FHIR_BASE
        links = [("self", bundles.address(base, path, given.items()))]
        if page.next is not None:
            links.append(("next", bundles.address(base, path, {**given, CURSOR: page.next}.items())))
        whole = page.next is None and CURSOR not in given
        matches, pointed_at = _parted(page.entries)
        self.disclosure.add(page.entries)
        return self.answered(
            bundles.searchset(
                base,
                matches,
                at=timezone.now(),
                links=links,
                total=len(matches) if whole else None,
                included=pointed_at,
                **more,
            )
        )


class EverythingView(OperationView):
    """``Patient/[id]/$everything``: all of her record that scopes and consent admit, and whom it points at.

    Without an id it is about every patient the token sees: her alone.
    """

    names = ("start", "end", "_since", "_type", "_count", CURSOR)
    called = "Patient/$everything"

    def performed(self, given: dict[str, str], **kwargs: str) -> HttpResponse:
        assert self.bearer is not None
        reached = self.types(given)
        self.require_patient(kwargs.get("logical_id", self.bearer.patient_id))
        start, end = asking.interval(given, "start"), asking.interval(given, "end")
        sweep = Sweep(
            reached,
            since=asking.instant(given, "_since"),
            start=None if start is None else start.low,
            end=None if end is None else end.high,
            dated=DATED,
            cursor=given.get(CURSOR),
        )
        count = asking.count(given, default=EVERYTHING_MAX, most=EVERYTHING_MAX)
        page = self.whole_record().everything(sweep, count=count, size=EVERYTHING_BYTES_MAX)
        return self.paged(f"Patient/{self.bearer.patient_id}/$everything", given, page)

    def types(self, given: dict[str, str]) -> frozenset[str]:
        """The types asked for, or all that the scopes reach. Raises InsufficientScope, InvalidSearch."""
        if "_type" not in given:
            reached = frozenset(name for name in catalogue.SERVED if self.reaches(name))
            if not reached:
                raise errors.InsufficientScope("patient/*.s")
            return reached
        asked = frozenset(name.strip() for name in given["_type"].split(","))
        if not asked <= catalogue.SERVED:
            raise InvalidSearch("_type", "names a type that is not served")
        for name in sorted(asked):
            if not self.reaches(name):
                raise errors.InsufficientScope(f"patient/{name}.s")
        return asked


class SummaryView(OperationView):
    """``Patient/[id]/$summary`` and ``Patient/$summary?identifier=``: an International Patient Summary."""

    names = ("identifier", "profile")
    called = "Patient/$summary"

    def performed(self, given: dict[str, str], **kwargs: str) -> HttpResponse:
        assert self.bearer is not None
        records = self.records("Patient")
        if given.get("profile", document.PROFILE).partition("|")[0] != document.PROFILE:
            raise errors.UnsupportedParameter("profile", "is not one that is supported here")
        self.require_patient(kwargs.get("logical_id") or self.identified(records, given))
        written = summaries.write(
            records,
            base=settings.FHIR_BASE,
            author=document.Author(settings.SITE_NAME),
            identifier=uuid.uuid4(),
            at=timezone.now(),
        )
        if written is None:
            raise errors.UnknownResource
        bundle, held = written
        self.disclosure.add(held)
        return self.answered(json.dumps(bundle))

    def identified(self, records: RecordSet, given: dict[str, str]) -> str:
        """The token's patient, if this identifier is hers. Raises InvalidSearch, UnknownResource."""
        if "identifier" not in given:
            raise InvalidSearch("identifier", "has to be given")
        own = Query.of("Patient").where("_id", records.patient_id).where("identifier", given["identifier"])
        if not records.search(own).entries:
            raise errors.UnknownResource
        return records.patient_id


class DocumentsView(OperationView):
    """``DocumentReference/$docref`` of International Patient Access: which documents there are about some care."""

    names = ("patient", "start", "end", "type", "on-demand", "_count", CURSOR)
    called = "DocumentReference/$docref"

    def performed(self, given: dict[str, str], **kwargs: str) -> HttpResponse:
        assert self.bearer is not None
        records = self.records("DocumentReference")
        if "patient" not in given:
            raise InvalidSearch("patient", "has to be given")
        start, end = asking.interval(given, "start"), asking.interval(given, "end")
        query = _documents(given).page(
            asking.count(given, default=DOCUMENTS_DEFAULT, most=DOCUMENTS_MAX), after=given.get(CURSOR)
        )
        outcome = _ON_DEMAND if asking.truth(given, "on-demand") else None
        if start is None and end is None:
            page = Page(records.search(query.where("status", "current").page(1)).entries, None)
        else:
            page = _within(records, query, start, end)
        return self.paged("DocumentReference/$docref", given, page, outcome=outcome)


def _documents(given: dict[str, str]) -> Query:
    query = Query.of("DocumentReference").where("patient", given["patient"])
    if "type" not in given:
        return query
    values = matching.split(given["type"])
    if len(values) > VALUES_MAX:
        raise InvalidSearch("type", f"has more than {VALUES_MAX} values")
    return Query(query.resource_type, (*query.clauses, Clause("type", tuple(values))))


def _within(records: RecordSet, query: Query, start: Interval | None, end: Interval | None) -> Page:
    """The first page that holds a document about care in this time; one that says no time is not left out."""
    while True:
        page = records.search(query)
        entries = [one for one in page.entries if _is_within(one, start, end)]
        if entries or page.next is None:
            return Page(entries, page.next)
        query = query.page(query.count, after=page.next)


def _is_within(stored: Stored, start: Interval | None, end: Interval | None) -> bool:
    care = occurrence.occurred(stored.resource)
    if care is None:
        return True
    return (start is None or care.high > start.low) and (end is None or care.low < end.high)


def _parted(entries: Sequence[bundles.Entry]) -> tuple[list[bundles.Entry], list[bundles.Entry]]:
    """Her own records, and those these point at."""
    own = [one for one in entries if one.resource_type not in _POINTED_AT]
    return own, [one for one in entries if one.resource_type in _POINTED_AT]
