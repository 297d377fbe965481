"""An EHR's token for a short one of ours (RFC 8693): services inside an EHR read what the patient shares with it.

The service proves itself as our client, the EHR says by introspection (RFC 7662) what its token is worth: whose chart,
who works, until when. What that opens here is the same as in a clinician's frame, and ends as fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings

from accounts.models import Person
from gateway import assertions, credentials, tokens
from gateway.credentials import Asked
from gateway.errors import GrantTypeUnsupported, ParameterMissing, ScopeRefused, ServiceUnknown, SubjectRefused
from gateway.models import SharedToken
from smartlaunch import arrivals, clinicians, discovery, shared
from smartlaunch.models import Clinician, Ehr
from smartlaunch.refusals import ArrivalRefused
from standards.fhir import json, references
from standards.smart import scopes as grammar
from standards.smart.scopes import InvalidScope, ResourceScope
from sync import outbound
from sync.problems import SourceError

GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a kind
LONGEST: Final = timedelta(minutes=5)
_OURS: Final = frozenset({"", settings.FHIR_BASE, settings.PUBLIC_URL})


def exchange(asked: Asked) -> dict[str, Any]:
    """The token response. Raises GatewayError."""
    client = credentials.authenticate(asked.authorization, asked.form, at=asked.at)
    ehr = _ehr(client.client_id)
    _check(asked.form)
    said = _introspected(ehr, asked.form["subject_token"])
    clinician = _clinician(ehr, said, at=asked.at)
    found = shared.with_organization(ehr, said["patient"], at=asked.at)
    if found is None:
        raise SubjectRefused("nothing is shared for this chart")
    owner_id, decision = found
    scope = _scope(asked.form.get("scope", ""), decision.scopes_granted)
    ends = min(said["exp"], asked.at + LONGEST)
    token = tokens.make()
    SharedToken.objects.filter(expires__lt=asked.at).delete()
    SharedToken.objects.create(
        digest=tokens.digest(token),
        application=client,
        owner_id=owner_id,
        kind=decision.grantee_kind,
        grantee=decision.grantee,
        decision=decision,
        scope=scope,
        agent=str(clinician.uid),
        name=f"{clinician.name or clinician.fhir_user}, {ehr.organization.name}"[:200],
        expires=ends,
    )
    return {
        "access_token": token,
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": int((ends - asked.at).total_seconds()),
        "scope": scope,
        "patient": Person.objects.values_list("patient_id", flat=True).get(pk=owner_id),
    }


def _ehr(client_id: str) -> Ehr:
    found = Ehr.objects.filter(service_client_id=client_id, active=True, organization__active=True)
    ehr = found.select_related("organization").first()
    if ehr is None:
        raise ServiceUnknown(client_id)
    return ehr


def _check(form: Mapping[str, str]) -> None:
    """RFC 8693 2.1. Whoever acts is in the subject's token; nobody hands in another."""
    if form.get("grant_type") != GRANT:
        raise GrantTypeUnsupported("not an exchange")
    if not form.get("subject_token") or form.get("subject_token_type") != ACCESS_TOKEN:
        raise ParameterMissing("subject_token of the type access_token")
    wanted = form.get("requested_token_type", ACCESS_TOKEN), form.get("resource", ""), form.get("audience", "")
    if wanted[0] != ACCESS_TOKEN or "actor_token" in form or not {wanted[1], wanted[2]} <= _OURS:
        raise SubjectRefused("asked for what is not given here")


def _introspected(ehr: Ehr, token: str) -> dict[str, Any]:
    """What the EHR says of its token; ``exp`` as an instant. Raises SubjectRefused."""
    try:
        server = discovery.discover(ehr.iss)
        with arrivals.client(ehr) as session:
            answer = session.introspect_token(server.introspection_endpoint, token, "access_token")
            said = json.loads(answer.content) if answer.status_code == 200 else {}
    except (SourceError, json.MalformedJSON, *outbound.CONNECTION_FAULTS) as error:
        raise SubjectRefused(f"introspection: {type(error).__name__}") from error
    if not isinstance(said, dict):
        raise SubjectRefused("no introspection response")
    ends, patient = assertions.instant(said.get("exp")), said.get("patient")
    if said.get("active") is not True or said.get("iss", server.issuer) != server.issuer:
        raise SubjectRefused("not active there")
    if ends is None or not isinstance(patient, str) or not references.ID.fullmatch(patient):
        raise SubjectRefused("no end, or no patient")
    return {**said, "iss": server.issuer, "exp": ends}


def _clinician(ehr: Ehr, said: Mapping[str, Any], *, at: datetime) -> Clinician:
    """The same identity and the same rules as in a frame. Raises SubjectRefused."""
    try:
        user = clinicians.fhir_user(said, ehr.iss)
        clinician = clinicians.seen(ehr, said, user, at=at)
        clinicians.admit(clinician)
    except ArrivalRefused as refused:
        raise SubjectRefused(str(refused)) from refused
    if said["exp"] <= at:
        raise SubjectRefused("over")
    return clinician


def _scope(wanted: str, shared: Iterable[str]) -> str:
    """What was asked for of what she shares, or all of it; only to read. Raises ScopeRefused."""
    held = [scope for text in shared if isinstance(scope := grammar.parse(text), ResourceScope)]
    try:
        asked = grammar.parse_all(wanted) if wanted else tuple(held)
    except InvalidScope as error:
        raise ScopeRefused("no scope") from error
    reading = [one for one in asked if isinstance(one, ResourceScope) and set(one.permissions) <= {"r", "s"}]
    kept = [str(one) for one in reading if any(grammar.covers(wider, one) for wider in held)]
    if not kept:
        raise ScopeRefused("nothing of this is shared")
    return " ".join(kept)
