"""The environment as the local runner reads it: the few variables that choose its ports and places.

The product reads its own in ``config/env.py``, which this room may not import.
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class OptionRefused(SystemExit):
    """A variable is nonsense; the message names it."""


def var_dir() -> Path:
    """The directory of everything made at run time (``VAR_DIR``, default ``var/``)."""
    return Path(os.environ.get("VAR_DIR") or ROOT / "var").resolve()


def given(name: str) -> str | None:
    """The variable's text, or None if it is unset or empty."""
    return os.environ.get(name) or None


def flag(name: str) -> bool:
    value = (given(name) or "no").lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise OptionRefused(f"{name} must be yes or no, not {value!r}")


def ports(name: str) -> list[int]:
    """Comma-separated ports; empty if the variable is unset."""
    words = [word.strip() for word in (given(name) or "").split(",") if word.strip()]
    if not all(word.isdigit() and 0 < int(word) < 65536 for word in words):
        raise OptionRefused(f"{name} must hold ports from 1 to 65535, separated by commas")
    return [int(word) for word in words]


def surroundings() -> dict[str, str]:
    """The whole environment, to be handed on to a process with a few variables changed."""
    return dict(os.environ)
