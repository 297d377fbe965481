"""Known weaknesses of what we stand on: found in OSV's list without a network, and honest where nobody can be asked."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local import advisories, options

LOCK = 'Some_Package==1.2.0 \\\n    --hash=sha256:00\nother==3.0 ; python_version < "3.12"\\\n    --hash=sha256:11\n'


@pytest.fixture
def lock(tmp_path) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text(LOCK)
    return path


def listed(place: Path, **changes: Any) -> Path:
    """A list with one advisory in it."""
    affected = {"package": {"name": "some.package", "ecosystem": "PyPI"}, "versions": ["1.1.0", "1.2.0"]}
    advisory = {"id": "PYSEC-1", "summary": "Lets everybody in", "affected": [affected]} | changes
    with zipfile.ZipFile(place / "all.zip", "w") as archive:
        archive.writestr("PYSEC-1.json", json.dumps(advisory))
    return place / "all.zip"


def test_a_version_on_the_list_is_named_and_fails(lock, tmp_path, capsys):
    assert advisories.audit(lock, listed(tmp_path)) == 1

    assert capsys.readouterr().out == "some-package 1.2.0: PYSEC-1 Lets everybody in\n"


@pytest.mark.parametrize(
    "changes",
    [
        {"withdrawn": "2026-01-01T00:00:00Z"},
        {"affected": [{"package": {"name": "some-package", "ecosystem": "PyPI"}, "versions": ["1.1.0"]}]},
        {"affected": [{"package": {"name": "some-package", "ecosystem": "npm"}, "versions": ["1.2.0"]}]},
        {"affected": [{"package": {"name": "another", "ecosystem": "PyPI"}, "versions": ["1.2.0"]}]},
    ],
)
def test_what_is_withdrawn_or_about_something_else_is_not_named(lock, tmp_path, changes):
    assert advisories.audit(lock, listed(tmp_path, **changes)) == 0


def test_without_a_network_it_says_so_and_fails_nothing(lock, monkeypatch, capsys):
    monkeypatch.setattr(advisories, "unreachable", lambda: "no network")

    assert advisories.audit(lock, None) == 0

    assert "Skipped: api.osv.dev cannot be asked about requirements.lock (no network)" in capsys.readouterr().out


def test_the_lock_itself_can_be_read():
    held = advisories.pinned((options.ROOT / "requirements.lock").read_text())

    assert len(held) > 80
    assert held["django"].startswith("5.2")
