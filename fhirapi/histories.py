"""``GET [type]/[id]/_history``: every version that the token may see, newest first (R4 http.html#history).

Who may not see the current version sees none; an older one that the rules do not admit by itself is left out.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from fhirapi import asking, bundles, catalogue, errors, parameters
from fhirapi.searching import CURSOR
from fhirapi.views import FhirView, is_strict
from records.query import InvalidSearch

COUNT_DEFAULT: Final = 50
COUNT_MAX: Final = 1000
_NAMES: Final = ("_since", "_count", CURSOR)


class HistoryView(FhirView):
    """One resource's versions."""

    http_method_names = ["get", "head"]
    interaction = "history-instance"
    logged_as = "history"

    def get(self, request: Request, resource_type: str, logical_id: str) -> HttpResponse:
        catalogue.require(resource_type)
        self.disclosure.asked = resource_type
        records = self.records(resource_type)
        given = asking.known(parameters.of_query(request), _NAMES, strict=is_strict(request))
        self.disclosure.parameters = [name for name in given if name != CURSOR]
        since = asking.instant(given, "_since")
        below = _version(given)
        count = asking.count(given, default=COUNT_DEFAULT, most=COUNT_MAX)
        versions = records.history(resource_type, logical_id, since=since, below=below, limit=count + 1)
        if not versions and records.read(resource_type, logical_id) is None:
            raise errors.UnknownResource
        shown = versions[:count]
        self.disclosure.add(version for version in shown if not version.deleted)
        whole = below is None and len(versions) <= count
        path = f"{resource_type}/{logical_id}/_history"
        links = [("self", bundles.address(settings.FHIR_BASE, path, given.items()))]
        if len(versions) > count:
            following = {**given, CURSOR: str(shown[-1].version_id)}
            links.append(("next", bundles.address(settings.FHIR_BASE, path, following.items())))
        total = len(shown) if whole else None
        return self.answered(bundles.history(settings.FHIR_BASE, shown, at=timezone.now(), links=links, total=total))


def _version(given: dict[str, str]) -> int | None:
    """The cursor is the number of the last version shown."""
    text = given.get(CURSOR)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidSearch(CURSOR, "not a page of this history")
    return int(text)
