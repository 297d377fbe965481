"""Leaving: what an app may ask when a person signs out through it (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway import credentials, keys, redirects
from gateway.errors import Malformed
from gateway.models import Application


@dataclass(frozen=True, slots=True)
class Departure:
    """A request that was understood. ``subject`` is whom the id_token names, "" without one.

    ``leads`` is where she goes afterwards, "" for our own page.
    """

    application: Application | None
    subject: str
    redirect_uri: str
    state: str

    @property
    def leads(self) -> str:
        if not self.redirect_uri:
            return ""
        return redirects.with_query(self.redirect_uri, {"state": self.state} if self.state else {})


def read(params: Mapping[str, str], *, at: datetime) -> Departure:
    """Raises Malformed for an id_token that is not ours, an unknown client, or an address it did not register."""
    claims = keys.verified(params["id_token_hint"], at=at) if "id_token_hint" in params else {}
    if claims is None:
        raise Malformed("an id_token that is not ours")
    audience = str(claims.get("aud", ""))
    client_id = params.get("client_id", audience)
    if audience and client_id != audience:
        raise Malformed("the id_token is another client's")
    application = credentials.load(client_id) if client_id else None
    if client_id and application is None:
        raise Malformed("unknown client")
    redirect_uri = params.get("post_logout_redirect_uri", "")
    registered = application.post_logout_redirect_uris.split() if application else []
    if redirect_uri and redirect_uri not in registered:
        raise Malformed("an address that was not registered")
    return Departure(application, str(claims.get("sub", "")), redirect_uri, params.get("state", ""))
