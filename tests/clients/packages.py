"""The npm packages of ``package.json``, as the lock names them: installed once under ``var/``, by their hashes."""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from local import options

HERE = Path(__file__).parent
# What npm says when it cannot reach a registry, as on a machine without a network.
OUT_OF_REACH = re.compile(r"EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH")
COMMAND = ("npm", "ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def ensure() -> Path:
    """The ``node_modules`` that holds them. Skips the test where there is no Node, or no network to fetch them by."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node with npm (Debian: nodejs and npm) is not on this machine")
    lock = HERE / "package-lock.json"
    # Beside the runs of VAR_DIR, which tests.servers empties: kept from one run to the next.
    place = options.var_dir().parent / "npm" / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        if not (place / "installed").exists():
            _install(place)
    return place / "node_modules"


def _install(place: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, place)
    done = subprocess.run(COMMAND, cwd=place, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode and OUT_OF_REACH.search(done.stderr):
        pytest.skip("no npm registry can be reached from this machine")
    assert done.returncode == 0, done.stderr
    (place / "installed").touch()
