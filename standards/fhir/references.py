"""References between resources: what one points at, and rewriting them all at the door (R4 references.html)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

_TYPE: Final = r"[A-Z][A-Za-z]{1,63}"
_ID: Final = r"[A-Za-z0-9\-.]{1,64}"
ID: Final = re.compile(_ID, re.ASCII)
"""What a resource's id is made of, to be matched in full (datatypes.html#id)."""
_RELATIVE: Final = re.compile(rf"({_TYPE})/({_ID})(?:/_history/({_ID}))?", re.ASCII)
_TAIL: Final = re.compile(rf"(?:.*/)?({_TYPE})/({_ID})(?:/_history/({_ID}))?/?", re.ASCII | re.DOTALL)
_CONDITIONAL: Final = re.compile(rf"({_TYPE})\?.+", re.ASCII | re.DOTALL)
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:", re.ASCII)
_BINARY: Final = re.compile(rf"(?:^|/)Binary/{_ID}(?:/|$)", re.ASCII)


class Kind(StrEnum):
    """How a reference is written."""

    RELATIVE = "relative"
    """``Patient/1``"""
    OWN = "own"
    """Absolute, on the base given."""
    FOREIGN = "foreign"
    """Absolute, on another base; type and id where the address ends like one of a FHIR server."""
    URN = "urn"
    """``urn:uuid:…``, ``urn:oid:…``: another entry of the same Bundle."""
    CONTAINED = "contained"
    """``#x``: inside the same resource; ``#`` alone is that resource."""
    CONDITIONAL = "conditional"
    """``Practitioner?identifier=…``: to be searched for in a transaction."""
    ODD = "odd"
    """Nothing the specification knows; type and id where its end looks like them (``Organization/Organization/x``)."""


@dataclass(frozen=True, slots=True)
class ParsedReference:
    """A reference taken apart; ``version`` is set if it names one (``…/_history/2``)."""

    text: str
    kind: Kind
    type: str | None = None
    id: str | None = None
    version: str | None = None


def is_relative(text: str) -> bool:
    """Whether it is written ``Type/id``, perhaps with a version; much quicker than ``parse``."""
    return _RELATIVE.fullmatch(text) is not None


def parse(text: str, *, base: str | None = None) -> ParsedReference | None:
    """Take a reference apart; ``base`` is the own FHIR base address. None if it is empty or not even text."""
    if not isinstance(text, str) or not text.strip():
        return None
    if relative := _RELATIVE.fullmatch(text):
        return ParsedReference(text, Kind.RELATIVE, *relative.groups())
    if text[0] == "#":
        return ParsedReference(text, Kind.CONTAINED, id=text[1:] or None)
    if text[:4].lower() == "urn:":
        return ParsedReference(text, Kind.URN)
    if base is not None and text.startswith(own := base.rstrip("/") + "/"):
        return _parse_own(text, text[len(own) :])
    if conditional := _CONDITIONAL.fullmatch(text):
        return ParsedReference(text, Kind.CONDITIONAL, type=conditional[1])
    kind = Kind.FOREIGN if _ABSOLUTE.match(text) else Kind.ODD
    tail = _TAIL.fullmatch(text)
    return ParsedReference(text, kind, *tail.groups()) if tail else ParsedReference(text, kind)


def _parse_own(text: str, rest: str) -> ParsedReference:
    if relative := _RELATIVE.fullmatch(rest):
        return ParsedReference(text, Kind.OWN, *relative.groups())
    if conditional := _CONDITIONAL.fullmatch(rest):
        return ParsedReference(text, Kind.CONDITIONAL, type=conditional[1])
    tail = _TAIL.fullmatch(rest)
    return ParsedReference(text, Kind.ODD, *tail.groups()) if tail else ParsedReference(text, Kind.ODD)


def rewrite(resource: Any, translate: Callable[[str], str | None]) -> list[str]:
    """Replace in place every ``Reference.reference``, and every ``url`` that names a Binary, by its translation.

    ``translate`` gets the text and answers the new one, or None to leave it. References into the same resource
    (``#x``) are not asked about. Gives the references seen, as they were, in no promised order.
    """
    seen: list[str] = []
    stack = [resource]
    while stack:
        node = stack.pop()
        if node.__class__ is list:
            stack.extend([child for child in node if child.__class__ is dict or child.__class__ is list])
        elif node.__class__ is dict:
            for key, child in node.items():
                kind = child.__class__
                if kind is dict or kind is list:
                    stack.append(child)
                elif kind is str and (
                    (key == "reference" and child[:1] not in ("", "#"))
                    or (key == "url" and "Binary/" in child and _BINARY.search(child))
                ):
                    seen.append(child)
                    translated = translate(child)
                    if translated is not None:
                        node[key] = translated  # an existing key, so the loop over the dict stays valid
    return seen
