"""The one OpenID Connect provider by which people may sign in, where one is named."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from config import env


def of(issuer: str) -> dict[str, Any]:
    """allauth's settings of it."""
    return {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "provider",
                    "name": env.read_text("OIDC_NAME", urlsplit(issuer).hostname),
                    "client_id": env.read_text("OIDC_CLIENT_ID"),
                    "secret": env.read_text("OIDC_CLIENT_SECRET"),
                    "settings": {
                        "server_url": issuer,
                        "token_auth_method": "client_secret_basic",
                        "scope": env.read_text("OIDC_SCOPES", "openid profile email").split(),
                        "auth_params": {"aud": audience} if (audience := env.read_text("OIDC_AUDIENCE", "")) else {},
                    },
                }
            ],
        }
    }
