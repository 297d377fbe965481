"""Resources that are FHIR, and not FHIR R4: payers' answers in the shape of STU3 under R4's names.

Only what cannot be R4 counts: an element that R4 does not have, or one that is a list there and none here
(http://hl7.org/fhir/STU3/explanationofbenefit.html, claim.html, coverage.html, against the same pages of R4).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

_CLAIM: Final = frozenset({"information", "hospitalization", "employmentImpacted", "organization"})
ONLY_BEFORE_R4: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "ExplanationOfBenefit": _CLAIM | {"totalCost", "unallocDeductable", "totalBenefit"},
        "Claim": _CLAIM,
        "Coverage": frozenset({"grouping"}),
    }
)
_LISTS_SINCE_R4: Final = frozenset({"insurance"})


def is_before_r4(resource: Mapping[str, Any]) -> bool:
    """Whether this is a claim, its explanation or a coverage as STU3 has it: read as R4 it would be half read."""
    elements = ONLY_BEFORE_R4.get(str(resource.get("resourceType")))
    if elements is None:
        return False
    return not elements.isdisjoint(resource) or any(isinstance(resource.get(name), dict) for name in _LISTS_SINCE_R4)
