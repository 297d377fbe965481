"""HTTP towards one hospital's FHIR server, and nothing else: fhirclient, made safe (GATEWAY.md section 9).

Stock fhirclient sends the bearer token to whatever host a ``next`` link names, has no timeouts, and loses a page to one
bad entry. So its server object here asks only below its own base, through the guarded session, and answers raw.
"""

from __future__ import annotations

import importlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol
from urllib.parse import unquote, urljoin, urlsplit

import requests
from fhirclient.auth import FHIRAuth
from fhirclient.server import FHIRServer

from standards.fhir import json
from sync import outbound, vendors
from sync.problems import Problem, Remedy, SourceError

PAGE_BYTES: Final = 50_000_000
TRIES: Final = 4
FIRST_WAIT_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 10.0
"""The longest wait with the run in hand; for a longer one it is put off."""
LONGEST_WAIT: Final = timedelta(hours=1)
SLICE_SECONDS: Final = 1.0

_UNAUTHORIZED, _FORBIDDEN = 401, 403
_BUSY: Final = frozenset({408, 425, 429, 503})
_IN_PLACE: Final = frozenset({Problem.UNREACHABLE, Problem.BUSY, Problem.SERVER_ERROR, Problem.UNREADABLE})


class Bearer(Protocol):
    """Where the access token comes from: it may expire in the middle of a page loop."""

    def token(self) -> str:
        """A token that is valid now, as far as is known."""

    def may_be_renewed(self) -> bool:
        """Whether there is anything to renew it with."""

    def renewed(self, refused: str) -> str:
        """A token other than the refused one. Raises SourceError REAUTHORIZE when there is none to be had."""


class BearerAuth(FHIRAuth):
    """fhirclient's own extension point: signs with whatever token the connection holds at that moment."""

    auth_type = "tributary-bearer"

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        super().__init__(state)
        self.bearer: Bearer | None = None

    @property
    def ready(self) -> bool:
        return self.bearer is not None

    def can_sign_headers(self) -> bool:
        return self.bearer is not None

    def signed_headers(self, headers: dict[str, str] | None) -> dict[str, str]:
        if self.bearer is None:
            raise ValueError("no token to sign with")
        return {**(headers or {}), "Authorization": f"Bearer {self.bearer.token()}"}


BearerAuth.register()


class SafeServer(FHIRServer):
    """A FHIR server that is asked only below its own base. One object per task: fhirclient's are not thread-safe."""

    def __init__(self, base: str, *, bearer: Bearer, pulse: Callable[[], None], accept: str) -> None:
        super().__init__(None, base_uri=base)
        self._accept = accept
        self.session = outbound.GuardedSession()
        self.session.body_bytes = PAGE_BYTES
        self.session.pulse = pulse
        self.auth = FHIRAuth.create(BearerAuth.auth_type, None)
        self.auth.bearer = bearer

    def _get(self, path: str, headers: Mapping[str, str] | None = None, nosign: bool = False) -> requests.Response:
        address = urljoin(self.base_uri, path)
        if not is_below(address, base=self.base_uri):
            raise SourceError("an address outside the hospital's base", problem=Problem.FOREIGN_ADDRESS)
        asked = {"Accept": self._accept, **(headers or {})}
        return self.session.get(address, headers=asked if nosign else self.auth.signed_headers(asked))


@dataclass(frozen=True, slots=True)
class Answer:
    """A resource as the server sent it, and how the asking went. ``notes``: what was wrong with its JSON."""

    resource: dict[str, Any]
    status: int
    tries: int
    requested: datetime
    took: timedelta
    notes: tuple[str, ...] = ()


class Client:
    """Asks one server for one person, as its vendor wants to be asked.

    ``pulse`` is called while it waits, and may raise to end the waiting; ``spend`` before each request, and raises
    SourceError when no more may be asked now.
    """

    def __init__(
        self,
        base: str,
        *,
        bearer: Bearer,
        pulse: Callable[[], None],
        vendor: vendors.Vendor = vendors.STANDARD,
        spend: Callable[[], None] = lambda: None,
    ) -> None:
        self._bearer = bearer
        self._pulse = pulse
        self._spend = spend
        self._forbidden_means_ended = vendor.forbidden_means_ended
        self._given = ""
        self._server = SafeServer(base, bearer=bearer, pulse=pulse, accept=vendor.accept)

    @property
    def base(self) -> str:
        """The FHIR base, with a slash at its end."""
        return str(self._server.base_uri)

    def close(self) -> None:
        self._server.session.close()

    def search_address(self, resource_type: str, parameters: Mapping[str, str]) -> str:
        """The address of a search, as fhirclient's model of the type builds it."""
        module = importlib.import_module(f"fhirclient.models.{resource_type.lower()}")
        return urljoin(self.base, str(getattr(module, resource_type).where(dict(parameters)).construct()))

    def get(self, address: str) -> Answer:
        """One resource. Tries again in place what may pass; raises SourceError for what did not."""
        requested, began = datetime.now(UTC), time.monotonic()
        tries = 0
        while True:
            tries += 1
            self._pulse()
            try:
                status, resource, notes = self._once(address)
            except SourceError as error:
                seconds = _wait_seconds(error, tries)
                if error.problem not in _IN_PLACE or tries >= TRIES or seconds > PATIENCE_SECONDS:
                    error.tries = tries
                    raise
                self._sleep(seconds)
            else:
                took = timedelta(seconds=time.monotonic() - began)
                return Answer(resource, status, tries, requested, took, notes)

    def _once(self, address: str) -> tuple[int, dict[str, Any], tuple[str, ...]]:
        token = self._bearer.token()
        response = self._ask(address)
        if self.status(response) == _UNAUTHORIZED or self._may_have_ended(response, token):
            self._given = self._bearer.renewed(token)
            response = self._ask(address)
        status = self.status(response)
        refuse_status(response, status)
        resource, notes = self.read(response.content)
        return status, resource, notes

    def status(self, response: requests.Response) -> int:
        """The status that counts."""
        return response.status_code

    def read(self, body: bytes) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What a body holds, and what was wrong with its JSON. Raises SourceError."""
        return parsed(body)

    def _may_have_ended(self, response: requests.Response, token: str) -> bool:
        """Where 403 may mean that as well: not of a token that has just been given in place of another."""
        forbidden = self._forbidden_means_ended and response.status_code == _FORBIDDEN
        return forbidden and token != self._given and self._bearer.may_be_renewed()

    def _ask(self, address: str) -> requests.Response:
        self._spend()
        try:
            response: requests.Response = self._server._get(address)
        except outbound.AnswerTooLarge as error:
            raise SourceError(str(error), problem=Problem.TOO_LARGE) from error
        except outbound.AddressRefused as error:
            raise SourceError(str(error), problem=Problem.FOREIGN_ADDRESS) from error
        except requests.exceptions.ContentDecodingError as error:
            raise SourceError("broken compression", problem=Problem.UNREADABLE, remedy=Remedy.RETRY) from error
        except outbound.CONNECTION_FAULTS as error:
            # The exception's own text may quote the address, and that the patient's id: only its kind is kept.
            raise SourceError(type(error).__name__, problem=Problem.UNREACHABLE, remedy=Remedy.RETRY) from error
        return response

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, SLICE_SECONDS))
            self._pulse()


def is_below(address: str, *, base: str) -> bool:
    """Whether an absolute address has the base's scheme, host and port and lies in its path."""
    try:
        asked, own = urlsplit(address), urlsplit(base)
        same_origin = (asked.scheme, asked.hostname, _port(asked)) == (own.scheme, own.hostname, _port(own))
    except ValueError:
        return False
    if not same_origin or asked.username is not None or asked.password is not None or "\\" in address:
        return False
    if any(unquote(unquote(segment)) in {".", ".."} for segment in asked.path.split("/")):
        return False
    root = own.path.rstrip("/")
    return asked.path == root or asked.path.startswith(f"{root}/")


def retry_after(value: str | None, *, at: datetime) -> timedelta | None:
    """What a Retry-After header asks for, in seconds or as a date (RFC 9110 10.2.3), at most LONGEST_WAIT."""
    if not value:
        return None
    if value.strip().isdecimal():
        return min(timedelta(seconds=min(int(value), 10**6)), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(aware - at, timedelta()), LONGEST_WAIT)


def _port(parts: Any) -> int | None:
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _wait_seconds(error: SourceError, tries: int) -> float:
    """Doubling, with up to half again by chance, so that many workers do not come back together."""
    if error.wait is not None:
        return error.wait.total_seconds()
    return float(FIRST_WAIT_SECONDS * 2 ** (tries - 1) * (1 + random.random() / 2))  # noqa: S311 - no secret


def refuse_status(response: requests.Response, counts: int | None = None) -> None:
    """Raises SourceError for an answer that is none; by its status, what may help. ``counts``: the status that counts,
    where it is not HTTP's."""
    status = response.status_code if counts is None else counts
    if status < 300:
        return
    if status in _BUSY:
        wait = retry_after(response.headers.get("Retry-After"), at=datetime.now(UTC))
        raise SourceError(f"HTTP {status}", problem=Problem.BUSY, remedy=Remedy.RETRY, status=status, wait=wait)
    if status == _UNAUTHORIZED:
        raise SourceError("HTTP 401", problem=Problem.SIGNED_OUT, remedy=Remedy.REAUTHORIZE, status=status)
    if status == _FORBIDDEN:
        raise SourceError("HTTP 403", problem=Problem.REFUSED, status=status)
    if status >= 500 and status != 501:
        raise SourceError(f"HTTP {status}", problem=Problem.SERVER_ERROR, remedy=Remedy.RETRY, status=status)
    problem = Problem.MISSING if status in {404, 410} else Problem.UNSUPPORTED
    raise SourceError(f"HTTP {status}", problem=problem, status=status)


def parsed(body: bytes) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The resource of a body; careless JSON is read all the same and what is wrong told. Raises SourceError."""
    notes: list[str] = []
    try:
        resource = json.loads(body)
    except json.MalformedJSON:
        try:
            resource, notes = json.loads_lenient(body)
        except json.MalformedJSON as error:
            raise SourceError(str(error), problem=Problem.UNREADABLE, remedy=Remedy.RETRY) from error
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise SourceError("no FHIR resource", problem=Problem.UNREADABLE, remedy=Remedy.RETRY)
    return resource, tuple(notes)
