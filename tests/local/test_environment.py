from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from local import environment


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a lock and no environment yet, where nothing is really made or installed."""
    monkeypatch.setattr(environment, "LOCK", tmp_path / "requirements.lock")
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "STAMP", tmp_path / ".venv" / "installed")
    environment.LOCK.write_text("uv==1 \\\n    --hash=sha256:aa\nvine==2 \\\n    --hash=sha256:bb\n    # via celery\n")
    return tmp_path


def test_lock_is_installed_once_and_again_when_it_changes(checkout: Path, monkeypatch: pytest.MonkeyPatch):
    done: list[str] = []
    monkeypatch.setattr(environment, "_make_venv", lambda: (checkout / ".venv").mkdir(exist_ok=True))
    monkeypatch.setattr(environment, "_install_lock", lambda: done.append(environment.LOCK.read_text()))

    environment.install()
    environment.install()
    environment.LOCK.write_text("vine==3\n")
    environment.install()

    assert len(done) == 2


def test_installer_comes_from_the_lock_with_its_hashes(checkout: Path):
    assert environment._stanza("uv") == "uv==1 \\\n    --hash=sha256:aa\n"
    assert environment._stanza("vine") == "vine==2 \\\n    --hash=sha256:bb\n    # via celery\n"
    with pytest.raises(environment.SetupFailed, match="does not name celery"):
        environment._stanza("celery")


def test_chromium_variable_that_names_nothing_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")

    with pytest.raises(environment.SetupFailed, match="CHROMIUM names /nowhere/chromium"):
        environment.browser()


def test_missing_package_without_rights_says_what_to_type(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(environment.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(environment, "_rights", lambda: None)

    with pytest.raises(
        environment.SetupFailed, match="sudo apt-get install --yes --no-install-recommends python3-venv"
    ):
        environment._install_package("python3-venv", otherwise="Install it.")


def test_script_runs_with_the_standard_library_alone():
    run = subprocess.run(
        ["/usr/bin/env", "-i", f"PATH={os.environ['PATH']}", "python3", "-I", "-S", environment.__file__, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stderr) == (0, "")
