"""Who a bearer token speaks for: one query, every time, so that an end is an end at once.

There is no token cache: immediate revocation of access to a health record is worth the 0.4 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from accounts import binding
from accounts.models import Role
from consent import ledger
from consent.ledger import Standing
from gateway import authorizations, scopes, tokens
from gateway.errors import Holder, InsufficientScope, InvalidToken
from gateway.models import AccessToken, SharedToken
from records import statements
from standards.smart.scopes import Scope

TOKEN_LENGTH_MAX: Final = 512
USE_NOTED_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A live access token: the app that holds it, the owner it reads for, and the consent decision it stands on.

    ``subject``, ``person_id`` and ``fhir_user`` are of whoever let the app in: the owner herself; ``staff``, a
    clinician of this hospital who opened the app for the owner's chart; or who acts for her by the ``delegation``.
    """

    owner_id: int
    patient_id: str
    subject: str
    client_id: str
    application_name: str
    scopes: tuple[Scope, ...]
    decision_id: int
    context: dict[str, Any]
    authorization_id: int
    expires: datetime
    person_id: int
    fhir_user: str
    staff: bool
    delegation: str
    standing: Standing | None
    """The decision as the ledger knew it when the token was checked; None if it did not stand."""
    shared: tuple[str, str] | None = None
    """Of a clinic's service: the kind and name of the grantee whose decision it stands on. ``subject`` works there."""

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def holder(self) -> Holder:
        """Whose access log is told if the token opens nothing after all."""
        delegate = self.subject if self.delegation else ""
        return Holder(self.owner_id, self.client_id, self.application_name, self.decision_id, delegate)


@dataclass(frozen=True, slots=True)
class BackendBearer:
    """A live token of a backend service: it speaks for the service, and for no person."""

    application_id: int
    client_id: str
    application_name: str
    scopes: tuple[Scope, ...]
    expires: datetime

    @property
    def is_authenticated(self) -> bool:
        return True


# Asked at every call: one prepared statement, not built anew by the ORM (records/statements.py). It also asks the
# ledger whether the decision stands, so that the gate need not ask again a moment later. Where rows are kept to their
# owner, it first of all binds this session to the token's: that the ledger is asked of ``e.owner_id`` too, behind an
# OFFSET, keeps it after that.
_STANDS: Final = ledger.STANDS.format(
    decision="g.decision_id",
    owner="COALESCE(o.id, p.id, e.owner_id)",
    kind="CASE WHEN g.delegation_id IS NULL THEN 'app' ELSE 'delegate-app' END",
    grantee="COALESCE(g.delegation_id || ':', '') || a.client_id",  # as delegations.grantee_of_app
    at="%s",
)
_ASK: Final = f"""
    WITH e AS MATERIALIZED (SELECT {{enter}} AS owner_id)
    SELECT t.expires, t.scope, t.authorization_id, g.revoked, g.expires, g.last_used, g.context, g.decision_id,
        a.active, a.client_id, a.name, p.is_active AND COALESCE(o.is_active, TRUE), COALESCE(o.id, p.id),
        COALESCE(o.patient_id, p.patient_id), p.subject, p.id, p.role,
        {tokens.FHIR_USER}, COALESCE(g.delegation_id::text, ''),
        g.paused,
        g.session <> '' AND NOT EXISTS (
            SELECT 1 FROM django_session ds
            WHERE encode(sha256(ds.session_key::bytea), 'hex') = g.session AND ds.expire_date > %s
        ), s.*
    FROM e CROSS JOIN gateway_accesstoken t
    LEFT JOIN gateway_authorization g ON g.id = t.authorization_id
    LEFT JOIN gateway_application a ON a.id = g.application_id
    LEFT JOIN accounts_person p ON p.id = g.person_id
    LEFT JOIN accounts_person o ON o.id = g.about_id
    LEFT JOIN LATERAL ({_STANDS} OFFSET 0) s ON true
    WHERE t.token_checksum = %s
"""  # noqa: S608 - the ledger's constant
_ASK_ONLY: Final = _ASK.format(enter="NULL::integer")
_ENTER_AND_ASK: Final = _ASK.format(enter="binding_enter(%s, %s)")
_BIND_AND_ASK: Final = _ASK.format(enter=f"split_part({binding.SET}, ' ', 2)::integer")
# Whom tokens spoke for, by digest: nothing is believed for it. It only saves asking twice, since whom a token speaks
# for never changes, and what the statement then finds must be hers.
_owners: Final[dict[str, int]] = {}
_OWNERS_MAX: Final = 4096


def resolve(request: HttpRequest) -> Bearer | None:
    """The bearer of the request's Authorization header, None if it has no such header.

    A token in the query or the form is never looked at (RFC 9700 4.3.2). Raises InvalidToken for one that is unknown,
    expired, revoked, withdrawn by her, of a closed account or app, or an id_token; InsufficientScope for a backend's.
    """
    token = presented(request)
    return None if token is None else of(token, at=timezone.now())


def presented(request: HttpRequest) -> str | None:
    """The bearer token of the request as it was sent."""
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def of(token: str, *, at: datetime) -> Bearer:
    """Raises InvalidToken."""
    if not 0 < len(token) <= TOKEN_LENGTH_MAX:
        raise InvalidToken("no token, or no token of ours")
    rows = _ask(tokens.digest(token), at)
    if not rows:
        return _of_shared(tokens.digest(token), at)
    try:
        return _judge(rows[0], at)
    except (InvalidToken, InsufficientScope):
        binding.bind(None)
        raise


def _ask(digest: str, at: datetime) -> list[tuple[Any, ...]]:
    if not binding.enforced():
        return statements.read(_ASK_ONLY, [at, at, digest])
    with binding.entering() as entry:
        owner_id = _owners.get(digest)
        if owner_id is not None:
            rows = statements.read(_BIND_AND_ASK, [binding.setting(owner_id), at, at, digest])
            if rows and rows[0][12] == owner_id:
                entry.owner_id = owner_id
                return rows
        rows = statements.read(_ENTER_AND_ASK, [digest, binding.proof_of_token(digest), at, at, digest])
        entry.owner_id = rows[0][12] if rows else None
    _remember(digest, entry.owner_id)
    return rows


def _remember(digest: str, owner_id: int | None) -> None:
    if len(_owners) >= _OWNERS_MAX:
        _owners.clear()
    if owner_id is not None:
        _owners[digest] = owner_id


def _judge(row: tuple[Any, ...], at: datetime) -> Bearer:
    if row[0] > at and row[2] is None:
        raise InsufficientScope("a token of a backend service")
    (expires, scope, authorization_id, revoked, ends, used, context, decision_id, *app_and_person) = row[:19]
    paused, signed_out, *decision = row[19:]
    app_active, client_id, name, people_active, owner_id, patient_id, subject, *signed_in = app_and_person
    person_id, role, fhir_user, delegation = signed_in
    holder = None
    if authorization_id is not None:
        holder = Holder(owner_id, client_id, name, decision_id, str(subject) if delegation else "")
    stopped = revoked is not None or paused is not None or signed_out
    if expires <= at or authorization_id is None or stopped or ends <= at:
        raise InvalidToken(f"authorization {authorization_id}: expired, paused or revoked", holder=holder)
    if not (app_active and people_active):
        raise InvalidToken(f"authorization {authorization_id}: account or app closed", holder=holder)
    if used is None or used + USE_NOTED_EVERY <= at:
        authorizations.touch(authorization_id, at=at)
    return Bearer(
        owner_id=owner_id,
        patient_id=patient_id,
        subject=str(subject),
        client_id=client_id,
        application_name=name,
        scopes=scopes.parse(scope.split()),
        decision_id=decision_id,
        context=context,
        authorization_id=authorization_id,
        expires=expires,
        person_id=person_id,
        fhir_user=fhir_user,
        staff=role == Role.CLINICIAN and settings.SITE == "hospital",
        delegation=delegation,
        standing=None if decision[0] is None else Standing(at, *decision),
    )


def _of_shared(digest: str, at: datetime) -> Bearer:
    """A token that an EHR's was exchanged for. Whether its decision stands, the gate says. Raises InvalidToken."""
    found = SharedToken.objects.select_related("application", "owner").filter(digest=digest, expires__gt=at).first()
    if found is None or not found.application.active or not found.owner.is_active:
        raise InvalidToken("unknown token")
    binding.bind(None)
    binding.look_at(found.owner_id)
    return Bearer(
        owner_id=found.owner_id,
        patient_id=found.owner.patient_id,
        subject=found.agent,
        client_id=found.application.client_id,
        application_name=found.name,
        scopes=scopes.parse(found.scope.split()),
        decision_id=found.decision_id,
        context={"patient": found.owner.patient_id},
        authorization_id=0,
        expires=found.expires,
        person_id=found.owner_id,
        fhir_user="",
        staff=False,
        delegation="",
        standing=None,
        shared=(found.kind, found.grantee),
    )


def of_backend(token: str, *, at: datetime) -> BackendBearer:
    """Raises InvalidToken; InsufficientScope for a token that a person let an app have."""
    if not 0 < len(token) <= TOKEN_LENGTH_MAX:
        raise InvalidToken("no token, or no token of ours")
    found = AccessToken.objects.select_related("application").filter(token_checksum=tokens.digest(token)).first()
    if found is None or found.expires <= at:
        raise InvalidToken("unknown or expired token")
    if found.authorization_id is not None:
        of(token, at=at)
        raise InsufficientScope("a token for one patient")
    application = found.application
    if not application.active or not application.is_backend:
        raise InvalidToken(f"application {application.pk}: closed, or no backend service any more")
    return BackendBearer(
        application_id=application.pk,
        client_id=application.client_id,
        application_name=application.name,
        scopes=scopes.parse(found.scope.split()),
        expires=found.expires,
    )


def challenge(error: InvalidToken | None = None) -> str:
    """The WWW-Authenticate header of a 401 (RFC 6750 3): no error code when no token came."""
    if error is None:
        return 'Bearer realm="fhir"'
    return 'Bearer realm="fhir", error="invalid_token", error_description="The access token is not valid."'
