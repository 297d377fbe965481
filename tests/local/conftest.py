"""Directories whose servers and processes are ended after the test, however it goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local import broker, postgres, processes


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    processes.stop_all(place=tmp_path)
    for directory in tmp_path.glob("*/"):
        postgres.stop(directory)
        broker.stop(directory)
