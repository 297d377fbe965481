"""The one page of accounts that allauth does not have: choosing a language."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts import languages
from accounts.models import Person


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Switches the language and goes back to the page it was asked from. A signed-in person keeps the choice."""
    code, back = request.POST.get("language", ""), request.POST.get("next", "/")
    here = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    response = HttpResponseRedirect(back if here else "/")
    languages.remember(response, code)
    if languages.known(code) and isinstance(request.user, Person):
        Person.objects.filter(pk=request.user.pk).update(language=code)
    return response
