"""Organisations whose EHRs may open us, and who of their people may come in: what the rules make of an id_token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.text import slugify

from smartlaunch import shared, visits
from smartlaunch.models import ClinicRole, Organization, RoleRule

FHIR_USER: Final = "fhirUser"
CLINICAL: Final = ("Practitioner", "PractitionerRole")
"""Types of ``fhirUser`` that a rule may let in at all: a patient or a relative is nobody's clinician."""
Rule = tuple[str, str, ClinicRole]
USUAL: Final[tuple[Rule, ...]] = tuple((FHIR_USER, kind, ClinicRole.CLINICIAN) for kind in CLINICAL)
"""Of an organisation that has said nothing else: whoever its EHR calls a practitioner."""


@transaction.atomic
def enter(name: str, *, slug: str = "") -> Organization:
    """The organisation of this slug, made with the usual rules if it is not there."""
    organization, made = Organization.objects.get_or_create(slug=slug or slugify(name)[:64], defaults={"name": name})
    if made:
        _write(organization, USUAL)
    return organization


@transaction.atomic
def set_rules(organization: Organization, rules: Sequence[Rule], *, at: datetime) -> None:
    """New rules in place of the old. Every visit there ends: who comes back is asked anew who he is."""
    organization.rules.all().delete()
    _write(organization, rules)
    visits.end_of_organization(organization, at=at)
    shared.end_tokens(organization)


def role_of(organization: Organization, claims: Mapping[str, Any], fhir_user: str) -> ClinicRole:
    """What the first rule that fits makes of them; NONE where none fits, or the EHR says it is no clinician."""
    kind = fhir_user.partition("/")[0]
    if kind not in CLINICAL:
        return ClinicRole.NONE
    said = {**claims, FHIR_USER: kind}
    fitting = (rule.role for rule in organization.rules.all() if _fits(rule, said.get(rule.claim)))
    return ClinicRole(next(fitting, ClinicRole.NONE))


def _write(organization: Organization, rules: Sequence[Rule]) -> None:
    RoleRule.objects.bulk_create(
        RoleRule(organization=organization, place=place, claim=claim, value=value, role=role)
        for place, (claim, value, role) in enumerate(rules)
    )


def _fits(rule: RoleRule, said: Any) -> bool:
    return rule.value in (said if isinstance(said, list) else [said])
