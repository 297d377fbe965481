"""What she lets somebody see, chosen in a form: kinds of records, sources, sensitive kinds, a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Person
from consent import gate, terms
from consent.terms import Terms
from gateway import wording
from portal import kinds, sources
from portal.kinds import KINDS, OTHER, Kind
from records import labels
from standards.smart.scopes import US_CORE_GRANULAR

EVERYTHING: Final = "everything"
WHOLE: Final = "patient/*.rs"
# Who she is can always be seen: whose record it is stands on every page.
_ALWAYS: Final = "patient/Patient.rs"


class ChoiceForm(forms.Form):
    """The choices that every sharing has. ``sources`` is there only where she has more than one."""

    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("What the person may see"), required=False, widget=forms.CheckboxSelectMultiple
    )
    sources = forms.MultipleChoiceField(
        label=gettext_lazy("From where"), required=False, widget=forms.CheckboxSelectMultiple
    )
    labels = forms.MultipleChoiceField(
        label=gettext_lazy("Sensitive records to include"), required=False, widget=forms.CheckboxSelectMultiple
    )
    first = forms.DateField(
        label=gettext_lazy("Only from this day on"), required=False, widget=forms.DateInput({"type": "date"})
    )
    last = forms.DateField(
        label=gettext_lazy("Only until this day"), required=False, widget=forms.DateInput({"type": "date"})
    )

    def __init__(self, *args: Any, owner: Person, at: datetime, **options: Any) -> None:
        super().__init__(*args, **options)
        self.owner, self.at = owner, at
        self.window: tuple[int | None, int | None] = (None, None)
        records = gate.readable(owner_id=owner.pk, reader=gate.Owner(owner.pk), interaction="search", at=at)
        self.offered = sources.names(count.source_id for count in kinds.shown(records.counts()))
        self._choose("kinds", [(EVERYTHING, _("Everything")), *((kind.slug, kind.name) for kind in named_kinds())])
        self._choose("sources", [(str(pk), name) for pk, name in sorted(self.offered.items())])
        sensitive = labels.names(labels.SENSITIVE)
        self._choose("labels", [(label, wording.sensitivity(label)) for label in sensitive])
        self.fields["sources"].initial = [str(pk) for pk in self.offered]
        if len(self.offered) < 2:
            del self.fields["sources"]

    def _choose(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = choices

    def check_choices(self, said: dict[str, Any]) -> None:
        """What ``clean`` finds wrong with them."""
        if not said.get("kinds"):
            self.add_error("kinds", _("Choose at least one."))
        if "sources" in self.fields and not said.get("sources"):
            self.add_error("sources", _("Choose at least one."))
        first, last = said.get("first"), said.get("last")
        if first and last and last < first:
            self.add_error("last", _("The last day is before the first."))
        try:
            self.window = terms.window(first, last, self.owner.zone)
        except OverflowError:
            self.add_error("last", forms.DateField.default_error_messages["invalid"])

    def granted(self) -> tuple[str, ...]:
        """The scopes of the kinds she ticked."""
        return scopes(self.cleaned_data["kinds"])

    def terms(self, *, apps: bool = False) -> Terms:
        """Also of a form that is not finished: what is not valid in it does not narrow anything yet."""
        said = self.cleaned_data
        chosen = frozenset(int(pk) for pk in said["sources"]) if "sources" in said else None
        since, until = self.window
        return Terms(
            sources=None if chosen == frozenset(self.offered) else chosen,
            since=since,
            until=until,
            labels=frozenset(said.get("labels", ())),
            apps=apps,
        )


def named_kinds() -> list[Kind]:
    """What she writes herself is chosen by its source, beside the hospitals."""
    return [kind for kind in KINDS if kind is not OTHER and kind.page != "own"]


def scopes(chosen: list[str]) -> tuple[str, ...]:
    """What these kinds come to; EVERYTHING is all there is and will be."""
    if EVERYTHING in chosen:
        return (WHOLE,)
    pairs = [pair for kind in named_kinds() if kind.slug in chosen for pair in kind.holds]
    return (_ALWAYS, *(_scope(resource_type, category) for resource_type, category in pairs))


def _scope(resource_type: str, category: str) -> str:
    if not category:
        return f"patient/{resource_type}.rs"
    known = US_CORE_GRANULAR[resource_type]
    token = next(value for value in known if value.rpartition("|")[2] == category)
    return f"patient/{resource_type}.rs?category={token}"
