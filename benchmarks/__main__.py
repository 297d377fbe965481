"""Starts servers of the run's own, measures, stops them again. ``FULL=1`` (or ``--full``) fills 300,000 records."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks import serving
from local import broker, options, places, postgres, processes, sites

SIZES = (3_000, 30_000)
FULL_SIZES = (3_000, 30_000, 300_000)
# People with a small record each, besides those who are measured.
CROWD = 100
FULL_CROWD = 1_000


def main() -> int:
    chosen = _chosen()
    place = options.var_dir() / "bench"
    _stop(place)  # what a killed run left running
    shutil.rmtree(place, ignore_errors=True)
    places.make_private(place)
    try:
        return _measure(tuple(sorted(chosen.sizes)), chosen.crowd)
    finally:
        _stop(place)


def _stop(place: Path) -> None:
    processes.stop_all(place=place)
    postgres.stop(place / "postgres")
    broker.stop(place / "broker")


def _chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--full", action="store_true", default=options.flag("FULL"))
    parser.add_argument("--sizes", type=int, nargs="+", help="how many Observations each owner of the searches has")
    parser.add_argument("--crowd", type=int, help="how many more people there are")
    chosen = parser.parse_args()
    chosen.sizes = chosen.sizes or (FULL_SIZES if chosen.full else SIZES)
    chosen.crowd = chosen.crowd or (FULL_CROWD if chosen.full else CROWD)
    return chosen


def _measure(sizes: tuple[int, ...], crowd: int) -> int:
    """Run the measurement where Django's settings find this run's servers."""
    place = options.var_dir() / "bench"
    server = postgres.ensure(place / "postgres")
    queue = broker.ensure(place / "broker")
    port, bare_port, open_port = (processes.free_port() for _ in range(3))
    environment = {
        name: value for name, value in options.surroundings().items() if not name.startswith(("DJANGO_", "ENV_FILE"))
    } | {
        "ENV_FILE": "/dev/null",
        "VAR_DIR": str(place),
        "SECRET_KEY": "measured, then thrown away",
        "DATABASE_URL": postgres.create_database(server, "bench"),
        "BROKER_URL": queue.broker_url,
        "CACHE_URL": queue.cache_url,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SANDBOX": "yes",
        "LOG_LEVEL": "WARNING",
        # Counted as always, and never reached.
        **dict.fromkeys(("RATE_LIMIT_APP", "RATE_LIMIT_PERSON", "RATE_LIMIT_ADDRESS"), "2000000000"),
        "PYTHONPATH": str(options.ROOT),
    }
    for role, name in zip((postgres.WEB_ROLE, postgres.WORKER_ROLE), sites.ROLE_URLS, strict=True):
        environment[name] = server.url_of("bench", role=role)
    orders = (("migrate", "--verbosity=0"), ("secure_rows",), ("collectstatic", "--noinput", "--verbosity=0"))
    for words in orders:
        subprocess.run([sys.executable, "manage.py", *words], env=environment, cwd=options.ROOT, check=True)
    as_owner = {"DATABASE_ROLE": "owner"}
    web = serving.web("web", "config.settings", port, environment)
    bare = serving.web("bare", "benchmarks.settings", bare_port, environment | as_owner)
    # The same as ours, but under the role that owns the tables: what the policies cost is the difference.
    unheld = serving.web("open", "config.settings", open_port, environment | as_owner)
    pids = {}
    for program in (web, bare, unheld):
        pids[program.name] = processes.start(program, place=place)
        processes.await_ready(program, place=place, seconds=60)
    asked = {"sizes": sizes, "crowd": crowd, "port": port, "bare_port": bare_port, "open_port": open_port}
    asked |= {"web_pid": pids["web"], "open_pid": pids["open"], "database_pid": server.pid}
    command = [sys.executable, "-m", "benchmarks.measure", json.dumps(asked)]
    return subprocess.run(command, env=environment, cwd=options.ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
