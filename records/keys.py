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
from typing import Final, Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from django.conf import settings
from django.db import transaction

from records.models import DestroyedKey, OwnerKey

KEY_BYTES: Final = 32
# How long a process may go on using a key that was destroyed elsewhere.
REMEMBERED_SECONDS: Final = 30
REMEMBERED_KEYS: Final = 4096


class KeyUnavailable(Exception):
    """The key that would open this is gone (erased, or its master key is not here); the message holds ids only."""


class KeyProvider(Protocol):
    """Who holds the master keys. A cloud KMS is another class with these three."""

    def current(self) -> str:
        """The id of the master key that wraps new data keys."""

    def wrap(self, key: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, *, master_key_id: str) -> bytes:
        """Raises KeyUnavailable."""


class FileKeyProvider:
    """Master keys as files ``master-<id>.key`` of 32 bytes in one directory; the newest name wraps."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def current(self) -> str:
        found = sorted(self._directory.glob("master-*.key"))
        return (found[-1] if found else self._make()).stem

    def wrap(self, key: bytes) -> bytes:
        return aes_key_wrap(self._read(self.current()), key)

    def unwrap(self, wrapped: bytes, *, master_key_id: str) -> bytes:
        try:
            return aes_key_unwrap(self._read(master_key_id), wrapped)
        except InvalidUnwrap as error:
            raise KeyUnavailable(f"{master_key_id} does not open this key") from error

    def _read(self, master_key_id: str) -> bytes:
        path = self._directory / f"{master_key_id}.key"
        try:
            return path.read_bytes()
        except OSError as error:
            raise KeyUnavailable(f"{master_key_id} is not in the directory of master keys") from error

    def _make(self) -> Path:
        """The first master key. Two processes may race: ``link`` lets exactly one of them win."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = self._directory / f".new-{secrets.token_hex(8)}"
        made.touch(mode=0o600)
        made.write_bytes(secrets.token_bytes(KEY_BYTES))
        first = self._directory / "master-0001.key"
        try:
            first.hardlink_to(made)
        except FileExistsError:
            pass
        finally:
            made.unlink()
        return first


@cache
def provider() -> KeyProvider:
    return FileKeyProvider(settings.KEYS_DIR)


@dataclass(frozen=True, slots=True)
class OwnerKeys:
    """What is derived from one data key: the cipher of bodies and secrets, and the key of blind search values."""

    cipher: AESGCM
    blind: bytes

    @classmethod
    def derived(cls, data_key: bytes) -> OwnerKeys:
        return cls(AESGCM(_derive(data_key, b"body")), _derive(data_key, b"search"))


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
    path = settings.KEYS_DIR / "site.key"
    wrapping = provider()
    try:
        master_key_id, _, wrapped = path.read_text().strip().partition(" ")
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = path.with_name(f".new-{secrets.token_hex(8)}")
        made.touch(mode=0o600)
        made.write_text(f"{wrapping.current()} {wrapping.wrap(secrets.token_bytes(KEY_BYTES)).hex()}")
        try:
            path.hardlink_to(made)
        except FileExistsError:
            pass
        finally:
            made.unlink()
        master_key_id, _, wrapped = path.read_text().strip().partition(" ")
    return AESGCM(wrapping.unwrap(bytes.fromhex(wrapped), master_key_id=master_key_id))
