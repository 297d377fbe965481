"""Apps she let in: what each may see, since when, until when, last used; and taking it back."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import languages, stepup
from accounts.models import Person
from consent import texts
from consent.ledger import NothingToResume, NothingToWithdraw
from gateway import answers, authorizations, launches, notices, owners
from gateway.models import Authorization
from gateway.views import answering
from portal import admissions, pages, receipts
from standards.fhir import json


@require_safe
@pages.of_person
def listing(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    shown = admissions.listed(pages.person(request), at=at)
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
    answering.let_forms_reach(response, [app.launch_uri for app in opening])
    return response


@require_POST
@pages.of_person
def open_app(request: HttpRequest, uid: UUID | None = None) -> HttpResponse:
    """Opens an app from here, for her own record or that of whom she acts for; what it may have, the app asks her."""
    person, client_id, at = pages.person(request), request.POST.get("app", ""), timezone.now()
    application = next((app for app in launches.apps(person) if app.client_id == client_id), None)
    if application is None:
        raise Http404
    record = owners.own(person) if uid is None else owners.of(person, uid, application, at=at)
    if record is None:
        raise Http404
    # Of somebody else's record the app itself is to say whose it shows.
    context = {"need_patient_banner": uid is not None}
    address = launches.open_app(application, person=person, delegation=record.delegation, context=context, at=at)
    return answering.see_other(address)


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def withdraw(request: HttpRequest, authorization_id: int) -> HttpResponse:
    """Asks once more, then ends it: the app's next request is refused."""
    person = pages.person(request)
    authorization = _live(Q(person=person) | _of_her_record(person), authorization_id)
    if request.method != "POST":
        context = {"admission": admissions.of(authorization, person, at=timezone.now())}
        return render(request, "portal/withdraw_app.html", context)
    authorizations.end(authorization, by=person, at=timezone.now(), origin=_origin(request))
    notices.tell(authorization, "ended")
    if authorization.owner_id == person.pk:
        told = _("%(app)s can no longer see anything of yours.")
    else:
        told = _("%(app)s can no longer see anything of that record.")
    messages.success(request, told % {"app": authorization.application.name})
    return redirect("portal:apps")


@require_POST
@pages.of_person
def pause(request: HttpRequest, authorization_id: int) -> HttpResponse:
    """The app is refused at once, and keeps nothing it could use; she can let it go on later."""
    authorization = _live(_of_her_record(pages.person(request)), authorization_id)
    try:
        authorizations.pause(authorization, by=pages.person(request), at=timezone.now(), origin=_origin(request))
    except NothingToWithdraw as error:
        raise Http404 from error
    notices.tell(authorization, "paused")
    name = authorization.application.name
    messages.success(request, _("%(app)s is paused: it sees nothing until you let it go on.") % {"app": name})
    return redirect("portal:apps")


@require_POST
@pages.of_person
@stepup.required
def resume(request: HttpRequest, authorization_id: int) -> HttpResponse:
    authorization = _live(_of_her_record(pages.person(request)), authorization_id)
    try:
        authorizations.resume(authorization, by=pages.person(request), at=timezone.now(), origin=_origin(request))
    except NothingToResume as error:
        raise Http404 from error
    notices.tell(authorization, "resumed")
    messages.success(request, _("%(app)s sees the same as before.") % {"app": authorization.application.name})
    return redirect("portal:apps")


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
@stepup.required_to_send
def renew(request: HttpRequest, authorization_id: int) -> HttpResponse:
    """One tap: the same terms, ninety days from now (until the end of the study, for an app of one).

    By whoever let the app in; of somebody else's record, while she may still let apps in.
    """
    person, at, language = pages.person(request), timezone.now(), languages.current()
    authorization = _live(Q(person=person), authorization_id)
    if not authorizations.is_renewable(authorization) or not authorizations.acts_still(authorization, at=at):
        raise Http404
    ends = authorizations.renewed_end(authorization, at=at)
    if request.method != "POST":
        context = {
            "admission": admissions.of(authorization, person, at=at),
            "until": formats.date_format(timezone.localtime(ends), "DATE_FORMAT"),
            "text": texts.read(_text(authorization), language),
        }
        return render(request, "portal/renew_app.html", context)
    read = answers.reading(authorization.application, language, text=_text(authorization))
    try:
        authorizations.renew(authorization, by=person, ends=ends, read=read, at=at, origin=_origin(request))
    except NothingToResume as error:
        raise Http404 from error
    notices.tell(_live(Q(person=person), authorization_id), "renewed")
    messages.success(request, _("%(app)s can go on.") % {"app": authorization.application.name})
    return redirect("portal:apps")


@require_safe
@pages.of_person
def receipt(request: HttpRequest, authorization_id: int) -> HttpResponse:
    """The decision an admission stands on, in words."""
    shown = receipts.of(_known(pages.person(request), authorization_id).decision)
    return render(request, "portal/receipt.html", {"receipt": shown, "authorization_id": authorization_id})


@require_safe
@pages.of_person
def receipt_file(request: HttpRequest, authorization_id: int, form: str) -> HttpResponse:
    """``receipt``: everything the ledger holds of it, as JSON. ``consent``: as FHIR Consent."""
    decision = _known(pages.person(request), authorization_id).decision
    if form == "consent":
        body, kind = receipts.as_consent(decision, at=timezone.now()), "application/fhir+json"
    else:
        body, kind = receipts.as_json(decision), "application/json"
    headers = {"Content-Disposition": f'attachment; filename="{form}-{decision.uid}.json"'}
    return HttpResponse(json.dumps(body), content_type=kind, headers=headers)


def _of_her_record(person: Person) -> Q:
    """What is about her own record, whoever let the app in."""
    return Q(person=person, delegation__isnull=True) | Q(about=person, delegation__isnull=False)


def _live(which: Q, authorization_id: int) -> Authorization:
    """One of these that was not taken back. Raises Http404."""
    found: Authorization = get_object_or_404(
        authorizations.told().filter(which, revoked__isnull=True), pk=authorization_id
    )
    return found


def _known(person: Person, authorization_id: int) -> Authorization:
    """One that is about her record or that she let in for somebody else. Raises Http404."""
    which = Q(person=person) | _of_her_record(person)
    found: Authorization = get_object_or_404(authorizations.told().filter(which), pk=authorization_id)
    return found


def _text(authorization: Authorization) -> str:
    return texts.SHARING if authorization.delegation_id is None else texts.SHARING_FOR_ANOTHER


def _origin(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
