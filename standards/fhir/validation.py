"""What is wrong with a resource, all at once: structure, cardinality, datatypes, required codes, reference targets.

Compiled from HL7's StructureDefinitions and required value sets (``structures``). Of the invariants only those
are held that are written out below; profiles and terminologies beyond required bindings are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Protocol

from standards.fhir import bundle_rules, dates, primitives, references, structures
from standards.fhir.primitives import Finding, Test
from standards.fhir.structures import Field

MAX_PROBLEMS: Final = 1000
"""More are not listed; a resource this broken says nothing more by its next thousand."""

_Where = tuple[Any, str, int | None]
"""(the place above or None, key, index): written out only when there is something to say."""


@dataclass(frozen=True, slots=True)
class Problem:
    """``path`` is FHIRPath-like with JSON's keys: ``Observation.component[0].valueQuantity.value``.

    ``severity`` is error or warning. The message names fields and types, never a value.
    """

    path: str
    message: str
    severity: str


@dataclass(slots=True)
class _Run:
    problems: list[Problem] = field(default_factory=list)
    contained: frozenset[str] = frozenset()
    """Ids inside the resource being checked."""

    def add(self, where: _Where, message: str, severity: str = "error") -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(_written(where), message, severity))


class _Checks(Protocol):
    def check(self, node: Any, where: _Where, run: _Run) -> None: ...


_Rule = tuple[Test | None, _Checks | None, bool, str | None, str]
"""(test of a primitive, or checks of a complex type; many; the choice it belongs to; its key without ``_``)."""


def problems(resource: Any) -> list[Problem]:
    """Everything wrong with one resource, in document order; empty if it is good. Takes any JSON value."""
    run = _Run()
    type_ = resource.get("resourceType") if resource.__class__ is dict else None
    root: _Where = (None, type_ if type_.__class__ is str else "Resource", None)
    try:
        _ANY_RESOURCE.check(resource, root, run)
    except RecursionError:
        run.add(root, "nested too deep to be checked")
    return run.problems


def _written(where: _Where) -> str:
    above, key, index = where
    step = key if index is None else f"{key}[{index}]"
    return step if above is None else f"{_written(above)}.{step}"


# ---- types


class _Type:
    """The checks of one complex type; rules are made at first use, since types contain each other."""

    __slots__ = ("_choices", "_has_rules_of_the_whole", "_invariant", "_required", "_rules", "_tests", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._rules: dict[str, _Rule] | None = None
        # Of the rules those that a single primitive has: most keys are that, and need no more than this.
        self._tests: dict[str, Test] = {}
        self._required: tuple[tuple[str, tuple[str, ...]], ...] = ()
        self._choices: frozenset[str] = frozenset()
        self._has_rules_of_the_whole = True
        self._invariant = _INVARIANTS.get(name)

    def _prepare(self) -> dict[str, _Rule]:
        fields = structures.r4().fields(self.name)
        self._required = tuple(_required(fields.values()))
        rules: dict[str, _Rule] = {}
        for key, field_ in fields.items():
            rules[key] = _rule(field_)
            if field_.type in primitives.TESTS:
                rules[f"_{key}"] = (None, _SIBLINGS if field_.many else _ELEMENT, False, field_.choice, key)
        if self.name in structures.r4().resource_types:
            rules["resourceType"] = (primitives.test_string, None, False, None, "resourceType")
        self._choices = frozenset(key for key, rule in rules.items() if rule[3] is not None)
        self._has_rules_of_the_whole = bool(self._required or self._choices or self._invariant)
        self._tests = {key: test for key, (test, _, many, _, _) in rules.items() if test is not None and not many}
        self._rules = rules
        return rules

    def check(self, node: Any, where: _Where, run: _Run) -> None:
        if node.__class__ is not dict:
            run.add(where, f"an object is expected, not {_kind(node)}")
            return
        if not node:
            run.add(where, "an empty object is not allowed")
        rules = self._rules or self._prepare()
        tests = self._tests
        for key, value in node.items():
            test = tests.get(key)
            if test is not None:
                if finding := test(value):
                    _report(finding, value, (where, key, None), run)
                continue
            rule = rules.get(key)
            if rule is None:
                run.add((where, key, None), f"{self.name} has no such field")
            elif rule[2]:
                self._check_many(node, key, value, rule, where, run)
            elif rule[1] is not None:
                rule[1].check(value, (where, key, None), run)
        if self._has_rules_of_the_whole:
            self._check_whole(node, where, run)

    def _check_whole(self, node: dict[str, Any], where: _Where, run: _Run) -> None:
        for name, keys in self._required:
            if keys[0] not in node and not any(key in node for key in keys):
                run.add((where, name, None), "is required")
        if self._choices:
            self._check_choices(node, where, run)
        if self._invariant is not None:
            self._invariant(node, where, run)

    def _check_choices(self, node: dict[str, Any], where: _Where, run: _Run) -> None:
        choices = self._choices
        spellings = [key for key in node if key in choices]
        if len(spellings) < 2:
            return
        chosen: dict[str, str] = {}
        for key in spellings:
            _, _, _, choice, plain = (self._rules or self._prepare())[key]
            if choice is not None and chosen.setdefault(choice, plain) != plain:
                run.add((where, f"{choice}[x]", None), "only one of the choices is allowed")

    def _check_many(self, node: dict[str, Any], key: str, value: Any, rule: _Rule, where: _Where, run: _Run) -> None:
        test, checks, *_ = rule
        if value.__class__ is not list:
            run.add((where, key, None), f"an array is expected, not {_kind(value)}")
            return
        if not value:
            run.add((where, key, None), "an empty array is not allowed")
        for index, item in enumerate(value):
            if test is None:
                if checks is not None:
                    checks.check(item, (where, key, index), run)
            elif (finding := test(item)) and not (item is None and _has_sibling(node, key, index)):
                run.add((where, key, index), finding.message, finding.severity)


def _report(finding: Finding, value: Any, where: _Where, run: _Run) -> None:
    if value.__class__ is list:
        run.add(where, "a single value is expected, not an array")
    else:
        run.add(where, finding.message, finding.severity)


def _has_sibling(node: Mapping[str, Any], key: str, index: int) -> bool:
    siblings = node.get(f"_{key}")
    return siblings.__class__ is list and index < len(siblings) and siblings[index].__class__ is dict


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(value.__class__, "a number")


def _required(fields: Iterable[Field]) -> Iterable[tuple[str, tuple[str, ...]]]:
    """(name to report, keys of which one must be there) of each required field; a primitive may have only ``_x``."""
    keys: dict[str, list[str]] = {}
    for field_ in fields:
        if field_.required:
            name = field_.key if field_.choice is None else f"{field_.choice}[x]"
            spellings = [field_.key, f"_{field_.key}"] if field_.type in primitives.TESTS else [field_.key]
            keys.setdefault(name, []).extend(spellings)
    return [(name, tuple(spellings)) for name, spellings in keys.items()]


def _rule(field_: Field) -> _Rule:
    test = primitives.TESTS.get(field_.type)
    if test is not None:
        if field_.type == "code" and field_.binding:
            test = _one_of(field_.binding)
        return test, None, field_.many, field_.choice, field_.key
    return None, _checks(field_), field_.many, field_.choice, field_.key


def _checks(field_: Field) -> _Checks:
    if field_.type == "Resource":
        return _ANY_RESOURCE if field_.key != "contained" else _CONTAINED
    if field_.type == "Reference" and field_.targets:
        return _Pointing(field_.targets)
    if field_.type in ("CodeableConcept", "Coding") and field_.binding:
        return _Coded(_type(field_.type), field_.binding)
    return _type(field_.type)


def _one_of(binding: str) -> Test:
    codes = frozenset(code for members in structures.value_sets()[binding].values() for code in members)
    plain, wrong = primitives.TESTS["code"], Finding("error", f"not a code of {binding}")

    def test(value: Any) -> Finding | None:
        if value.__class__ is str and value in codes:
            return None
        return plain(value) or wrong

    return test


class _Pointing:
    """A Reference whose target must be of certain types."""

    __slots__ = ("_reference", "_targets")

    def __init__(self, targets: frozenset[str]) -> None:
        self._targets = targets
        self._reference = _type("Reference")

    def check(self, node: Any, where: _Where, run: _Run) -> None:
        self._reference.check(node, where, run)
        text = node.get("reference") if node.__class__ is dict else None
        if text.__class__ is not str or text.partition("/")[0] in self._targets:
            return
        parsed = references.parse(text)
        if parsed is None or parsed.kind is references.Kind.ODD or parsed.type is None:
            return
        if parsed.type in structures.r4().resource_types and parsed.type not in self._targets:
            run.add((where, "reference", None), f"points at {parsed.type}, not at {' or '.join(sorted(self._targets))}")


class _Coded:
    """A Coding or CodeableConcept that must carry a code of one value set."""

    __slots__ = ("_binding", "_codes", "_type")

    def __init__(self, type_: _Type, binding: str) -> None:
        self._type = type_
        self._binding = binding
        table = structures.value_sets()[binding]
        self._codes = frozenset((system, code) for system, members in table.items() for code in members)

    def check(self, node: Any, where: _Where, run: _Run) -> None:
        self._type.check(node, where, run)
        if node.__class__ is not dict or ("extension" in node and not {"coding", "code", "text"} & node.keys()):
            return
        codings = [node] if self._type.name == "Coding" else node.get("coding")
        held = [c for c in codings if c.__class__ is dict] if codings.__class__ is list else []
        if not any(_pair(coding) in self._codes for coding in held):
            run.add(where, f"no code of {self._binding}")


def _pair(coding: Mapping[str, Any]) -> tuple[str, str] | None:
    system, code = coding.get("system"), coding.get("code")
    return (system, code) if system.__class__ is str and code.__class__ is str else None


class _Siblings:
    """``_given`` beside ``given``: null where there is nothing to add to a value."""

    def check(self, node: Any, where: _Where, run: _Run) -> None:
        if node.__class__ is not list:
            run.add(where, f"an array is expected, not {_kind(node)}")
            return
        above, key, _ = where
        for index, item in enumerate(node):
            if item is not None:
                _ELEMENT.check(item, (above, key, index), run)


class _AnyResource:
    """A resource of whatever type it says it is."""

    def check(self, node: Any, where: _Where, run: _Run) -> None:
        type_ = self._named(node, where, run)
        if type_ is None:
            return
        outer, run.contained = run.contained, frozenset(_contained_ids(node))
        _type(type_).check(node, where, run)
        run.contained = outer

    def _named(self, node: Any, where: _Where, run: _Run) -> str | None:
        if node.__class__ is not dict:
            run.add(where, f"a resource is expected, not {_kind(node)}")
            return None
        type_ = node.get("resourceType")
        if type_.__class__ is str and type_ in structures.r4().resource_types:
            name: str = type_
            return name
        run.add((where, "resourceType", None), "is required" if type_ is None else "no such resource type")
        return None


class _ContainedResource(_AnyResource):
    """A resource inside another: it shares the outer one's contained resources and has none itself (dom-2)."""

    def check(self, node: Any, where: _Where, run: _Run) -> None:
        type_ = self._named(node, where, run)
        if type_ is None:
            return
        _type(type_).check(node, where, run)
        if "contained" in node:
            run.add((where, "contained", None), "a contained resource may contain none (dom-2)")
        if "id" not in node:
            run.add((where, "id", None), "without an id nothing can point at it", "warning")


def _contained_ids(resource: Mapping[str, Any]) -> list[str]:
    inside = resource.get("contained")
    if inside.__class__ is not list:
        return []
    return [r["id"] for r in inside if r.__class__ is dict and r.get("id").__class__ is str]


# ---- invariants


def _check_extension(node: Mapping[str, Any], where: _Where, run: _Run) -> None:
    """ext-1: a value or extensions, one of them."""
    values = sum(key.startswith(("value", "_value")) for key in node)
    if bool(values) == ("extension" in node):
        run.add(where, "an extension has either a value or extensions (ext-1)")


def _check_period(node: Mapping[str, Any], where: _Where, run: _Run) -> None:
    """per-1: starts before it ends, at the precision given."""
    start, end = node.get("start"), node.get("end")
    if start.__class__ is str and end.__class__ is str and start[:4] >= end[:4] and _is_reversed(start, end):
        run.add(where, "ends before it starts (per-1)")


def _is_reversed(start: str, end: str) -> bool:
    try:
        return dates.interval(start).low >= dates.interval(end).high
    except dates.InvalidDate:
        return False


def _check_reference(node: Mapping[str, Any], where: _Where, run: _Run) -> None:
    """ref-1: what is pointed at inside the resource is there."""
    text = node.get("reference")
    if text.__class__ is not str:
        return
    if text[:1] == "#":
        if len(text) > 1 and text[1:] not in run.contained:
            run.add((where, "reference", None), "nothing contained has that id (ref-1)")
    elif (
        not references.is_relative(text)
        and (parsed := references.parse(text)) is not None
        and parsed.kind is references.Kind.ODD
    ):
        run.add((where, "reference", None), "no kind of reference FHIR knows", "warning")


def _check_observation(node: Mapping[str, Any], where: _Where, run: _Run) -> None:
    """obs-6: a reason for absence only where there is no value."""
    if "dataAbsentReason" in node and any(key.startswith("value") for key in node):
        run.add((where, "dataAbsentReason", None), "only without a value (obs-6)")


def _check_question(node: Mapping[str, Any], where: _Where, run: _Run) -> None:
    """que-12: of several conditions it is said whether all or any must hold."""
    conditions = node.get("enableWhen")
    if conditions.__class__ is list and len(conditions) > 1 and "enableBehavior" not in node:
        run.add((where, "enableBehavior", None), "is required with several enableWhen (que-12)")


def _check_bundle(node: Mapping[str, Any], where: _Where, run: _Run) -> None:
    for name, index, below, said in bundle_rules.problems(node):
        run.add(((where, name, index), below, None), said)


_INVARIANTS: Final[Mapping[str, Callable[[Mapping[str, Any], _Where, _Run], None]]] = {
    "Extension": _check_extension,
    "Period": _check_period,
    "Reference": _check_reference,
    "Observation": _check_observation,
    "Questionnaire.item": _check_question,
    "Bundle": _check_bundle,
}


@cache
def _type(name: str) -> _Type:
    return _Type(name)


_ANY_RESOURCE: Final = _AnyResource()
_CONTAINED: Final = _ContainedResource()
_SIBLINGS: Final = _Siblings()
_ELEMENT: Final = _type("Element")
