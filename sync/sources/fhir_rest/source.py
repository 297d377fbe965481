"""A hospital's FHIR server as a source: joins the client with the mapping, page by page."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from urllib.parse import urljoin, urlsplit

from standards.fhir import types
from sync import vendors
from sync.problems import Problem, SourceError
from sync.sources.fhir_rest import client as http
from sync.sources.fhir_rest import mapping, plan
from sync.sources.fhir_rest.mapping import Frame, Mapped, Pointed

# Ids in one search: some servers refuse addresses much longer than this makes.
BATCH: int = 40
READS_IN_A_BATCH: int = 10
# What a server answers to a parameter it does not know, or misses.
_MALFORMED = frozenset({400, 422})


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a listing. ``next`` is empty at its end; ``status`` is None where nothing had to be asked for it."""

    address: str
    mapped: Mapped
    total: int | None
    next: str
    status: int | None
    tries: int
    requested: datetime
    took: timedelta


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of resources asked for by id; every one asked is in exactly one of the four."""

    mapped: Mapped
    found: frozenset[Pointed]
    missing: frozenset[Pointed]
    refused: frozenset[Pointed]
    failed: frozenset[Pointed]
    requested: datetime
    took: timedelta


class FhirSource:
    """One hospital, for one connection, during one call of a run. Close it after use."""

    def __init__(
        self,
        base: str,
        frame: Frame,
        *,
        bearer: http.Bearer,
        pulse: Callable[[], None],
        page_size: int,
        vendor: vendors.Vendor = vendors.STANDARD,
        spend: Callable[[], None] = lambda: None,
    ) -> None:
        self.frame = frame
        self.vendor = vendor
        self._client = http.Client(base, bearer=bearer, pulse=pulse, vendor=vendor, spend=spend)
        self._page_size = min(page_size, vendor.page_size or page_size)
        self._asks_total = True

    def close(self) -> None:
        self._client.close()

    @cached_property
    def capability(self) -> plan.Capability:
        """What the hospital says it offers; a statement that it refuses or garbles is as if it said nothing.

        Raises SourceError where it says that it speaks FHIR before R4: nothing of it is read by halves.
        """
        try:
            answer = self._client.get(urljoin(self._client.base, "metadata"))
        except SourceError as error:
            if error.problem in {Problem.UNREACHABLE, Problem.BUSY, Problem.OUR_TURN, Problem.SIGNED_OUT}:
                raise
            return plan.Capability()
        capability = plan.Capability.of(answer.resource)
        if capability.is_too_old or answer.resource["resourceType"] == "Conformance":
            raise SourceError(f"FHIR {capability.version}", problem=Problem.OLD_FHIR)
        return capability

    def searches(self) -> tuple[plan.Search, ...]:
        return plan.searches(self.capability, by_category=self.vendor.by_category)

    def first_page(self, search: plan.Search) -> Listed:
        """Begin a listing. A server that does not know ``_total`` and says so is asked without. Raises SourceError."""
        try:
            return self.page(self.first_address(search))
        except SourceError as error:
            if search.is_read or not self._asks_total or error.status not in _MALFORMED:
                raise
        listed = self.page(self.first_address(search, with_total=False))
        self._asks_total = False
        return listed

    def first_address(self, search: plan.Search, *, with_total: bool = True) -> str:
        """Where a listing begins."""
        if search.is_read:
            return urljoin(self._client.base, f"{search.resource_type}/{self.frame.patient}")
        asked = plan.parameters(
            search,
            patient=self.frame.patient,
            page_size=self._page_size,
            capability=self.capability,
            with_total=with_total and self._asks_total,
            also=self.vendor.also.get(search.resource_type, ""),
        )
        return self._client.search_address(search.resource_type, asked)

    def page(self, address: str) -> Listed:
        """Fetch and map one page. Raises SourceError, also for a ``next`` that leads elsewhere."""
        answer = self._client.get(address)
        resource = answer.resource
        if resource["resourceType"] not in {"Bundle", "Patient"}:
            raise SourceError(
                "neither a Bundle nor what was asked for", problem=Problem.UNREADABLE, status=answer.status
            )
        following = mapping.next_address(resource) or ""
        if following:
            following = self._following(address, following)
        mapped = mapping.page(resource, self.frame)
        mapped.warnings += bool(answer.notes)
        return Listed(
            address,
            mapped,
            None if self.vendor.totals_are_estimates else mapping.total(resource),
            following,
            answer.status,
            answer.tries,
            answer.requested,
            answer.took,
        )

    def _following(self, address: str, link: str) -> str:
        """The absolute address of the next page; below our own base where the server names an inner address."""
        if not self.vendor.next_by_query:
            return urljoin(address, link)
        # A link without a type asks the base itself (HAPI's _getpages).
        name = urlsplit(link).path.rstrip("/").rpartition("/")[2]
        path = f"{self._client.base}{name}" if name in types.RESOURCE_TYPES else self._client.base.rstrip("/")
        return f"{path}?{urlsplit(link).query}"

    def leads_elsewhere(self, address: str) -> bool:
        """Whether a next link leaves the hospital's own base: it is never followed, so no token goes there."""
        return not http.is_below(address, base=self._client.base)

    def look_up(self, resource_type: str, remote_ids: Sequence[str], *, may_search: bool = True) -> Looked:
        """Fetch resources of one type by id: in one search where the hospital can, else one by one.

        What a search does not bring is asked for by itself, because servers leave out what they will not search.
        Raises SourceError only for what stops the whole run.
        """
        requested, began = datetime.now(UTC), time.monotonic()
        mapped, found = Mapped(), set[Pointed]()
        if may_search and len(remote_ids) > 1 and self.capability.searches_by_id(resource_type):
            self._search_by_id(resource_type, remote_ids, mapped)
            found |= set(mapped.listing)
        outcomes: dict[Problem, set[Pointed]] = {}
        for remote_id in remote_ids:
            wanted = Pointed(resource_type, remote_id)
            if wanted in found:
                continue
            problem = self._read(wanted, mapped)
            (found if problem is None else outcomes.setdefault(problem, set())).add(wanted)
        missing = outcomes.pop(Problem.MISSING, set())
        refused = outcomes.pop(Problem.REFUSED, set())
        failed: set[Pointed] = set().union(*outcomes.values())
        took = timedelta(seconds=time.monotonic() - began)
        return Looked(
            mapped, frozenset(found), frozenset(missing), frozenset(refused), frozenset(failed), requested, took
        )

    def _search_by_id(self, resource_type: str, remote_ids: Sequence[str], mapped: Mapped) -> None:
        asked = {"_id": ",".join(remote_ids), "_count": str(len(remote_ids))}
        try:
            answer = self._client.get(self._client.search_address(resource_type, asked))
        except SourceError as error:
            _stop_run_for(error)
            return
        wanted = {Pointed(resource_type, remote_id) for remote_id in remote_ids}
        mapping.merge(mapped, mapping.page(answer.resource, self.frame, only=wanted))

    def _read(self, wanted: Pointed, mapped: Mapped) -> Problem | None:
        address = urljoin(self._client.base, f"{wanted.resource_type}/{wanted.remote_id}")
        try:
            answer = self._client.get(address)
        except SourceError as error:
            _stop_run_for(error)
            return error.problem
        one = mapping.page(answer.resource, self.frame, only={wanted})
        mapping.merge(mapped, one)
        return None if wanted in one.listing else Problem.UNREADABLE


def _stop_run_for(error: SourceError) -> None:
    """A hospital that is away, busy or no longer lets us in is the whole run's matter, not one resource's."""
    if error.problem in {Problem.UNREACHABLE, Problem.BUSY, Problem.OUR_TURN, Problem.SIGNED_OUT}:
        raise error
