"""Files that one process of the sandbox leaves for another: logins, client credentials. Readable by us alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write(path: Path, value: Any) -> None:
    """Replace the file in one step, so that a reader sees the old or the new one, mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - the mode must be right from the start
        json.dump(value, file, indent=2, ensure_ascii=False)
    draft.replace(path)


def read(path: Path) -> Any:
    """What was left, or None if nothing was or it cannot be read as JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
