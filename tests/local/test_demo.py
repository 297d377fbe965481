"""The demo's own part, with a miniature in place of the product: what is started, found again, and ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import types
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local import demo, options, pids, processes

pytestmark = pytest.mark.slow
MINIATURE = Path(__file__).parent / "miniature"
# The miniature has no hospital to connect: it stands as one that was seeded before.
SEEDED = types.SimpleNamespace(
    kept=lambda everyone, place: "an account",
    describe=lambda everyone, place, account, maker: {
        "portal": everyone[0].url,
        "people": [{"email": "mara@example.org", "password": "opens the demo"}],
        "hospitals": [],
    },
    SeedFailed=demo.seeding.SeedFailed,
)
PROGRAMS = ["hospital-riverside", "hospital-lakeside", "web", "worker", "beat", "wearable-cadence"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(options, "ROOT", MINIATURE)
    monkeypatch.setattr(demo, "seeding", SEEDED)
    for name in ("DATABASE_URL", "BROKER_URL", "CACHE_URL", "PORT", "HOSPITAL_PORTS", "PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    for used in (tmp_path, tmp_path / "mine", tmp_path / "theirs"):
        demo.down(used)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def running(place: Path) -> dict[str, int | None]:
    return {name: processes.running(name, place=place) for name in PROGRAMS}


def test_every_site_answers_from_its_own_database_where_the_address_file_says(place: Path):
    person, riverside, lakeside = demo.up(place)

    assert get(person.url) == "person tributary"
    assert get(riverside.url) == "hospital hospital_riverside"
    assert get(lakeside.url) == "hospital hospital_lakeside"
    ended = [name for name, pid in running(place).items() if pid is None]
    assert not ended, [processes.last_words(name, place=place) for name in ended]
    assert sorted((place / "orders").read_text().split()) == ["collectstatic", "migrate", "secure_rows"]
    assert (place / "hospitals" / "lakeside" / "orders").read_text() == "migrate\n"
    assert json.loads((place / "demo.json").read_text())["portal"] == person.url
    assert (place / "demo.json").stat().st_mode & 0o077 == 0


def test_down_ends_all_that_up_started(place: Path):
    demo.up(place)
    started = [pid for pid in running(place).values() if pid is not None]
    started += [pids.read(place / "postgres" / "data" / "postmaster.pid"), pids.read(place / "broker" / "valkey.pid")]

    ended = demo.down(place)

    assert sorted(ended) == sorted([*PROGRAMS, "broker", "postgres"])
    assert [pids.started(pid) for pid in started] == [None] * 8
    assert demo.down(place) == []


def test_second_start_after_a_kill_of_everything_finds_the_data_at_the_same_addresses(place: Path):
    first = demo.up(place)
    with psycopg.connect(first[0].database) as connection:
        connection.execute("create table kept as select 7 as number")
    servers = [pids.read(place / "postgres" / "data" / "postmaster.pid"), pids.read(place / "broker" / "valkey.pid")]
    for pid in [*running(place).values(), *servers]:
        os.kill(pid, signal.SIGKILL)

    began = time.monotonic()
    second = demo.up(place)

    assert time.monotonic() - began < 20
    assert [site.url for site in second] == [site.url for site in first]
    with psycopg.connect(second[0].database) as connection:
        assert connection.execute("select number from kept").fetchone() == (7,)
    assert all(running(place).values())


def test_failed_order_is_reported_with_what_it_said(place: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(options, "ROOT", place)
    (place / "manage.py").write_text("raise SystemExit('the schema is from the future')")

    with pytest.raises(processes.ProcessFailed, match="migrate failed for person:\nthe schema is from the future"):
        demo.up(place)


def test_given_servers_are_used_and_not_stopped(place: Path, monkeypatch: pytest.MonkeyPatch):
    person, _, _ = demo.up(place / "theirs")
    database, message_broker = person.database, person.values["BROKER_URL"]
    for name in PROGRAMS:
        processes.stop(name, place=place / "theirs")
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("BROKER_URL", message_broker)

    mine, riverside, _ = demo.up(place / "mine")

    assert get(mine.url) == "person tributary"
    assert get(riverside.url) == "hospital tributary_hospital_riverside"
    assert sorted(demo.down(place / "mine")) == sorted(PROGRAMS), processes.last_words("worker", place=place / "mine")
    assert sorted(demo.down(place / "theirs")) == ["broker", "postgres"]


def test_foreground_demo_ends_everything_when_interrupted(place: Path):
    command = "from tests.local import test_demo as t; t.options.ROOT = t.MINIATURE; t.demo.seeding = t.SEEDED;"
    surroundings = dict(os.environ) | {"VAR_DIR": str(place), "PYTHONPATH": str(Path(demo.__file__).parent.parent)}
    with subprocess.Popen(
        [sys.executable, "-c", f"{command} t.demo.main()", "up"], env=surroundings, stdout=subprocess.PIPE, text=True
    ) as foreground:
        said = [next(foreground.stdout) for _ in range(3)]
        assert said[2] == "    sign in as mara@example.org  opens the demo\n"
        started = running(place)
        assert all(started.values())

        foreground.send_signal(signal.SIGINT)
        assert foreground.wait(timeout=40) == 0

    assert set(running(place).values()) == {None}
