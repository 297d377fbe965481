"""What every page of hers has in common: she is signed in, times are hers, and no cache on the way keeps it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.cache import cache_control

from accounts.models import Person

P = ParamSpec("P")
R = TypeVar("R", bound=HttpResponseBase)
View = Callable[Concatenate[HttpRequest, P], R]


def of_person(view: View[P, R]) -> View[P, R]:
    """A page for a signed-in person, rendered in her time zone, never stored by browser or proxy."""

    @login_required
    @cache_control(private=True, no_store=True)
    @wraps(view)
    def page(request: HttpRequest, /, *args: P.args, **options: P.kwargs) -> R:
        with timezone.override(person(request).zone):
            return view(request, *args, **options)

    return page


def person(request: HttpRequest) -> Person:
    """Who is signed in; only for pages of a person."""
    assert isinstance(request.user, Person)
    return request.user
