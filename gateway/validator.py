"""The questions oauthlib asks about an authorization request, answered from our models.

One instance serves every thread, so it keeps nothing: what a request needs hangs on oauthlib's request object.
"""

from __future__ import annotations

from oauthlib.common import Request

from gateway import credentials, scopes
from gateway.models import Application
from gateway.toolkit.server import OAuth2Validator


class SmartValidator(OAuth2Validator):
    def validate_client_id(self, client_id: str, request: Request, *args: object, **kwargs: object) -> bool:
        request.client = credentials.load(client_id)
        return request.client is not None

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
        """Leaves on the request what may be offered to her; False if that is nothing."""
        request.scopes = scopes.offerable(scopes_asked, client.scopes.split())
        return bool(request.scopes)

    def validate_silent_login(self, request: Request) -> bool:
        """True: the view answers ``prompt=none``, for it alone knows the session."""
        return True

    def validate_silent_authorization(self, request: Request) -> bool:
        return True

    def validate_jwt_bearer_token(self, token: str, scopes: list[str], request: Request) -> bool:
        """Never: an id_token tells the app who signed in and opens nothing."""
        return False

    def validate_bearer_token(self, token: str, scopes: list[str], request: Request) -> bool:
        """Never by this way: bearer.py is the one check of an access token."""
        return False
