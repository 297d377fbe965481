"""Envelope keys: each owner has a data key, wrapped by a master key that a KeyProvider holds (DESIGN D4).

Destroying the row of the wrapped key makes that person's record unreadable everywhere, backups included.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from django.conf import settings
from django.db import transaction

from records.masters import KEY_BYTES as KEY_BYTES
from records.masters import KeyProvider, provider
from records.masters import KeyUnavailable as KeyUnavailable
from records.models import DestroyedKey, OwnerKey

# How long a process may go on using a key that was destroyed elsewhere.
REMEMBERED_SECONDS: Final = 30
REMEMBERED_KEYS: Final = 4096


@dataclass(frozen=True, slots=True)
class OwnerKeys:
    """What is derived from one data key: the ciphers of bodies and secrets and of names, the key of blind search
    values, and what keys that she hands out are made of.
    """

    cipher: AESGCM
    blind: bytes
    names: AESSIV
    handed: bytes

    @classmethod
    def derived(cls, data_key: bytes) -> OwnerKeys:
        names, handed = AESSIV(_derive(data_key, b"names")), _derive(data_key, b"handed out")
        return cls(AESGCM(_derive(data_key, b"body")), _derive(data_key, b"search"), names, handed)

    def handed_out(self, purpose: str) -> bytes:
        """The key for this purpose, always the same: 32 bytes that are kept nowhere and may be given away."""
        return _derive(self.handed, purpose.encode())


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(SHA256(), KEY_BYTES, b"tributary " + purpose).derive(key)


_remembered: OrderedDict[int, tuple[float, OwnerKeys]] = OrderedDict()
_lock = Lock()


def ensure(owner_id: int) -> OwnerKeys:
    """The keys of this owner, made on first use."""
    try:
        return of(owner_id)
    except KeyUnavailable:
        if OwnerKey.unguarded.filter(owner_id=owner_id).exists() or is_destroyed(owner_id):
            raise
    wrapping = provider()
    OwnerKey.unguarded.bulk_create(
        [
            OwnerKey(
                owner_id=owner_id,
                wrapped=wrapping.wrap(secrets.token_bytes(KEY_BYTES)),
                master_key_id=wrapping.current(),
            )
        ],
        ignore_conflicts=True,  # somebody else was first: hers counts
    )
    return of(owner_id)


def of(owner_id: int) -> OwnerKeys:
    """The keys of this owner. Raises KeyUnavailable."""
    with _lock:
        known = _remembered.get(owner_id)
    if known and known[0] > time.monotonic():
        return known[1]
    row = OwnerKey.unguarded.filter(pk=owner_id).values_list("wrapped", "master_key_id").first()
    if row is None:
        forget(owner_id)
        raise KeyUnavailable(f"owner {owner_id} has no key")
    keys = OwnerKeys.derived(provider().unwrap(bytes(row[0]), master_key_id=row[1]))
    with _lock:
        _remembered[owner_id] = (time.monotonic() + REMEMBERED_SECONDS, keys)
        while len(_remembered) > REMEMBERED_KEYS:
            _remembered.popitem(last=False)
    return keys


@transaction.atomic
def destroy(owner_id: int, *, at: datetime) -> None:
    """Nothing of this owner can be opened any more, here or in a backup of the rows. Twice is as good as once.

    Another process may go on with the key it remembers for REMEMBERED_SECONDS.
    """
    DestroyedKey.unguarded.bulk_create([DestroyedKey(owner_id=owner_id, destroyed=at)], ignore_conflicts=True)
    OwnerKey.unguarded.filter(owner_id=owner_id).delete()
    forget(owner_id)


def is_destroyed(owner_id: int) -> bool:
    return DestroyedKey.unguarded.filter(owner_id=owner_id).exists()


def forget(owner_id: int) -> None:
    """Drops this owner's keys from the memory of this process."""
    with _lock:
        _remembered.pop(owner_id, None)


@cache
def site_cipher() -> AESGCM:
    """The cipher of secrets that belong to no person: hospitals' client secrets, signing keys."""
    path, wrapping = _site_path(), provider()
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = _written_beside(path, wrapping, secrets.token_bytes(KEY_BYTES))
        try:
            path.hardlink_to(made)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return AESGCM(_site_key(wrapping))


def site_master_key_id() -> str:
    """Which master key has wrapped the site's own; the current one where there is none yet."""
    path = _site_path()
    return path.read_text().partition(" ")[0] if path.exists() else provider().current()


def rewrap_site_key() -> None:
    """The site's own key wrapped by the current master key; the file is replaced in one step."""
    path, wrapping = _site_path(), provider()
    if path.exists() and site_master_key_id() != wrapping.current():
        _written_beside(path, wrapping, _site_key(wrapping)).replace(path)


def _site_path() -> Path:
    return Path(settings.KEYS_DIR) / "site.key"


def _site_key(wrapping: KeyProvider) -> bytes:
    master_key_id, _, wrapped = _site_path().read_text().strip().partition(" ")
    return wrapping.unwrap(bytes.fromhex(wrapped), master_key_id=master_key_id)


def _written_beside(path: Path, wrapping: KeyProvider, key: bytes) -> Path:
    made = path.with_name(f".new-{secrets.token_hex(8)}")
    made.touch(mode=0o600)
    made.write_text(f"{wrapping.current()} {wrapping.wrap(key).hex()}")
    return made
