"""Who looks after an organisation here: people with accounts of this site. To everybody else its pages are nowhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import cache_control

from accounts import stepup
from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from smartlaunch.models import Organization

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, Organization, P], HttpResponse]


def organizations(person: Person) -> QuerySet[Organization]:
    """Those this person looks after; all of them for who runs this site."""
    return Organization.objects.all() if person.is_staff else person.organizations.all()


def of_organization(view: View[P]) -> Callable[..., HttpResponse]:
    """A page at ``…/<slug>/…``: the view gets the organisation. What changes something wants a fresh sign-in."""

    @login_required
    @cache_control(private=True, no_store=True)
    @wraps(view)
    def page(request: HttpRequest, slug: str, *args: P.args, **options: P.kwargs) -> HttpResponse:
        person = person_of(request)
        organization = organizations(person).filter(slug=slug).first()
        if organization is None:
            raise Http404
        if request.method == "POST" and not stepup.is_fresh(request):
            return stepup.ask(request)
        with timezone.override(person.zone):
            return view(request, organization, *args, **options)

    return page


def person_of(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person)
    return request.user


def note(request: HttpRequest, organization: Organization, did: str, **about: str) -> None:
    """What staff changed, in the chain of what concerns no one patient."""
    person = person_of(request)
    events.append(
        owner_id=events.NOBODY,
        action=Action.UPDATE,
        interaction="organization",
        agent_kind=Agent.STAFF,
        agent=str(person.subject),
        agent_name=person.name,
        origin=str(request.META.get("REMOTE_ADDR", "")),
        detail={"organization": str(organization.uid), "did": did, **about},
    )
