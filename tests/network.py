"""Keeps a test run on this machine: a connection to anything but loopback or a Unix socket is an error."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any


class NetworkRefused(RuntimeError):
    """A test tried to reach another machine."""


def close() -> None:
    """From now on only loopback can be reached from this process."""
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))


def _guarded(method: Any) -> Any:
    def call(self: socket.socket, *arguments: Any) -> Any:
        # sendto takes its address last, the others only.
        if self.family in {socket.AF_INET, socket.AF_INET6} and not _is_loopback(arguments[-1][0]):
            raise NetworkRefused(f"tests reach nothing beyond this machine, and this one wanted {arguments[-1]}")
        return method(self, *arguments)

    return call


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
