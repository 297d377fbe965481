"""Is this you? What she is asked of a file or a connection that does not seem to be about her."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from django.utils.translation import gettext_lazy

from sync.identities import Verdict

_ASKED: Final = MappingProxyType(
    {
        Verdict.NAME_DIFFERS: gettext_lazy("The name in it is not one that we know you by."),
        Verdict.BIRTH_DATE_DIFFERS: gettext_lazy("The birth date in it is not yours as we know it."),
        Verdict.UNKNOWN: gettext_lazy("We do not know enough about you yet to tell whether it is yours."),
    }
)


@dataclass(frozen=True)
class Question:
    """Whom it names, and why she is asked."""

    name: str
    born: str
    why: str


def of(told: Mapping[str, str]) -> Question:
    """``told`` is what identities.told gave."""
    return Question(told["name"], told["birthDate"], str(_ASKED[Verdict(told["verdict"])]))
