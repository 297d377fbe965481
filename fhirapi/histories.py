"""``_history`` of one resource and of a type: every version the token may see, newest first (R4 http.html#history).

Who may not see the current version sees none; an older one that the rules do not admit by itself is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from fhirapi import asking, bundles, catalogue, errors, parameters
from fhirapi.searching import CURSOR
from fhirapi.views import FhirView, is_strict
from records.changelog import Changes
from records.query import InvalidSearch
from records.reading import Stored

COUNT_DEFAULT: Final = 50
COUNT_MAX: Final = 1000
_NAMES: Final = ("_since", "_count", CURSOR)
_REFUSED: Final = ("_at", "_list")
"""To leave these out would show what was not asked for."""


class _VersionsView(FhirView):
    """What the histories share."""

    http_method_names = ["get", "head"]
    logged_as = "history"

    def given(self, request: Request) -> dict[str, str]:
        """The parameters that take part. Raises UnsupportedParameter for those that may not be left out."""
        pairs = parameters.of_query(request)
        for name, _ in pairs:
            if name in _REFUSED:
                raise errors.UnsupportedParameter(name, "is not supported here")
        given = asking.known(pairs, _NAMES, strict=is_strict(request))
        self.disclosure.parameters = [name for name in given if name != CURSOR]
        return given

    def shown(
        self, path: str, given: dict[str, str], versions: Sequence[Stored], following: str | None
    ) -> HttpResponse:
        """One page; ``following`` is the cursor of the next. The total is told where this page is all there is."""
        self.disclosure.add(version for version in versions if not version.deleted)
        links = [("self", bundles.address(settings.FHIR_BASE, path, given.items()))]
        if following is not None:
            pairs = {**given, CURSOR: following}.items()
            links.append(("next", bundles.address(settings.FHIR_BASE, path, pairs)))
        total = len(versions) if following is None and CURSOR not in given else None
        return self.answered(bundles.history(settings.FHIR_BASE, versions, at=timezone.now(), links=links, total=total))


class HistoryView(_VersionsView):
    """One resource's versions, newest first."""

    interaction = "history-instance"

    def get(self, request: Request, resource_type: str, logical_id: str) -> HttpResponse:
        catalogue.require(resource_type)
        self.disclosure.asked = resource_type
        records = self.records(resource_type)
        given = self.given(request)
        since = asking.instant(given, "_since")
        below = _version(given)
        count = asking.count(given, default=COUNT_DEFAULT, most=COUNT_MAX)
        versions = records.history(resource_type, logical_id, since=since, below=below, limit=count + 1)
        if not versions and records.read(resource_type, logical_id) is None:
            self.note_withheld()
            raise errors.UnknownResource
        following = str(versions[count - 1].version_id) if len(versions) > count else None
        return self.shown(f"{resource_type}/{logical_id}/_history", given, versions[:count], following)


class TypeHistoryView(_VersionsView):
    """The versions of all resources of a type, last changed first. It lists, so it needs the scope of a search."""

    interaction = "history-type"

    def get(self, request: Request, resource_type: str) -> HttpResponse:
        catalogue.require(resource_type, catalogue.SEARCHED)
        self.disclosure.asked = resource_type
        records = self.records(resource_type)
        given = self.given(request)
        count = asking.count(given, default=COUNT_DEFAULT, most=COUNT_MAX)
        changes = Changes(resource_type, since=asking.instant(given, "_since"), cursor=given.get(CURSOR))
        page = records.changes(changes, count=count)
        return self.shown(f"{resource_type}/_history", given, page.entries, page.next)


def _version(given: dict[str, str]) -> int | None:
    """The cursor is the number of the last version shown."""
    text = given.get(CURSOR)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidSearch(CURSOR, "not a page of this history")
    return int(text)
