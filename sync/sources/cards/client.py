"""The keys of a health card's issuer, and what it revoked: asked for at an address the card itself names.

So only through the one safe way out: public addresses, no redirects, bounded (sync.outbound).
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from standards.fhir import json
from sync import outbound

ISSUER_MAX: Final = 500


class Unavailable(Exception):
    """The issuer could not be asked, or what it answered is not what it should be."""


def keys(issuer: str) -> dict[str, Any]:
    """Its key set. Raises Unavailable."""
    return _fetched(f"{_checked(issuer)}/.well-known/jwks.json")


def revoked(issuer: str, kid: str) -> dict[str, Any]:
    """Its list of what it revoked that this key signed. Raises Unavailable."""
    return _fetched(f"{_checked(issuer)}/.well-known/crl/{quote(kid, safe='')}.json")


def _checked(issuer: str) -> str:
    if not issuer or len(issuer) > ISSUER_MAX or issuer.endswith("/") or "?" in issuer or "#" in issuer:
        raise Unavailable("no address of an issuer")
    return issuer


def _fetched(address: str) -> dict[str, Any]:
    try:
        found = json.loads(outbound.fetch_document(address))
    except (*outbound.CONNECTION_FAULTS, json.MalformedJSON, ValueError) as error:
        raise Unavailable("the issuer could not be asked") from error
    if not isinstance(found, dict):
        raise Unavailable("no JSON object")
    return found
