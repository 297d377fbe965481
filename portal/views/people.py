"""People who act for her, and whom she acts for: asking, answering, pausing, renewing, ending."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import languages, stepup
from consent import delegations, ledger, texts
from consent.delegations import NotInvited, Standing, State, TooManyInvitations
from consent.ledger import NothingToResume, NothingToWithdraw
from gateway import authorizations
from portal import delegates, invitations, pages
from portal.invitations import InvitationForm

TOKEN = "delegation_invitation"  # noqa: S105 - the name of the place in her session
WAITING_PAGE = "portal:invitation"


@require_safe
@pages.of_person
def listing(request: HttpRequest) -> HttpResponse:
    person, at = pages.person(request), timezone.now()
    given = delegates.all_of(delegations.given(person, at=at), person)
    held = delegates.all_of(delegations.held(person, at=at), person)
    return render(
        request,
        "portal/people.html",
        {
            "given": [each for each in given if each.open],
            "held": [each for each in held if each.open],
            "past": [each for each in (*given, *held) if not each.open],
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
@stepup.required
def invite(request: HttpRequest) -> HttpResponse:
    """Asks somebody. The mail leaves after the decision is kept; if it cannot, the invitation is taken back."""
    person, at = pages.person(request), timezone.now()
    form = InvitationForm(request.POST or None, owner=person, at=at)
    if request.method == "POST" and form.is_valid():
        try:
            delegation, token = delegations.invite(
                person, form.offer(), read=_reading(), at=at, origin=_origin(request)
            )
        except TooManyInvitations:
            form.add_error(None, _("Too many invitations wait for an answer. Take one back first."))
        else:
            if invitations.invite(delegation, token):
                messages.success(request, _("The invitation is on its way to %(email)s.") % {"email": delegation.email})
            else:
                delegations.end(delegation, by=person, at=timezone.now(), origin=_origin(request))
                messages.error(request, _("The mail could not be sent, so nothing was shared. Try again later."))
            return redirect("portal:people")
    text = texts.read(texts.DELEGATING, languages.current())
    return render(request, "portal/invite.html", {"form": form, "text": text})


@require_safe
@never_cache
def open_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The link in the mail. The token goes to the session, so that no further address, log or Referer holds it."""
    request.session[TOKEN] = token
    response = redirect(WAITING_PAGE)
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def invitation(request: HttpRequest) -> HttpResponse:
    """She reads who asks what of her, and answers."""
    person, at = pages.person(request), timezone.now()
    standing = delegations.invitation(str(request.session.get(TOKEN, "")), at=at)
    if standing is None or standing.delegation.email != person.email.lower():
        return render(request, "portal/no_invitation.html", {"known": standing is not None}, status=404)
    if request.method == "POST" and request.POST.get("answer") in ("accept", "decline"):
        return _answer(request, standing)
    return render(request, "portal/invitation.html", {"delegate": delegates.of(standing, person)})


def _answer(request: HttpRequest, standing: Standing) -> HttpResponse:
    delegation, accepting = standing.delegation, request.POST["answer"] == "accept"
    answer = delegations.accept if accepting else delegations.decline
    try:
        answer(delegation, pages.person(request), at=timezone.now(), origin=_origin(request))
    except NotInvited:
        return render(request, "portal/no_invitation.html", {"known": False}, status=404)
    del request.session[TOKEN]
    invitations.tell(delegation, "accepted" if accepting else "declined")
    if not accepting:
        messages.success(request, _("You said no. Nothing was shared with you."))
        return redirect("portal:people")
    return redirect("portal:for_home", uid=delegation.uid)


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def end(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Either side, after being asked once more."""
    standing = _hers(request, uid) or _held(request, uid)
    if standing is None:
        raise Http404
    shown = delegates.of(standing, pages.person(request))
    if not shown.open:
        raise Http404
    if request.method != "POST":
        return render(request, "portal/end_delegation.html", {"delegate": shown})
    try:
        delegations.end(standing.delegation, by=pages.person(request), at=timezone.now(), origin=_origin(request))
    except NothingToWithdraw as error:
        raise Http404 from error
    authorizations.end_with(standing.delegation, by=pages.person(request), at=timezone.now(), origin=_origin(request))
    invitations.tell(standing.delegation, "ended")
    messages.success(request, _("It has ended. Nothing more can be seen."))
    return redirect("portal:people")


@require_POST
@pages.of_person
def pause(request: HttpRequest, uid: UUID) -> HttpResponse:
    delegation = _given(request, uid).delegation
    try:
        delegations.pause(delegation, at=timezone.now(), origin=_origin(request))
    except NothingToWithdraw as error:
        raise Http404 from error
    invitations.tell(delegation, "paused")
    messages.success(request, _("Paused: nothing can be seen until you let it go on."))
    return redirect("portal:people")


@require_POST
@pages.of_person
@stepup.required
def resume(request: HttpRequest, uid: UUID) -> HttpResponse:
    delegation = _given(request, uid).delegation
    try:
        delegations.resume(delegation, at=timezone.now(), origin=_origin(request))
    except NothingToResume as error:
        raise Http404 from error
    invitations.tell(delegation, "resumed")
    messages.success(request, _("It goes on as before."))
    return redirect("portal:people")


@require_POST
@pages.of_person
@stepup.required
def renew(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One tap: the same terms, a year from now."""
    standing, at = _given(request, uid), timezone.now()
    if not delegates.of(standing, pages.person(request)).renewable:
        raise Http404
    try:
        delegations.renew(
            standing.delegation, ends=at + invitations.RENEWED, read=_reading(), at=at, origin=_origin(request)
        )
    except NothingToResume as error:
        raise Http404 from error
    invitations.tell(standing.delegation, "renewed")
    messages.success(request, _("It goes on for a year from today."))
    return redirect("portal:people")


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
@stepup.required_to_send
def let_apps_in(request: HttpRequest, uid: UUID) -> HttpResponse:
    """She reads what it means, then says so: from then on the delegate may let apps in for her."""
    standing = _given(request, uid)
    if standing.state is not State.ACTIVE or standing.lets_apps_in:
        raise Http404
    if request.method != "POST":
        shown = delegates.of(standing, pages.person(request))
        text = texts.read(texts.DELEGATING, languages.current())
        return render(request, "portal/let_apps_in.html", {"delegate": shown, "text": text})
    _say_of_apps(request, standing, allowed=True)
    messages.success(request, _("%(name)s may let apps in from now on.") % {"name": standing.delegation.name})
    return redirect("portal:people")


@require_POST
@pages.of_person
def let_no_apps_in(request: HttpRequest, uid: UUID) -> HttpResponse:
    """It is taken back, and the apps that the delegate let in end with it."""
    standing = _given(request, uid)
    if not standing.lets_apps_in:
        raise Http404
    _say_of_apps(request, standing, allowed=False)
    authorizations.end_with(standing.delegation, by=pages.person(request), at=timezone.now(), origin=_origin(request))
    messages.success(request, _("%(name)s may let no more apps in.") % {"name": standing.delegation.name})
    return redirect("portal:people")


def _say_of_apps(request: HttpRequest, standing: Standing, *, allowed: bool) -> None:
    at = timezone.now()
    try:
        delegations.let_apps_in(standing, allowed=allowed, read=_reading(), at=at, origin=_origin(request))
    except NothingToResume as error:
        raise Http404 from error
    invitations.tell(standing.delegation, "apps" if allowed else "no-apps")


def _given(request: HttpRequest, uid: UUID) -> Standing:
    """One that she gave and somebody took on."""
    standing = _hers(request, uid)
    if standing is None or standing.delegation.accepted is None:
        raise Http404
    return standing


def _hers(request: HttpRequest, uid: UUID) -> Standing | None:
    given = delegations.given(pages.person(request), at=timezone.now())
    return next((each for each in given if each.delegation.uid == uid), None)


def _held(request: HttpRequest, uid: UUID) -> Standing | None:
    return delegations.of(pages.person(request), uid, at=timezone.now())


def _reading() -> ledger.Reading:
    text = texts.read(texts.DELEGATING, languages.current())
    return ledger.Reading(text.version, text.language, text.digest)


def _origin(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
