"""Directories of the embedded servers: private ones, and short ones for sockets.

A Unix socket's path has room for 104 bytes on macOS and 108 on Linux, which a deep checkout soon exceeds.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOCKET_PATH_BYTES = 100


class PlaceRefused(Exception):
    """A directory that should be ours alone belongs to somebody else."""


def make_private(path: Path) -> Path:
    """Make the directory, readable by nobody but us; one that exists is narrowed to that."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that only we can read; whoever reads it meanwhile sees all of it or what was there before."""
    draft = path.with_name(f"{path.name}.draft")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


def socket_directory(directory: Path, *, longest_name: str, owner: int) -> Path:
    """Where the server of ``directory`` puts its socket: inside it, or in a short temporary place that is always
    the same for that directory, when the path would be too long or its owner (a uid) is not us, who may pass.
    """
    inside = directory / "socket"
    if owner == os.geteuid() and len(os.fsencode(inside / longest_name)) <= SOCKET_PATH_BYTES:
        return make_private(inside)
    return temporary(f"tributary-{_fingerprint(directory)}", owner=owner, longest_name=longest_name)


def release_socket_directory(directory: Path, socket: Path) -> None:
    """Remove the short place outside ``directory`` once its server has ended, if nothing is left in it."""
    if not socket.is_relative_to(directory):
        with contextlib.suppress(OSError):
            socket.rmdir()


def temporary(name: str, *, owner: int, longest_name: str = "") -> Path:
    """A private directory under the temporary one, handed to ``owner``; raises PlaceRefused if it is another's."""
    parent = Path(tempfile.gettempdir())
    if len(os.fsencode(parent / name / longest_name)) > SOCKET_PATH_BYTES:
        parent = Path("/tmp")  # noqa: S108 - owner and kind of what we make there are checked below
    path = parent / name
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), owner}:
        raise PlaceRefused(f"{path} is not a directory of ours: remove it, or set TMPDIR to a place of your own")
    if found.st_uid != owner:
        os.chown(path, owner, -1)
    path.chmod(0o700)
    return path


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """One process at a time starts or stops the server of ``directory``."""
    make_private(directory)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fingerprint(directory: Path) -> str:
    return hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:12]
