"""Makes the environment on a fresh machine: ``.venv`` from the lock, and a Chromium for the page tests.

Runs under the system's own Python before anything is installed, so it uses the standard library only, imports nothing
of ours, and keeps to what Python 3.9 reads (macOS ships that), if only to say which Python is wanted.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "installed"
OLDEST = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_BROWSERS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


class SetupFailed(SystemExit):
    """Something has to be done by hand; the message says exactly what."""


def install() -> None:
    """Bring ``.venv`` to what the lock says; nothing to do if it is there already."""
    wanted = _fingerprint()
    if STAMP.is_file() and STAMP.read_text() == wanted:
        return
    _make_venv()
    _install_lock()
    STAMP.write_text(wanted)


def browser() -> Path:
    """The Chromium of the page tests: ``CHROMIUM``, one on this machine, or one installed now."""
    given = os.environ.get("CHROMIUM")
    if given:
        if not os.access(given, os.X_OK):
            raise SetupFailed(f"CHROMIUM names {given}, which cannot be run")
        return Path(given)
    found = find_browser()
    if found is None:
        print("Installing Chromium for the page tests …", flush=True)
        _install_package(
            "chromium", otherwise="Install Chromium (macOS: `brew install --cask chromium`), or set CHROMIUM."
        )
        found = find_browser()
    if found is None:
        raise SetupFailed("Chromium was installed but is not on PATH: set CHROMIUM to its path")
    return found


def gettext() -> None:
    """The programs that gather and compile the texts to translate."""
    if shutil.which("xgettext") is None:
        _install_package("gettext", otherwise="Install gettext (macOS: `brew install gettext`).")


def find_browser() -> Path | None:
    """A Chromium or Chrome that is on this machine."""
    candidates = [shutil.which(name) for name in BROWSERS] + [path for path in MAC_BROWSERS if os.access(path, os.X_OK)]
    return next((Path(path) for path in candidates if path), None)


def _fingerprint() -> str:
    """Changes when the lock does, or when the checkout moves (a venv holds absolute paths)."""
    return hashlib.sha256(LOCK.read_bytes() + os.fsencode(VENV)).hexdigest()


def _make_venv() -> None:
    """A venv with pip in it; one that lacks either, moved or half made, is made again."""
    python = VENV / "bin" / "python"
    if python.exists() and _succeeds([str(python), "-m", "pip", "--version"]) and _is_here():
        return
    interpreter = _interpreter()
    if not _succeeds([interpreter, "-c", "import ensurepip, venv"]):
        _install_package("python3-venv", otherwise="Install the venv module of your Python 3.11 or newer.")
    shutil.rmtree(VENV, ignore_errors=True)
    print(f"Making {VENV.name} …", flush=True)
    _run([interpreter, "-m", "venv", str(VENV)])


def _is_here() -> bool:
    """Whether the venv was made at this path: its scripts name the place they were made for."""
    scripts = VENV / "bin" / "activate"
    return scripts.is_file() and str(VENV) in scripts.read_text(errors="replace")


def _interpreter() -> str:
    for name in (sys.executable, *NEWER):
        path = shutil.which(name)
        if path and _succeeds([path, "-c", f"import sys; sys.exit(sys.version_info < {OLDEST})"]):
            return path
    raise SetupFailed(
        "Python 3.11 or newer is needed: Debian 12 and later have it (`apt-get install python3 python3-venv`), "
        "macOS gets it by `brew install python@3.12`."
    )


def _install_lock() -> None:
    """Everything in the lock, each file checked against its hash; uv does in seconds what takes pip half a minute."""
    python = str(VENV / "bin" / "python")
    print("Installing what requirements.lock names …", flush=True)
    pip = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--requirement",
    ]
    uv_alone = VENV / "uv.lock"
    uv_alone.write_text(_stanza("uv"))
    if _succeeds([*pip, str(uv_alone)]):
        # The system's certificates, which pip uses too: a company's proxy is in those and not among uv's own.
        # Compiled now, once: every process of the demo starts three times as fast, also where Python may write nothing.
        uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--system-certs", "--compile-bytecode"]
        if _succeeds([*uv, "--python", python, "--require-hashes", "--requirement", str(LOCK)]):
            return
        print("uv could not install it; trying pip …", flush=True)
    _run([*pip, str(LOCK)])


def _stanza(package: str) -> str:
    """The lines of one package in the lock, with its hashes."""
    found = re.search(rf"^{re.escape(package)}==.*?(?=^\S|\Z)", LOCK.read_text(), flags=re.MULTILINE | re.DOTALL)
    if found is None:
        raise SetupFailed(f"{LOCK.name} does not name {package}")
    return found.group(0)


def _install_package(name: str, *, otherwise: str) -> None:
    """Install one Debian package where we may; raises SetupFailed with what to type where we may not."""
    command = ["apt-get", "install", "--yes", "--no-install-recommends", name]
    if shutil.which("apt-get") is None:
        raise SetupFailed(otherwise)
    rights = _rights()
    if rights is None:
        raise SetupFailed(f"Run this once, then again what you ran: sudo {' '.join(command)}")
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    subprocess.run([*rights, "apt-get", "update", "--quiet"], env=quiet, check=False, stdout=subprocess.DEVNULL)
    if (
        subprocess.run([*rights, *command, "--quiet"], env=quiet, check=False, stdout=subprocess.DEVNULL).returncode
        != 0
    ):
        raise SetupFailed(f"`{' '.join(command)}` failed; see above. {otherwise}")


def _rights() -> list[str] | None:
    """What goes before a command to run it as root; None where that would need a password."""
    if os.geteuid() == 0:
        return []
    return ["sudo", "-n"] if shutil.which("sudo") and _succeeds(["sudo", "-n", "true"]) else None


def _succeeds(argv: list[str]) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def _run(argv: list[str]) -> None:
    if subprocess.run(argv, check=False).returncode != 0:
        raise SetupFailed(f"`{' '.join(argv)}` failed; see above")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--browser", action="store_true", help="find or install Chromium as well")
    parser.add_argument("--gettext", action="store_true", help="find or install the translators' programs as well")
    options = parser.parse_args()
    install()
    if options.gettext:
        gettext()
    if options.browser:
        browser()
