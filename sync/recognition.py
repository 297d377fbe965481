"""Whether the account a connection reads is hers: asked of its Patient before anything of it is stored (DESIGN D11).

She signed in there herself, but an account may hold a child's record, or the wrong one. What does not fit is held back
and she is asked; an account that says nothing of whom it is about contradicts nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from django.db import transaction
from django.utils import timezone

from records import sealing
from sync import identities
from sync.claims import Claim
from sync.identities import Verdict
from sync.models import Connection, ConnectionState
from sync.problems import Problem, SourceError
from sync.sources.fhir_rest.mapping import Frame

_PURPOSE: Final = "subject of a connection"
_DOUBTED: Final = frozenset({Verdict.NAME_DIFFERS, Verdict.BIRTH_DATE_DIFFERS})


def check(claim: Claim, frame: Frame, resources: Iterable[Mapping[str, Any]]) -> None:
    """Looks at her Patient where a page about to be stored holds it, until it was recognized once.

    Raises SourceError (NOT_HERS) once the connection is held, and ClaimLost.
    """
    connection = claim.connection
    if connection.recognized:
        return
    logical_id = frame.logical_id("Patient", connection.patient)
    for resource in resources:
        if resource["resourceType"] == "Patient" and resource["id"] == logical_id:
            _compare(claim, resource)


def subject(connection: Connection) -> dict[str, str] | None:
    """Whom a held connection names: ``name``, ``birthDate``, and ``verdict``, why she is asked."""
    if connection.sealed_subject is None:
        return None
    opened = sealing.open_secret(connection.owner_id, _PURPOSE, bytes(connection.sealed_subject))
    told: dict[str, str] = orjson.loads(opened)
    return told


def holds(connection: Connection, resource: Mapping[str, Any]) -> bool:
    """Whether a Patient does not fit the connection's owner; then it is held and she is asked."""
    if connection.recognized:
        return False
    verdict = identities.compare(identities.of_person(connection.owner), identities.of_patient(resource))
    if verdict is Verdict.FITS:
        connection.recognized = timezone.now()
        Connection.objects.filter(pk=connection.pk).update(recognized=connection.recognized)
    if verdict in _DOUBTED:
        sealed = sealing.seal_secret(connection.owner_id, _PURPOSE, orjson.dumps(identities.told(resource, verdict)))
        asked = Connection.objects.filter(pk=connection.pk, state=ConnectionState.ACTIVE)
        asked.update(state=ConnectionState.HELD, sealed_subject=sealed, fed="")
    return verdict in _DOUBTED


def _compare(claim: Claim, resource: Mapping[str, Any]) -> None:
    # The connection before the run, as whoever stops it takes them.
    with transaction.atomic():
        held = holds(claim.connection, resource)
        if held:
            claim.lock()
    if held:
        raise SourceError(f"connection {claim.connection.pk} is not recognized", problem=Problem.NOT_HERS)
