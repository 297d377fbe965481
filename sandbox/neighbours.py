"""The sandbox hospitals that run beside the person's site on this machine, and giving them orders.

``make demo`` keeps each under ``VAR_DIR/hospitals/<slug>/`` with its configuration in ``<slug>.env``.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One hospital: ``address`` is its FHIR base, ``place`` its directory of what is made at run time."""

    slug: str
    name: str
    address: str
    file: Path

    @property
    def place(self) -> Path:
        return self.file.parent


def everyone() -> list[Neighbour]:
    """All of them, by slug."""
    return [_read(file) for file in sorted((settings.VAR_DIR / "hospitals").glob("*/*.env"))]


def find(name: str) -> Neighbour:
    """By name or slug, whatever the case. Raises CommandError that names those there are."""
    known = everyone()
    for one in known:
        if name.casefold() in {one.name.casefold(), one.slug.casefold()}:
            return one
    names = ", ".join(one.name for one in known) or "none: start them with `make demo`"
    raise CommandError(f"no sandbox hospital is called {name!r} here; there are: {names}")


def run(neighbour: Neighbour, *arguments: str) -> None:
    """``manage.py`` at that hospital: its settings, its database. Raises CommandError if it fails."""
    environment = {"ENV_FILE": str(neighbour.file), "VAR_DIR": str(neighbour.place), "PYTHONUTF8": "1"}
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
    done = subprocess.run(command, env=environment, cwd=settings.BASE_DIR, check=False)  # noqa: S603 - our own program
    if done.returncode:
        raise CommandError(f"{arguments[0]} failed at {neighbour.name}")


def check_here(name: str) -> None:
    """Raises CommandError unless this site is the hospital of that name."""
    slug = settings.VAR_DIR.name
    if name.casefold() not in {settings.SITE_NAME.casefold(), slug.casefold()}:
        raise CommandError(f"this is {settings.SITE_NAME}, not {name}")


def _read(file: Path) -> Neighbour:
    values = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    return Neighbour(file.stem, values["SITE_NAME"], f"{values['PUBLIC_URL'].rstrip('/')}/fhir/r4", file)
