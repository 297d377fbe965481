"""Building a scope: from a kind of record, what to do with it and a category, to the text and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gateway import scopes, wording
from standards.smart import scopes as grammar
from standards.smart.scopes import InvalidScope, NamedScope

LEVELS: Final = (
    ("patient", _("one person, with her consent")),
    ("system", _("a backend service, everybody who let it in")),
)
EVERY_KIND: Final = _("Every kind of record")
LETTERS: Final = (
    ("c", _("create")),
    ("r", _("read one")),
    ("u", _("change")),
    ("d", _("delete")),
    ("s", _("search")),
)
NAMES: Final = {
    "openid": _("who signed in"),
    "fhirUser": _("the Patient of who signed in"),
    "launch/patient": _("the app is told the patient"),
    "offline_access": _("a refresh token that works without her"),
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """One scope in words. ``supported`` is whether this server grants and enforces all of it."""

    scope: str
    words: str
    supported: bool


def kinds() -> list[tuple[str, str | Promise]]:
    return [("*", EVERY_KIND), *((kind, wording.kind(kind).name) for kind in scopes.KINDS)]


def categories() -> list[tuple[str, str]]:
    """``Observation?category=…`` with its words."""
    return [
        (f"{scope.resource} {value}", f"{scope.resource}: {wording.CATEGORIES.get(value.rpartition('|')[2], value)}")
        for scope in grammar.granular(scopes.LEVEL)
        for _name, value in scope.filters
    ]


def build(level: str, kind: str, letters: Sequence[str], category: str) -> str:
    """The text of a scope; a category names its own kind. Whether it means anything is for ``meaning``."""
    resource, _space, value = category.partition(" ")
    ordered = "".join(letter for letter in grammar.PERMISSIONS if letter in letters)
    return f"{level}/{resource}.{ordered}?category={value}" if value else f"{level}/{kind}.{ordered}"


def meaning(text: str) -> Meaning:
    try:
        scope = grammar.parse(text)
    except InvalidScope as error:
        return Meaning(text, str(error), supported=False)
    granted = scopes.offerable([text], [text]) or scopes.preauthorised([text], [text])
    supported = granted == [text]
    if isinstance(scope, NamedScope):
        return Meaning(text, str(NAMES.get(scope.name, "")), supported)
    name = EVERY_KIND if scope.resource == "*" else wording.kind(scope.resource).name
    said = [str(word) for letter, word in LETTERS if letter in scope.permissions]
    filtered = [str(wording.CATEGORIES.get(value.rpartition("|")[2], value)) for _, value in scope.filters]
    return Meaning(text, f"{', '.join([str(name), *filtered])}: {', '.join(said)}", supported)
