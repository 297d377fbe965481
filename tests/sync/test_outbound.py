"""The one safe way out."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from sync import outbound
from tests.fakes.ehr import FakeEHR, Reply


@pytest.fixture
def ehr() -> Iterator[FakeEHR]:
    with FakeEHR().running() as running:
        yield running


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address that must be refused
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
    ],
)
def test_an_address_inside_is_never_connected_to(address: str, settings: Any):
    settings.SANDBOX = True

    assert not outbound.allows(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_allowed_only_in_the_sandbox(address: str, settings: Any):
    settings.SANDBOX = True
    assert outbound.allows(address)

    settings.SANDBOX = False
    assert not outbound.allows(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_public_addresses_are_allowed(address: str):
    assert outbound.allows(address)


def test_a_document_is_fetched(ehr: FakeEHR):
    assert b"token_endpoint" in outbound.fetch_document(f"{ehr.base}/.well-known/smart-configuration")


def test_outside_the_sandbox_nothing_is_fetched_from_this_machine(ehr: FakeEHR, settings: Any):
    settings.SANDBOX = False

    for origin in (ehr.origin, ehr.origin.replace("http:", "https:")):
        with pytest.raises(outbound.AddressRefused):
            outbound.fetch_document(f"{origin}/fhir/.well-known/smart-configuration")
    assert ehr.asked == []


@pytest.mark.parametrize("host", ["2130706433", "0177.0.0.1", "0x7f000001", "127.1", "0", "[::ffff:7f00:1]"])
def test_loopback_spelt_in_another_way_is_still_loopback(host: str, settings: Any):
    """Decimal, octal, hexadecimal and shortened numbers, which resolvers understand."""
    settings.SANDBOX = False

    with pytest.raises(outbound.AddressRefused):
        outbound.fetch_document(f"https://{host}/x")


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]"])
def test_the_metadata_service_of_a_cloud_is_out_of_reach(host: str, settings: Any):
    settings.SANDBOX = True

    with pytest.raises(outbound.AddressRefused):
        outbound.fetch_document(f"https://{host}/latest/meta-data/")


def test_every_address_of_a_name_must_be_allowed(monkeypatch: pytest.MonkeyPatch):
    def resolve(host: str, port: int, **_: object) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("93.184.215.14", "10.0.0.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    with pytest.raises(outbound.AddressRefused):
        outbound.fetch_document("https://hospital.example/x")


def test_it_connects_to_the_address_it_checked(ehr: FakeEHR, monkeypatch: pytest.MonkeyPatch):
    """A name that answers otherwise the second time (DNS rebinding) has no second time."""
    asked: list[str] = []
    port = int(ehr.origin.rsplit(":", 1)[1])
    real = socket.getaddrinfo

    def resolve(host: str, *rest: Any, **options: Any) -> Any:
        if host != "localhost":
            return real(host, *rest, **options)  # numbers, from urllib3's own connecting
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1" if len(asked) == 1 else "10.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    outbound.fetch_document(f"http://localhost:{port}/fhir/.well-known/smart-configuration")

    assert asked == ["localhost"]


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://user:word@127.0.0.1/x"])
def test_other_schemes_and_credentials_are_refused(address: str):
    with pytest.raises((outbound.AddressRefused, requests.exceptions.InvalidSchema)):
        outbound.fetch_document(address)


def test_a_redirect_is_not_followed(ehr: FakeEHR):
    ehr.fault("smart-configuration", lambda _: Reply(302, b"", {"Location": f"{ehr.base}/metadata"}))

    with pytest.raises(requests.HTTPError):
        outbound.fetch_document(f"{ehr.base}/.well-known/smart-configuration")

    assert ehr.targets("metadata") == []


def test_a_large_answer_is_not_read_to_its_end(ehr: FakeEHR):
    ehr.fault("smart-configuration", lambda _: Reply(200, b"x" * (outbound.DOCUMENT_BYTES + 1)))

    with pytest.raises(outbound.AnswerTooLarge):
        outbound.fetch_document(f"{ehr.base}/.well-known/smart-configuration")


def test_an_answer_that_trickles_is_ended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outbound.GuardedSession, "total_seconds", 0.3)
    monkeypatch.setattr(outbound, "_CHUNK", 1)

    with _trickling() as address, pytest.raises(outbound.AnswerTooSlow):
        outbound.fetch_document(address)


@contextmanager
def _trickling() -> Iterator[str]:
    """A server that sends one byte every 50 ms, for as long as anybody listens."""
    server = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        client, _ = server.accept()
        with client:
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not done.wait(0.05):
                try:
                    client.sendall(b"x")
                except OSError:
                    return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x"
    finally:
        done.set()
        thread.join()
        server.close()
