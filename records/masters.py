"""Who holds the master keys: files in a directory, or AWS KMS. Each wraps new data keys and opens what it wrapped.

The id that stands beside a wrapped key says who wrapped it: ``master-<n>`` a file, ``kms:<key>`` KMS. So a site that
moves from one to the other opens both until ``rotate_master_key`` has wrapped everything anew.
"""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from django.conf import settings

KEY_BYTES: Final = 32
KMS: Final = "kms:"
# Bound into what KMS wraps: a policy can demand it, and a wrapped key of another use does not open here.
_CONTEXT: Final = {"purpose": "tributary data key"}


class KeyUnavailable(Exception):
    """The key that would open this is gone (erased, or its master key is not here); the message holds ids only."""


class KeyProvider(Protocol):
    """Who holds the master keys."""

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
        found = self._found()
        return (found[-1] if found else self._make("master-0001")).stem

    def wrap(self, key: bytes) -> bytes:
        return aes_key_wrap(self._read(self.current()), key)

    def unwrap(self, wrapped: bytes, *, master_key_id: str) -> bytes:
        try:
            return aes_key_unwrap(self._read(master_key_id), wrapped)
        except InvalidUnwrap as error:
            raise KeyUnavailable(f"{master_key_id} does not open this key") from error

    def make_next(self) -> str:
        """A new master key, which wraps from now on; its id."""
        number = int(self.current().removeprefix("master-")) + 1
        return self._make(f"master-{number:04}").stem

    def _found(self) -> list[Path]:
        return sorted(self._directory.glob("master-*.key"))

    def _read(self, master_key_id: str) -> bytes:
        path = self._directory / f"{master_key_id}.key"
        try:
            return path.read_bytes()
        except OSError as error:
            raise KeyUnavailable(f"{master_key_id} is not in the directory of master keys") from error

    def _make(self, name: str) -> Path:
        """Two processes may race: ``link`` lets exactly one of them win."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = self._directory / f".new-{secrets.token_hex(8)}"
        made.touch(mode=0o600)
        made.write_bytes(secrets.token_bytes(KEY_BYTES))
        path = self._directory / f"{name}.key"
        try:
            path.hardlink_to(made)
        except FileExistsError:
            pass
        finally:
            made.unlink()
        return path


class KmsKeyProvider:
    """One key of AWS KMS, which never leaves it: data keys go there to be wrapped and opened (Encrypt, Decrypt).

    KMS keeps every backing key of its own yearly rotation, so that is no rotation of ours; another ``KMS_KEY_ID`` is.
    """

    def __init__(self, key_id: str) -> None:
        self._key_id = key_id

    def current(self) -> str:
        return KMS + self._key_id

    def wrap(self, key: bytes) -> bytes:
        answer = self._ask("encrypt", KeyId=self._key_id, Plaintext=key)
        return bytes(answer["CiphertextBlob"])

    def unwrap(self, wrapped: bytes, *, master_key_id: str) -> bytes:
        key_id = master_key_id.removeprefix(KMS)
        return bytes(self._ask("decrypt", KeyId=key_id, CiphertextBlob=wrapped)["Plaintext"])

    def _ask(self, operation: str, **values: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(_kms(), operation)(EncryptionContext=_CONTEXT, **values)
        except (BotoCoreError, ClientError) as error:
            raise KeyUnavailable(f"KMS: {operation} failed: {type(error).__name__}") from error
        return answer


@cache
def _kms() -> Any:
    """The client; botocore finds region and credentials as every AWS program does (role, environment, profile)."""
    from botocore.config import Config
    from botocore.session import Session

    patience = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "max_attempts": 3})
    return Session().create_client("kms", endpoint_url=settings.KMS_ENDPOINT or None, config=patience)


class EitherProvider:
    """Wraps with what the settings say, opens what either has wrapped."""

    def __init__(self, files: FileKeyProvider, kms: KmsKeyProvider | None) -> None:
        self._files, self._kms = files, kms

    def current(self) -> str:
        return (self._kms or self._files).current()

    def wrap(self, key: bytes) -> bytes:
        return (self._kms or self._files).wrap(key)

    def unwrap(self, wrapped: bytes, *, master_key_id: str) -> bytes:
        if not master_key_id.startswith(KMS):
            return self._files.unwrap(wrapped, master_key_id=master_key_id)
        kms = self._kms or KmsKeyProvider(master_key_id.removeprefix(KMS))
        return kms.unwrap(wrapped, master_key_id=master_key_id)

    def make_next(self) -> str:
        """A new master key where it is a file; KMS makes its own."""
        return self.current() if self._kms else self._files.make_next()


@cache
def provider() -> EitherProvider:
    kms = KmsKeyProvider(settings.KMS_KEY_ID) if settings.KMS_KEY_ID else None
    return EitherProvider(FileKeyProvider(settings.KEYS_DIR), kms)
