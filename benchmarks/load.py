"""A load generator of one thread: keeps N connections busy and times each answer. It knows just enough HTTP/1.1."""

from __future__ import annotations

import selectors
import socket
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from urllib.parse import urlencode

CHUNK = 262_144


class NoAnswer(Exception):
    """The server closed a connection in the middle of an answer, or answered in chunks we do not read."""


@dataclass(frozen=True)
class Result:
    """``rate`` in answers per second, times in milliseconds."""

    rate: float
    p50: float
    p95: float
    statuses: Mapping[int, int]

    @property
    def worked(self) -> bool:
        return set(self.statuses) <= {200, 201}


@dataclass
class _Connection:
    socket: socket.socket
    sent: float = 0.0
    buffer: bytearray = field(default_factory=bytearray)
    needed: int = 0


def get(path: str, *, token: str = "", cookie: str = "") -> bytes:
    """A GET request as bytes: an app's with its token, or a browser's with its cookie."""
    kind = "text/html" if cookie else "application/fhir+json"
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", f"Accept: {kind}"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += [f"Cookie: {cookie}"] if cookie else []
    return "\r\n".join([*lines, "", ""]).encode()


def post(path: str, form: Mapping[str, str]) -> bytes:
    """A POST of a form as bytes."""
    body = urlencode(form).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def run(port: int, requests: Sequence[bytes] | Iterable[bytes], *, connections: int, seconds: float) -> Result:
    """Send the requests in turn, from the first again after a list's last, until time is up or an iterator is empty."""
    source = iter(cycle(requests) if isinstance(requests, Sequence) else requests)
    times: list[float] = []
    statuses: Counter[int] = Counter()
    selector = selectors.DefaultSelector()
    started = time.perf_counter()
    until = started + seconds
    busy = 0
    for _ in range(connections):
        connection = _Connection(socket.create_connection(("127.0.0.1", port), timeout=30))
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        busy += _send(connection, source)
    while busy:
        for key, _ in selector.select(timeout=30):
            connection = key.data
            status = _receive(connection)
            if status is None:
                continue
            now = time.perf_counter()
            times.append((now - connection.sent) * 1000)
            statuses[status] += 1
            busy -= 1
            if now < until:
                busy += _send(connection, source)
    elapsed = time.perf_counter() - started
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    selector.close()
    ordered = statistics.quantiles(times, n=20) if len(times) > 1 else times * 19
    return Result(rate=len(times) / elapsed, p50=statistics.median(times), p95=ordered[18], statuses=statuses)


def _send(connection: _Connection, source: Iterable[bytes]) -> bool:
    request = next(iter(source), None)
    if request is None:
        return False
    connection.sent = time.perf_counter()
    connection.socket.sendall(request)
    return True


def _receive(connection: _Connection) -> int | None:
    """The status once the whole answer is here, else None."""
    chunk = connection.socket.recv(CHUNK)
    if not chunk:
        raise NoAnswer("the connection was closed")
    buffer = connection.buffer
    buffer += chunk
    if not connection.needed:
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        connection.needed = end + 4 + _length(bytes(buffer[:end]).lower())
    if len(buffer) < connection.needed:
        return None
    status = int(buffer[9:12])
    buffer.clear()
    connection.needed = 0
    return status


def _length(head: bytes) -> int:
    _, found, rest = head.partition(b"\r\ncontent-length:")
    if not found:
        raise NoAnswer("an answer without Content-Length")
    return int(rest.split(b"\r\n", 1)[0])
