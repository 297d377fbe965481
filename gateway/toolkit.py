"""The one door to django-oauth-toolkit.

Its master moves nearly every path, so nothing else in this room imports it; an upgrade is a change of this module.
"""

from __future__ import annotations

from oauth2_provider.models import (
    AbstractAccessToken,
    AbstractApplication,
    AbstractGrant,
    AbstractIDToken,
    AbstractRefreshToken,
)

__all__ = [
    "AbstractAccessToken",
    "AbstractApplication",
    "AbstractGrant",
    "AbstractIDToken",
    "AbstractRefreshToken",
]
