"""SMART Health Links received: manifest and direct file, passcode, what is over, and addresses that are never asked."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime

import pytest

from standards.smart import health_links
from sync import outbound
from sync.sources.links import source
from sync.sources.links.source import Closed
from sync.sources.upload.accounts import Reason
from tests.fakes.link import Sharer

FILES = (("application/fhir+json", b'{"resourceType": "Patient"}'), ("application/smart-health-card", b"{}"))


@pytest.fixture
def share(settings):
    settings.SANDBOX = True
    sharers = []

    def shared(*files, **options):
        sharers.append(Sharer(*(files or FILES), **options))
        return sharers[-1]

    yield shared
    for each in sharers:
        each.close()


def fetch(link: str, passcode: str = ""):
    return source.fetch(source.written(link, passcode), at=datetime.now(UTC))


@pytest.mark.parametrize("embedded", [True, False])
def test_files_of_a_manifest_are_opened(share, embedded):
    sharer = share(embedded=embedded)

    found = fetch(sharer.link(viewer="https://viewer.example/app#"))

    assert [(each.name, each.data) for each in found] == [("1.json", FILES[0][1]), ("2.smart-health-card", FILES[1][1])]
    assert sharer.asked[0][2] == {"recipient": "Tributary", "embeddedLengthMax": 4_000_000}


def test_direct_file_is_asked_for_by_get(share):
    sharer = share()

    assert [each.data for each in fetch(sharer.link("LU"))] == [FILES[0][1]]
    assert sharer.asked == [("GET", "/file/0?recipient=Tributary", None)]


def test_passcode_opens_and_a_wrong_or_missing_one_is_said(share):
    sharer = share(passcode="open sesame")

    assert len(fetch(sharer.link("P"), "open sesame")) == 2
    for wrong in ("guess", ""):
        with pytest.raises(Closed) as closed:
            fetch(sharer.link("P"), wrong)
        assert closed.value.reason is Reason.WRONG_PASSCODE
    assert len(sharer.asked) == 2  # without any, nobody is asked: it would cost one of few attempts


@pytest.mark.parametrize(
    ("status", "more", "reason"),
    [
        (404, {}, Reason.LINK_OVER),
        (500, {}, Reason.UNREACHABLE),
        (200, {"exp": int(time.time()) - 60}, Reason.LINK_OVER),
    ],
)
def test_link_that_leads_nowhere_is_said_to(share, status, more, reason):
    sharer = share()
    sharer.status = status

    with pytest.raises(Closed) as closed:
        fetch(sharer.link(**more))

    assert closed.value.reason is reason


def test_key_of_another_link_opens_nothing(share):
    sharer = share()
    link = sharer.link()
    sharer.key = bytes(32)

    with pytest.raises(Closed) as closed:
        fetch(link)

    assert closed.value.reason is Reason.DAMAGED


def test_address_that_is_not_public_is_never_asked(share, settings):
    sharer = share()
    settings.SANDBOX = False

    with pytest.raises(Closed) as closed:
        fetch(sharer.link())

    assert (closed.value.reason, sharer.asked) == (Reason.UNREACHABLE, [])


def test_file_that_would_unpack_into_too_much_is_refused(share, monkeypatch):
    monkeypatch.setattr(health_links, "FILE_BYTES_MAX", 1000)
    sharer = share(("application/fhir+json", b"a" * 100_000))

    with pytest.raises(Closed) as closed:
        fetch(sharer.link("U"))

    assert closed.value.reason is Reason.DAMAGED


@pytest.mark.parametrize(
    "text", ["", "shlink:/", "shlink:/e30", "shlink:/a", "https://viewer.example/#x", "shlink:/W10"]
)
def test_what_is_no_link_is_refused(text):
    with pytest.raises(health_links.Malformed):
        health_links.parse(text)


def test_link_whose_key_is_no_text_of_a_key_is_refused():
    link = f"shlink:/{encoded({'url': 'https://sharer.example/', 'key': 'é' * 43})}"

    with pytest.raises(health_links.Malformed):
        health_links.parse(link)


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example", "[::1", "a\x00b.example", "a b.example"])
def test_address_with_a_host_that_is_none_leads_nowhere(host):
    with pytest.raises(Closed) as closed:
        fetch(f"shlink:/{encoded({'url': f'https://{host}/', 'key': 'A' * 43})}")

    assert closed.value.reason is Reason.UNREACHABLE


@pytest.mark.parametrize("embedded", [True, False])
def test_files_that_are_too_much_together_are_refused(share, monkeypatch, embedded):
    monkeypatch.setattr(source, "BYTES_MAX", 1000)
    sharer = share(*[("application/fhir+json", b"a" * 400)] * 3, embedded=embedded)

    with pytest.raises(Closed) as closed:
        fetch(sharer.link())

    assert closed.value.reason is Reason.TOO_LARGE


def test_all_files_of_a_link_share_the_time_of_one_answer(share, monkeypatch):
    sharer = share(embedded=False)
    moments = iter([0.0, 0.0, outbound.TOTAL_SECONDS + 1.0])
    monkeypatch.setattr(source, "monotonic", lambda: next(moments))

    with pytest.raises(Closed) as closed:
        fetch(sharer.link())

    assert (closed.value.reason, len(sharer.asked)) == (Reason.UNREACHABLE, 3)


def encoded(said: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
