"""Search values as the rows of one owner hold them: blind.py, applied to what a search asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from records import blind, inheriting, statements
from records.numbering import PARAMETER_NUMBER, TYPE_NUMBER
from standards.fhir import matching, search_parameters

_ASK_SYSTEMS: Final = "SELECT system FROM records_codesystem WHERE owner_id = %s AND resource_type = %s AND param = %s"


@dataclass(frozen=True, slots=True)
class Blinding:
    """Turns search values of one owner and type into the blind values of its rows."""

    owner_id: int
    resource_type: str
    key: bytes

    def tokens(self, code: str, values: Iterable[str]) -> tuple[int, ...] | None:
        """None when a value asks for any code of a system, which no row can answer."""
        asked = [matching.parse_token(value) for value in values]
        if any(token.code is None for token in asked):
            return None
        systems = self._systems(code) if any(token.system is None for token in asked) else ()
        return tuple(
            dict.fromkeys(
                blind.token(self.key, system, token.code)
                for token in asked
                if token.code is not None
                for system in (systems if token.system is None else (token.system,))
            )
        )

    def references(self, parameter: search_parameters.SearchParameter, values: Iterable[str]) -> tuple[int, ...] | None:
        texts: list[str] = []
        for value in map(matching.unescape, values):
            if "/" in value:
                texts.append(inheriting.reference_text(value) or value)
            elif parameter.targets:
                texts.extend(f"{target}/{value}" for target in sorted(parameter.targets))
            else:
                return None
        return tuple(dict.fromkeys(blind.value(self.key, text) for text in texts))

    def _systems(self, code: str) -> tuple[str, ...]:
        numbers = (TYPE_NUMBER[self.resource_type], PARAMETER_NUMBER[code])
        return tuple(row[0] for row in statements.read(_ASK_SYSTEMS, [self.owner_id, *numbers]))
