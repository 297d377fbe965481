"""Who this site is, for apps in which people look for where their record lies (SMART "User-access Brands").

One brand, one endpoint: a Bundle with an Organization and the Endpoint of our FHIR API.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.templatetags.static import static
from django.utils import timezone

URI: Final = "urn:ietf:rfc:3986"
_PROFILES: Final = "http://hl7.org/fhir/smart-app-launch/StructureDefinition"
_EXTENSIONS: Final = "http://hl7.org/fhir/StructureDefinition"
_CODES: Final = "http://terminology.hl7.org/CodeSystem"
# A change of what stands here is a change of code or settings, and so begins with a new process.
_STARTED: Final = timezone.now().replace(microsecond=0)


def identifier() -> dict[str, str]:
    """The primary brand, as smart-configuration names it: the address of our website, without path and "www."."""
    parts = urlsplit(settings.BRAND_WEBSITE)
    return {"system": URI, "value": f"{parts.scheme}://{parts.netloc.removeprefix('www.')}"}


def bundle() -> dict[str, Any]:
    """The Brand Bundle (SMART, brands.html)."""
    endpoint, brand = _endpoint(), _brand()
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [f"{_PROFILES}/user-access-brands-bundle"]},
        "type": "collection",
        "timestamp": _STARTED.isoformat().replace("+00:00", "Z"),
        "entry": [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in (brand, endpoint)],
    }


def tag() -> str:
    """A weak ETag of what the Bundle says, whichever process says it."""
    said = json.dumps([_brand(), _endpoint()], sort_keys=True).encode()
    return f'W/"{hashlib.sha256(said).hexdigest()[:16]}"'


def _id(kind: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{settings.PUBLIC_URL}#{kind}"))


def _brand() -> dict[str, Any]:
    reference = {"reference": f"urn:uuid:{_id('Endpoint')}"}
    own = [dict(zip(("system", "value"), text.split("|", 1), strict=True)) for text in settings.BRAND_IDENTIFIERS]
    return {
        "resourceType": "Organization",
        "id": _id("Organization"),
        "meta": {"profile": [f"{_PROFILES}/user-access-brand"]},
        "extension": [
            {
                "url": f"{_EXTENSIONS}/organization-brand",
                "extension": [{"url": "brandLogo", "valueUrl": settings.PUBLIC_URL + static("img/icon.svg")}],
            },
            {
                "url": f"{_EXTENSIONS}/organization-portal",
                "extension": [
                    {"url": "portalName", "valueString": settings.SITE_NAME},
                    {"url": "portalUrl", "valueUrl": settings.PUBLIC_URL},
                    {"url": "portalEndpoint", "valueReference": reference},
                ],
            },
        ],
        "identifier": [identifier(), *own],
        "active": True,
        "name": settings.SITE_NAME,
        "telecom": [{"system": "url", "value": settings.BRAND_WEBSITE}],
        "endpoint": [reference],
    }


def _endpoint() -> dict[str, Any]:
    return {
        "resourceType": "Endpoint",
        "id": _id("Endpoint"),
        "meta": {"profile": [f"{_PROFILES}/user-access-endpoint"]},
        "extension": [{"url": f"{_EXTENSIONS}/endpoint-fhir-version", "valueCode": "4.0.1"}],
        "status": "active",
        "connectionType": {"system": f"{_CODES}/endpoint-connection-type", "code": "hl7-fhir-rest"},
        "name": f"FHIR R4 of {settings.SITE_NAME}",
        "contact": [{"system": "url", "value": settings.PUBLIC_URL}],
        "payloadType": [{"coding": [{"system": f"{_CODES}/endpoint-payload-type", "code": "none"}]}],
        "address": settings.FHIR_BASE,
    }
