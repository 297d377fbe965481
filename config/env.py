"""The one reader of the environment: every reader returns a typed value or stops the start-up naming the variable.

A value may also stand in a file named by ``NAME_FILE`` (for secrets), or in the file named by ``ENV_FILE`` (lines
``NAME=value``), which the local runner writes so that ``manage.py`` finds the servers that ``make demo`` started.
"""

from __future__ import annotations

import os
from datetime import timedelta
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Misconfigured(SystemExit):
    """A variable of the environment is missing or nonsense; the message names it."""


@cache
def _file_values() -> dict[str, str]:
    path = Path(os.environ.get("ENV_FILE") or var_dir() / "person.env")
    if not path.is_file():
        return {}
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def var_dir() -> Path:
    """The directory of everything that is made at run time (``VAR_DIR``, default ``var/``)."""
    return Path(os.environ.get("VAR_DIR") or ROOT / "var").resolve()


def _raw(name: str) -> str | None:
    value = os.environ.get(name)
    if value is None and (path := os.environ.get(f"{name}_FILE") or _file_values().get(f"{name}_FILE")):
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise Misconfigured(f"{name}_FILE: cannot read {path}: {error.strerror}") from error
    return _file_values().get(name) if value is None else value


def read_text(name: str, default: str | None = None) -> str:
    """The text of ``name``; without a default an unset or empty variable stops the start-up."""
    value = _raw(name)
    if value:
        return value
    if default is None:
        raise Misconfigured(f"{name} is not set: see docs/configuration.md")
    return default


def read_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    value = read_text(name, default)
    if value not in choices:
        raise Misconfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def read_flag(name: str, default: bool = False) -> bool:
    value = (_raw(name) or ("yes" if default else "no")).lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise Misconfigured(f"{name} must be yes or no, not {value!r}")


def read_number(name: str, default: int, *, low: int = 0, high: int = 2**31) -> int:
    value = read_text(name, str(default))
    if not value.lstrip("-").isdigit() or not low <= int(value) <= high:
        raise Misconfigured(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return int(value)


def read_seconds(name: str, default: int) -> timedelta:
    return timedelta(seconds=read_number(name, default))


def read_list(name: str, default: str = "") -> list[str]:
    """Comma-separated values, blanks dropped."""
    return [part.strip() for part in read_text(name, default).split(",") if part.strip()]


def read_path(name: str, default: Path) -> Path:
    return Path(read_text(name, str(default))).expanduser().resolve()
