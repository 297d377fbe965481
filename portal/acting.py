"""Whom she acts for: a page of somebody else's record stands under ``/for/<delegation>/``, never in the session.

So two tabs on two people never mix, and a link or bookmark says whose record it shows (DESIGN D14).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpRequest
from django.urls import reverse

from accounts.models import Person
from consent import delegations, gate
from consent.delegations import Standing, State
from consent.models import Delegation
from portal import pages


@dataclass(frozen=True)
class Acting:
    """One delegation in use. ``uid`` leads every address of its pages. ``apps``: she may let apps in."""

    uid: UUID
    owner: Person
    reader: gate.Delegate
    delegation: Delegation
    apps: bool

    @property
    def name(self) -> str:
        return self.owner.name or self.owner.email

    @property
    def url(self) -> str:
        return reverse("portal:for_home", args=[self.uid])


def of(request: HttpRequest, uid: UUID, *, at: datetime) -> Acting:
    """Raises Http404 for what this person does not hold, or not any more; what may be read, the gate says."""
    found = delegations.of(pages.person(request), uid, at=at)
    if found is None or found.state is not State.ACTIVE:
        raise Http404
    return _acting(found)


def everybody(person: Person, *, at: datetime) -> tuple[Acting, ...]:
    """Everybody whose record she can look at now."""
    return tuple(_acting(each) for each in delegations.held(person, at=at) if each.state is State.ACTIVE)


def _acting(standing: Standing) -> Acting:
    delegation = standing.delegation
    assert delegation.delegate_id is not None
    reader = gate.Delegate(delegation.delegate_id, str(delegation.uid), standing.decision.pk)
    return Acting(delegation.uid, delegation.owner, reader, delegation, standing.lets_apps_in)
