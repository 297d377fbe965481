"""The routes that write: what an app adds, and what it changes or removes of it (R4 http.html)."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse
from rest_framework.request import Request

from consent import contributions, gate
from fhirapi import catalogue, errors, views, writing
from sync import refusals
from sync.changes import Change

_WRITES: Final = frozenset(writing.INTERACTION)


class Writes(views.FhirView):
    """What the routes that also write have in common: the interaction follows from the method."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.interaction = writing.INTERACTION.get(request.method or "", self.interaction)
        super().initial(request, *args, **kwargs)

    @property
    def allowed_methods(self) -> list[str]:
        """Types that apps do not write have only the methods that read."""
        methods: list[str] = super().allowed_methods
        if self.kwargs["resource_type"] in contributions.ABOUT:
            return methods
        return [method for method in methods if method not in _WRITES]

    def require(self, resource_type: str) -> None:
        """Raises UnknownResource, NotContributed for a type that apps do not write, InsufficientScope."""
        catalogue.require(resource_type)
        self.disclosure.asked = resource_type
        if resource_type not in contributions.ABOUT:
            raise refusals.NotContributed(resource_type)
        if not self.reaches(resource_type):
            raise errors.InsufficientScope(f"patient/{resource_type}.{gate.LETTER[self.interaction]}")

    def change(self, request: Request, change: Change) -> HttpResponse:
        """Written together with its line in the access log."""
        assert self.bearer is not None
        by = writing.author(self.bearer, origin=request.META.get("REMOTE_ADDR", ""))
        (done,) = writing.submit(by, [change])
        self.disclosure.told = True
        prefer = writing.returned(request.META)
        return writing.answer(done, prefer=prefer, media_type=request.accepted_media_type)


class TypeView(Writes, views.SearchView):
    """``/[type]``: search, and create."""

    def post(self, request: Request, resource_type: str) -> HttpResponse:
        self.require(resource_type)
        criteria = writing.unless(resource_type, request.META.get("HTTP_IF_NONE_EXIST"))
        content = writing.resource_of(request, resource_type)
        return self.change(request, Change(self.interaction, resource_type, content=content, unless=criteria))


class RecordView(Writes, views.InstanceView):
    """``/[type]/[id]``: read, update, patch, delete."""

    http_method_names = ["get", "head", "put", "patch", "delete"]

    def put(self, request: Request, resource_type: str, logical_id: str) -> HttpResponse:
        self.require(resource_type)
        content = writing.resource_of(request, resource_type, logical_id=logical_id)
        return self.change(request, self.existing(request, resource_type, logical_id, content))

    def patch(self, request: Request, resource_type: str, logical_id: str) -> HttpResponse:
        self.require(resource_type)
        return self.change(request, self.existing(request, resource_type, logical_id, writing.patch_of(request)))

    def delete(self, request: Request, resource_type: str, logical_id: str) -> HttpResponse:
        self.require(resource_type)
        return self.change(request, self.existing(request, resource_type, logical_id))

    def existing(self, request: Request, resource_type: str, logical_id: str, content: Any = None) -> Change:
        expected = writing.expected(request.META.get("HTTP_IF_MATCH"))
        return Change(self.interaction, resource_type, logical_id, content=content, expected=expected)
