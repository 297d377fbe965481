"""What she wants to be told of, and how: mail that she may do without, and reminders that she asks for."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import phones
from accounts.models import Person
from accounts.notices import Notice
from audit import events
from audit.models import Action, Agent
from portal.models import How, Occasion, Wish

_NONE: Final = ""


class NoticesForm(forms.Form):
    """Reminders are asked for; mail about what others do comes unless she does without."""

    told = forms.MultipleChoiceField(
        label=gettext_lazy("Send me mail when"),
        required=False,
        choices=Notice.choices,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, person: Person, **options: Any) -> None:
        super().__init__(*args, **options)
        self.person = person
        self.fields["told"].initial = [notice for notice in Notice if notice not in person.silenced]
        wished = of(person)
        for occasion in Occasion:
            self.fields[occasion.value] = forms.ChoiceField(
                label=occasion.label, required=False, choices=_ways(person), initial=wished.get(occasion, _NONE)
            )

    def save(self, *, origin: str) -> None:
        """Of a valid form. What she is reminded of is read for her, so her choice stands in her access log."""
        said = self.cleaned_data
        chosen = {occasion: said[occasion.value] for occasion in Occasion}
        with transaction.atomic():
            self.person.silenced = sorted(notice for notice in Notice if notice not in said["told"])
            self.person.save(update_fields=["silenced"])
            if chosen == {occasion: of(self.person).get(occasion, _NONE) for occasion in Occasion}:
                return
            for occasion, how in chosen.items():
                _wish(self.person, occasion, how)
            events.append(
                owner_id=self.person.pk,
                action=Action.UPDATE,
                interaction="reminders",
                agent_kind=Agent.OWNER,
                agent=str(self.person.subject),
                agent_name=self.person.name,
                origin=origin,
                detail={"reminders": {str(occasion): how for occasion, how in chosen.items()}},
            )


def of(person: Person) -> dict[str, str]:
    """How she wants to be reminded, by occasion."""
    return dict(Wish.objects.filter(owner=person).values_list("occasion", "how"))


def by_mail_again(person: Person) -> None:
    """She has no telephone here any more: what came by it comes by mail."""
    Wish.objects.filter(owner=person).exclude(how=How.MAIL).update(how=How.MAIL)


def _wish(person: Person, occasion: Occasion, how: str) -> None:
    if how:
        Wish.objects.update_or_create(owner=person, occasion=occasion, defaults={"how": how, "looked": None})
    else:
        Wish.objects.filter(owner=person, occasion=occasion).delete()


def _ways(person: Person) -> list[tuple[str, Any]]:
    """Nothing, mail, and what reaches a telephone that is shown to be hers."""
    reached = phones.ways() if person.phone else ()
    return [(_NONE, _("No")), (How.MAIL, How.MAIL.label), *((way, How(way).label) for way in reached)]


class PhoneForm(forms.Form):
    number = forms.CharField(
        label=gettext_lazy("Number, with the country: +1 …"),
        max_length=30,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )

    def clean_number(self) -> str:
        given = "".join(sign for sign in self.cleaned_data["number"] if sign not in " -().")
        if not phones.NUMBER.fullmatch(given):
            raise forms.ValidationError(_("Write it with a plus sign and the country, such as +1 555 010 0199."))
        return given
