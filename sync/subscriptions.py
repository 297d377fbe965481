"""Asking a maker of devices, once for all accounts, to tell us of news; it gives the secret that it then signs with."""

from __future__ import annotations

from typing import Any

import requests
from django.db import transaction
from requests.auth import HTTPBasicAuth

from records import sealing
from standards.fhir import json
from sync import notices, outbound, tokens
from sync.models import Hospital
from sync.problems import Problem, Remedy, SourceError
from sync.sources.wearables import makers

EVENTS = ("EXERCISE",)


def subscribe(hospital: Hospital) -> None:
    """Ask it, as the client we are there, and seal the secret. Raises SourceError, ValueError where it is not asked so.

    Before it answers it greets our address, which has to be reachable from outside.
    """
    maker = makers.of(hospital.vendor)
    how = maker.notices if maker else None
    if maker is None or how is None or not how.register or hospital.sealed_secret is None:
        raise ValueError("this maker is not asked so, or we have no secret there")
    own = sealing.open_site_secret(tokens.secret_purpose(hospital.fhir_base), bytes(hospital.sealed_secret))
    asked = {"events": list(EVENTS), "url": notices.callback(hospital)}
    given = _asked(maker.address(how.register, hospital.fhir_base), hospital.client_id, own.decode(), asked)
    sealed = sealing.seal_site_secret(notices.signing_purpose(hospital), given.encode())
    with transaction.atomic():
        Hospital.objects.filter(pk=hospital.pk).update(sealed_signing=sealed)


def _asked(address: str, client_id: str, secret: str, body: dict[str, Any]) -> str:
    try:
        with outbound.GuardedSession() as session:
            answer = session.post(address, json=body, auth=HTTPBasicAuth(client_id, secret))
    except outbound.AddressRefused as error:
        raise SourceError(str(error), problem=Problem.FOREIGN_ADDRESS) from error
    except outbound.CONNECTION_FAULTS as error:
        raise SourceError(type(error).__name__, problem=Problem.UNREACHABLE, remedy=Remedy.RETRY) from error
    return _secret(answer)


def _secret(answer: requests.Response) -> str:
    """``data.signature_secret_key``: told this once and never again."""
    if answer.status_code not in {200, 201}:
        raise SourceError(f"HTTP {answer.status_code}", problem=Problem.REFUSED, status=answer.status_code)
    try:
        said = json.loads(answer.content)
    except json.MalformedJSON as error:
        raise SourceError("no JSON", problem=Problem.UNREADABLE) from error
    given = said.get("data") if isinstance(said, dict) else None
    secret = given.get("signature_secret_key") if isinstance(given, dict) else None
    if not isinstance(secret, str) or not secret:
        raise SourceError("no secret to sign with", problem=Problem.UNREADABLE)
    return secret
