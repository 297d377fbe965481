"""The pages of accounts that allauth does not have: choosing a language, and where one is signed in."""

from __future__ import annotations

from allauth.usersessions.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import devices, languages
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


@require_safe
@never_cache
@login_required
def sessions(request: HttpRequest) -> HttpResponse:
    """Where she is signed in, the latest seen first."""
    living = sorted(_living(request), key=lambda session: session.last_seen_at, reverse=True)
    shown = [{"session": session, "device": devices.describe(session.user_agent)} for session in living]
    return render(request, "account/sessions.html", {"shown": shown})


@require_POST
@login_required
def end_session(request: HttpRequest, number: int) -> HttpResponse:
    """Signs one of her browsers out."""
    session = get_object_or_404(UserSession, pk=number, user_id=request.user.pk)
    if session.is_current():
        return redirect("account_logout")
    get_adapter().end_sessions([session])
    messages.success(request, _("That browser is signed out."))
    return redirect("account_sessions")


@require_POST
@login_required
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    get_adapter().end_sessions([session for session in _living(request) if not session.is_current()])
    messages.success(request, _("You are signed in only here."))
    return redirect("account_sessions")


def _living(request: HttpRequest) -> list[UserSession]:
    sessions: list[UserSession] = UserSession.objects.purge_and_list(request.user)
    return sessions
