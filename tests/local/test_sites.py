from __future__ import annotations

import socket
from pathlib import Path

import pytest

from local import options, processes, sites

SERVERS = sites.Servers(broker="redis+socket:///b", cache="unix:///b?db=1")
DATABASES = {slug: f"postgresql:///{slug}" for slug in (sites.PERSON, *sites.HOSPITALS)}


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "HOSPITAL_PORTS", "PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)


def assigned(place: Path) -> dict[str, int]:
    with processes.Doors() as doors:
        return sites.assign_ports(place, doors)


def described(place: Path) -> list[sites.Site]:
    with processes.Doors() as doors:
        return sites.describe(place, SERVERS, DATABASES, doors=doors)


def test_ports_are_different_and_the_same_the_next_time(place: Path):
    ports = assigned(place)

    assert len(set(ports.values())) == 3
    assert assigned(place) == ports


def test_asked_ports_win_and_are_remembered(place: Path, monkeypatch: pytest.MonkeyPatch):
    asked = [processes.free_port() for _ in range(3)]
    monkeypatch.setenv("PORT", str(asked[0]))
    monkeypatch.setenv("HOSPITAL_PORTS", f"{asked[1]},{asked[2]}")
    ports = assigned(place)
    monkeypatch.delenv("PORT")
    monkeypatch.delenv("HOSPITAL_PORTS")

    assert list(ports.values()) == asked
    assert assigned(place) == ports


def test_remembered_port_that_another_program_took_is_refused_by_name(place: Path):
    ports = assigned(place)
    with (
        socket.create_server(("127.0.0.1", ports["riverside"])),
        pytest.raises(sites.PortTaken, match=f"port {ports['riverside']} of riverside .* HOSPITAL_PORTS"),
    ):
        assigned(place)


def test_two_that_start_at_the_same_time_get_ports_of_their_own(place: Path):
    with processes.Doors() as ours, processes.Doors() as theirs:
        mine, others = sites.assign_ports(place / "one", ours), sites.assign_ports(place / "other", theirs)

    assert set(mine.values()).isdisjoint(others.values())


def test_hospital_stays_where_the_record_says_that_it_is(place: Path, monkeypatch: pytest.MonkeyPatch):
    ports = assigned(place)
    monkeypatch.setenv("PORT", str(processes.free_port()))
    assert assigned(place)["riverside"] == ports["riverside"]
    monkeypatch.setenv("HOSPITAL_PORTS", str(processes.free_port()))

    with pytest.raises(sites.PortMoved, match=f"riverside stands in the record at port {ports['riverside']}, not"):
        assigned(place)


def test_nonsense_port_stops_the_start_naming_the_variable(place: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PORT", "http")

    with pytest.raises(options.OptionRefused, match="PORT must hold ports"):
        assigned(place)


def test_hospital_shares_no_secret_cookie_or_message_with_the_person(place: Path):
    person, riverside, lakeside = described(place)

    for name in ("SECRET_KEY", "DATABASE_URL", "PUBLIC_URL"):
        assert len({site.values[name] for site in (person, riverside, lakeside)}) == 3
    assert riverside.values["SESSION_COOKIE_NAME"] == "session_riverside"
    assert riverside.values["BROKER_URL"] == "memory://"
    assert person.values["BROKER_URL"] == "redis+socket:///b"


def test_site_file_is_private_and_wins_over_what_the_caller_has_set(place: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql:///mine")
    _, riverside, _ = described(place)

    sites.write(riverside)

    assert riverside.file.stat().st_mode & 0o077 == 0
    assert "DATABASE_URL=postgresql:///riverside\n" in riverside.file.read_text()
    assert "DATABASE_URL" not in riverside.environment()
    assert riverside.environment()["ENV_FILE"] == str(riverside.file)


def test_secret_key_stays_the_same(place: Path):
    first, again = (described(place)[0] for _ in range(2))

    assert first.values["SECRET_KEY"] == again.values["SECRET_KEY"]
