"""HTTP towards one maker of devices: the same guarded way as to a hospital, and nothing else.

Tries again, waits, renews tokens and keeps below the base as sync.sources.fhir_rest.client does; what differs is that
the answers are the maker's own JSON, and that some say how it went inside of it.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import requests

from standards.fhir import json
from sync import outbound, vendors
from sync.problems import Problem, Remedy, SourceError
from sync.sources.fhir_rest import client as http
from sync.sources.wearables.maker import Maker

LISTED: Final = "listed"
"""Under which name an answer that is a list, and no object, is handed on."""


class Client(http.Client):
    """Asks one maker for one person."""

    def __init__(
        self, base: str, maker: Maker, *, bearer: http.Bearer, pulse: Callable[[], None], spend: Callable[[], None]
    ) -> None:
        ways = vendors.Vendor(maker.name, accept="application/json")
        super().__init__(base, bearer=bearer, pulse=pulse, vendor=ways, spend=spend)
        self._maker = maker

    def post(self, address: str) -> None:
        """Ask once for something to be so, without a body. Raises SourceError."""
        if not http.is_below(address, base=self.base):
            raise SourceError("an address outside the maker's base", problem=Problem.FOREIGN_ADDRESS)
        token = self._bearer.token()
        answer = self._posted(address, token)
        if self.status(answer) == HTTPStatus.UNAUTHORIZED:
            answer = self._posted(address, self._bearer.renewed(token))
        http.refuse_status(answer, self.status(answer))

    def _posted(self, address: str, token: str) -> requests.Response:
        self._spend()
        try:
            return self._server.session.post(
                address, headers={"Authorization": f"Bearer {token}", "Accept": "application/json"}
            )
        except outbound.AddressRefused as error:
            raise SourceError(str(error), problem=Problem.FOREIGN_ADDRESS) from error
        except outbound.CONNECTION_FAULTS as error:
            raise SourceError(type(error).__name__, problem=Problem.UNREACHABLE, remedy=Remedy.RETRY) from error

    def status(self, response: requests.Response) -> int:
        if not self._maker.envelope or response.status_code >= 300:
            return response.status_code
        said = _parsed(response.content).get("status")
        if not isinstance(said, int):
            return self._maker.otherwise
        return 200 if said == 0 else self._maker.statuses.get(said, self._maker.otherwise)

    def read(self, body: bytes) -> tuple[dict[str, Any], tuple[str, ...]]:
        answer = _parsed(body)
        if not self._maker.envelope:
            return answer, ()
        inner = answer.get("body")
        return inner if isinstance(inner, dict) else {}, ()


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        # No content is an answer: nothing was measured (Polar says so with 204).
        answer = json.loads(body) if body.strip() else {}
    except json.MalformedJSON as error:
        raise SourceError(str(error), problem=Problem.UNREADABLE, remedy=Remedy.RETRY) from error
    if isinstance(answer, list):
        return {LISTED: answer}
    if not isinstance(answer, dict):
        raise SourceError("no JSON object", problem=Problem.UNREADABLE, remedy=Remedy.RETRY)
    return answer
