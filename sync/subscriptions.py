"""Asking a maker of devices, once for all accounts, to tell us of news."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import requests
from requests.auth import HTTPBasicAuth

from records import sealing
from standards.fhir import json
from sync import notices, outbound, tokens
from sync.models import Hospital
from sync.problems import Problem, Remedy, SourceError
from sync.sources.wearables import maker as profiles
from sync.sources.wearables import makers
from sync.sources.wearables.notices import Asking

_DONE: Final = frozenset({200, 201, 204})
_THERE_ALREADY: Final = 409


def subscribe(hospital: Hospital) -> None:
    """Ask it, as the client we are there, and seal the secret where it gives one to sign with.

    Before it answers it makes sure of our address, which has to be reachable from outside. Asking again does no harm,
    but a secret is given once: where it was lost the subscription has to be ended there first. Raises SourceError;
    ValueError where a maker is not asked so.
    """
    maker = makers.of(hospital.vendor)
    how = maker.notices if maker else None
    if maker is None or how is None or not how.register or hospital.sealed_secret is None:
        raise ValueError("this maker is not asked so, or we have no secret there")
    own = sealing.open_site_secret(tokens.secret_purpose(hospital.fhir_base), bytes(hospital.sealed_secret)).decode()
    said = {"client": hospital.client_id, "secret": own, "callback": notices.callback(hospital)}
    for asking in how.register:
        answer = _asked(maker.address(asking.path, hospital.fhir_base), asking, said)
        if asking.gives:
            _keep(hospital, _given(answer, asking.gives))


def _keep(hospital: Hospital, secret: str) -> None:
    sealed = sealing.seal_site_secret(notices.signing_purpose(hospital), secret.encode())
    Hospital.objects.filter(pk=hospital.pk).update(sealed_signing=sealed)


def _asked(address: str, asking: Asking, said: Mapping[str, str]) -> requests.Response:
    way: dict[str, Any] = {"headers": _filled(asking.headers, said)}
    if asking.basic:
        way["auth"] = HTTPBasicAuth(said["client"], said["secret"])
    way |= {"data": _filled(asking.form, said)} if asking.form else {"json": _filled(asking.body, said)}
    try:
        with outbound.GuardedSession() as session:
            answer = session.post(address, **way)
    except outbound.AddressRefused as error:
        raise SourceError(str(error), problem=Problem.FOREIGN_ADDRESS) from error
    except outbound.CONNECTION_FAULTS as error:
        raise SourceError(type(error).__name__, problem=Problem.UNREACHABLE, remedy=Remedy.RETRY) from error
    if answer.status_code not in _DONE and not (answer.status_code == _THERE_ALREADY and not asking.gives):
        raise SourceError(f"HTTP {answer.status_code}", problem=Problem.REFUSED, status=answer.status_code)
    return answer


def _filled(parts: Mapping[str, Any], said: Mapping[str, str]) -> dict[str, Any]:
    return {name: part.format(**said) if isinstance(part, str) else part for name, part in parts.items()}


def _given(answer: requests.Response, where: str) -> str:
    try:
        secret = profiles.said(json.loads(answer.content), where)
    except json.MalformedJSON as error:
        raise SourceError("no JSON", problem=Problem.UNREADABLE) from error
    if not isinstance(secret, str) or not secret:
        raise SourceError("no secret to sign with", problem=Problem.UNREADABLE)
    return secret
