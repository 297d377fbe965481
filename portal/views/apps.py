"""Apps she let in: what each may see, since when, until when, last used; and taking it back."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gateway import authorizations, launches, redirects
from gateway.views import answering
from portal import admissions, pages


@require_safe
@pages.of_person
def listing(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    shown = [admissions.of(each, at=at) for each in authorizations.of(pages.person(request))]
    opening = launches.apps(pages.person(request))
    response = render(
        request,
        "portal/apps.html",
        {
            "live": [each for each in shown if each.live],
            "ended": [each for each in shown if not each.live],
            "opening": opening,
        },
    )
    # Browsers hold the redirect after a form to form-action as well, so the apps' addresses must be in it.
    leads = sorted({redirects.form_action(app.launch_uri) for app in opening})
    response._csp_update = {"form-action": leads}  # type: ignore[attr-defined]
    return response


@require_POST
@pages.of_person
def open_app(request: HttpRequest) -> HttpResponse:
    """Opens an app from here: what it may have, the app asks her as always."""
    person, client_id = pages.person(request), request.POST.get("app", "")
    application = next((app for app in launches.apps(person) if app.client_id == client_id), None)
    if application is None:
        raise Http404
    context = {"need_patient_banner": False}
    return answering.see_other(launches.open_app(application, person=person, context=context, at=timezone.now()))


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def withdraw(request: HttpRequest, authorization_id: int) -> HttpResponse:
    """Asks once more, then ends it: the app's next request is refused."""
    person = pages.person(request)
    authorization = get_object_or_404(authorizations.of(person).filter(revoked__isnull=True), pk=authorization_id)
    if request.method != "POST":
        return render(
            request, "portal/withdraw_app.html", {"admission": admissions.of(authorization, at=timezone.now())}
        )
    authorizations.end(authorization, by=person, at=timezone.now(), origin=request.META.get("REMOTE_ADDR", ""))
    messages.success(
        request, _("%(app)s can no longer see anything of yours.") % {"app": authorization.application.name}
    )
    return redirect("portal:apps")
