"""The questions oauthlib asks, answered from our models.

One instance serves every thread, so it keeps nothing: what a request needs hangs on oauthlib's request object as
``grant``, ``refresh_row`` and ``authorization``.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from oauthlib.common import Request

from audit import events
from audit.models import Action, Agent, Outcome
from gateway import authorizations, claims, credentials, keys, scopes, server, tokens, usage
from gateway.errors import AuthorizationEnded, CodeReplayed, ForeignToken, RefreshReplayed
from gateway.models import AccessToken, Application, Authorization, RefreshToken
from gateway.toolkit.server import OAuth2Validator

logger = logging.getLogger(__name__)

CLIENT_CREDENTIALS: Final = "client_credentials"
ID_TOKEN_LIFE: Final = timedelta(minutes=10)


class SmartValidator(OAuth2Validator):
    # --- who is the client ---------------------------------------------------------------------------------------

    def client_authentication_required(self, request: Request, *args: object, **kwargs: object) -> bool:
        """Always: a public client's own id is its whole proof, and credentials.py knows that."""
        return True

    def authenticate_client(self, request: Request, *args: object, **kwargs: object) -> bool:
        """Raises ClientRefused, SeveralProofs."""
        form = dict(request.decoded_body or [])
        request.client = credentials.authenticate(
            request.headers.get("Authorization", ""), form, at=request_time(request)
        )
        request.client_id = request.client.client_id
        return True

    def validate_client_id(self, client_id: str, request: Request, *args: object, **kwargs: object) -> bool:
        request.client = credentials.load(client_id)
        return request.client is not None

    # --- the authorization request -------------------------------------------------------------------------------

    def get_default_redirect_uri(self, client_id: str, request: Request, *args: object, **kwargs: object) -> None:
        """None: the address must always be named, also by an app that registered only one."""

    def validate_redirect_uri(
        self, client_id: str, redirect_uri: str, request: Request, *args: object, **kwargs: object
    ) -> bool:
        allowed: bool = request.client.redirect_uri_allowed(redirect_uri)
        return allowed

    def validate_scopes(
        self,
        client_id: str,
        scopes_asked: list[str],
        client: Application,
        request: Request,
        *args: object,
        **kwargs: object,
    ) -> bool:
        """Leaves on the request what may be offered to her, or given to a backend; False if that is nothing."""
        allowed = scopes.preauthorised if request.grant_type == CLIENT_CREDENTIALS else scopes.offerable
        request.scopes = allowed(scopes_asked, client.scopes.split())
        return bool(request.scopes)

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Application, request: Request, *args: object, **kwargs: object
    ) -> bool:
        if grant_type == CLIENT_CREDENTIALS:
            return client.is_backend
        allowed: bool = super().validate_grant_type(client_id, grant_type, client, request, *args, **kwargs)
        return allowed

    def validate_silent_login(self, request: Request) -> bool:
        """True: the view answers ``prompt=none``, for it alone knows the session."""
        return True

    def validate_silent_authorization(self, request: Request) -> bool:
        return True

    # --- the code ------------------------------------------------------------------------------------------------

    def validate_code(
        self, client_id: str, code: str, client: Application, request: Request, *args: object, **kwargs: object
    ) -> bool:
        """Loads the grant once for all later questions. Raises CodeReplayed, AuthorizationEnded, oauthlib's errors."""
        server.redemption_rules(request)
        at = request_time(request)
        grant = tokens.find_code(code)
        if grant is None or grant.application_id != client.pk:
            return False
        if grant.consumed is not None:
            self._end_family(grant.authorization, request, reason="code replayed", at=at)
            raise CodeReplayed(f"grant {grant.pk}")
        if grant.expires <= at:
            return False
        self._adopt(request, grant.authorization, grant.scope.split(), at=at)
        request.grant = grant
        return True

    def get_code_challenge(self, code: str, request: Request) -> str:
        return str(request.grant.code_challenge)

    def get_code_challenge_method(self, code: str, request: Request) -> str:
        return str(request.grant.code_challenge_method)

    def confirm_redirect_uri(
        self,
        client_id: str,
        code: str,
        redirect_uri: str,
        client: Application,
        request: Request,
        *args: object,
        **kwargs: object,
    ) -> bool:
        return bool(redirect_uri == request.grant.redirect_uri)

    def get_authorization_code_nonce(
        self, client_id: str, code: str, redirect_uri: str, request: Request
    ) -> str | None:
        return request.grant.nonce or None

    def invalidate_authorization_code(
        self, client_id: str, code: str, request: Request, *args: object, **kwargs: object
    ) -> None:
        """Nothing: saving the tokens spent the code, in the same transaction."""

    # --- the refresh token ---------------------------------------------------------------------------------------

    def validate_refresh_token(
        self, refresh_token: str, client: Application, request: Request, *args: object, **kwargs: object
    ) -> bool:
        """Raises AuthorizationEnded, RefreshReplayed."""
        at = request_time(request)
        row = tokens.find_refresh(refresh_token)
        if row is None or row.application_id != client.pk:
            return False
        self._adopt(request, row.authorization, row.authorization.scopes, at=at)
        request.refresh_row = row
        if row.revoked is not None:
            try:
                request.replayed = tokens.replayed(row, refresh_token, at=at)
            except RefreshReplayed:
                self._end_family(row.authorization, request, reason="refresh token replayed", at=at)
                raise
            return True
        return bool(row.created + tokens.IDLE_MAX > at)

    def get_original_scopes(self, refresh_token: str, request: Request, *args: object, **kwargs: object) -> list[str]:
        """What she granted, whatever an earlier refresh narrowed itself to."""
        return list(request.authorization.scopes)

    def is_within_original_scope(
        self, request_scopes: list[str], refresh_token: str, request: Request, *args: object, **kwargs: object
    ) -> bool:
        return scopes.within(request_scopes, request.authorization.scopes)

    def rotate_refresh_token(self, request: Request) -> bool:
        return True

    def refresh_id_token(self, request: Request) -> bool:
        return False

    # --- tokens --------------------------------------------------------------------------------------------------

    def seconds_to_live(self, request: Request) -> int:
        """An hour, or what is left of her authorization; five minutes for a backend service."""
        if request.grant_type == CLIENT_CREDENTIALS:
            return tokens.BACKEND_LIFE_SECONDS
        left = request.authorization.expires - request_time(request)
        return min(tokens.ACCESS_LIFE_SECONDS, max(1, int(left.total_seconds())))

    @transaction.atomic
    def save_bearer_token(self, token: dict[str, Any], request: Request, *args: object, **kwargs: object) -> None:
        """Stores the tokens and completes the answer, which oauthlib writes out after this.

        Raises CodeSpent, RefreshReplayed.
        """
        at = request_time(request)
        if request.grant_type == CLIENT_CREDENTIALS:
            expires = at + timedelta(seconds=token["expires_in"])
            tokens.store_backend(request.client, token["access_token"], scope=token["scope"], expires=expires)
            _note_backend(request, "token")
            usage.note_token(request.client.client_id)
            return
        authorization: Authorization = request.authorization
        if scopes.OFFLINE_ACCESS not in authorization.scopes:
            token.pop("refresh_token", None)
        token.update(authorization.context)
        issued = tokens.Issued(
            access_token=token["access_token"],
            refresh_token=token.get("refresh_token"),
            scope=token["scope"],
            expires=at + timedelta(seconds=token["expires_in"]),
            answer=dict(token),
        )
        if request.grant_type == "authorization_code":
            tokens.redeem(request.grant, issued, at=at)
        else:
            self._rotate(token, issued, request, at=at)
        usage.note_token(authorization.application.client_id)
        _note(request, authorization, "token" if request.grant_type == "authorization_code" else "refresh")

    def _rotate(self, token: dict[str, Any], issued: tokens.Issued, request: Request, *, at: datetime) -> None:
        answer = getattr(request, "replayed", None) or tokens.rotate(
            request.refresh_row, request.refresh_token, issued, at=at
        )
        token.clear()
        token.update(answer)

    def revoke_token(
        self, token: str, token_type_hint: str | None, request: Request, *args: object, **kwargs: object
    ) -> None:
        """Ends the authorization the token belongs to, so that neither half of a pair lives on. Raises ForeignToken."""
        at = request_time(request)
        found = find(token)
        if found is None:
            return
        if found.application_id != request.client.pk:
            raise ForeignToken(f"client {request.client.pk}")
        if found.authorization is None:
            AccessToken.objects.filter(pk=found.pk, expires__gt=at).update(expires=at)
            _note_backend(request, "revoke")
            return
        authorization: Authorization = found.authorization
        with transaction.atomic():
            authorizations.revoke(authorization, at=at)
            _note(request, authorization, "revoke")

    # --- OpenID Connect ------------------------------------------------------------------------------------------

    def finalize_id_token(
        self, id_token: dict[str, Any], token: dict[str, Any], token_handler: object, request: Request
    ) -> str:
        at = request_time(request)
        about = claims.of(request.authorization.person, request.scopes)
        lifetime = {
            "iss": settings.PUBLIC_URL,
            "exp": int((at + ID_TOKEN_LIFE).timestamp()),
            "auth_time": int(request.authorization.authenticated.timestamp()),
        }
        return keys.sign({**id_token, **about, **lifetime}, at=at)

    def validate_jwt_bearer_token(self, token: str, scopes: list[str], request: Request) -> bool:
        """Never: an id_token tells the app who signed in and opens nothing."""
        return False

    def validate_bearer_token(self, token: str, scopes: list[str], request: Request) -> bool:
        """Never by this way: bearer.py is the one check of an access token."""
        return False

    # --- our own -------------------------------------------------------------------------------------------------

    def _adopt(self, request: Request, authorization: Authorization, granted: list[str], *, at: datetime) -> None:
        """Raises AuthorizationEnded."""
        if not authorizations.is_live(authorization, at=at):
            raise AuthorizationEnded(f"authorization {authorization.pk}")
        request.authorization = authorization
        request.user = authorization.person
        request.scopes = list(granted)

    def _end_family(self, authorization: Authorization, request: Request, *, reason: str, at: datetime) -> None:
        logger.warning("authorization %s revoked: %s", authorization.pk, reason)
        with transaction.atomic():
            authorizations.revoke(authorization, at=at)
            _note(request, authorization, "revoke", outcome=Outcome.REFUSED, reason=reason)


def request_time(request: Request) -> datetime:
    """When this request was first looked at; one instant for all its questions."""
    at: datetime | None = getattr(request, "looked_at", None)
    if at is None:
        at = request.looked_at = timezone.now()
    return at


def find(token: str) -> AccessToken | RefreshToken | None:
    """The access or refresh token of this text, live or not, with its authorization."""
    by_digest = {"token_checksum": tokens.digest(token)}
    for model in (AccessToken, RefreshToken):
        found: AccessToken | RefreshToken | None = (
            model.objects.select_related("authorization__application", "authorization__person")
            .filter(**by_digest)
            .first()
        )
        if found is not None:
            return found
    return None


def _note(
    request: Request,
    authorization: Authorization,
    interaction: str,
    *,
    outcome: Outcome = Outcome.SUCCESS,
    reason: str = "",
) -> None:
    events.append(
        owner_id=authorization.person_id,
        action=Action.EXECUTE,
        interaction=interaction,
        outcome=outcome,
        agent_kind=Agent.APP,
        agent=authorization.application.client_id,
        agent_name=authorization.application.name,
        consent_id=authorization.decision_id,
        origin=request.headers.get("Origin-Address", ""),
        detail={"reason": reason} if reason else {},
    )


def _note_backend(request: Request, interaction: str) -> None:
    events.append(
        owner_id=events.NOBODY,
        action=Action.EXECUTE,
        interaction=interaction,
        outcome=Outcome.SUCCESS,
        agent_kind=Agent.APP,
        agent=request.client.client_id,
        agent_name=request.client.name,
        origin=request.headers.get("Origin-Address", ""),
    )
