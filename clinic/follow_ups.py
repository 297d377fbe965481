"""What a clinician asks a patient to answer, out of a visit: the form, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Person
from clinic import questionnaires as offered
from clinic import sending
from portal import entries, questionnaires, when
from portal import follow_ups as listings
from records.reading import RecordSet, Stored
from smartlaunch import follow_ups
from smartlaunch import questionnaires as offers
from smartlaunch.follow_ups import Asking
from smartlaunch.models import FollowUp, Organization, Questionnaire

LISTED: Final = 50
_USUAL: Final = timedelta(days=7)
_LATEST: Final = timedelta(days=366)
_WORDS_MAX: Final = 1000


@dataclass(frozen=True)
class Line:
    """``readable``: there are answers that stand. Whether she declined is told nobody: it reads as not answered."""

    uid: UUID
    title: str
    asked: str
    wanted: str
    answered: str
    taken_back: bool

    @property
    def readable(self) -> bool:
        return bool(self.answered) and not self.taken_back


class AskForm(forms.Form):
    """``today``: hers. ``once`` tells the form from every other, so that a second click asks nothing."""

    words = entries.WordsField(
        label=gettext_lazy("A word to the patient (you may leave it empty)"),
        required=False,
        max_length=_WORDS_MAX,
        widget=forms.Textarea({"rows": 3}),
    )
    wanted = forms.DateField(
        label=gettext_lazy("Wanted by (you may leave it empty)"),
        required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    once = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, organization: Organization, today: date, **options: Any) -> None:
        super().__init__(*args, **options)
        self.today = today
        self.offered = {str(each.uid): (each, asked) for each, asked in offered.offered(organization)}
        choices = [("", "…"), *((uid, asked.title) for uid, (_each, asked) in self.offered.items())]
        self.fields["questionnaire"] = forms.ChoiceField(label=_("Questionnaire"), choices=choices)
        self.order_fields(["questionnaire", "words", "wanted", "once"])
        self.initial = {"wanted": today + _USUAL, "once": sending.draw()}

    def clean_wanted(self) -> date | None:
        wanted: date | None = self.cleaned_data["wanted"]
        if wanted is not None and not self.today <= wanted <= self.today + _LATEST:
            raise forms.ValidationError(_("A day from today on, within a year."))
        return wanted

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if "once" in self.errors:
            self.add_error(None, _("This form cannot be read. Load the page anew."))
        return said

    def asking(self, owner: Person) -> Asking:
        """Of a valid form, in her language as far as the words are ours."""
        chosen, _asked = self.offered[self.cleaned_data["questionnaire"]]
        with translation.override(owner.language):
            words = self.cleaned_data["words"] or _("Please answer these questions.")
        return Asking(_spoken(chosen, owner.language), words, self.cleaned_data["wanted"])


def _spoken(chosen: Questionnaire, language: str) -> Any:
    return questionnaires.ours(chosen.ours, language=language).resource if chosen.ours else offers.resource(chosen)


def today(owner: Person) -> date:
    return timezone.localtime(timezone=owner.zone).date()


def listed(records: RecordSet, organization: UUID) -> tuple[list[Line], list[Stored]]:
    """The newest first, with the Questionnaires of the conversation (``records``) that they ask."""
    found = list(follow_ups.of_organization(records.owner_id, organization)[:LISTED])
    asked = listings.of_ids(records, [each.questionnaire for each in found])
    return [_line(each, asked.get(each.questionnaire)) for each in found], list(asked.values())


def _line(found: FollowUp, stored: Stored | None) -> Line:
    return Line(
        uid=found.pk,
        title=listings.title(stored),
        asked=when.moment(found.asked),
        wanted=formats.date_format(found.wanted, "DATE_FORMAT") if found.wanted else "",
        answered=when.moment(found.answered),
        taken_back=found.taken_back is not None,
    )
