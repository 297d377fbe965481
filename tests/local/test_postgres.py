from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from local import options, pids, postgres, privilege

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a second identity to run the server as")


def insert(server: postgres.Server, value: str) -> None:
    with psycopg.connect(postgres.create_database(server, "kept")) as connection:
        connection.execute("create table if not exists note (body text)")
        connection.execute("insert into note values (%s)", [value])


def read(server: postgres.Server) -> list[str]:
    with psycopg.connect(server.url_of("kept")) as connection:
        return [body for (body,) in connection.execute("select body from note order by body")]


def test_data_survives_a_killed_server(place: Path):
    server = postgres.ensure(place / "one")
    insert(server, "before")

    os.kill(server.pid, signal.SIGKILL)
    recovered = postgres.ensure(place / "one")

    assert recovered.pid != server.pid
    assert recovered.url == server.url
    assert read(recovered) == ["before"]


def test_running_server_is_adopted(place: Path):
    server = postgres.ensure(place / "one")

    assert postgres.ensure(place / "one") == server


def test_two_directories_hold_two_servers(place: Path):
    one, two = postgres.ensure(place / "one"), postgres.ensure(place / "two")
    insert(one, "in one")
    insert(two, "in two")

    assert postgres.stop(place / "one") is True

    assert read(two) == ["in two"]
    assert pids.started(one.pid) is None


def test_stop_of_what_is_not_running_says_so(place: Path):
    assert postgres.stop(place / "never made") is False
    postgres.ensure(place / "one")
    assert postgres.stop(place / "one") is True
    assert postgres.stop(place / "one") is False


def test_lock_file_with_a_recycled_pid_neither_blocks_the_start_nor_kills_the_stranger(place: Path):
    server = postgres.ensure(place / "one")
    insert(server, "before")
    lock_file = place / "one" / "data" / "postmaster.pid"
    written = lock_file.read_text()
    os.kill(server.pid, signal.SIGKILL)
    assert pids.await_end(server.pid, seconds=10)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        lock_file.write_text(written.replace(str(server.pid), str(stranger.pid), 1))

        assert postgres.stop(place / "one") is False
        recovered = postgres.ensure(place / "one")

        assert stranger.poll() is None
        stranger.kill()
    assert read(recovered) == ["before"]


def test_half_made_cluster_is_made_again(place: Path):
    half = place / "one" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")

    assert postgres.ensure(place / "one").pid > 0


def test_deep_directory_gets_a_short_socket(place: Path):
    directory = place / ("deep" * 20)

    server = postgres.ensure(directory)

    assert not server.socket.is_relative_to(directory)
    insert(server, "reached")
    postgres.stop(directory)
    assert not server.socket.exists()


def test_owner_role_is_nobody_special_and_needs_its_password(place: Path):
    server = postgres.ensure(place / "one")

    with psycopg.connect(server.url) as connection:
        row = connection.execute(
            "select rolsuper, rolcreatedb, rolcreaterole from pg_roles where rolname = current_user"
        )
        assert row.fetchone() == (False, True, False)
        assert connection.execute("show listen_addresses").fetchone() == ("",)
        assert connection.execute("show data_checksums").fetchone() == ("on",)
        assert connection.execute("show fsync").fetchone() == ("on",)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url.replace(server.passwords[postgres.ROLE], "guessed"))
    assert server.socket.stat().st_mode & 0o077 == 0


def test_log_quotes_no_value(place: Path):
    server = postgres.ensure(place / "one")
    with psycopg.connect(postgres.create_database(server, "kept"), autocommit=True) as connection:
        connection.execute("create table secret (body text primary key)")
        connection.execute("insert into secret values ('Ada')")
        with pytest.raises(psycopg.errors.UniqueViolation, match="Ada"):
            connection.execute("insert into secret values ('Ada')")

    log = (place / "one" / "postgres.log").read_text()

    assert "duplicate key value" in log
    assert "Ada" not in log


def test_throw_away_server_waits_for_no_disk(place: Path):
    with psycopg.connect(postgres.ensure(place / "one", durable=False).url) as connection:
        assert connection.execute("show fsync").fetchone() == ("off",)


@needs_root
def test_server_of_root_has_no_capability(place: Path):
    server = postgres.ensure(place / "one")

    assert "CapEff:\t0000000000000000" in Path(f"/proc/{server.pid}/status").read_text()


@needs_root
def test_root_without_namespaces_runs_the_server_as_nobody_where_nobody_may_not_walk(
    place: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(privilege, "_namespaced", lambda: None)
    closed = place / "closed"
    closed.mkdir(mode=0o700)

    server = postgres.ensure(closed / "one")
    insert(server, "before")
    os.kill(server.pid, signal.SIGKILL)
    recovered = postgres.ensure(closed / "one")

    assert read(recovered) == ["before"]
    assert Path(f"/proc/{recovered.pid}").stat().st_uid == privilege.unprivileged().owner != 0
    assert postgres.stop(closed / "one") is True


@needs_root
def test_data_of_nobody_is_taken_over_by_the_namespaced_server(place: Path, monkeypatch: pytest.MonkeyPatch):
    if privilege._namespaced() is None:
        pytest.skip("this machine forbids user namespaces")
    with monkeypatch.context() as patch:
        patch.setattr(privilege, "_namespaced", lambda: None)
        server = postgres.ensure(place / "one")
        insert(server, "before")
        postgres.stop(place / "one")

    assert read(postgres.ensure(place / "one")) == ["before"]


def test_ordinary_user_starts_the_server_as_herself(place: Path):
    if os.geteuid() == 0 and (namespaced := privilege._namespaced()) is None:
        pytest.skip("root cannot play an ordinary user without user namespaces")
    prefix = namespaced.prefix if os.geteuid() == 0 else ()
    program = (
        "import os, sys; from pathlib import Path; from local import postgres; place = Path(sys.argv[1]);"
        "assert os.geteuid() != 0; print(postgres.ensure(place).url); print(postgres.stop(place))"
    )

    run = subprocess.run(
        [*prefix, sys.executable, "-c", program, place / "one"],
        cwd=options.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stderr, run.stdout.splitlines()[-1]) == (0, "", "True")
