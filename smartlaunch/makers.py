"""Makers of devices in the same launch as hospitals: their endpoints are known and need no discovery, they sign nobody
in, and whose account it is they say in a member of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

import requests

from smartlaunch.discovery import AuthorizationServer
from standards.fhir import json, references
from sync import outbound
from sync.models import Hospital
from sync.problems import Problem, Remedy, SourceError
from sync.sources.wearables import maker as profiles
from sync.sources.wearables import makers


def is_one(hospital: Hospital) -> bool:
    return makers.of(hospital.vendor) is not None


def server(hospital: Hospital) -> AuthorizationServer | None:
    """The endpoints of a maker; None for a hospital."""
    maker = makers.of(hospital.vendor)
    if maker is None:
        return None
    return AuthorizationServer(
        authorization_endpoint=maker.address(maker.authorize, hospital.fhir_base),
        token_endpoint=maker.address(maker.token, hospital.fhir_base),
        issuer="",
        jwks_uri="",
        algorithms=(),
        says_issuer=False,
        revocation_endpoint=maker.address(maker.leave or maker.revoke, hospital.fhir_base),
    )


def account(hospital: Hospital, given: Mapping[str, Any]) -> str:
    """Whose account it is, by the token response or by asking with its token. Raises SourceError."""
    maker = makers.of(hospital.vendor)
    if maker is None:
        raise SourceError("not a maker of devices", problem=Problem.NO_PATIENT)
    found = profiles.said(given, maker.account)
    if found is None and maker.who:
        found = profiles.said(_told(_asked("GET", urljoin(hospital.fhir_base, maker.who), given)), maker.account)
    if isinstance(found, bool) or not isinstance(found, int | str) or not references.ID.fullmatch(str(found)):
        raise SourceError("no account in the token response", problem=Problem.NO_PATIENT)
    if maker.enrol:
        _enrol(urljoin(hospital.fhir_base, maker.enrol), str(found), given)
    return str(found)


def _enrol(address: str, account: str, given: Mapping[str, Any]) -> None:
    """Announce her there; who is announced already stays so (409). Raises SourceError."""
    status = _asked("POST", address, given, json={"member-id": account}).status_code
    if status not in {200, 201, 409}:
        raise SourceError(f"announcing her: HTTP {status}", problem=Problem.SERVER_ERROR, status=status)


def _asked(method: str, address: str, given: Mapping[str, Any], **options: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {given.get('access_token')}", "Accept": "application/json"}
    try:
        with outbound.GuardedSession() as session:
            return session.request(method, address, headers=headers, **options)
    except outbound.AddressRefused as error:
        raise SourceError(str(error), problem=Problem.FOREIGN_ADDRESS) from error
    except outbound.CONNECTION_FAULTS as error:
        raise SourceError(type(error).__name__, problem=Problem.UNREACHABLE, remedy=Remedy.RETRY) from error


def _told(answer: requests.Response) -> Any:
    try:
        return json.loads(answer.content) if answer.status_code == 200 else None
    except json.MalformedJSON as error:
        raise SourceError("account: no JSON", problem=Problem.UNREADABLE) from error
