"""The package's validator, scopes backend and settings, and the server they make."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.scopes import BaseScopes
from oauth2_provider.settings import oauth2_settings

if TYPE_CHECKING:
    from gateway.server import SmartServer

__all__ = ["BaseScopes", "OAuth2Validator", "oauth2_settings", "server"]


@cache
def server() -> SmartServer:
    """The one server of this process. It and its validator keep no state: what a request needs hangs on the request."""
    made: SmartServer = oauth2_settings.OAUTH2_SERVER_CLASS(
        oauth2_settings.OAUTH2_VALIDATOR_CLASS(), **oauth2_settings.server_kwargs
    )
    return made
