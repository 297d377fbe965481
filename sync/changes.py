"""What an app asks to have written, for whom, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from consent import gate
from records.query import Query
from records.reading import Stored

CREATE: Final = "create"
UPDATE: Final = "update"
PATCH: Final = "patch"
DELETE: Final = "delete"


@dataclass(frozen=True, slots=True)
class Author:
    """The app that writes, for whom, and under which decision."""

    owner_id: int
    patient_id: str
    reader: gate.App
    name: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to be done. ``content`` is the resource, or the operations of a patch.

    ``expected``: the versions of which the current one must be one; None for any. ``unless``: nothing is created if a
    record like this exists. ``placeholder``: what other entries call it (``urn:uuid:…``). ``where`` is its place in a
    Bundle (``Bundle.entry[2]``).
    """

    interaction: str
    resource_type: str
    logical_id: str = ""
    content: Any = None
    expected: frozenset[int] | None = None
    unless: Query | None = None
    placeholder: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one change. ``readable``: whether the app may be shown ``stored``.

    ``stored`` is the version that now stands; ``written`` is False when it stood already.
    """

    change: Change
    stored: Stored
    written: bool
    readable: bool

    @property
    def created(self) -> bool:
        return self.written and self.change.interaction == CREATE
