"""The CapabilityStatement, written from the tables that the routes and the search themselves go by."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any, Final

import orjson
from django.conf import settings
from django.urls import reverse

from consent import contributions
from fhirapi import catalogue, including
from fhirapi.errors import MEDIA_TYPE
from fhirapi.writing import JSON_PATCH
from standards.fhir import search_parameters

FHIR_VERSION: Final = "4.0.1"
REVISED: Final = "2026-11-22"
"""When what is served last changed."""

OPERATIONS: Final = {
    "Patient": {
        "everything": "http://hl7.org/fhir/OperationDefinition/Patient-everything",
        "summary": "http://hl7.org/fhir/uv/ips/OperationDefinition/summary",
    },
    "Observation": {"open-mhealth": "urn:tributary:operation:open-mhealth"},
    "DocumentReference": {"docref": "http://hl7.org/fhir/uv/ipa/OperationDefinition/docref"},
}
"""Type to the operations on it: name and canonical of the definition."""
INSTANTIATES: Final = (
    "http://hl7.org/fhir/us/core/CapabilityStatement/us-core-server",
    "http://hl7.org/fhir/uv/ipa/CapabilityStatement/ipa-server",
)

_BULK: Final = "http://hl7.org/fhir/uv/bulkdata"
EXPORTS: Final = {"Patient": "patient-export", "Group": "group-export"}
"""Type to the definition of its ``$export``; where the routes of bulk export are mounted."""

_OAUTH_URIS: Final = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_SERVICES: Final = "http://terminology.hl7.org/CodeSystem/restful-security-service"


@cache
def document() -> tuple[bytes, str]:
    """The statement as JSON, and its entity tag."""
    body = orjson.dumps(statement())
    return body, f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'


def statement() -> dict[str, Any]:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": REVISED,
        "kind": "instance",
        "instantiates": [
            *INSTANTIATES,
            *([f"{_BULK}/CapabilityStatement/bulk-data"] if catalogue.makes_exports() else []),
        ],
        "software": {"name": "Tributary"},
        "implementation": {"description": settings.SITE_NAME, "url": settings.FHIR_BASE},
        "fhirVersion": FHIR_VERSION,
        "format": [MEDIA_TYPE, "json"],
        "patchFormat": [JSON_PATCH],
        "rest": [
            {
                "mode": "server",
                "security": _security(),
                "resource": [_resource(resource_type) for resource_type in sorted(catalogue.SERVED)],
                "interaction": [{"code": "batch"}, {"code": "transaction"}],
                **({"operation": [_export("export")]} if catalogue.makes_exports() else {}),
            }
        ],
    }


def _export(definition: str) -> dict[str, str]:
    return {"name": "export", "definition": f"{_BULK}/OperationDefinition/{definition}"}


def _security() -> dict[str, Any]:
    """SMART App Launch 2.2 keeps these addresses in smart-configuration; older clients look for them here."""
    endpoints = {
        "authorize": "gateway:authorize",
        "token": "gateway:token",
        "revoke": "gateway:revoke",
        "introspect": "gateway:introspect",
    }
    return {
        "cors": True,
        "service": [{"coding": [{"system": _SERVICES, "code": "SMART-on-FHIR"}], "text": "SMART App Launch"}],
        "extension": [
            {
                "url": _OAUTH_URIS,
                "extension": [
                    {"url": name, "valueUri": settings.PUBLIC_URL + reverse(view)} for name, view in endpoints.items()
                ],
            }
        ],
    }


def _resource(resource_type: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "type": resource_type,
        "interaction": [{"code": "read"}, {"code": "vread"}, {"code": "history-instance"}],
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": False,
        "conditionalRead": "full-support",
    }
    if resource_type in contributions.ABOUT:
        described["interaction"] += [{"code": code} for code in ("create", "update", "patch", "delete")]
        described["conditionalCreate"] = True
    if resource_type in catalogue.SEARCHED:
        described["interaction"] += [{"code": "search-type"}, {"code": "history-type"}]
        if includes := including.includes(resource_type):
            described["searchInclude"] = list(includes)
        if revincludes := including.revincludes(resource_type):
            described["searchRevInclude"] = list(revincludes)
        described["searchParam"] = [
            {"name": code, "definition": parameter.url, "type": parameter.type}
            for code, parameter in sorted(search_parameters.for_type(resource_type).items())
        ]
    operations = [{"name": name, "definition": url} for name, url in OPERATIONS.get(resource_type, {}).items()]
    if resource_type in EXPORTS and catalogue.makes_exports():
        operations.append(_export(EXPORTS[resource_type]))
    if operations:
        described["operation"] = operations
    return described
