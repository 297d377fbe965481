"""The pages of a standalone launch: leaving for the hospital, and coming back."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Person
from smartlaunch import launches
from sync import letters
from sync.models import Hospital
from sync.problems import SourceError, explain


@never_cache
@login_required
@require_POST
def begin(request: HttpRequest, slug: str) -> HttpResponse:
    """Send the person to her hospital.

    By a page and not by a redirect: browsers hold ``form-action`` of the Content-Security-Policy against every
    redirect that follows a form, and the hospital is no address of ours. The page goes on by itself.
    """
    hospital = get_object_or_404(Hospital.objects.active(), slug=slug)
    try:
        address = launches.begin(_person(request), hospital=hospital, at=timezone.now())
    except SourceError as error:
        return _explain(request, hospital, error)
    response = render(request, "smartlaunch/leaving.html", {"hospital": hospital, "address": address})
    response["Refresh"] = f"0; url={address}"
    return response


@never_cache
@login_required
@require_GET
def callback(request: HttpRequest, slug: str) -> HttpResponse:
    """Take the person back. The state in the address says which launch it is, and a launch is its person's own."""
    hospital = get_object_or_404(Hospital.objects.active(), slug=slug)
    try:
        launches.finish(
            _person(request),
            hospital=hospital,
            answer=request.GET.dict(),
            at=timezone.now(),
            origin=request.META.get("REMOTE_ADDR", ""),
        )
    except SourceError as error:
        return _explain(request, hospital, error)
    return redirect("portal:hospitals")


def _person(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person)
    return request.user


def _explain(request: HttpRequest, hospital: Hospital, error: SourceError) -> HttpResponse:
    """What happened in her words, and what she can do. Nothing was connected, and nothing she had has changed."""
    failure = letters.Failure("", error.problem, error.status, timezone.now())
    context = {
        "hospital": hospital,
        "problem": explain(error.problem, hospital.name),
        "letter": letters.compose(hospital, [failure]),
    }
    return render(request, "smartlaunch/problem.html", context, status=400)
