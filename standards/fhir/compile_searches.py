"""Compile SearchParameter expressions into typed paths that need no FHIRPath at run time.

A path is ``[type, step, …]``: a step is a field's name, a number (an index), ``{"is": "Patient"}`` (the reference
points at a Patient) or ``{"field": "value"}`` (that field equals it). Choices are written out (``effectivePeriod``).
A leading ``"?"`` instead of a type: true if the path holds anything but false (Patient.deceased).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from standards.fhir import structures
from standards.fhir.compile_structures import Types, ValueSets

_STEP: Final = re.compile(
    r"\.?(?:as\((?P<as>\w+)\)|ofType\((?P<of>\w+)\)|where\(resolve\(\) is (?P<is>\w+)\)"
    r"|where\((?P<field>\w+) ?= ?'(?P<equals>[^']+)'\)|extension\('(?P<url>[^']+)'\)|\[(?P<index>\d+)\]|(?P<name>\w+))"
)
_AS: Final = re.compile(r"\(([\w.]+) as (\w+)\)(.*)")
_PRESENT: Final = re.compile(r"([\w.]+)\.exists\(\) and \1 != false")
_HL7: Final = "http://hl7.org/fhir/SearchParameter/"
_UNSUPPORTED: Final = ("composite", "special")
_NOT_COMPILED: Final = frozenset({"item-subject"})
"""Needs hasExtension(); nobody asks for it."""
_ANY_TARGET: Final = 100
_ANY: Final = ("Resource", "DomainResource")

_QUANTITIES: Final = frozenset(
    {
        "Quantity",
        "Age",
        "Count",
        "Distance",
        "Duration",
        "Money",
        "Range",
        "SimpleQuantity",
    }
)
_TEXTS: Final = frozenset({"string", "markdown", "code", "id", "uri", "url", "canonical", "oid", "uuid"})
_SEARCHABLE: Final[Mapping[str, frozenset[str]]] = {
    "token": frozenset({"Coding", "CodeableConcept", "Identifier", "ContactPoint", "boolean"}) | _TEXTS,
    "reference": frozenset({"Reference", "canonical", "uri"}),
    "date": frozenset({"date", "dateTime", "instant", "Period", "Timing"}),
    "string": frozenset({"HumanName", "Address"}) | _TEXTS,
    "quantity": _QUANTITIES,
    "number": frozenset({"integer", "positiveInt", "unsignedInt", "decimal", "Range"}),
    "uri": frozenset({"uri", "url", "canonical", "oid", "uuid"}),
}

Step = str | int | dict[str, str]
Node = tuple[str, tuple[Step, ...]]
"""The FHIR type reached, and the steps to it."""


def compile_all(
    core: Iterable[Mapping[str, Any]],
    us_core: Iterable[Mapping[str, Any]],
    types: Types,
    value_sets: ValueSets,
) -> dict[str, dict[str, Any]]:
    """Type to code to ``[search type, url, targets, paths]``; "Resource" holds what every type has."""
    compiler = _Compiler(types, value_sets)
    table: dict[str, dict[str, Any]] = {}
    for parameter in (*core, *us_core):
        if parameter["type"] in _UNSUPPORTED or parameter["code"] in _NOT_COMPILED or "expression" not in parameter:
            continue
        for base in parameter["base"]:
            code = parameter["code"]
            if (base in _ANY or not code.startswith("_")) and code not in table.get(base, {}):
                paths = compiler.paths(base, parameter["expression"], parameter["type"])
                if paths:
                    url = parameter["url"].removeprefix(_HL7)
                    table.setdefault(base, {})[code] = [
                        parameter["type"],
                        url,
                        _targets(parameter),
                        paths,
                    ]
    return table


def compile_compartment(resources: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Type to the search parameters that put one of its resources in a Patient's compartment."""
    definition = next(r for r in resources if r["resourceType"] == "CompartmentDefinition" and r["code"] == "Patient")
    return {entry["code"]: entry["param"] for entry in definition["resource"] if entry.get("param")}


def _targets(parameter: Mapping[str, Any]) -> list[str]:
    """The types a reference parameter may point at; empty for any."""
    targets = parameter.get("target", [])
    return sorted(targets) if len(targets) < _ANY_TARGET else []


class _Compiler:
    def __init__(self, types: Types, value_sets: ValueSets) -> None:
        self.structures = structures.Structures(types)
        self.value_sets = value_sets

    def paths(self, base: str, expression: str, search_type: str) -> list[list[Step]]:
        found: list[list[Step]] = []
        for term in (part.strip() for part in expression.split("|")):
            if present := _PRESENT.fullmatch(term):
                found.extend(["?", *steps] for _, steps in self._walk(base, present[1]))
                continue
            for fhir_type, steps in self._term(base, term):
                if fhir_type in _SEARCHABLE[search_type]:
                    found.append([self._leaf(fhir_type, base, steps), *steps])
        return found

    def _term(self, base: str, term: str) -> Iterator[Node]:
        if cast := _AS.fullmatch(term):
            return self._walk(base, f"{cast[1]}.as({cast[2]}){cast[3]}")
        return self._walk(base, term.strip("()") if term.startswith("(") else term)

    def _walk(self, base: str, path: str) -> Iterator[Node]:
        root, dot, rest = path.partition(".")
        if root == base or root in _ANY:
            nodes: list[Node] = [(base, ())]
            position = 0
            while dot and position < len(rest):
                step = _STEP.match(rest, position)
                if step is None:
                    raise ValueError(f"cannot compile {path!r} at {rest[position:]!r}")
                nodes = [after for node in nodes for after in self._advance(node, step.groupdict())]
                position = step.end()
            yield from nodes

    def _advance(self, node: Node, step: Mapping[str, str | None]) -> list[Node]:
        fhir_type, steps = node
        if wanted := step["as"] or step["of"]:
            return [node] if fhir_type == wanted else []
        if step["is"]:
            return [(fhir_type, (*steps, {"is": step["is"]}))]
        if step["field"]:
            return [(fhir_type, (*steps, {step["field"]: step["equals"] or ""}))]
        if step["url"]:
            return [("Extension", (*steps, "extension", {"url": step["url"]}))]
        if step["index"]:
            return [(fhir_type, (*steps, int(step["index"])))]
        return [
            (field.type, (*steps, key))
            for key, field in self.structures.fields(fhir_type).items()
            if step["name"] in (key, field.choice)
        ]

    def _leaf(self, fhir_type: str, base: str, steps: tuple[Step, ...]) -> str:
        """A code takes the system of its required value set along, if there is but one (R4 search.html#token)."""
        if fhir_type != "code" or not all(isinstance(step, str) for step in steps):
            return fhir_type
        holder = base
        for step in steps[:-1]:
            holder = self.structures.fields(holder)[str(step)].type
        binding = self.structures.fields(holder)[str(steps[-1])].binding
        systems = list(self.value_sets.get(binding or "", {}))
        return f"code {systems[0]}" if len(systems) == 1 else fhir_type
