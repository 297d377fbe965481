"""What a SMART Health Link leads to: its manifest or its one file, fetched by the one safe way out (sync.outbound)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Final

import requests

from standards.fhir import json
from standards.smart import health_links
from standards.smart.health_links import Link
from sync import outbound
from sync.sources.upload.accounts import Reason

RECIPIENT: Final = "Tributary"
FILES_MAX: Final = 100
BYTES_MAX: Final = 2 * health_links.FILE_BYTES_MAX
"""Of all files of a link together, opened."""
_EMBEDDED_MAX: Final = 4_000_000
_ENDING: Final = {"application/fhir+json": "json", "application/smart-health-card": "smart-health-card"}


class Closed(Exception):
    """Nothing can be fetched by this link, and why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class File:
    """One file of a link, opened. ``name`` is ours: a link does not give any."""

    name: str
    data: bytes


def written(link: str, passcode: str) -> bytes:
    """What is staged of a link: the text itself and, on a line of its own, the passcode."""
    return f"{link.strip()}\n{passcode.strip()}".strip().encode()


def fetch(data: bytes, *, at: datetime) -> list[File]:
    """Every file that the link leads to now. Raises Closed."""
    text, _, passcode = data.decode(errors="replace").strip().partition("\n")
    try:
        link = health_links.parse(text)
        if link.is_over(at):
            raise Closed(Reason.LINK_OVER)
        if link.wants_passcode and not passcode.strip():
            raise Closed(Reason.WRONG_PASSCODE)
        with outbound.GuardedSession() as session:
            session.body_bytes = health_links.FILE_BYTES_MAX * 2
            sealed = iter([_direct(session, link)]) if link.is_direct else _listed(session, link, passcode.strip())
            opened = list(_opened(sealed, link.key))
    except health_links.Malformed as error:
        raise Closed(Reason.DAMAGED) from error
    except outbound.CONNECTION_FAULTS as error:
        raise Closed(Reason.UNREACHABLE) from error
    if not opened:
        raise Closed(Reason.NOTHING_IN_IT)
    return [File(f"{number}.{_ending(kind)}", held) for number, (kind, held) in enumerate(opened, start=1)]


def _opened(sealed: Iterable[str], key: bytes) -> Iterator[tuple[str, bytes]]:
    """One after another, so that no more than one is held sealed. Raises Closed, health_links.Malformed."""
    left = BYTES_MAX
    for each in sealed:
        kind, data = health_links.opened(each, key)
        left -= len(data)
        if left < 0:
            raise Closed(Reason.TOO_LARGE)
        yield kind, data


def _ending(kind: str) -> str:
    return _ENDING.get(kind.partition(";")[0].strip().lower(), "bin")


def _direct(session: outbound.GuardedSession, link: Link) -> str:
    return _answer(session.get(link.url, params={"recipient": RECIPIENT})).text


def _listed(session: outbound.GuardedSession, link: Link, passcode: str) -> Iterator[str]:
    """The JWE of each file that the manifest names; all of it in the time that one answer may take."""
    deadline = monotonic() + session.total_seconds
    asked: dict[str, Any] = {"recipient": RECIPIENT, "embeddedLengthMax": _EMBEDDED_MAX}
    if link.wants_passcode:
        asked["passcode"] = passcode
    answer = _answer(session.post(link.url, json=asked))
    try:
        manifest = json.loads(answer.content)
    except json.MalformedJSON as error:
        raise Closed(Reason.DAMAGED) from error
    listed = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(listed, list) or len(listed) > FILES_MAX:
        raise Closed(Reason.DAMAGED)
    for each in listed:
        if isinstance(each, dict) and isinstance(each.get("embedded"), str):
            yield each["embedded"]
        elif isinstance(each, dict) and isinstance(each.get("location"), str):
            session.total_seconds = max(0, deadline - monotonic())
            yield _answer(session.get(each["location"])).text


def _answer(response: requests.Response) -> requests.Response:
    if response.status_code == 401:
        raise Closed(Reason.WRONG_PASSCODE)
    if response.status_code in (404, 410):
        raise Closed(Reason.LINK_OVER)
    if response.status_code != 200:
        raise Closed(Reason.UNREACHABLE)
    response.encoding = "ascii"
    return response
