"""Compile StructureDefinitions and required value sets into the tables ``structures`` reads (see there).

A type becomes ``{"<": parent, field: "cardinality type …"}``; a field's text is

    ``0 | 1 | 0* | 1*``  ``type|type…``  [``=value-set``]  [``>Target,Target…``]

The type ``.`` is a nested type named by its path, ``#Path`` one defined elsewhere. Choices keep their ``[x]``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

Types = dict[str, dict[str, str]]
ValueSets = dict[str, dict[str, list[str]]]
"""Value set name to system to codes."""

MAX_CODES: Final = 700
_FHIR: Final = "http://hl7.org/fhir/StructureDefinition/"
_SYSTEM: Final = "http://hl7.org/fhirpath/System."
_NESTED: Final = ("BackboneElement", "Element")
_PARENTS: Final = ("DomainResource", "Resource", "BackboneElement", "Element")


def compile_all(resources: Iterable[dict[str, Any]]) -> tuple[Types, ValueSets]:
    """Every concrete type of the core package, and each value set that a field must take its code from."""
    resources = list(resources)
    definitions = [r for r in resources if r["resourceType"] == "StructureDefinition" and _is_type(r)]
    expander = _Expander(resources)
    types: Types = {}
    for definition in definitions:
        for path, fields in _fields_by_path(definition, expander).items():
            types[path] = fields
    parents = {name: {key: text for key, text in types[name].items() if key != "%"} for name in _PARENTS}
    for path, fields in types.items():
        _take_out_parent(path, fields, parents)
    return types, expander.used


def compile_summaries(resources: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Of each resource type and nested type, the fields that ``_summary=true`` keeps, choices with their ``[x]``."""
    resources = list(resources)
    kept: dict[str, list[str]] = {}
    for definition in resources:
        if definition["resourceType"] == "StructureDefinition" and _is_type(definition):
            for element in definition["snapshot"]["element"][1:]:
                parent, _, name = element["path"].rpartition(".")
                if element.get("isSummary"):
                    kept.setdefault(parent, []).append(name)
    resource_types = {d["id"] for d in resources if d["resourceType"] == "StructureDefinition" and _is_resource(d)}
    return {path: " ".join(names) for path, names in kept.items() if path.partition(".")[0] in resource_types}


def _is_resource(definition: Mapping[str, Any]) -> bool:
    return _is_type(definition) and definition["kind"] == "resource"


def _is_type(definition: Mapping[str, Any]) -> bool:
    return definition.get("derivation") != "constraint" and definition["kind"] in (
        "resource",
        "complex-type",
    )


def _fields_by_path(definition: Mapping[str, Any], expander: _Expander) -> Types:
    kind = {"resource": "resource"}.get(definition["kind"], "datatype")
    fields: Types = {definition["id"]: {"%": kind}}
    for element in definition["snapshot"]["element"][1:]:
        parent, _, name = element["path"].rpartition(".")
        text = _field(element, definition, expander)
        if text.split()[1] == ".":
            fields[element["path"]] = {}
        fields[parent][name] = text
    return fields


def _field(element: Mapping[str, Any], definition: Mapping[str, Any], expander: _Expander) -> str:
    most = {"1": "", "*": "*"}[element["max"]]
    words = [
        f"{min(1, element['min'])}{most}",
        "|".join(_type_codes(element, definition)),
    ]
    binding = element.get("binding", {})
    if binding.get("strength") == "required" and (name := expander.name(binding.get("valueSet", ""))):
        words.append(f"={name}")
    if targets := _targets(element):
        words.append(">" + ",".join(targets))
    return " ".join(words)


def _type_codes(element: Mapping[str, Any], definition: Mapping[str, Any]) -> list[str]:
    if "contentReference" in element:
        return [element["contentReference"].split("#")[-1].join(("#", ""))]
    codes = [type_["code"] for type_ in element["type"]]
    if codes[0].startswith(_SYSTEM):
        return [_system_type(element, definition)]
    return ["."] if codes[0] in _NESTED else codes


def _system_type(element: Mapping[str, Any], definition: Mapping[str, Any]) -> str:
    """The FHIR type of an element whose snapshot names a FHIRPath one; 4.0.1 calls Resource.id a string."""
    if element["path"].endswith(".id"):
        return "id" if definition["kind"] == "resource" and element["path"].count(".") == 1 else "string"
    return next(
        (
            e.get("valueUrl") or e["valueUri"]
            for e in element["type"][0].get("extension", [])
            if "fhir-type" in e["url"]
        ),
        "string",
    )


def _targets(element: Mapping[str, Any]) -> list[str]:
    named = {
        profile.removeprefix(_FHIR)
        for type_ in element.get("type", [])
        if type_["code"] == "Reference"
        for profile in type_.get("targetProfile", [])
    }
    return [] if "Resource" in named else sorted(named)


def _take_out_parent(path: str, fields: dict[str, str], parents: Types) -> None:
    """Leave the fields a type shares with its abstract parent to the parent."""
    for parent, shared in parents.items():
        if path != parent and shared.items() <= fields.items():
            for name in shared:
                del fields[name]
            fields["<"] = parent
            return


class _Expander:
    """Writes value sets out as codes, where the core package has all of them."""

    def __init__(self, resources: Iterable[dict[str, Any]]) -> None:
        resources = list(resources)
        self.value_sets = {r["url"]: r for r in resources if r["resourceType"] == "ValueSet"}
        self.systems = {r["url"]: r for r in resources if r["resourceType"] == "CodeSystem"}
        self.used: ValueSets = {}

    def name(self, canonical: str) -> str | None:
        """The value set's short name, its codes noted as used; None if they cannot or need not be written out."""
        url = canonical.split("|")[0]
        name = url.rsplit("/", 1)[-1]
        if name not in self.used:
            codes = self.expand(url)
            if codes is None or sum(map(len, codes.values())) > MAX_CODES:
                return None
            self.used[name] = {system: sorted(members) for system, members in codes.items()}
        return name

    def expand(self, url: str) -> dict[str, set[str]] | None:
        compose = self.value_sets.get(url.split("|")[0], {}).get("compose", {})
        included: dict[str, set[str]] = {}
        for include in compose.get("include", []):
            codes = self._included(include)
            if codes is None:
                return None
            for system, members in codes.items():
                included.setdefault(system, set()).update(members)
        for exclude in compose.get("exclude", []):
            for system, members in (self._included(exclude) or {}).items():
                included.get(system, set()).difference_update(members)
        return included or None

    def _included(self, include: Mapping[str, Any]) -> dict[str, set[str]] | None:
        if "filter" in include:
            return None
        if "valueSet" in include:
            parts = [self.expand(url) for url in include["valueSet"]]
            return parts[0] if len(parts) == 1 and "system" not in include else None
        if "concept" in include:
            return {include["system"]: {concept["code"] for concept in include["concept"]}}
        system = self.systems.get(include["system"], {})
        if system.get("content") != "complete":
            return None
        return {include["system"]: set(_codes(system.get("concept", [])))}


def _codes(concepts: Iterable[dict[str, Any]]) -> list[str]:
    return [code for concept in concepts for code in (concept["code"], *_codes(concept.get("concept", [])))]
