"""Which types this server serves, and how: the one table that routes, searches and the CapabilityStatement go by."""

from __future__ import annotations

from typing import Final

from django.conf import settings

from fhirapi.errors import UnknownResource
from standards.fhir import types

READ_ONLY: Final = frozenset({"Binary"})
"""No search: a Binary is reached through what names it."""

SERVED: Final = frozenset(types.PATIENT_COMPARTMENT) | types.US_CORE_TYPES | types.ADMINISTRATIVE_TYPES | READ_ONLY
SEARCHED: Final = SERVED - READ_ONLY


def require(resource_type: str, served: frozenset[str] = SERVED) -> None:
    """Raises UnknownResource for a type that is not served."""
    if resource_type not in served:
        raise UnknownResource


def makes_exports() -> bool:
    """Whether bulk export is served: a simulated hospital has no worker that would make one."""
    return bool(settings.SITE == "person")
