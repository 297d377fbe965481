"""The person's own settings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts import languages
from accounts.forms import ProfileForm
from accounts.models import Person
from audit.models import Agent
from consent import delegations, gate
from consent.delegations import State
from consent.models import Grantee
from portal import clinics, doors, kinds, pages, sources, wishes
from portal.doors import Handle

_OPEN: Final = (State.WAITING, State.ACTIVE, State.PAUSED)
_DOORS: Final = (
    (Agent.APP, gettext_lazy("Apps")),
    (Grantee.DELEGATE_APP, gettext_lazy("Apps of people who act for you")),
    (Agent.DELEGATE, gettext_lazy("People who act for you")),
    (Agent.LINK, gettext_lazy("Links")),
    (Agent.SOURCE, gettext_lazy("Who brings records")),
)


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
    context = {
        "form": form,
        "email": person.email,
        "provider": settings.OIDC_ISSUER,
        "reminded": wishes.of(person),
        "organizations": person.organizations.all(),
        "people": len([each for each in delegations.given(person, at=timezone.now()) if each.state in _OPEN]),
    }
    return render(request, "portal/account.html", context)


@require_safe
@pages.of_person
def data_use(request: HttpRequest) -> HttpResponse:
    """What is kept, who can see or bring something now, and what it is used for: from counters and decisions alone."""
    person, at = pages.person(request), timezone.now()
    records = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="search", at=at)
    counts = kinds.shown(records.counts())
    told = {
        "total": sum(count.total for count in counts),
        "sources": sources.totals(counts),
        "doors": [*_open_doors(person, at=at), *_open_clinics(person, at=at)],
        "backups": settings.BACKUP_LIFE.days if settings.BACKUP_DIR else 0,
        "cooling": settings.ERASURE_COOLING.days,
    }
    return render(request, "portal/data_use.html", told)


def _open_doors(person: Person, *, at: datetime) -> Iterator[tuple[str, list[Handle]]]:
    hers = doors.of(person, at=at)
    for kind, heading in _DOORS:
        if found := [each for (agent, _name), each in hers.items() if agent == kind and each.shut]:
            yield str(heading), found


def _open_clinics(person: Person, *, at: datetime) -> Iterator[tuple[str, list[Handle]]]:
    """All of them are stopped on one page."""
    names = [each.name for each in clinics.admitted(person, at=at)]
    names += [each.organization for each in clinics.opened_in_emergency(person, at=at) if each.open]
    if names:
        yield _("Clinics"), [Handle(name, reverse("portal:clinics")) for name in names]
