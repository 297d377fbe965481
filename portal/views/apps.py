"""Apps she let in: what each may see, since when, until when, last used; and taking it back."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import languages, stepup
from consent import texts
from consent.ledger import NothingToResume, NothingToWithdraw
from gateway import answers, authorizations, launches, redirects
from gateway.models import Authorization
from gateway.views import answering
from portal import admissions, pages, receipts
from standards.fhir import json


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
    authorization = _hers(request, authorization_id)
    if request.method != "POST":
        return render(
            request, "portal/withdraw_app.html", {"admission": admissions.of(authorization, at=timezone.now())}
        )
    authorizations.end(authorization, by=person, at=timezone.now(), origin=_origin(request))
    messages.success(
        request, _("%(app)s can no longer see anything of yours.") % {"app": authorization.application.name}
    )
    return redirect("portal:apps")


@require_POST
@pages.of_person
def pause(request: HttpRequest, authorization_id: int) -> HttpResponse:
    """The app is refused at once, and keeps nothing it could use; she can let it go on later."""
    authorization = _hers(request, authorization_id)
    try:
        authorizations.pause(authorization, by=pages.person(request), at=timezone.now(), origin=_origin(request))
    except NothingToWithdraw as error:
        raise Http404 from error
    name = authorization.application.name
    messages.success(request, _("%(app)s is paused: it sees nothing until you let it go on.") % {"app": name})
    return redirect("portal:apps")


@require_POST
@pages.of_person
@stepup.required
def resume(request: HttpRequest, authorization_id: int) -> HttpResponse:
    authorization = _hers(request, authorization_id)
    try:
        authorizations.resume(authorization, by=pages.person(request), at=timezone.now(), origin=_origin(request))
    except NothingToResume as error:
        raise Http404 from error
    messages.success(request, _("%(app)s sees the same as before.") % {"app": authorization.application.name})
    return redirect("portal:apps")


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
@stepup.required_to_send
def renew(request: HttpRequest, authorization_id: int) -> HttpResponse:
    """One tap: the same terms, ninety days from now (until the end of the study, for an app of one)."""
    authorization, at, language = _hers(request, authorization_id), timezone.now(), languages.current()
    if not authorizations.is_renewable(authorization):
        raise Http404
    ends = authorizations.renewed_end(authorization, at=at)
    if request.method != "POST":
        context = {
            "admission": admissions.of(authorization, at=at),
            "until": formats.date_format(timezone.localtime(ends), "DATE_FORMAT"),
            "text": texts.read(texts.SHARING, language),
        }
        return render(request, "portal/renew_app.html", context)
    read = answers.reading(authorization.application, language)
    try:
        authorizations.renew(
            authorization, by=pages.person(request), ends=ends, read=read, at=at, origin=_origin(request)
        )
    except NothingToResume as error:
        raise Http404 from error
    messages.success(request, _("%(app)s can go on.") % {"app": authorization.application.name})
    return redirect("portal:apps")


@require_safe
@pages.of_person
def receipt(request: HttpRequest, authorization_id: int) -> HttpResponse:
    """The decision an admission stands on, in words."""
    authorization = get_object_or_404(authorizations.of(pages.person(request)), pk=authorization_id)
    shown = receipts.of(authorization.decision)
    return render(request, "portal/receipt.html", {"receipt": shown, "authorization_id": authorization_id})


@require_safe
@pages.of_person
def receipt_file(request: HttpRequest, authorization_id: int, form: str) -> HttpResponse:
    """``receipt``: everything the ledger holds of it, as JSON. ``consent``: as FHIR Consent."""
    person = pages.person(request)
    decision = get_object_or_404(authorizations.of(person), pk=authorization_id).decision
    if form == "consent":
        body, kind = receipts.as_consent(decision, person, at=timezone.now()), "application/fhir+json"
    else:
        body, kind = receipts.as_json(decision), "application/json"
    headers = {"Content-Disposition": f'attachment; filename="{form}-{decision.uid}.json"'}
    return HttpResponse(json.dumps(body), content_type=kind, headers=headers)


def _hers(request: HttpRequest, authorization_id: int) -> Authorization:
    """An authorization of hers that she has not taken back."""
    found: Authorization = get_object_or_404(
        authorizations.of(pages.person(request)).filter(revoked__isnull=True), pk=authorization_id
    )
    return found


def _origin(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
