"""Code systems as CDA names them (object identifiers) and as FHIR does (R4 terminologies-systems.html)."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

SNOMED: Final = "http://snomed.info/sct"
LOINC: Final = "http://loinc.org"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM: Final = "http://unitsofmeasure.org"
_V3: Final = "http://terminology.hl7.org/CodeSystem/v3-"

URI: Final = MappingProxyType(
    {
        "2.16.840.1.113883.6.96": SNOMED,
        "2.16.840.1.113883.6.1": LOINC,
        "2.16.840.1.113883.6.88": RXNORM,
        "2.16.840.1.113883.6.8": UCUM,
        "2.16.840.1.113883.6.12": "http://www.ama-assn.org/go/cpt",
        "2.16.840.1.113883.6.285": "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
        "2.16.840.1.113883.6.90": "http://hl7.org/fhir/sid/icd-10-cm",
        "2.16.840.1.113883.6.4": "http://www.cms.gov/Medicare/Coding/ICD10",
        "2.16.840.1.113883.6.3": "http://hl7.org/fhir/sid/icd-10",
        "2.16.840.1.113883.6.103": "http://hl7.org/fhir/sid/icd-9-cm",
        "2.16.840.1.113883.6.104": "http://hl7.org/fhir/sid/icd-9-cm",
        "2.16.840.1.113883.6.42": "http://hl7.org/fhir/sid/icd-9-cm",
        "2.16.840.1.113883.6.69": "http://hl7.org/fhir/sid/ndc",
        "2.16.840.1.113883.6.59": "http://hl7.org/fhir/sid/cvx",
        "2.16.840.1.113883.12.292": "http://hl7.org/fhir/sid/cvx",
        "2.16.840.1.113883.12.227": "http://hl7.org/fhir/sid/mvx",
        "2.16.840.1.113883.4.9": "http://fdasis.nlm.nih.gov",
        "2.16.840.1.113883.3.26.1.1": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
        "2.16.840.1.113883.3.26.1.5": "http://va.gov/terminology/medrt",
        "2.16.840.1.113883.6.209": "http://va.gov/terminology/medrt",
        "2.16.840.1.113883.6.345": "http://va.gov/terminology/medrt",
        "2.16.840.1.113883.6.73": "http://www.whocc.no/atc",
        "2.16.840.1.113883.6.101": "http://nucc.org/provider-taxonomy",
        "2.16.840.1.113883.6.238": "urn:oid:2.16.840.1.113883.6.238",
        "2.16.840.1.113883.6.259": "https://www.cdc.gov/nhsn/cdaportal/terminology/codesystem/hsloc.html",
        "2.16.840.1.113883.6.301.11": "https://www.nubc.org/CodeSystem/RevenueCodes",
        "2.16.840.1.113883.5.1": f"{_V3}AdministrativeGender",
        "2.16.840.1.113883.5.2": f"{_V3}MaritalStatus",
        "2.16.840.1.113883.5.4": f"{_V3}ActCode",
        "2.16.840.1.113883.5.8": f"{_V3}ActReason",
        "2.16.840.1.113883.5.25": f"{_V3}Confidentiality",
        "2.16.840.1.113883.5.83": f"{_V3}ObservationInterpretation",
        "2.16.840.1.113883.5.84": f"{_V3}ObservationMethod",
        "2.16.840.1.113883.5.88": f"{_V3}ParticipationFunction",
        "2.16.840.1.113883.5.111": f"{_V3}RoleCode",
        "2.16.840.1.113883.5.112": f"{_V3}RouteOfAdministration",
        "2.16.840.1.113883.5.1008": f"{_V3}NullFlavor",
        "2.16.840.1.113883.5.1076": f"{_V3}ReligiousAffiliation",
        "2.16.840.1.113883.12.112": "http://terminology.hl7.org/CodeSystem/v2-0112",
        "2.16.840.1.113883.12.78": "http://terminology.hl7.org/CodeSystem/v2-0078",
    }
)
IDENTIFIER_URI: Final = MappingProxyType(
    {
        "2.16.840.1.113883.4.6": "http://hl7.org/fhir/sid/us-npi",
        "2.16.840.1.113883.4.1": "http://hl7.org/fhir/sid/us-ssn",
        "2.16.840.1.113883.4.572": "http://hl7.org/fhir/sid/us-medicare",
    }
)
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OID: Final = re.compile(r"[0-2](?:\.\d+)+")


def uri(oid: str) -> str:
    """The URI of a code system; one that FHIR has no name for keeps its object identifier."""
    return URI.get(oid) or urn(oid)


def urn(root: str) -> str:
    """An object identifier or UUID as a URN; "" for what is neither."""
    if _UUID.fullmatch(root):
        return f"urn:uuid:{root.lower()}"
    return f"urn:oid:{root}" if _OID.fullmatch(root) else ""
