"""Blind search values: a 64-bit BLAKE2b hash keyed per owner, so a stolen dump shows no code, name or note (D5)."""

from __future__ import annotations

from hashlib import blake2b


def value(key: bytes, text: str) -> int:
    """A signed 64-bit integer that stands for ``text`` in the rows of one owner."""
    return int.from_bytes(blake2b(text.encode(), key=key, digest_size=8).digest(), "big", signed=True)


def token(key: bytes, system: str | None, code: str) -> int:
    """The value of a token: ``system|code``, with an empty system where there is none."""
    return value(key, f"{system or ''}|{code}")
