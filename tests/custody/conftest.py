"""Files of each test's own: erasures and drills count them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _own_files(settings: Any, tmp_path: Path) -> None:
    kept = {name: settings.STORAGES[name] for name in ("attachments", "exports")}
    settings.STORAGES = settings.STORAGES | {
        name: {**storage, "OPTIONS": {"location": tmp_path / name}} for name, storage in kept.items()
    }
