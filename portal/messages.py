"""Messages with clinics on a page: who she can write to, what was written, and the form that both sides write with."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import when
from records import sources
from records.reading import RecordSet
from smartlaunch.correspondence import Correspondent
from sync import conversations
from sync.conversations import Letter, Said

PAGE: Final = 20
_ONCE_MAX: Final = 64


@dataclass(frozen=True)
class Conversation:
    """One organisation in the list. ``about``: how many are new, when the last one was, whether it is over."""

    uid: UUID
    name: str
    about: tuple[str, ...]
    unread: int = 0


@dataclass(frozen=True)
class Shown:
    """One message. ``own``: of the side that looks. ``fate``: of its own ones, whether they were opened there.
    ``page``: of the questionnaire it asks or answers, or "".
    """

    letter: Letter
    own: bool
    who: str
    moment: str
    new: bool
    fate: str
    page: str


class MessageForm(forms.Form):
    """``once`` tells this form from every other, so that a second click sends nothing."""

    topic = forms.CharField(
        label=gettext_lazy("What it is about (you may leave it empty)"),
        required=False,
        max_length=conversations.TOPIC_MAX,
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    text = forms.CharField(
        label=gettext_lazy("Message"),
        strip=True,
        widget=forms.Textarea({"rows": 6, "maxlength": conversations.TEXT_MAX}),
    )
    once = forms.CharField(max_length=_ONCE_MAX, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["once"].initial = secrets.token_hex(16)

    def clean_topic(self) -> str:
        return _plain(self.cleaned_data["topic"], conversations.TOPIC_MAX)

    def clean_text(self) -> str:
        return _plain(self.cleaned_data["text"], conversations.TEXT_MAX)

    def said(self) -> Said:
        """Of a valid form."""
        return Said(self.cleaned_data["text"], self.cleaned_data["topic"])

    def refuse_for_today(self) -> None:
        self.add_error("text", _("So many messages are too many for one day. Nothing was sent; try again tomorrow."))


def _plain(text: str, longest: int) -> str:
    try:
        return conversations.plain(text, longest)
    except conversations.Malformed as error:
        if len(text) > longest:
            raise forms.ValidationError(
                _("It is too long: at most %(longest)s characters."), params={"longest": longest}
            ) from error
        raise forms.ValidationError(_("There are signs in it that are no text.")) from error


def listed(correspondents: Iterable[Correspondent]) -> list[Conversation]:
    return [
        Conversation(each.partner.uid, each.partner.name, tuple(_about(each)), each.unread) for each in correspondents
    ]


def _about(each: Correspondent) -> Iterable[str]:
    yield when.moment(each.newest) if each.newest else _("nothing written yet")
    if each.holder is None:
        yield _("you share nothing with it now")


def named(organization: UUID) -> str:
    """What the organisation of a conversation is called."""
    source = sources.conversation(organization)
    return "" if source is None else sources.conversations([source.pk])[source.pk][1]


def readable(records: RecordSet) -> list[Conversation]:
    """The conversations of which a reader may see something, by name."""
    held = {count.source_id for count in records.counts() if count.resource_type == conversations.KIND}
    found = [Conversation(uid, name, ()) for uid, name in sources.conversations(held).values()]
    return sorted(found, key=lambda each: each.name.casefold())


def shown(letters: Iterable[Letter], *, her: str, by_her: bool, pages: Mapping[str, str]) -> list[Shown]:
    """``her``: what she is called, "" where she looks herself; ``by_her``: whether it is her side that looks;
    ``pages``: of questionnaires, by the message that asks or answers.
    """
    return [
        _shown(each, own=each.from_her is by_her, her=her, page=pages.get(each.stored.logical_id, ""))
        for each in letters
    ]


def _shown(letter: Letter, *, own: bool, her: str, page: str) -> Shown:
    fate = ""
    if own:
        fate = _("opened %(moment)s") % {"moment": when.moment(letter.seen)} if letter.seen else _("not opened yet")
    who = her if letter.from_her else letter.who
    return Shown(letter, own, who, when.moment(letter.sent), not own and letter.seen is None, fate, page)
