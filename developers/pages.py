"""What the developers' pages have in common: somebody who asked for them is signed in, and no cache keeps them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import cache_control

from accounts.models import Person, Role

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def of_developer(view: View[P]) -> View[P]:
    """Whoever has not asked to be a developer is led to where that can be asked."""

    @login_required
    @cache_control(private=True, no_store=True)
    @wraps(view)
    def page(request: HttpRequest, /, *args: P.args, **options: P.kwargs) -> HttpResponse:
        if not is_developer(person(request)):
            return redirect("developers:home")
        return view(request, *args, **options)

    return page


def of_staff(view: View[P]) -> View[P]:
    """Raises PermissionDenied for everybody else."""

    @login_required
    @cache_control(private=True, no_store=True)
    @wraps(view)
    def page(request: HttpRequest, /, *args: P.args, **options: P.kwargs) -> HttpResponse:
        if not person(request).is_staff:
            raise PermissionDenied
        return view(request, *args, **options)

    return page


def person(request: HttpRequest) -> Person:
    """Who is signed in; only behind ``login_required``."""
    assert isinstance(request.user, Person)
    return request.user


def is_developer(person: Person) -> bool:
    return person.role == Role.DEVELOPER or person.is_staff
