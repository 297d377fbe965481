"""Where a record came from: its source, where that stands on her pages, and what was written of how it came about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from accounts.models import Person
from portal import elements, phrases, sources, when
from portal.acting import Acting
from records import reading
from records.query import Query
from sync import connections, uploads

TOLD_MAX: Final = 20
"""Provenances shown of one record; hospitals write one for each of its versions."""
# http://terminology.hl7.org/CodeSystem/provenance-participant-type
_PARTS: Final[Mapping[str, Promise]] = {
    "assembler": gettext_lazy("put it together"),
    "author": gettext_lazy("wrote it"),
    "custodian": gettext_lazy("keeps it"),
    "enterer": gettext_lazy("entered it"),
    "informant": gettext_lazy("told of it"),
    "performer": gettext_lazy("did it"),
    "transmitter": gettext_lazy("passed it on"),
    "verifier": gettext_lazy("checked it"),
}


@dataclass(frozen=True)
class Place:
    """A source. ``url``: the page of the hospital or file it is; "" where there is none that this reader may open."""

    name: str
    url: str = ""


@dataclass(frozen=True)
class Trace:
    """One Provenance. ``who``: each that had a part in it, with the part; ``made``: where it can be read whole."""

    moment: str
    activity: str
    who: tuple[str, ...]
    made: tuple[str, str]


def places(owner: Person, ids: Iterable[int], *, acting: Acting | None) -> dict[int, Place]:
    """The sources with these ids, in a fixed number of queries; hospitals and files are the owner's own affair."""
    wanted = set(ids)
    urls = {} if acting else {**_hospitals(owner, wanted), **_files(owner, wanted)}
    return {pk: Place(name, urls.get(pk, "")) for pk, name in sources.names(wanted).items()}


def _hospitals(owner: Person, wanted: set[int]) -> Mapping[int, str]:
    found = connections.of(owner).filter(hospital__source_id__in=wanted).values_list("hospital__source_id", "pk")
    return {source: reverse("portal:hospital", args=[pk]) for source, pk in found}


def _files(owner: Person, wanted: set[int]) -> Mapping[int, str]:
    found = uploads.of(owner).filter(source_id__in=wanted).values_list("source_id", "uid")
    return {source: reverse("portal:file", args=[uid]) for source, uid in found if source is not None}


def traces(records: reading.RecordSet, stored: reading.Stored) -> tuple[list[Trace], list[reading.Stored]]:
    """What Provenances tell of a record, newest first, and these themselves, as far as this reader may see them."""
    query = Query.of("Provenance").where("target", f"{stored.resource_type}/{stored.logical_id}").page(TOLD_MAX)
    found = records.search(query).entries
    return [_trace(each) for each in found], found


def _trace(stored: reading.Stored) -> Trace:
    resource = stored.resource
    return Trace(
        moment=when.said(elements.first(resource, "recorded")),
        activity=phrases.concept(elements.first(resource, "activity")),
        who=tuple(_agents(resource)),
        made=(stored.resource_type, stored.logical_id),
    )


def _agents(resource: Any) -> Iterator[str]:
    for agent in elements.every(resource, "agent"):
        name = phrases.reference(elements.first(agent, "who"))
        part = str(_PARTS.get(elements.text(agent, "type", "coding", "code"), "")) or phrases.concept(
            elements.first(agent, "type")
        )
        if name:
            yield f"{name} ({part})" if part else name
