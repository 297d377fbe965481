"""The package's abstract models."""

from __future__ import annotations

from oauth2_provider.models import (
    AbstractAccessToken,
    AbstractApplication,
    AbstractGrant,
    AbstractIDToken,
    AbstractRefreshToken,
    TokenChecksumField,
)

__all__ = [
    "AbstractAccessToken",
    "AbstractApplication",
    "AbstractGrant",
    "AbstractIDToken",
    "AbstractRefreshToken",
    "TokenChecksumField",
]
