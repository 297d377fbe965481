"""The real PostgreSQL and broker behind a test run, started before Django reads its settings.

Each ``VAR_DIR`` has servers of its own under ``test/``, that hold throw-away data. Runs at the same time share them and
keep apart by a slot, which numbers the test database and the broker's; the last run to end stops them.
``DATABASE_URL``, ``BROKER_URL`` and ``CACHE_URL`` in the environment are used instead where they are given.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from local import broker, options, postgres

SLOTS = 8
# What this run exported, and where its servers are: its other processes (pytest-xdist) inherit the environment.
EXPORTED = "TEST_SERVERS"
# How each role reaches the server; none where the server was given. Not exported: no process has to find the web role.
ROLE_URLS: dict[str, str] = {}


def start() -> str:
    """Export the addresses of running servers; returns the name for this run's test database."""
    place = _place()
    place.mkdir(parents=True, exist_ok=True)
    number, slot = _take_slot(place)
    addresses = _addresses(place, number)
    os.environ |= {"VAR_DIR": str(place / f"run-{number}"), "ENV_FILE": os.devnull} | addresses
    os.environ[EXPORTED] = os.pathsep.join((str(place), *addresses))
    shutil.rmtree(os.environ["VAR_DIR"], ignore_errors=True)
    atexit.register(_end, place, slot)
    return f"test_tributary_{number}"


def url_of(database: str, *, role: str) -> str:
    return urlsplit(ROLE_URLS[role])._replace(path=f"/{database}").geturl()


def _place() -> Path:
    """Where the servers are. What another process of this run exported was meant for its own slot."""
    if EXPORTED not in os.environ:
        return options.var_dir() / "test"
    place, *names = os.environ.pop(EXPORTED).split(os.pathsep)
    for name in names:
        os.environ.pop(name, None)
    return Path(place)


def _addresses(place: Path, slot: int) -> dict[str, str]:
    addresses = {}
    if not options.given("DATABASE_URL"):
        server = _postgres(place / "postgres")
        addresses["DATABASE_URL"] = server.url_of("tributary")
        ROLE_URLS.update((role, server.url_of("tributary", role=role)) for role in postgres.ROLES)
    if not options.given("BROKER_URL"):
        server = replace(broker.ensure(place / "broker", durable=False), share=slot)
        addresses |= {"BROKER_URL": server.broker_url, "CACHE_URL": server.cache_url}
    return addresses


def _postgres(directory: Path) -> postgres.Server:
    """The server, made anew where a machine that went down has left data that never reached the disk."""
    try:
        return postgres.ensure(directory, durable=False)
    except postgres.PostgresFailed:
        shutil.rmtree(directory)
        return postgres.ensure(directory, durable=False)


def _take_slot(place: Path) -> tuple[int, IO[str]]:
    while True:
        for number in range(SLOTS):
            slot = _lock(place, number)
            if slot is not None:
                return number, slot
        time.sleep(0.5)


def _lock(place: Path, number: int) -> IO[str] | None:
    slot = (place / f"slot-{number}").open("w")
    try:
        fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        slot.close()
        return None
    return slot


def _end(place: Path, slot: IO[str]) -> None:
    """Give the slot back, and stop the servers if every other is free too; who comes meanwhile waits for a slot."""
    slot.close()
    slots = [_lock(place, number) for number in range(SLOTS)]
    if all(slots):
        postgres.stop(place / "postgres")
        broker.stop(place / "broker")
    for held in slots:
        if held is not None:
            held.close()
