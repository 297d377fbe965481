"""Why nothing of a submission was written: one class for each reason."""

from __future__ import annotations

from collections.abc import Sequence

from standards.fhir.validation import Problem


class Refused(Exception):
    """Nothing of the submission was written. ``where`` names the change among several, or is empty."""

    where = ""


class NotContributed(Refused):
    """Apps cannot write records of this type."""


class OutsideScope(Refused):
    """No scope of the token lets the app do this, or not to a resource of this category. ``needed`` would."""

    def __init__(self, needed: str) -> None:
        super().__init__(needed)
        self.needed = needed


class NoSuchRecord(Refused):
    """No such id, or not for this app to know of: nobody can tell which."""


class IdNotGiven(Refused):
    """An update of what does not exist, or is hidden: ids are given by this server only."""


class NotItsOwn(Refused):
    """The app may read this record, and did not write it (or may not write its category)."""


class RecordGone(Refused):
    """The app's own record, deleted before."""


class VersionConflict(Refused):
    """The record is no longer the version that ``If-Match`` names."""


class SeveralMatch(Refused):
    """More than one record is what ``If-None-Exist`` describes."""


class SameTwice(Refused):
    """Two changes of one submission are of the same record."""


class Unacceptable(Refused):
    """The resource cannot be kept as it is. ``problems`` are all of them, with their places."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


class Unpatchable(Refused):
    """The patch cannot be applied. ``reason`` names the operation."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
