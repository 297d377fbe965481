"""What hospitals' systems do otherwise than the standard says: one profile a vendor, data and no branches.

A hospital names its profile (``Hospital.vendor``); one without a profile is asked as the standard has it. What any
server may do is not here, because it is coped with everywhere: outcomes among the matches, a refresh token without
``offline_access`` in the scope, waits given as a date or in seconds, categories asked one by one where a search is
refused as too wide. ``$everything`` is asked of nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

FHIR_JSON: Final = "application/fhir+json"


class Slash(Enum):
    """How the FHIR base stands in ``aud``."""

    AS_SPELT = "as it is spelt"
    WITH = "with a slash at its end"
    WITHOUT = "without a slash at its end"


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor's ways.

    ``requests_a_minute``: of all workers together, to each hospital. ``sends_aud``: whether the authorization request
    may name one, and ``aud`` how. ``accept``: the header it understands. ``by_category``: types that it refuses without
    saying so properly, so that they are asked by category at once. ``also``: search parameters that a type must have.
    ``token_seconds``: how long a token lives that does not say. ``forbidden_means_ended``: it answers 403 to a token
    that has ended. ``next_by_query``: its next links name an inner address; only their query counts.
    ``totals_are_estimates``: a listing is not short because its total is higher. ``page_size``: the most it takes.
    ``scopes``: what is asked for there, where it is not everything. ``client_of_each``: it gives no refresh token, but
    takes a registration from each person's first access token, and new tokens from that client's key (RFC 7523).
    ``is_payer``: a health plan's, not a hospital's.
    """

    name: str
    requests_a_minute: int = 600
    sends_aud: bool = True
    aud: Slash = Slash.AS_SPELT
    accept: str = FHIR_JSON
    by_category: frozenset[str] = frozenset()
    also: Mapping[str, str] = field(default_factory=dict)
    token_seconds: int | None = None
    forbidden_means_ended: bool = False
    next_by_query: bool = False
    totals_are_estimates: bool = False
    page_size: int | None = None
    scopes: str = ""
    client_of_each: bool = False
    is_payer: bool = False

    def audience(self, fhir_base: str) -> str | None:
        """The ``aud`` of an authorization request; None where there must be none."""
        if not self.sends_aud:
            return None
        spelt = {Slash.WITH: fhir_base.rstrip("/") + "/", Slash.WITHOUT: fhir_base.rstrip("/")}
        return spelt.get(self.aud, fhir_base)


STANDARD: Final = Vendor("as the standard has it")

# As integrators have reported them; whoever meets another way adds it here, with its test.
VENDORS: Final[Mapping[str, Vendor]] = {
    "epic": Vendor(
        "Epic",
        by_category=frozenset({"Observation", "Condition", "CarePlan", "DocumentReference"}),
        totals_are_estimates=True,
        client_of_each=True,
    ),
    "oracle": Vendor("Oracle Health (Cerner)", token_seconds=570, page_size=200, requests_a_minute=300),
    "athena": Vendor(
        "athenahealth",
        forbidden_means_ended=True,
        by_category=frozenset({"Observation", "DiagnosticReport"}),
        requests_a_minute=120,
    ),
    "meditech": Vendor("MEDITECH", aud=Slash.WITHOUT, page_size=50, requests_a_minute=120),
    "nextgen": Vendor("NextGen", sends_aud=False),
    "allscripts": Vendor("Veradigm (Allscripts)", accept="application/json+fhir, application/json"),
    "hapi": Vendor("HAPI FHIR behind another address", next_by_query=True),
    "bluebutton": Vendor(
        "Medicare (Blue Button 2.0, v2)",
        scopes="launch/patient openid patient/Patient.rs patient/Coverage.rs patient/ExplanationOfBenefit.rs",
        page_size=50,
        requests_a_minute=120,
        is_payer=True,
    ),
    "plan": Vendor(
        "A health plan that wants to know which states of a claim",
        also={"ExplanationOfBenefit": "status=active,cancelled,draft,entered-in-error"},
        is_payer=True,
    ),
    "payer": Vendor("A health plan as CARIN has it", is_payer=True),
}


def of(name: str) -> Vendor:
    """The profile of this name; the standard's for one that is unknown, or none."""
    return VENDORS.get(name, STANDARD)
