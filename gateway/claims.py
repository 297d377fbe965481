"""What an app may know of who signed in: the same claims in the id_token and at userinfo."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from django.conf import settings

from gateway import scopes

SUPPORTED: Final = ("sub", "fhirUser")


class Known(Protocol):
    """Who signed in, by an Authorization, what is told of one, or the Bearer that stands on one."""

    @property
    def subject(self) -> object: ...

    @property
    def fhir_user(self) -> str: ...


def of(person: Known, granted: Iterable[str]) -> dict[str, str]:
    """``sub`` is opaque and stable; ``fhirUser`` the absolute address of her Patient, of his Practitioner, or of the
    RelatedPerson that who acts for the patient is to her.
    """
    claims = {"sub": str(person.subject)}
    if scopes.FHIR_USER in set(granted):
        claims["fhirUser"] = f"{settings.FHIR_BASE}/{person.fhir_user}"
    return claims
