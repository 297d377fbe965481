from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.clients import packages
from tests.developers.conftest import site

__all__ = ["site"]


@pytest.fixture(scope="session")
def node_modules() -> Path:
    return packages.ensure()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing: codes stand in the addresses."""


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """``serve(folder)``: the origin at which its pages now are, another one each time."""
    running = []

    def served(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield served
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join(5)
