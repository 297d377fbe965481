"""The one safe way out: requests to addresses that others choose (a hospital's iss, its endpoints, its next links).

A session of this module connects only to public addresses, and to the very address that was checked, so that a name
that resolves differently a moment later cannot lead it inside (DESIGN D14). It follows no redirect, uses no proxy or
netrc of the machine, speaks TLS only, and ends an answer that grows too large or takes too long. Where the settings
say SANDBOX, loopback is allowed as well, also without TLS.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

CONNECT_SECONDS: Final = 10
READ_SECONDS: Final = 30
TOTAL_SECONDS: Final = 180
DOCUMENT_BYTES: Final = 1_000_000
"""Bound of a discovery document, key set or token response."""

_CHUNK: Final = 65_536
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Networks that carry an IPv4 address inside an IPv6 one (NAT64, 6to4, Teredo): a private one could hide there.
_TUNNELS: Final = tuple(
    ipaddress.IPv6Network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)


class AddressRefused(ValueError):
    """The address is not one that we may connect to. No OSError: urllib3 would hide it as a lost connection."""


class AnswerTooLarge(requests.exceptions.RequestException):
    """The answer went past the bound."""


class AnswerTooSlow(requests.exceptions.Timeout):
    """The answer kept trickling in past the bound."""


def allows(host: str) -> bool:
    """Whether an address, written as numbers, may be connected to."""
    address = ipaddress.ip_address(host.split("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return _is_public(address) or (address.is_loopback and settings.SANDBOX)


def _is_public(address: _Address) -> bool:
    tunnelled = isinstance(address, ipaddress.IPv6Address) and any(address in net for net in _TUNNELS)
    return address.is_global and not address.is_multicast and not tunnelled


def _resolve(host: str, port: int) -> str:
    """The address to connect to. All that a name resolves to must be allowed, or none is used."""
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError as error:
        raise AddressRefused("a host whose name is none") from error
    if not found or not all(allows(address) for address in found):
        raise AddressRefused(f"{host} does not lead to an address that we may connect to")
    return found[0]


class _CheckedConnection:
    """Mixed into urllib3's connections: resolve, check, connect to what was checked. TLS still verifies the name."""

    def _new_conn(self: Any) -> socket.socket:
        try:
            address = _resolve(self._dns_host, self.port)
            return create_connection((address, self.port), self.timeout, socket_options=self.socket_options)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection: {error}") from error


class _PlainConnection(_CheckedConnection, HTTPConnection):
    pass


class _SecureConnection(_CheckedConnection, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}


def _no_pulse() -> None:
    """Nobody waits to hear that a slow answer is still coming."""


class GuardedSession(requests.Session):
    """A requests session with the rules of this module; mix it in before another Session to guard that one.

    ``body_bytes`` bounds an answer after decompression, ``total_seconds`` how long it may take; ``pulse`` is called
    while a long one arrives.
    """

    body_bytes: int = DOCUMENT_BYTES
    total_seconds: float = TOTAL_SECONDS
    pulse: Callable[[], None] = staticmethod(_no_pulse)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trust_env = False
        self.max_redirects = 0
        self.mount("https://", _Adapter())
        self.mount("http://", _Adapter())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """No answer is ever followed."""
        return

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send and read the bounded answer; with ``stream`` reading, within bounds, and closing it is the caller's.

        Raises requests' own exceptions and the three of this module.
        """
        check_address(request.url or "")
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = (CONNECT_SECONDS, READ_SECONDS)
        streamed = bool(kwargs.get("stream"))
        response = super().send(request, **{**kwargs, "stream": True, "allow_redirects": False})
        if streamed:
            return response
        with response:
            # The public way to read within a bound leaves ``content`` unset, which authlib and fhirclient use.
            response._content = self._read(response)
        return response

    def _read(self, response: requests.Response) -> bytes:
        deadline = time.monotonic() + self.total_seconds
        parts, size = [], 0
        for part in response.iter_content(_CHUNK):
            size += len(part)
            if size > self.body_bytes:
                raise AnswerTooLarge(f"more than {self.body_bytes} bytes")
            if time.monotonic() > deadline:
                raise AnswerTooSlow(f"more than {self.total_seconds} seconds")
            parts.append(part)
            self.pulse()
        return b"".join(parts)


def check_address(address: str) -> None:
    """TLS, or plain HTTP to this machine where that is allowed; no credentials inside. Raises AddressRefused."""
    parts = urlsplit(address)
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("an address with credentials in it")
    if parts.scheme == "https" or (parts.scheme == "http" and settings.SANDBOX and _is_loopback(parts.hostname or "")):
        return
    raise AddressRefused("an address without TLS")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def fetch_document(address: str) -> bytes:
    """GET a small public document: only a 200 counts. Raises one of CONNECTION_FAULTS otherwise."""
    with GuardedSession() as session:
        response = session.get(address, headers={"Accept": "application/json"})
    if response.status_code != 200:
        raise requests.HTTPError(f"HTTP {response.status_code}", response=response)
    return bytes(response.content)


CONNECTION_FAULTS: Final = (requests.exceptions.RequestException, HTTPError, AddressRefused)
"""What a request may raise before or while an answer arrives."""
