"""The simulated maker of devices over real HTTP, entered in the directory, and a person who may connect to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from django.utils import timezone

from accounts.models import Person
from sandbox.wearables.accounts import Accounts
from sandbox.wearables.answers import Answers
from sandbox.wearables.handover import Handover
from sandbox.wearables.server import Maker
from smartlaunch import launches
from sync import hospitals
from sync.models import Connection, Hospital

EMAIL, PASSWORD = "ana@maker.example", "her password there"
CLIENT_ID, SECRET = "tributary", "between us two"


@contextmanager
def running(place: Path, recorded: Path | None = None) -> Iterator[Maker]:
    accounts = Accounts(place / "accounts.json")
    accounts.add_person(EMAIL, PASSWORD)
    answers = Answers(lambda: datetime.now(UTC).date(), recorded)
    with _served(Maker(0, name="Cadence", accounts=accounts, answers=answers)) as server:
        yield server


Served = TypeVar("Served", bound=Maker)


@contextmanager
def _served(server: Served) -> Iterator[Served]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def maker(tmp_path: Path) -> Iterator[Maker]:
    with running(tmp_path) as server:
        yield server


@pytest.fixture
def handover(tmp_path: Path) -> Iterator[Handover]:
    accounts = Accounts(tmp_path / "accounts.json")
    accounts.add_person(EMAIL, PASSWORD)
    answers = Answers(lambda: datetime.now(UTC).date())
    with _served(Handover(0, name="Cadence", accounts=accounts, answers=answers)) as server:
        yield server


def enter(server: Maker) -> Hospital:
    """Register at the maker, and enter it in the directory."""
    vendor = "garmin" if isinstance(server, Handover) else "withings"
    entry = hospitals.register(
        f"{server.url}/", name="Cadence", client_id=CLIENT_ID, secret=SECRET, vendor=vendor, slug="cadence"
    )
    server.accounts.add_client(CLIENT_ID, SECRET, launches.redirect_uri(entry))
    return entry


def allow(address: str, *, answer: str = "allow", password: str = PASSWORD) -> dict[str, str]:
    """What she does in her browser: the authorization response that it brings back."""
    assert requests.get(address, timeout=10).status_code == 200
    form = {"email": EMAIL, "password": password, "answer": answer}
    back = requests.post(address, data=form, timeout=10, allow_redirects=False)
    return dict(parse_qsl(urlsplit(back.headers["Location"]).query))


def connect(owner: Person, entry: Hospital) -> Connection:
    """The whole way: our page, the maker's, and back."""
    address = launches.begin(owner, hospital=entry, at=timezone.now())
    return launches.finish(owner, hospital=entry, answer=allow(address), at=timezone.now())
