"""Sealed bytes: compressed with a shipped dictionary, then AES-256-GCM under the owner's key (DESIGN D3).

A sealed body is ``format (1 byte) | nonce (12) | ciphertext and tag``. The format byte names the dictionary, so an old
body stays readable when a better dictionary ships. The associated data bind a body to its place: it cannot be moved to
another owner, type, id or version.
"""

from __future__ import annotations

import os
import threading
from functools import cache
from pathlib import Path
from typing import Final

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from records import keys

FORMAT: Final = 1
NONCE_BYTES: Final = 12
_HEAD: Final = 1 + NONCE_BYTES
LEVEL: Final = 3
# No body is larger: what a decompression may grow to.
BODY_BYTES_MAX: Final = 64 * 1024 * 1024

_DICTIONARIES: Final = {1: Path(__file__).parent / "dictionaries" / "fhir-1.zdict"}


class _Contexts(threading.local):
    """zstandard's contexts, a set for each thread: they are not to be shared."""

    def __init__(self) -> None:
        self.compressor: zstandard.ZstdCompressor | None = None
        self.decompressors: dict[int, zstandard.ZstdDecompressor] = {}


_contexts = _Contexts()


class Tampered(Exception):
    """A sealed value was altered or moved to another place; the message holds ids only."""


@cache
def _dictionary(number: int) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(_DICTIONARIES[number].read_bytes())


def _compressor() -> zstandard.ZstdCompressor:
    if _contexts.compressor is None:
        dictionary = zstandard.ZstdCompressionDict(_DICTIONARIES[FORMAT].read_bytes())
        dictionary.precompute_compress(level=LEVEL)
        _contexts.compressor = zstandard.ZstdCompressor(dict_data=dictionary, write_dict_id=False)
    return _contexts.compressor


def _decompressor(number: int) -> zstandard.ZstdDecompressor:
    """The one of this dictionary, made on first use."""
    made = zstandard.ZstdDecompressor(dict_data=_dictionary(number), max_window_size=BODY_BYTES_MAX)
    return _contexts.decompressors.setdefault(number, made)


def place(owner_id: int, resource_type: int, logical_id: str, version_id: int) -> bytes:
    """Where a body belongs, as associated data."""
    return f"{owner_id}|{resource_type}|{logical_id}|{version_id}".encode()


def seal(cipher: AESGCM, body: bytes, where: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return bytes((FORMAT,)) + nonce + cipher.encrypt(nonce, _compressor().compress(body), where)


def open_body(cipher: AESGCM, sealed: bytes, where: bytes) -> bytes:
    """Raises Tampered."""
    try:
        packed = cipher.decrypt(sealed[1:_HEAD], sealed[_HEAD:], where)
    except InvalidTag as error:
        raise Tampered(f"the body at {where.decode()} does not open") from error
    decompressor = _contexts.decompressors.get(sealed[0]) or _decompressor(sealed[0])
    return decompressor.decompress(packed, BODY_BYTES_MAX)


def seal_secret(owner_id: int, purpose: str, secret: bytes) -> bytes:
    """Seals a token, passcode or the like under the owner's key; ``purpose`` binds it to its use."""
    return _seal_plain(keys.ensure(owner_id).cipher, f"{owner_id}|{purpose}", secret)


def open_secret(owner_id: int, purpose: str, sealed: bytes) -> bytes:
    """Raises Tampered, keys.KeyUnavailable."""
    return _open_plain(keys.of(owner_id).cipher, f"{owner_id}|{purpose}", sealed)


def name(owner_id: int, purpose: str, number: int) -> str:
    """A number of the owner's as a logical id that tells neither it nor how many there are; always the same."""
    return keys.ensure(owner_id).names.encrypt(number.to_bytes(8, "big"), [purpose.encode()]).hex()


def number(owner_id: int, purpose: str, name: str) -> int | None:
    """What ``name`` was made of; None for what never was one."""
    try:
        sealed = bytes.fromhex(name)
        opened = keys.ensure(owner_id).names.decrypt(sealed, [purpose.encode()])
    except (InvalidTag, ValueError):
        return None
    return int.from_bytes(opened, "big") if sealed.hex() == name else None


def handed_out(owner_id: int, purpose: str) -> bytes:
    """A key of the owner's that she gives away: 32 bytes, made anew each time it is needed and kept nowhere.

    Nothing that is sealed here opens with it, and it ends with her own key. Raises keys.KeyUnavailable.
    """
    return keys.ensure(owner_id).handed_out(purpose)


def seal_site_secret(purpose: str, secret: bytes) -> bytes:
    return _seal_plain(keys.site_cipher(), f"site|{purpose}", secret)


def open_site_secret(purpose: str, sealed: bytes) -> bytes:
    """Raises Tampered."""
    return _open_plain(keys.site_cipher(), f"site|{purpose}", sealed)


def _seal_plain(cipher: AESGCM, where: str, secret: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, secret, where.encode())


def _open_plain(cipher: AESGCM, where: str, sealed: bytes) -> bytes:
    sealed = bytes(sealed)
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], where.encode())
    except InvalidTag as error:
        raise Tampered(f"the secret {where} does not open") from error
