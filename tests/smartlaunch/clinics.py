"""Organisations, their EHRs and clinicians, and visits in a browser, as real rows."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.models import Person
from smartlaunch import ehrs, organizations, visits
from smartlaunch.models import Clinician, ClinicRole, Ehr, Visit
from smartlaunch.visits import Context

CHART = "https://chart.example"
_numbers = count(1)


def ehr(name: str = "Riverside General Hospital", **given: Any) -> Ehr:
    """An EHR of an organisation of the same name; another iss each time unless one is given."""
    organization = organizations.enter(name)
    number = next(_numbers)
    usual = {
        "iss": f"https://ehr{number}.example/fhir",
        "name": name,
        "slug": f"ehr-{number}",
        "client_id": "tributary",
        "frame_ancestors": [CHART],
    }
    return ehrs.enter(organization, **{**usual, **given})


def clinician(of: Ehr, **given: Any) -> Clinician:
    at = timezone.now()
    usual = {
        "issuer": of.iss,
        "subject": str(next(_numbers)),
        "fhir_user": "Practitioner/ada",
        "name": "Dr. Ada Examplewright",
        "role": ClinicRole.CLINICIAN,
        "first_seen": at,
        "last_seen": at,
    }
    return Clinician.objects.create(organization=of.organization, **{**usual, **given})


def visit(
    of: Clinician,
    *,
    at_ehr: Ehr,
    person: Person | None = None,
    context: Context | None = None,
    ends: datetime | None = None,
    browser: Client | None = None,
    **told: Any,
) -> tuple[Visit, Client]:
    """An open visit, and the browser that has its cookie."""
    at = timezone.now()
    known = context or Context("at-the-ehr", "", "ehr-access-token", at_ehr.scopes)
    opened, secret = visits.begin(
        uuid.uuid4(), ehr=at_ehr, clinician=of, context=known, ends=ends or at + timedelta(hours=1), at=at, **told
    )
    visits.name_person(opened, person.pk if person else None)
    browser = browser or Client()
    browser.cookies[visits.cookie_name(opened.uid)] = secret
    return opened, browser
