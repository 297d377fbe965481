"""Passwords that were in breaches are refused, without asking anybody: a Bloom filter of the most frequent ones.

``breached.bin`` holds those of at least ten characters (shorter ones are refused anyway) among the million most
frequent of the ten million passwords that Mark Burnett put into the public domain in 2015
(``10_million_password_list_top_1M.txt`` of SecLists), without regard to case. ``manage.py build_breached`` made it.
A good password is taken for a breached one in fewer than 1 of 10,000 cases; a breached one in it is never missed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

FILE: Final = Path(__file__).with_name("breached.bin")
LEAST: Final = 10
"""Characters; what AUTH_PASSWORD_VALIDATORS asks for at least."""
HASHES: Final = 13
BITS_EACH: Final = 20


def build(passwords: Iterable[str]) -> bytes:
    """The filter of these passwords."""
    kept = {password.casefold() for password in passwords if len(password) >= LEAST}
    bits = bytearray(math.ceil(max(len(kept), 1) * BITS_EACH / 8))
    for password in kept:
        for place in _places(password, len(bits) * 8):
            bits[place >> 3] |= 1 << (place & 7)
    return bytes(bits)


def is_in(bits: bytes, password: str) -> bool:
    return all(bits[place >> 3] & 1 << (place & 7) for place in _places(password.casefold(), len(bits) * 8))


def is_breached(password: str) -> bool:
    return is_in(_shipped(), password)


class BreachedPasswordValidator:
    def validate(self, password: str, user: object | None = None) -> None:
        if is_breached(password):
            raise ValidationError(
                _("This password is in lists of stolen ones, which are tried first. Choose another."),
                code="password_breached",
            )

    def get_help_text(self) -> str:
        return _("Your password can’t be one that was stolen elsewhere.")


def _places(password: str, size: int) -> Iterator[int]:
    """Double hashing: ``HASHES`` places out of one digest."""
    digest = hashlib.sha256(password.encode("utf-8", "surrogatepass")).digest()
    first, step = int.from_bytes(digest[:8]), int.from_bytes(digest[8:16]) | 1
    return ((first + number * step) % size for number in range(HASHES))


@cache
def _shipped() -> bytes:
    return FILE.read_bytes()
