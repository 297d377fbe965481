"""How old somebody was when something began (C-CDA 2.1: 22.4.31 age observation)."""

from __future__ import annotations

from typing import Final

from standards.cda import datatypes, systems
from standards.cda.datatypes import Node
from standards.cda.documents import Element, child
from sync.sources.ccda.book import Book

_AGE: Final = "2.16.840.1.113883.10.20.22.4.31"


def onset(book: Book, observation: Element) -> Node:
    """The Age that hangs on an observation; {} for none. Without a unit it is years, as the template says."""
    found = (datatypes.quantity(child(each, "value")) for each in book.related(observation, _AGE))
    return next(
        (
            {**each, "system": systems.UCUM, "code": each.get("code", "a"), "unit": each.get("unit", "a")}
            for each in found
            if each
        ),
        {},
    )
