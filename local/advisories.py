"""``make audit``: whether anything that requirements.lock names has a known weakness.

Asked of OSV (https://osv.dev) by pip-audit, which is fetched for it; or, without any network, of OSV's own list for
PyPI (``ADVISORIES=all.zip``, https://google.github.io/osv.dev/data/). Where neither can be had it says so and is no
failure: the lock pins every file by its hash, and a list that ages in the tree would only look like an answer.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from local import options

HOST: Final = "api.osv.dev"
TOOL: Final = "pip-audit==2.10.1"
_PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", flags=re.MULTILINE)


def audit(lock: Path, advisories: Path | None) -> int:
    """The status to leave with: 1 for a known weakness, 0 for none and where nobody could be asked."""
    if advisories is not None:
        found = list(known(pinned(lock.read_text()), advisories))
        print("\n".join(found) or f"Nothing in {lock.name} is in {advisories.name}.")
        return bool(found)
    obstacle = unreachable()
    if obstacle:
        print(f"Skipped: {HOST} cannot be asked about {lock.name} ({obstacle}). ADVISORIES=all.zip needs no network.")
        return 0
    return _ask(lock)


def pinned(lock: str) -> dict[str, str]:
    """Version by name, as PyPI spells names."""
    return {_normal(name): version for name, version in _PINNED.findall(lock)}


def known(held: Mapping[str, str], advisories: Path) -> Iterator[str]:
    """A line for each advisory of the list that names a version we hold."""
    with zipfile.ZipFile(advisories) as archive:
        for name in sorted(archive.namelist()):
            advisory = json.loads(archive.read(name))
            if "withdrawn" not in advisory:
                yield from (f"{package}: {_words(advisory)}" for package in _affected(advisory, held))


def unreachable() -> str:
    """Why OSV cannot be asked; empty where it can."""
    try:
        socket.create_connection((HOST, 443), timeout=5).close()
    except OSError as error:
        return str(error)
    return ""


def _affected(advisory: dict[str, Any], held: Mapping[str, str]) -> set[str]:
    """As ``name version``. OSV lists every affected version of a package of PyPI by itself."""
    return {
        f"{name} {held[name]}"
        for one in advisory.get("affected", [])
        if one["package"]["ecosystem"] == "PyPI"
        and (name := _normal(one["package"]["name"])) in held
        and held[name] in one.get("versions", [])
    }


def _words(advisory: dict[str, Any]) -> str:
    return " ".join((advisory["id"], advisory.get("summary", "")))[:200].strip()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _ask(lock: Path) -> int:
    uv = [str(Path(sys.executable).with_name("uv")), "tool", "run", "--quiet", "--system-certs"]
    fetched = subprocess.run([*uv, TOOL, "--version"], capture_output=True, check=False)
    if fetched.returncode != 0:
        print(f"Skipped: {TOOL} could not be fetched.")
        return 0
    asked = ["--requirement", str(lock), "--disable-pip", "--vulnerability-service", "osv", "--timeout", "10"]
    return subprocess.run([*uv, TOOL, *asked], check=False).returncode


if __name__ == "__main__":
    sys.exit(audit(options.ROOT / "requirements.lock", Path(sys.argv[1]) if sys.argv[1:] else None))
