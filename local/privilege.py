"""Whom a server runs as when we are root: PostgreSQL refuses to be root, and rightly.

First choice is a user namespace in which root appears as ``nobody``: the server loses every capability, and its files
keep their owner, so that any path will do. Where containers forbid namespaces, the server becomes ``nobody`` itself.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """``prefix`` goes before the command; ``user`` and ``group`` are switched to first, None keeps ours."""

    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None

    @property
    def owner(self) -> int:
        """The uid that files of this identity have, seen from outside."""
        return os.geteuid() if self.user is None else self.user

    def run(self, argv: list[str | Path], *, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end as this identity; its output is kept, its failure is the caller's to judge."""
        return subprocess.run(  # noqa: S603 - argv comes from this room
            [*self.prefix, *(str(part) for part in argv)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            user=self.user,
            group=self.group,
            extra_groups=None if self.user is None else [],
        )

    def may_execute(self, path: Path) -> bool:
        """Whether every directory on the way lets this identity through."""
        return self.run(["test", "-x", path], cwd=Path("/")).returncode == 0

    def own(self, path: Path) -> None:
        """Give ``path`` and all below to this identity, for data that ran as someone else before."""
        if path.lstat().st_uid == self.owner:
            return
        group = os.getegid() if self.group is None else self.group
        for name in (path, *path.rglob("*")):
            os.chown(name, self.owner, group, follow_symlinks=False)


def unprivileged() -> Identity:
    """Ourselves, unless we are root."""
    if os.geteuid() != 0:
        return Identity()
    return _namespaced() or _nobody()


def _namespaced() -> Identity | None:
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    identity = Identity(prefix=(unshare, "--user", f"--map-user={pwd.getpwnam('nobody').pw_uid}"))
    return identity if identity.run(["true"]).returncode == 0 else None


def _nobody() -> Identity:
    account = pwd.getpwnam("nobody")
    return Identity(user=account.pw_uid, group=account.pw_gid)
