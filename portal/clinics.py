"""Clinics that may see her record, those that ask, and the form she answers with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext_lazy

from accounts.models import Person
from consent import emergencies, ledger
from consent.models import Decision, Grantee
from consent.terms import Terms
from portal import admissions, choosing, shares, when
from smartlaunch.asks import Wish
from smartlaunch.models import Answer

_KINDS: Final = (Grantee.ORGANIZATION, Grantee.CLINICIAN)


@dataclass(frozen=True)
class Admitted:
    """A clinic, or one visit of a clinician. ``until`` "" where she set no end."""

    uid: UUID
    name: str
    sees: tuple[str, ...]
    limits: tuple[str, ...]
    since: str
    until: str
    one_visit: bool


@dataclass(frozen=True)
class OpenedInEmergency:
    """``open``: still, so that she can end it."""

    uid: UUID
    clinician: str
    organization: str
    reason: str
    began: str
    ends: str
    open: bool


class AnswerForm(shares.CountedForm):
    """What they may see; which of the buttons she pressed says for how long."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["kinds"].label = gettext_lazy("What they may see")
        self.fields["kinds"].initial = [choosing.EVERYTHING]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        self.check_choices(said)
        return said

    def wish(self, answer: Answer) -> Wish:
        """Of a valid form."""
        return Wish(answer, self.granted(), self.terms())


def refusal() -> Wish:
    return Wish(Answer.NO, (choosing.WHOLE,), Terms())


def admitted(person: Person, *, at: datetime) -> list[Admitted]:
    """Who may see now, the newest decision first."""
    return [_admitted(each) for each in _newest(person) if ledger.lets_read(each, at=at)]


def opened_in_emergency(person: Person, *, at: datetime) -> list[OpenedInEmergency]:
    return [
        OpenedInEmergency(
            each.uid,
            each.clinician,
            each.organization,
            emergencies.reason(each),
            when.moment(each.began),
            when.moment(each.ends),
            each.ended is None and each.ends > at,
        )
        for each in emergencies.of(person.pk)
    ]


def decision(person: Person, uid: UUID, *, at: datetime) -> Decision | None:
    """The one that stands about this clinic, or visit."""
    found = (ledger.newest(person.pk, str(uid), kind=kind) for kind in _KINDS)
    return next((each for each in found if each is not None and ledger.lets_read(each, at=at)), None)


def _newest(person: Person) -> list[Decision]:
    return [each for kind in _KINDS for each in ledger.newest_of_kind(person.pk, kind)]


def _admitted(found: Decision) -> Admitted:
    return Admitted(
        uid=UUID(found.grantee),
        name=found.grantee_name,
        sees=admissions.sees(found.scopes_granted),
        limits=tuple(admissions.limits(Terms.of(found.terms))),
        since=when.moment(found.decided),
        until=when.moment(found.ends),
        one_visit=found.grantee_kind == Grantee.CLINICIAN,
    )
