"""Asking somebody to act for her: the form, what her choices come to, and the mails to both sides."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats, timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import notices
from accounts.models import Person
from accounts.notices import Notice
from consent import gate, guardians
from consent.delegations import Offer, Standing
from consent.models import Delegation, Relationship
from consent.terms import Terms
from gateway import notices as mail
from portal import choosing

LENGTHS: Final = {"90": timedelta(days=90), "365": timedelta(days=365), "1826": timedelta(days=1826)}
RENEWED: Final = LENGTHS["365"]
_LENGTH_NAMES: Final[tuple[tuple[str, str | Promise], ...]] = (
    ("90", gettext_lazy("90 days")),
    ("365", gettext_lazy("One year")),
    ("1826", gettext_lazy("Five years")),
)


class InvitationForm(choosing.ChoiceForm):
    """``guardian`` is there only for a minor; it takes the place of kinds, sources, time and end."""

    name = forms.CharField(label=gettext_lazy("Name of the person"), max_length=200)
    email = forms.EmailField(label=gettext_lazy("E-mail of the person"), max_length=254)
    relationship = forms.ChoiceField(
        label=gettext_lazy("The person is your"), choices=[("", "…"), *Relationship.choices]
    )
    guardian = forms.BooleanField(label=gettext_lazy("My parent or guardian, until I am of age"), required=False)
    length = forms.ChoiceField(label=gettext_lazy("For how long"), choices=_LENGTH_NAMES, initial="365")
    apps = forms.BooleanField(label=gettext_lazy("The person may also let apps see these records"), required=False)

    def __init__(self, *args: Any, owner: Person, at: datetime, **options: Any) -> None:
        super().__init__(*args, owner=owner, at=at, **options)
        self.birth = gate.birth_date(owner.pk)
        if not guardians.is_minor(self.birth, at=at):
            del self.fields["guardian"]

    def clean_email(self) -> str:
        given = str(self.cleaned_data["email"]).lower()
        if given == self.owner.email.lower():
            raise forms.ValidationError(_("This is your own address."))
        return given

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("guardian"):
            if said.get("relationship") not in (Relationship.PARENT, Relationship.GUARDIAN):
                self.add_error("relationship", _("Choose parent or guardian."))
            return said
        self.check_choices(said)
        return said

    def offer(self) -> Offer:
        """Of a valid form."""
        said = self.cleaned_data
        guardian = bool(said.get("guardian"))
        guarded = Terms(labels=frozenset(said["labels"]), apps=said["apps"])
        return Offer(
            name=said["name"].strip(),
            email=said["email"],
            relationship=Relationship(said["relationship"]),
            guardian=guardian,
            granted=(choosing.WHOLE,) if guardian else self.granted(),
            terms=guarded if guardian else self.terms(apps=said["apps"]),
            ends=self._ends(guardian),
        )

    def _ends(self, guardian: bool) -> datetime:
        if guardian and self.birth is not None:
            return guardians.birthday(self.birth, settings.GUARDIAN_END_AGE)
        return self.at + LENGTHS[self.cleaned_data["length"]]


def invite(delegation: Delegation, token: str) -> bool:
    """Sends the invitation; False if it could not be sent. In the owner's language: nobody knows the other's yet."""
    owner = delegation.owner
    with translation.override(owner.language), timezone.override(owner.zone):
        told = {
            "owner": owner.name or owner.email,
            "name": delegation.name,
            "day": formats.date_format(timezone.localtime(delegation.lapses), "DATE_FORMAT"),
            "url": settings.PUBLIC_URL + reverse("portal:open_invitation", args=[token]),
        }
        subject = _("%(owner)s asks you to act for her or him") % told
        body = render_to_string("portal/mail/invitation.txt", told)
    return mail.send(subject, body, delegation.email)


def tell(delegation: Delegation, what: str) -> None:
    """Tells both sides that it was ``accepted``, ``declined``, ``ended``, ``paused``, ``resumed`` or ``renewed``, or
    that ``apps`` or ``no-apps`` may be let in.

    The pages say the same, so a mail that cannot be sent changes nothing.
    """
    to: dict[str, Person | None] = {delegation.owner.email: delegation.owner}
    if delegation.accepted is not None or what in ("declined", "ended"):
        to[delegation.email] = delegation.delegate
    for address, person in to.items():
        reader = person or delegation.owner
        if person == delegation.owner and not notices.is_wanted(person, Notice.ACTING):
            continue
        with translation.override(reader.language):
            told = {
                "owner": delegation.owner.name or delegation.owner.email,
                "name": delegation.name,
                "what": what,
                "url": settings.PUBLIC_URL + reverse("portal:people"),
            }
            subject = _("Acting for %(owner)s: a change") % told
            body = render_to_string("portal/mail/delegation.txt", told)
        mail.send(subject, body, address)


def tell_of_end(standing: Standing) -> bool:
    """Tells both sides when it ends; False if the owner, who alone can let it go on, could not be told."""
    delegation = standing.delegation
    for reader in (delegation.owner, delegation.delegate):
        assert reader is not None, "an invitation that nobody took on has no end to be told of"
        if not notices.is_wanted(reader, Notice.ENDING):
            continue
        with translation.override(reader.language), timezone.override(reader.zone):
            said = {
                "owner": delegation.owner.name or delegation.owner.email,
                "name": delegation.name,
                "day": formats.date_format(timezone.localtime(standing.decision.ends), "DATE_FORMAT"),
                "renewable": reader == delegation.owner and not delegation.guardian,
                "url": settings.PUBLIC_URL + reverse("portal:people"),
            }
            subject = _("Acting for %(owner)s ends on %(day)s") % said
            body = render_to_string("portal/mail/delegation_ending.txt", said)
        if not mail.send(subject, body, reader.email) and reader == delegation.owner:
            return False
    return True
