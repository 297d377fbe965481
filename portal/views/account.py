"""The person's own settings."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import languages
from accounts.forms import ProfileForm
from portal import pages


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def profile(request: HttpRequest) -> HttpResponse:
    person = pages.person(request)
    form = ProfileForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid():
        form.save()
        with translation.override(person.language):
            messages.success(request, _("Your changes are saved."))
        response = redirect("portal:account")
        languages.remember(response, person.language)
        return response
    context = {"form": form, "email": person.email, "provider": settings.OIDC_ISSUER}
    return render(request, "portal/account.html", context)
