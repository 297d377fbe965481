"""Clinicians of the hospital whose site this is, and whose records they reach there: those of its patients.

On the person's own site nobody is one: what a clinician elsewhere may see there is what the person shared with him.
"""

from __future__ import annotations

from django.conf import settings
from django.db.models import QuerySet

from accounts.models import Person, Role


def is_one(person: Person) -> bool:
    """Whether this person works at the hospital of this site, with an account that is open."""
    return settings.SITE == "hospital" and person.role == Role.CLINICIAN and person.is_active


def patients() -> QuerySet[Person]:
    """Everybody with a record at this hospital; nobody where this site is no hospital."""
    if settings.SITE != "hospital":
        return Person.objects.none()
    return Person.objects.filter(role=Role.PATIENT, is_active=True).order_by("name", "id")


def reaches(clinician_id: int, owner_id: int) -> bool:
    """Whether this clinician may open this owner's record: a patient here, or what the hospital keeps of himself."""
    clinician = Person.objects.filter(pk=clinician_id).first()
    if clinician is None or not is_one(clinician):
        return False
    return owner_id == clinician_id or patients().filter(pk=owner_id).exists()
