"""How many records stand behind each box, by the same rules as the gate: what the app would receive now."""

from __future__ import annotations

from collections.abc import Iterable

from consent import preview
from consent.terms import Terms
from gateway import choices, scopes
from gateway.choices import Box
from records.reading import KindCount
from standards.smart import scopes as grammar
from standards.smart.scopes import ResourceScope


def of_boxes(owner_id: int, boxes: Iterable[Box]) -> dict[str, int]:
    """Records by the key of the box. One look at the counters, and one more for a category nobody has listed."""
    whole = ResourceScope(scopes.LEVEL, "*", scopes.READING)
    kinds = preview.counts(owner_id=owner_id, scopes=[whole], terms=Terms())
    return {box.key: _behind(owner_id, box, kinds) for box in boxes}


def of_scopes(owner_id: int, granted: Iterable[str]) -> int:
    """Records that these scopes reach together, each once."""
    held = scopes.parse(granted)
    kinds = preview.counts(owner_id=owner_id, scopes=held, terms=Terms())
    return sum(kind.total for kind in kinds if kind.resource_type != "Binary")


def _behind(owner_id: int, box: Box, kinds: list[KindCount]) -> int:
    if box.resource == choices.EVERYTHING_ELSE:
        # A Binary is no record of its own: it is read through the one that names it.
        return sum(kind.total for kind in kinds if kind.resource_type not in (*scopes.KINDS, "Binary"))
    listed = grammar.US_CORE_GRANULAR.get(box.resource, ())
    of_type = [kind for kind in kinds if kind.resource_type == box.resource]
    if box.category and box.category not in listed:
        narrow = ResourceScope(scopes.LEVEL, box.resource, scopes.READING, frozenset({(scopes.FILTER, box.category)}))
        of_type = preview.counts(owner_id=owner_id, scopes=[narrow], terms=Terms())
    elif box.category:
        of_type = [kind for kind in of_type if box.category in kind.categories]
    elif box.rest:
        of_type = [kind for kind in of_type if not set(kind.categories) & set(listed)]
    return sum(kind.total for kind in of_type)
