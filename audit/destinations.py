"""Where exported events go: standard output, a file of JSON lines, or a syslog receiver (RFC 5424).

Over TCP and TLS messages are counted out (RFC 6587 3.4.1, RFC 5425 4.3). UDP (RFC 5426) tells nobody whether a message
arrived: it is for a receiver on the same machine.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO
from urllib.parse import urlsplit

from audit import exports
from audit.exports import Destination
from audit.models import Event

STANDARD_OUTPUT: Final = "-"
_PATIENCE_SECONDS: Final = 10
_PORTS: Final = {"syslog": 514, "syslog+tcp": 601, "syslog+tls": 6514}


class UnknownDestination(Exception):
    """Not ``-``, ``file:///path``, ``syslog://host:port``, ``syslog+tcp://host:port`` or ``syslog+tls://host:port``."""


def at(address: str) -> Destination:
    """Raises UnknownDestination. Nothing is opened before there is something to tell."""
    if address == STANDARD_OUTPUT:
        return Lines(sys.stdout)
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise UnknownDestination(address) from error
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return LineFile(Path(parts.path))
    if parts.scheme not in _PORTS or not parts.hostname:
        raise UnknownDestination(address)
    where = (parts.hostname, port or _PORTS[parts.scheme])
    if parts.scheme == "syslog":
        return Datagrams(where)
    return Stream(where, secured=parts.scheme == "syslog+tls")


@dataclass(frozen=True)
class Lines:
    out: TextIO

    def take(self, events: list[Event]) -> None:
        self.out.writelines(f"{exports.line(event)}\n" for event in events)
        self.out.flush()


@dataclass(frozen=True)
class LineFile:
    """Appended to, readable by its owner alone, on the disk before it counts as told."""

    path: Path

    def take(self, events: list[Event]) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "a") as out:
            Lines(out).take(events)
            os.fsync(out.fileno())


@dataclass(frozen=True)
class Datagrams:
    where: tuple[str, int]

    def take(self, events: list[Event]) -> None:
        family, kind, protocol, _, where = socket.getaddrinfo(*self.where, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as out:
            for event in events:
                out.sendto(exports.message(event, host=_here()), where)


@dataclass(frozen=True)
class Stream:
    where: tuple[str, int]
    secured: bool

    def take(self, events: list[Event]) -> None:
        messages = [exports.message(event, host=_here()) for event in events]
        with socket.create_connection(self.where, timeout=_PATIENCE_SECONDS) as plain:
            if not self.secured:
                _send(plain, messages)
                return
            with ssl.create_default_context().wrap_socket(plain, server_hostname=self.where[0]) as out:
                _send(out, messages)


def _send(out: socket.socket, messages: list[bytes]) -> None:
    """Told once the other side has closed too, having read all of it: what is only in a buffer could be lost."""
    out.sendall(b"".join(b"%d %s" % (len(each), each) for each in messages))
    if not isinstance(out, ssl.SSLSocket):
        out.shutdown(socket.SHUT_WR)
        while out.recv(4096):
            pass


def _here() -> str:
    return socket.gethostname()[:255]
