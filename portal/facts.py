"""One record in full: every element it has, in words, numbers of the source last."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from portal import elements, names, phrases

_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9.\-]{1,64})")
# Shown elsewhere on the page (narrative, source), the same in every record of hers, or for computers only.
_UNSHOWN = frozenset(
    {
        *("resourceType", "id", "meta", "implicitRules", "text", "contained", "extension", "modifierExtension"),
        *("subject", "patient", "beneficiary"),
    }
)


_TEXT_TYPES = ("text/plain", "text/html", "application/xhtml+xml", "text/xml", "application/xml", "text/markdown")
_MARKUP = re.compile(r"html|xml")


@dataclass(frozen=True)
class Value:
    """``target``: (type, id) of the record it points to, where it may be one of hers."""

    text: str
    target: tuple[str, str] | None = None


@dataclass(frozen=True)
class Fact:
    name: names.Name
    values: tuple[Value, ...]


def of(resource: Any) -> list[Fact]:
    """The facts of a resource; what has no words for it still appears, under FHIR's own name."""
    if not isinstance(resource, dict):
        return []
    shown = (
        (key, tuple(_sections(resource[key]) if key == "section" else _values(resource[key])))
        for key in resource
        if key not in _UNSHOWN and not key.startswith("_")
    )
    told = [(key, Fact(names.element_name(key), values)) for key, values in shown if values]
    return [fact for _key, fact in sorted(told, key=lambda each: each[0] == "identifier")]


def _values(node: Any) -> Iterator[Value]:
    for entry in node if isinstance(node, list) else [node]:
        if isinstance(entry, dict) and "data" in entry and "contentType" in entry:
            yield Value(phrases.attachment(entry))
        elif words := phrases.of(entry):
            yield Value(words, _target(entry))


def _sections(node: Any) -> Iterator[Value]:
    """Of a Composition, whose words are shown as a document: each section, and the records it is made of."""
    for section in elements.every(node):
        if title := elements.text(section, "title") or phrases.concept(elements.first(section, "code")):
            yield Value(title)
        for entry in elements.every(section, "entry"):
            if words := phrases.reference(entry):
                yield Value(words, _target(entry))
        yield from _sections(section.get("section") if isinstance(section, dict) else None)


def _target(node: Any) -> tuple[str, str] | None:
    places = [node] if isinstance(node, dict) else []
    for place in places:
        found = _LOCAL.fullmatch(elements.text(place, "reference") or elements.text(place, "attachment", "url"))
        if found:
            return found[1], found[2]
    return None


def narrative(resource: Any) -> str:
    """The text the source wrote about this record, without its markup."""
    return phrases.plain(elements.text(resource, "text", "div"))


def texts(resource: Any) -> list[str]:
    """The words of attached documents that are text; markup is taken off, nothing is interpreted."""
    holders = (
        *([resource] if elements.text(resource, "resourceType") == "Binary" else []),
        *elements.every(resource, "content", "attachment"),
        *elements.every(resource, "presentedForm"),
    )
    return [words for words in map(_decoded, holders) if words]


def is_text(attachment: Any) -> bool:
    """Whether an attachment says that it is one of words."""
    return _media_type(attachment) in _TEXT_TYPES


def _media_type(attachment: Any) -> str:
    return elements.text(attachment, "contentType").partition(";")[0].strip().lower()


def _decoded(attachment: Any) -> str:
    kind, data = _media_type(attachment), elements.text(attachment, "data")
    if kind not in _TEXT_TYPES or not data:
        return ""
    try:
        words = base64.b64decode(data, validate=False).decode(errors="replace")
    except (binascii.Error, ValueError):
        return ""
    return phrases.plain(words) if _MARKUP.search(kind) else words
