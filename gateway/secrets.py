"""Client secrets: made here, shown once, kept as a salted SHA-256.

A secret is 128 random characters, so a slow hash would protect nothing and cost 190 ms of every token request. People's
passwords keep their slow hash.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from django.contrib.auth.hashers import BasePasswordHasher, identify_hasher, mask_hash
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_noop

SECRET_BYTES = 96


def make() -> str:
    """A fresh client secret of 128 characters, none of which changes when form-encoded (RFC 6749 2.3.1)."""
    return secrets.token_urlsafe(SECRET_BYTES)


def matches(presented: str, stored: str) -> bool:
    """Whether the presented secret is the stored one. A blank on either side never matches."""
    if not presented or not stored:
        return False
    try:
        hasher = identify_hasher(stored)
    except ValueError:  # not a hash of ours: an unusable or unhashed value opens nothing
        return False
    return bool(hasher.verify(presented, stored))


class ClientSecretHasher(BasePasswordHasher):
    """``sha256_secret$<salt>$<hex digest>``, for secrets of full entropy only."""

    algorithm = "sha256_secret"

    def encode(self, password: str, salt: str) -> str:
        if not salt or "$" in salt:
            raise ValueError("a salt without $ is needed")
        digest = hashlib.sha256(f"{salt}{password}".encode()).hexdigest()
        return f"{self.algorithm}${salt}${digest}"

    def decode(self, encoded: str) -> dict[str, str]:
        algorithm, salt, digest = encoded.split("$", 2)
        return {"algorithm": algorithm, "salt": salt, "hash": digest}

    def verify(self, password: str, encoded: str) -> bool:
        return constant_time_compare(encoded, self.encode(password, self.decode(encoded)["salt"]))

    def safe_summary(self, encoded: str) -> dict[Any, Any]:
        decoded = self.decode(encoded)
        return {
            gettext_noop("algorithm"): decoded["algorithm"],
            gettext_noop("salt"): mask_hash(decoded["salt"], show=2),
            gettext_noop("hash"): mask_hash(decoded["hash"]),
        }

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Nothing to even out: one digest costs the same for every secret."""
