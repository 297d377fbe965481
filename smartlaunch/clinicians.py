"""Who a clinician is: issuer and subject of a checked id_token, and nothing that anybody can type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from gateway.models import SharedToken
from smartlaunch import organizations, practitioners, visits
from smartlaunch.models import Clinician, ClinicRole, Ehr, Visit
from smartlaunch.refusals import ArrivalRefused, Reason
from standards.fhir import references
from standards.fhir.references import Kind

_SUBJECT_MAX: Final = 255
"""OpenID Connect Core 1.0, 2: ``sub`` does not exceed 255 ASCII characters."""


def fhir_user(claims: Mapping[str, Any], iss: str) -> str:
    """``Type/id`` of who signed in, which must lie under the ``iss`` that launched us. Raises ArrivalRefused."""
    said = claims.get("fhirUser")
    base = f"{iss.rstrip('/')}/"
    relative = said.removeprefix(base) if isinstance(said, str) else ""
    parsed = references.parse(relative)
    if parsed is None or parsed.kind is not Kind.RELATIVE or relative != f"{parsed.type}/{parsed.id}":
        raise ArrivalRefused(Reason.BAD_USER)
    return relative


@transaction.atomic
def seen(ehr: Ehr, claims: Mapping[str, Any], user: str, *, at: datetime) -> Clinician:
    """The clinician of these claims, with the role the rules give him now. Raises ArrivalRefused."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_MAX or not subject.isprintable():
        raise ArrivalRefused(Reason.BAD_IDENTITY, "no sub")
    role = organizations.role_of(ehr.organization, claims, user)
    said = practitioners.plain(claims.get("name"))
    name = {"name": said} if said else {}
    told = {"fhir_user": user, "role": role, "last_seen": at, **name}
    clinician, _ = Clinician.objects.update_or_create(
        organization=ehr.organization,
        issuer=claims["iss"],
        subject=subject,
        defaults=told,
        create_defaults={"name": "", **told, "first_seen": at},
    )
    return clinician


def admit(clinician: Clinician) -> None:
    """Raises ArrivalRefused for whom no rule lets in, or the organisation shut out."""
    if not clinician.active:
        raise ArrivalRefused(Reason.DEACTIVATED)
    if clinician.role == ClinicRole.NONE:
        raise ArrivalRefused(Reason.NOT_ADMITTED)


def deactivate(clinician: Clinician, *, at: datetime) -> None:
    """Out with the next request, and not in again."""
    Clinician.objects.filter(pk=clinician.pk).update(active=False)
    for visit in Visit.objects.filter(clinician=clinician, ended__isnull=True, ends__gt=at):
        visits.end(visit, at=at)
    SharedToken.objects.filter(agent=str(clinician.uid)).delete()


def reactivate(clinician: Clinician) -> None:
    Clinician.objects.filter(pk=clinician.pk).update(active=True)
