"""What an app may add to a record: the kinds a person, or a device of hers, can tell of herself.

Not among them: who she is (Patient), what only a clinician can order or decide, and the records of what was done with
her record (Provenance, AuditEvent, Consent), which nobody writes but this server.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ABOUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AllergyIntolerance": "patient",
        "Condition": "subject",
        "Device": "patient",
        "DocumentReference": "subject",
        "FamilyMemberHistory": "patient",
        "Goal": "subject",
        "Immunization": "patient",
        "MedicationStatement": "subject",
        "Observation": "subject",
        "Procedure": "subject",
        "QuestionnaireResponse": "subject",
    }
)
"""Each such type, with the element that says about whom it is."""

LETTERS: Final = "cud"
"""create, update (with patch) and delete, as SMART scopes spell them."""
