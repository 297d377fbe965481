"""``/developers/people/``: made-up people to try apps with."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from developers import pages, people
from developers.models import SyntheticPerson
from developers.people import Made


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_developer
@sensitive_variables("made")
def listing(request: HttpRequest) -> HttpResponse:
    """By POST one more; her password is on this one answer only."""
    if request.method != "POST":
        return _page(request)
    try:
        made = people.make(pages.person(request), at=timezone.now())
    except people.TooMany:
        messages.error(request, _("You have as many test people as there can be."))
        return redirect("developers:people")
    return _page(request, made)


@require_POST
@pages.of_developer
@sensitive_variables("made")
def renew_password(request: HttpRequest, person_id: int) -> HttpResponse:
    try:
        made = people.renew_password(pages.person(request), person_id)
    except SyntheticPerson.DoesNotExist as error:
        raise Http404 from error
    return _page(request, made)


def _page(request: HttpRequest, made: Made | None = None) -> HttpResponse:
    found = people.of(pages.person(request))
    return render(
        request, "developers/people.html", {"people": found, "made": made, "may_make": len(found) < people.MOST}
    )
