"""Health links in words, and the form she makes one with."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Person
from audit import events
from audit.models import Agent, Outcome
from consent import preview
from consent.models import Grantee
from consent.terms import Terms
from gateway import scopes
from gateway.counting import Tally
from portal import admissions, choosing, glances, kinds, when
from portal.glances import Glance
from records.provenances import KIND as PROVENANCE
from sharing import contents
from sharing.links import Standing, State, Wish
from sharing.models import Content, HealthLink

LENGTHS: Final = {"1": timedelta(days=1), "7": timedelta(days=7), "30": timedelta(days=30), "365": timedelta(days=365)}
_LENGTH_NAMES: Final[tuple[tuple[str, str | Promise], ...]] = (
    ("1", gettext_lazy("One day")),
    ("7", gettext_lazy("One week")),
    ("30", gettext_lazy("30 days")),
    ("365", gettext_lazy("One year")),
)
_CONTENTS: Final[tuple[tuple[str, str | Promise], ...]] = (
    (Content.SUMMARY, gettext_lazy("A summary for a doctor (International Patient Summary)")),
    (Content.RECORDS, gettext_lazy("The records themselves, every one")),
)
_MOVING: Final[tuple[tuple[str, str | Promise], ...]] = (
    ("live", gettext_lazy("Live: as my record is each time it is opened")),
    ("frozen", gettext_lazy("Frozen: as my record is now")),
)
_STATES: Final[dict[State, str | Promise]] = {
    State.OPEN: gettext_lazy("open"),
    State.LOCKED: gettext_lazy("shut after wrong passcodes"),
    State.ENDED: gettext_lazy("ended"),
    State.STOPPED: gettext_lazy("stopped"),
}
_LOOKS_MAX: Final = 50
NAMELESS: Final = gettext_lazy(
    "A summary says whose it is, and you hid your own details from everyone. Show them again, or choose the records."
)


class CountedForm(choosing.ChoiceForm):
    """Choices with the numbers behind them, as the gate admits them."""

    def __init__(self, *args: Any, owner: Person, at: datetime, **options: Any) -> None:
        super().__init__(*args, owner=owner, at=at, **options)
        self.fields["kinds"].label = gettext_lazy("Kinds of records")
        self.fields["kinds"].initial = [choosing.EVERYTHING]

    @cached_property
    def preview(self) -> Preview:
        """What is chosen so far; before anything was, what the form begins with."""
        if not self.is_bound:
            return Preview.of(self.owner, (choosing.WHOLE,), Terms())
        chosen = self.cleaned_data.get("kinds") or []
        return Preview.of(self.owner, choosing.scopes(chosen) if chosen else (), self.terms())

    def counted(self) -> None:
        """She only asked how much it is: nothing is wrong with a form that is not finished."""
        self.full_clean()
        self.errors.clear()


class LinkForm(CountedForm):
    """What to hand over, to whom, until when. ``passcode`` may be empty: then there is none."""

    label = forms.CharField(
        label=gettext_lazy("Name of the link"),
        max_length=80,
        help_text=gettext_lazy("Whoever has the link sees it: for whom it is, for example."),
    )
    purpose = forms.CharField(
        label=gettext_lazy("What it is for"), max_length=80, required=False, help_text=gettext_lazy("For yourself.")
    )
    content = forms.ChoiceField(
        label=gettext_lazy("What it shows"), choices=_CONTENTS, initial=Content.SUMMARY, widget=forms.RadioSelect
    )
    moving = forms.ChoiceField(
        label=gettext_lazy("As of when"), choices=_MOVING, initial="live", widget=forms.RadioSelect
    )
    passcode = forms.CharField(
        label=gettext_lazy("Passcode"),
        min_length=4,
        max_length=40,
        required=False,
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("Tell it in another way than the link. Empty: whoever has the link can open it."),
    )
    length = forms.ChoiceField(label=gettext_lazy("For how long"), choices=_LENGTH_NAMES, initial="7")

    def __init__(self, *args: Any, owner: Person, at: datetime, **options: Any) -> None:
        super().__init__(*args, owner=owner, at=at, **options)
        self.fields["passcode"].initial = f"{secrets.randbelow(1_000_000):06}"

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        self.check_choices(said)
        whole = said.get("content") == Content.RECORDS and not self.errors
        if whole and self.preview.total > contents.RECORDS_MAX:
            self.add_error(
                "content",
                _("That is more than a link can carry (%(most)s). Choose fewer kinds, a shorter time or the summary.")
                % {"most": contents.RECORDS_MAX},
            )
        return said

    def wish(self) -> Wish:
        """Of a valid form."""
        said = self.cleaned_data
        return Wish(
            label=said["label"].strip(),
            purpose=said["purpose"].strip(),
            content=said["content"],
            live=said["moving"] == "live",
            passcode=said["passcode"],
            granted=self.granted(),
            terms=self.terms(),
            ends=self.at + LENGTHS[said["length"]],
        )


@dataclass(frozen=True)
class Preview:
    """What the link would show today, counted as the gate admits it. ``withheld``: sensitive records left out."""

    kinds: tuple[kinds.Held, ...]
    total: int
    withheld: int

    @classmethod
    def of(cls, owner: Person, granted: tuple[str, ...], terms: Terms) -> Preview:
        found = preview.counts(
            owner_id=owner.pk, scopes=scopes.parse(granted), terms=terms, grantee="", kind=Grantee.LINK
        )
        counted = [each for each in kinds.shown(found) if each.resource_type != PROVENANCE]
        tally = Tally(owner.pk, "", granted, terms)
        return cls(tuple(kinds.tally(counted)), sum(each.total for each in counted), tally.withheld())


@dataclass(frozen=True)
class Share:
    """A link as she sees it. ``open``: somebody with it can look now. ``renewable``: its end can be moved."""

    uid: UUID
    label: str
    purpose: str
    state: str
    says: str | Promise
    content: str
    live: bool
    passcode: bool
    tries: int
    sees: tuple[str, ...]
    limits: tuple[str, ...]
    made: str
    opened: str
    until: str
    open: bool
    renewable: bool


def of(standing: Standing) -> Share:
    link, decision = standing.link, standing.decision
    granted = decision.scopes_granted or decision.scopes_refused
    return Share(
        uid=link.uid,
        label=link.label,
        purpose=decision.shown.get("purpose", ""),
        state=standing.state.value,
        says=_STATES[standing.state],
        content=str(dict(_CONTENTS)[link.content]),
        live=link.is_live,
        passcode=link.has_passcode,
        tries=link.tries or 0,
        sees=admissions.sees(granted),
        limits=tuple(admissions.limits(Terms.of(decision.terms))),
        made=when.moment(link.made),
        opened=when.moment(link.opened),
        until=when.moment(decision.ends or decision.decided),
        open=standing.state is State.OPEN,
        renewable=standing.state in (State.OPEN, State.ENDED),
    )


def all_of(standings: Iterable[Standing]) -> list[Share]:
    return [of(each) for each in standings]


def renewed_end(standing: Standing, *, at: datetime) -> datetime:
    """One tap: as long again as she last gave it, from now on."""
    decision = standing.decision
    return at + ((decision.ends or at) - decision.decided)


def looks(link: HealthLink) -> tuple[list[Glance], int]:
    """Who opened it and who was refused, newest first, as far as a page holds; and how often it was opened in all."""
    which = events.Filter(kind=Agent.LINK, agent=str(link.uid))
    opened = events.matching(link.owner_id, which).filter(outcome=Outcome.SUCCESS).count()
    return glances.of(events.of(link.owner_id, _LOOKS_MAX, which=which), owner_id=link.owner_id), opened
