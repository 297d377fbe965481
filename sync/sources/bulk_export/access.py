"""Our token at an organisation that exports to us: SMART Backend Services, one short token after the other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from standards.fhir import json
from sync import outbound, tokens
from sync.problems import Problem, Remedy, SourceError

MARGIN: Final = timedelta(seconds=30)


class ServiceBearer:
    """Asks for a token when there is none, when it ends soon, or when it was refused. ``key``: our private JWK."""

    def __init__(self, base: str, *, client_id: str, key: str, scope: str) -> None:
        self._base = base.rstrip("/")
        self._client_id, self._key, self._scope = client_id, key, scope
        self._endpoint = ""
        self._held: tokens.Tokens | None = None

    def token(self) -> str:
        """Raises SourceError."""
        held = self._held
        if held is None or (held.expires is not None and held.expires - MARGIN <= datetime.now(UTC)):
            self._endpoint = self._endpoint or _token_endpoint(self._base)
            held = self._held = tokens.as_service(
                self._client_id, self._key, scope=self._scope, token_endpoint=self._endpoint
            )
        return held.access_token

    def forget(self) -> None:
        """What was refused is not shown again."""
        self._held = None


def _token_endpoint(base: str) -> str:
    try:
        document = json.loads(outbound.fetch_document(f"{base}/.well-known/smart-configuration"))
    except outbound.AddressRefused as error:
        raise SourceError(str(error), problem=Problem.FOREIGN_ADDRESS) from error
    except outbound.CONNECTION_FAULTS as error:
        raise SourceError("no smart-configuration", problem=Problem.UNREACHABLE, remedy=Remedy.RETRY) from error
    except json.MalformedJSON as error:
        raise SourceError("smart-configuration is no JSON", problem=Problem.NOT_SMART) from error
    endpoint = document.get("token_endpoint") if isinstance(document, dict) else None
    if not isinstance(endpoint, str):
        raise SourceError("smart-configuration names no token endpoint", problem=Problem.NOT_SMART)
    return endpoint
