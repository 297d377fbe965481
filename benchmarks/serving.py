"""The server as it is measured: two workers of four threads, whoever's settings it has."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

from local import options, processes

THREADS: Final = 4
WORKERS: Final = 2


def web(name: str, settings: str, port: int, environment: Mapping[str, str]) -> processes.Program:
    argv = (
        sys.executable,
        "-m",
        "gunicorn",
        "config.wsgi:application",
        "--worker-class=gthread",
        "--no-control-socket",
    )
    return processes.Program(
        name=name,
        argv=(*argv, f"--threads={THREADS}", f"--workers={WORKERS}", f"--bind=127.0.0.1:{port}", "--keep-alive=60"),
        environment=processes.FRUGAL | dict(environment) | {"DJANGO_SETTINGS_MODULE": settings},
        cwd=options.ROOT,
        ready=f"http://127.0.0.1:{port}/livez",
    )
