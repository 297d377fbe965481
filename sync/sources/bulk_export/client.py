"""HTTP towards a Bulk Data server: order an export, ask for it, read its files line by line (Bulk Data Access 2.0)."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

import orjson
import requests

from standards.fhir import json
from sync import outbound
from sync.problems import Problem, Remedy, SourceError
from sync.sources.bulk_export.access import ServiceBearer
from sync.sources.fhir_rest import client as http

LINE_BYTES: Final = 32_000_000
MANIFEST_BYTES: Final = 20_000_000
DEFAULT_WAIT: Final = timedelta(seconds=30)
_GZIP: Final = b"\x1f\x8b"
_GZIP_FORMAT: Final = 31  # zlib's number for a gzip frame with the largest window
_CHUNK: Final = 65_536
_FHIR: Final = "application/fhir+json"
_NDJSON: Final = "application/fhir+ndjson"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The export is not ready. ``said``: how far it is, in the server's words."""

    wait: timedelta
    said: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The manifest as it came, and until when its files lie there."""

    manifest: Mapping[str, Any]
    expires: datetime | None


class Client:
    """Asks one server, as ourselves. ``pulse`` is called while a file arrives, and may raise to end that; ``spend``
    before each request, and raises SourceError when no more may be asked now."""

    def __init__(
        self, base: str, *, bearer: ServiceBearer, pulse: Callable[[], None], spend: Callable[[], None] = lambda: None
    ) -> None:
        self._base = base.rstrip("/")
        self._bearer = bearer
        self._pulse = pulse
        self._spend = spend
        self._session = outbound.GuardedSession()
        self._session.body_bytes = MANIFEST_BYTES
        self._session.pulse = pulse

    def close(self) -> None:
        self._session.close()

    def order(self, path: str, *, types: str, since: str, patients: Sequence[str] = ()) -> str:
        """The address to ask at. ``path`` is ``Group/x`` or the like; ``patients``: the export of these only.

        What the server cannot narrow it may leave out (``handling=lenient``): more comes then, and is dropped.
        Raises SourceError.
        """
        where = f"{self._base}/{path}/$export" if path else f"{self._base}/$export"
        asked = {name: value for name, value in (("_type", types), ("_since", since)) if value}
        headers = {"Accept": _FHIR, "Prefer": "respond-async, handling=lenient"}
        if patients:
            body = orjson.dumps(_parameters(asked, patients))
            answer = self._ask("POST", where, data=body, headers={**headers, "Content-Type": _FHIR})
        else:
            answer = self._ask("GET", f"{where}?{urlencode(asked)}" if asked else where, headers=headers)
        status = answer.headers.get("Content-Location", "")
        if answer.status_code != 202 or not status:
            raise SourceError("no Content-Location", problem=Problem.UNREADABLE, status=answer.status_code)
        return self._own(urljoin(where, status))

    def ask(self, address: str) -> Waiting | Ready:
        """How an export stands. Raises SourceError: MISSING once it is gone."""
        answer = self._ask("GET", self._own(address), headers={"Accept": "application/json"})
        if answer.status_code == 202:
            wait = http.retry_after(answer.headers.get("Retry-After"), at=datetime.now(UTC))
            return Waiting(wait or DEFAULT_WAIT, answer.headers.get("X-Progress", ""))
        try:
            manifest = json.loads(answer.content)
        except json.MalformedJSON as error:
            raise SourceError("the manifest is no JSON", problem=Problem.UNREADABLE, remedy=Remedy.RETRY) from error
        if not isinstance(manifest, dict):
            raise SourceError("the manifest is no object", problem=Problem.UNREADABLE)
        return Ready(manifest, _date(answer.headers.get("Expires")))

    def remove(self, address: str) -> None:
        """Tell the server that its files are no longer needed. What it says to that does not matter."""
        try:
            self._ask("DELETE", self._own(address), headers={"Accept": _FHIR})
        except SourceError:
            return

    @contextmanager
    def lines(self, address: str, *, signed: bool) -> Iterator[Iterator[bytes]]:
        """The lines of a file as they arrive, those without content left out. Raises SourceError, also while reading.

        ``signed``: whether it wants our token, which goes to the server's own host and nowhere else.
        """
        headers = {"Accept": _NDJSON, "Accept-Encoding": "gzip"}
        answer = self._ask("GET", self._own(address) if signed else address, headers, signed=signed, stream=True)
        with answer, _translated():
            yield _lines(answer, self._pulse)

    def _own(self, address: str) -> str:
        ours, theirs = urlsplit(self._base), urlsplit(address)
        if (theirs.scheme, theirs.netloc) != (ours.scheme, ours.netloc):
            raise SourceError("an address outside the organisation's host", problem=Problem.FOREIGN_ADDRESS)
        return address

    def _ask(
        self, method: str, address: str, headers: Mapping[str, str], *, signed: bool = True, **more: Any
    ) -> requests.Response:
        answer = self._once(method, address, headers, signed, more)
        if signed and answer.status_code == 401:
            answer.close()
            self._bearer.forget()
            answer = self._once(method, address, headers, signed, more)
        if answer.status_code >= 300:
            answer.close()
        http.refuse_status(answer)
        return answer

    def _once(
        self, method: str, address: str, headers: Mapping[str, str], signed: bool, more: Mapping[str, Any]
    ) -> requests.Response:
        self._spend()
        shown = {"Authorization": f"Bearer {self._bearer.token()}"} if signed else {}
        with _translated():
            return self._session.request(method, address, headers={**headers, **shown}, **more)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except outbound.AnswerTooLarge as error:
        raise SourceError(str(error), problem=Problem.TOO_LARGE) from error
    except outbound.AddressRefused as error:
        raise SourceError(str(error), problem=Problem.FOREIGN_ADDRESS) from error
    except (*outbound.CONNECTION_FAULTS, zlib.error) as error:
        # The exception's own text may quote the address: only its kind is kept.
        raise SourceError(type(error).__name__, problem=Problem.UNREACHABLE, remedy=Remedy.RETRY) from error


def _lines(answer: requests.Response, pulse: Callable[[], None]) -> Iterator[bytes]:
    rest = b""
    for part in _plain(answer.iter_content(_CHUNK)):
        pulse()
        *whole, rest = (rest + part).split(b"\n") if b"\n" in part else (rest + part,)
        if len(rest) > LINE_BYTES:
            raise SourceError("a line without end", problem=Problem.TOO_LARGE)
        yield from (line for line in whole if line.strip())
    if rest.strip():
        yield rest


def _plain(parts: Iterator[bytes]) -> Iterator[bytes]:
    """A file that is itself zipped, whatever its headers say."""
    first = next(parts, b"")
    if first[:2] != _GZIP:
        yield first
        yield from parts
        return
    unzip = zlib.decompressobj(_GZIP_FORMAT)
    for part in chain([first], parts):
        while part:
            if unzip.eof:  # a file may be several zipped ones, one after the other (RFC 1952 section 2.2)
                unzip = zlib.decompressobj(_GZIP_FORMAT)
            yield unzip.decompress(part, _CHUNK)  # some at a time: a small part may hold much
            part = unzip.unused_data if unzip.eof else unzip.unconsumed_tail
    if not unzip.eof:
        raise zlib.error("the file ends too soon")


def _parameters(asked: Mapping[str, str], patients: Sequence[str]) -> dict[str, Any]:
    kinds = {"_since": "valueInstant"}
    said = [{"name": name, kinds.get(name, "valueString"): value} for name, value in asked.items()]
    named = [{"name": "patient", "valueReference": {"reference": f"Patient/{each}"}} for each in patients]
    return {"resourceType": "Parameters", "parameter": [*said, *named]}


def _date(value: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(value) if value else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found
