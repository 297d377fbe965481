"""R4's types and their fields, read from the compiled StructureDefinitions (format: ``compile_structures``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson

_ABSTRACT: Final = frozenset({"Resource", "DomainResource"})
_DEFINITIONS: Final = Path(__file__).parent / "definitions"


@dataclass(frozen=True, slots=True)
class Field:
    """One JSON key of a type. ``choice`` is the name before ``[x]`` if the key is one of several spellings."""

    key: str
    type: str
    required: bool
    many: bool
    binding: str | None = None
    targets: frozenset[str] = frozenset()
    choice: str | None = None


class Structures:
    """Looks up the fields of a type, nested types by their path (``Observation.component``)."""

    def __init__(self, types: Mapping[str, Mapping[str, str]]) -> None:
        self._types = types
        self._fields: dict[str, dict[str, Field]] = {}
        self.resource_types = frozenset(name for name in types if types[name].get("%") == "resource") - _ABSTRACT
        """The concrete resource types."""

    def fields(self, type_: str) -> dict[str, Field]:
        """JSON key to field, choices written out; empty for primitive and unknown types."""
        if type_ not in self._fields:
            self._fields[type_] = dict(self._read(type_)) if type_ in self._types else {}
        return self._fields[type_]

    def _read(self, type_: str) -> list[tuple[str, Field]]:
        definition = self._types[type_]
        fields = list(self.fields(definition["<"]).items()) if "<" in definition else []
        for name, text in definition.items():
            if name not in ("%", "<"):
                fields.extend((field.key, field) for field in _parse(type_, name, text))
        return fields


def _parse(holder: str, name: str, text: str) -> list[Field]:
    cardinality, types, *rest = text.split()
    binding = next((word[1:] for word in rest if word[0] == "="), None)
    targets = next((frozenset(word[1:].split(",")) for word in rest if word[0] == ">"), frozenset())
    choice = name.removesuffix("[x]") if name.endswith("[x]") else None
    return [
        Field(
            key=name if choice is None else choice + type_[0].upper() + type_[1:],
            type=f"{holder}.{name}" if type_ == "." else type_.removeprefix("#"),
            required=cardinality[0] == "1",
            many=cardinality.endswith("*"),
            binding=binding,
            targets=targets if type_ == "Reference" else frozenset(),
            choice=choice,
        )
        for type_ in types.split("|")
    ]


def load(name: str) -> Any:
    """One of our compiled tables, by file name."""
    return orjson.loads((_DEFINITIONS / name).read_bytes())


@cache
def r4() -> Structures:
    """R4's own types."""
    return Structures(load("structures.json"))


@cache
def summary(type_: str) -> frozenset[str]:
    """The fields of a resource type or of a nested type (by path) that ``_summary=true`` keeps; choices as ``x[x]``."""
    table: Mapping[str, str] = _summaries()
    return frozenset(table.get(type_, "").split())


@cache
def _summaries() -> Mapping[str, str]:
    table: Mapping[str, str] = load("summaries.json")
    return table


@cache
def value_sets() -> Mapping[str, Mapping[str, list[str]]]:
    """Short name of each required value set to system to codes."""
    value_sets_: Mapping[str, Mapping[str, list[str]]] = load("value-sets.json")
    return value_sets_
