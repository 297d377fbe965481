"""Which scopes we know, advertise, and let an app ask for. The grammar itself is standards.smart.scopes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from django.conf import settings

from consent import contributions, gate
from gateway.models import INTROSPECTION, SCOPE_LENGTH_MAX
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
LAUNCH: Final = "launch"
LAUNCH_PATIENT: Final = "launch/patient"
LAUNCH_ENCOUNTER: Final = "launch/encounter"
OFFLINE_ACCESS: Final = "offline_access"
ONLINE_ACCESS: Final = "online_access"
NAMED: Final = (OPENID, FHIR_USER, LAUNCH, LAUNCH_PATIENT, LAUNCH_ENCOUNTER, OFFLINE_ACCESS, ONLINE_ACCESS)
LEVEL: Final = "patient"
USER_LEVEL: Final = "user"
LEVELS: Final = (LEVEL, USER_LEVEL)
"""What people let apps have: one patient's records, or all that whoever signs in may see."""
BACKEND_LEVEL: Final = "system"
READING: Final = "rs"
FILTER: Final = "category"
"""The one search parameter a scope may filter by: what the counters know, so that the page can say how many."""


_V1_SETS: Final = ("rs", "cud", "cruds")


def advertised() -> list[str]:
    """``scopes_supported`` of the metadata: every one of them is granted and enforced."""
    whole = [f"{level}/{resource}.{READING}" for level in LEVELS for resource in ("*", *KINDS)]
    granular = [str(scope) for level in LEVELS for scope in grammar.granular(level)]
    writing = [f"{LEVEL}/{resource}.{grammar.PERMISSIONS}" for resource in contributions.ABOUT]
    named = [name for name in NAMED if name != LAUNCH_ENCOUNTER or settings.SITE == "hospital"]
    return [*named, *whole, *writing, *granular, *(_of_backends() if settings.SITE == "person" else ())]


def _of_backends() -> list[str]:
    whole = [f"{BACKEND_LEVEL}/{resource}.{READING}" for resource in ("*", *KINDS)]
    return [*whole, *(str(scope) for scope in grammar.granular(BACKEND_LEVEL))]


def offerable(asked: Iterable[str], policy: Iterable[str]) -> list[str]:
    """What of the asked scopes may be put before her: supported, and within what the app is registered for.

    What is unknown, unsupported or beyond the app is left out (RFC 6749 3.3); a scope wider than the app's policy is
    replaced by the policy's own scopes under it. Each stands once, as the app spelt it where it is unchanged.
    """
    return _within_policy(asked, policy, LEVELS)


def preauthorised(asked: Iterable[str], policy: Iterable[str]) -> list[str]:
    """What a backend service gets of the ``system/`` scopes it asks for: what its policy was given beforehand.

    Nothing if any other scope is among them: a token speaks for one patient or for the service, never for both.
    """
    asked, policy = list(dict.fromkeys(asked)), list(policy)
    if not all(text.startswith(f"{BACKEND_LEVEL}/") or text == INTROSPECTION for text in asked):
        return []
    introspection = [text for text in asked if text == INTROSPECTION and text in policy]
    return [*introspection, *_within_policy(asked, policy, (BACKEND_LEVEL,))]


def are_renewable(granted: Iterable[str]) -> bool:
    """Whether a refresh token goes with these scopes."""
    return not {OFFLINE_ACCESS, ONLINE_ACCESS}.isdisjoint(granted)


def are_online(granted: Iterable[str]) -> bool:
    """Whether what was granted ends with her sign-in."""
    granted = set(granted)
    return ONLINE_ACCESS in granted and OFFLINE_ACCESS not in granted


def _within_policy(asked: Iterable[str], policy: Iterable[str], levels: tuple[str, ...]) -> list[str]:
    allowed = [part for text in policy for part in _parts(text, levels)]
    offered: dict[str, None] = {}
    for text in asked:
        found = [kept for part in _parts(text, levels) for kept in _kept(part, allowed)]
        offered.update((text if grammar.parse(text) == scope else str(scope), None) for scope in _joined(found))
    return list(offered)


def _kept(part: Scope, allowed: list[Scope]) -> list[Scope]:
    if any(grammar.covers(wider, part) for wider in allowed):
        return [part]
    return [scope for scope in allowed if grammar.covers(part, scope)]


def _joined(parts: Iterable[Scope]) -> list[Scope]:
    """Parts of the same target put together again, each letter once."""
    groups: dict[object, list[Scope]] = {}
    for part in parts:
        groups.setdefault((part.resource, part.filters) if isinstance(part, ResourceScope) else part, []).append(part)
    return [_whole(group) for group in groups.values()]


def _whole(group: list[Scope]) -> Scope:
    found = [part for part in group if isinstance(part, ResourceScope)]
    if not found:
        return group[0]
    alike = replace(found[0], v1=all(part.v1 for part in found))
    return with_letters(alike, "".join(part.permissions for part in found))


def with_letters(scope: ResourceScope, letters: str) -> ResourceScope:
    """The scope with other permissions, in the order of the grammar; v1 has words for three sets of them only."""
    ordered = "".join(letter for letter in grammar.PERMISSIONS if letter in letters)
    return replace(scope, permissions=ordered, v1=scope.v1 and ordered in _V1_SETS)


def reading(scope: ResourceScope) -> ResourceScope | None:
    """The part of a scope that reads."""
    letters = "".join(letter for letter in scope.permissions if letter in READING)
    return with_letters(scope, letters) if letters else None


def _parts(text: str, levels: tuple[str, ...]) -> list[Scope]:
    """The scope of these levels in what this server can do with it: reading, and each kind of writing by itself.

    Writing everything is writing each of the types that apps may write.
    """
    try:
        scope = grammar.parse(text)
    except InvalidScope:
        return []
    if len(text) > SCOPE_LENGTH_MAX:
        return []
    if isinstance(scope, NamedScope):
        return [scope] if scope.name in NAMED and LEVEL in levels else []
    if scope.level not in levels or not _has_known_target(scope):
        return []
    read = reading(scope)
    found: list[Scope] = [read] if read else []
    if LEVEL in levels:
        found += [
            replace(scope, resource=resource, permissions=letter)
            for resource in _written(scope.resource)
            for letter in scope.permissions
            if letter in contributions.LETTERS
        ]
    return found


def _written(resource: str) -> list[str]:
    return [name for name in contributions.ABOUT if resource in ("*", name)]


def _has_known_target(scope: ResourceScope) -> bool:
    if scope.resource == "*":
        return not scope.filters
    return (
        scope.resource in SUPPORTED
        and {name for name, _ in scope.filters} <= {FILTER}
        and len(scope.filters) <= 1
        and gate.honours(replace(scope, level=LEVEL))
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
