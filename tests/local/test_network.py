from __future__ import annotations

import socket

import pytest

from tests.network import NetworkRefused


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("example.org", 443), ("0.0.0.0", 80)])  # noqa: S104
def test_tests_reach_no_other_machine(address: tuple[str, int]):
    with socket.socket() as connection, pytest.raises(NetworkRefused):
        connection.connect(address)


def test_tests_reach_their_own_servers():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.sendall(b"hello")
        with server.accept()[0] as accepted:
            assert accepted.recv(5) == b"hello"
