"""Which scopes we know, advertise, and let an app ask for. The grammar itself is standards.smart.scopes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from consent import gate
from gateway.models import SCOPE_LENGTH_MAX
from gateway.toolkit.server import BaseScopes
from standards.fhir import types
from standards.smart import scopes as grammar
from standards.smart.scopes import InvalidScope, NamedScope, ResourceScope, Scope

KINDS: Final = (
    "Patient",
    "Observation",
    "Condition",
    "MedicationRequest",
    "MedicationDispense",
    "AllergyIntolerance",
    "Immunization",
    "Procedure",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "CarePlan",
    "CareTeam",
    "Goal",
    "ServiceRequest",
    "Specimen",
    "Device",
    "QuestionnaireResponse",
    "Coverage",
    "RelatedPerson",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
    "Medication",
    "Provenance",
)
"""The types of US Core, in the order the consent page shows them; each has plain words in wording.py."""

SUPPORTED: Final = frozenset(KINDS) | frozenset(types.PATIENT_COMPARTMENT) | types.ADMINISTRATIVE_TYPES
"""Every type a scope may name: those the FHIR API serves by themselves."""

OPENID: Final = "openid"
FHIR_USER: Final = "fhirUser"
LAUNCH_PATIENT: Final = "launch/patient"
OFFLINE_ACCESS: Final = "offline_access"
NAMED: Final = (OPENID, FHIR_USER, LAUNCH_PATIENT, OFFLINE_ACCESS)
LEVEL: Final = "patient"
READING: Final = "rs"
FILTER: Final = "category"
"""The one search parameter a scope may filter by: what the counters know, so that the page can say how many."""


def advertised() -> list[str]:
    """``scopes_supported`` of the metadata: every one of them is granted and enforced."""
    whole = [f"{LEVEL}/{resource}.{READING}" for resource in ("*", *KINDS)]
    return [*NAMED, *whole, *(str(scope) for scope in grammar.granular(LEVEL))]


def offerable(asked: Iterable[str], policy: Iterable[str]) -> list[str]:
    """What of the asked scopes may be put before her: supported, and within what the app is registered for.

    What is unknown, unsupported or beyond the app is left out (RFC 6749 3.3); a scope wider than the app's policy is
    replaced by the policy's own scopes under it. Each stands once, as the app spelt it where it is unchanged.
    """
    allowed = [scope for text in policy if (scope := _supported(text)) is not None]
    offered: dict[str, None] = {}
    for text in asked:
        wanted = _supported(text)
        if wanted is None:
            continue
        if any(grammar.covers(wider, wanted) for wider in allowed):
            offered[text if grammar.parse(text) == wanted else str(wanted)] = None
        else:
            offered.update((str(scope), None) for scope in allowed if grammar.covers(wanted, scope))
    return list(offered)


def _supported(text: str) -> Scope | None:
    """The scope, narrowed to what this server can do with it; None if nothing remains."""
    try:
        scope = grammar.parse(text)
    except InvalidScope:
        return None
    if len(text) > SCOPE_LENGTH_MAX:
        return None
    if isinstance(scope, NamedScope):
        return scope if scope.name in NAMED else None
    letters = "".join(letter for letter in scope.permissions if letter in READING)
    if not letters or scope.level != LEVEL or not _has_known_target(scope):
        return None
    # ``.r`` of a v1 ``.write`` does not exist: v1 words shrink only from ``*`` to ``read``.
    return replace(scope, permissions=letters)


def _has_known_target(scope: ResourceScope) -> bool:
    if scope.resource == "*":
        return not scope.filters
    return (
        scope.resource in SUPPORTED
        and {name for name, _ in scope.filters} <= {FILTER}
        and len(scope.filters) <= 1
        and gate.honours(scope)
    )


def parse(granted: Iterable[str]) -> tuple[Scope, ...]:
    """Scopes that were granted before, as values."""
    return tuple(grammar.parse(text) for text in granted)


def needs_patient(granted: Iterable[str]) -> bool:
    """Whether these scopes put a patient in context, asked for or inferred (SMART, scopes-and-launch-context)."""
    return any(
        text == LAUNCH_PATIENT or (isinstance(scope := grammar.parse(text), ResourceScope) and scope.level == LEVEL)
        for text in granted
    )


def within(asked: Iterable[str], granted: Iterable[str]) -> bool:
    """Whether each asked scope lies under a granted one, for a refresh that narrows."""
    given = parse(granted)
    try:
        wanted = parse(asked)
    except InvalidScope:
        return False
    return all(any(grammar.covers(wider, scope) for wider in given) for scope in wanted)


class _Described(Mapping[str, str]):
    """Any well-formed scope, described by itself; iteration is the advertised list."""

    def __getitem__(self, text: str) -> str:
        try:
            return str(grammar.parse(text))
        except InvalidScope as error:
            raise KeyError(text) from error

    def __iter__(self) -> Iterator[str]:
        return iter(advertised())

    def __len__(self) -> int:
        return len(advertised())


class SmartScopes(BaseScopes):
    """The package's view of our scopes."""

    def get_all_scopes(self) -> Mapping[str, str]:
        return _Described()

    def get_available_scopes(self, *args: object, **kwargs: object) -> list[str]:
        return advertised()

    def get_default_scopes(self, *args: object, **kwargs: object) -> list[str]:
        """None: an app that asks for nothing gets ``invalid_scope``."""
        return []
