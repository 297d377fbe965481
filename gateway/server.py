"""The oauthlib server, with only what it does better than we could: the checks of an authorization request.

Implicit, hybrid and device flows are not registered, so no setting can bring them back. The rules of SMART run in
oauthlib's own hooks: after client and redirect address are proved, so that an error returns to the app. The token
endpoint is our own (codes.py, renewals.py, backends.py; docs/adr/0015).
"""

from __future__ import annotations

import re
from typing import Any, Final

from django.conf import settings
from django.utils import timezone
from oauthlib.common import Request
from oauthlib.oauth2.rfc6749 import errors as oauth
from oauthlib.oauth2.rfc6749.endpoints import AuthorizationEndpoint
from oauthlib.oauth2.rfc6749.tokens import BearerToken
from oauthlib.openid import RequestValidator
from oauthlib.openid.connect.core.grant_types import AuthorizationCodeGrant

from gateway import launches

STATE_LENGTH_MAX: Final = 2048
NONCE_LENGTH_MAX: Final = 255
_PROMPTS: Final = ("none", "login", "consent", "select_account")
_AGE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def grant_types() -> tuple[str, ...]:
    """What this site offers. A simulated hospital has no worker, so no exports, and nothing for a service to fetch."""
    of_people = ("authorization_code", "refresh_token")
    return (*of_people, "client_credentials") if settings.SITE == "person" else of_people


class RequestObjectRefused(oauth.OAuth2Error):
    """Parameters in a signed object (RFC 9101), which this server does not read (OIDC Core 6.1)."""

    error = "request_not_supported"
    description = "Send the parameters themselves."


class SmartServer(AuthorizationEndpoint):
    def __init__(self, request_validator: RequestValidator, **unused: object) -> None:
        code = AuthorizationCodeGrant(request_validator)
        code.custom_validators.pre_auth.append(authorize_rules)
        super().__init__(
            default_response_type="code",
            response_types={"code": code},
            default_token_type=BearerToken(request_validator),
        )


def authorize_rules(request: Request) -> dict[str, Any]:
    """What SMART and RFC 9700 demand of an authorization request beyond plain OAuth. Raises oauthlib's errors."""
    if request.response_type is None:
        raise oauth.MissingResponseTypeError(request=request)
    if request.response_type != "code":
        raise oauth.UnsupportedResponseTypeError(request=request)
    if getattr(request, "request", None):
        raise RequestObjectRefused(request=request)
    if getattr(request, "response_mode", None) not in (None, "query"):
        raise _invalid(request, "response_mode must be query.")
    if not request.state or len(request.state) > STATE_LENGTH_MAX:
        raise _invalid(request, "state is required.")
    if (getattr(request, "aud", None) or "").rstrip("/") != settings.FHIR_BASE:
        raise _invalid(request, "aud must be the FHIR base address of this server.")
    token = getattr(request, "launch", None)
    if token and launches.find(token, request.client, at=timezone.now()) is None:
        raise _invalid(request, "This launch is not known, was used before, or is over.")
    if request.code_challenge_method != "S256" or not _CHALLENGE.fullmatch(request.code_challenge or ""):
        raise _invalid(request, "PKCE with S256 is required.")
    if len(request.nonce or "") > NONCE_LENGTH_MAX:
        raise _invalid(request, "nonce is too long.")
    _sign_in_rules(request)
    return {}


def _sign_in_rules(request: Request) -> None:
    """What OpenID Connect lets a client ask of the sign-in (Core 3.1.2.1)."""
    prompts = (getattr(request, "prompt", None) or "").split()
    if not set(_PROMPTS) >= set(prompts) or ("none" in prompts and len(prompts) > 1):
        raise _invalid(request, "prompt must be none alone, or any of login, consent and select_account.")
    if not _AGE.fullmatch(str(getattr(request, "max_age", None) or "0")):
        raise _invalid(request, "max_age must be a number of seconds.")


def _invalid(request: Request, description: str) -> oauth.InvalidRequestError:
    return oauth.InvalidRequestError(description=description, request=request)
