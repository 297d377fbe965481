"""The rows of the gateway, by what they are for. Everything hangs on an ``Authorization``."""

from __future__ import annotations

from gateway.models.applications import (
    INTROSPECTION,
    SCOPE_LENGTH_MAX,
    Application,
    AuthMethod,
    Deletion,
    Logo,
    Purpose,
    Resale,
    Retention,
    SigningAlgorithm,
    Usage,
    speaks_for_itself,
)
from gateway.models.authorizations import (
    AccessToken,
    Authorization,
    AuthorizationQuerySet,
    Grant,
    IDToken,
    RefreshToken,
    SharedToken,
)
from gateway.models.keys import (
    FetchedKeySet,
    SigningKey,
    UsedAssertion,
)
from gateway.models.requests import (
    AuthorizationRequest,
    Launch,
    PushedRequest,
)

__all__ = [
    "INTROSPECTION",
    "SCOPE_LENGTH_MAX",
    "AccessToken",
    "Application",
    "AuthMethod",
    "Authorization",
    "AuthorizationQuerySet",
    "AuthorizationRequest",
    "Deletion",
    "FetchedKeySet",
    "Grant",
    "IDToken",
    "Launch",
    "Logo",
    "Purpose",
    "PushedRequest",
    "RefreshToken",
    "Resale",
    "Retention",
    "SharedToken",
    "SigningAlgorithm",
    "SigningKey",
    "Usage",
    "UsedAssertion",
    "speaks_for_itself",
]
