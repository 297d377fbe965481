"""SMART Health Links: what a link says and the files it leads to, written and read (links-specification)."""

from __future__ import annotations

import base64
import binascii
import os
import re
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from standards.fhir import json

FILE_BYTES_MAX: Final = 40_000_000
_LINK: Final = re.compile(r"(?:https://[^\s#]+#)?shlink:/([A-Za-z0-9_-]+)=*")
URL_MAX: Final = 128
LABEL_MAX: Final = 80
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16


class Malformed(ValueError):
    """No link, or no file of one, that could be read."""


@dataclass(frozen=True, slots=True)
class Link:
    """``flag``: L long-term, P passcode, U a single file without a manifest. ``expires``: epoch seconds, or None.

    ``key`` opens every file: it is as secret as what they hold.
    """

    url: str
    key: bytes
    flag: str
    expires: float | None

    @property
    def is_direct(self) -> bool:
        return "U" in self.flag

    @property
    def wants_passcode(self) -> bool:
        return "P" in self.flag

    def is_over(self, at: datetime) -> bool:
        return self.expires is not None and self.expires <= at.timestamp()


def parse(text: str) -> Link:
    """Raises Malformed."""
    found = _LINK.fullmatch(text.strip())
    if found is None:
        raise Malformed("no link")
    try:
        said = json.loads(_decoded(found[1]))
    except (json.MalformedJSON, binascii.Error) as error:
        raise Malformed("no link that could be read") from error
    if not isinstance(said, dict) or not isinstance(said.get("url"), str) or not isinstance(said.get("key"), str):
        raise Malformed("a link without address or key")
    if said.get("v", 1) != 1:
        raise Malformed("a link of another version")
    key = _bytes(said["key"])
    flag, expires = said.get("flag", ""), said.get("exp")
    if len(key) != _KEY_BYTES or not isinstance(flag, str):
        raise Malformed("a key of another length")
    ends = float(expires) if expires is not None and not isinstance(expires, (bool, str, list, dict)) else None
    return Link(said["url"], key, flag, ends)


def opened(jwe: str, key: bytes) -> tuple[str, bytes]:
    """Content type and bytes of a file: a compact JWE, ``dir`` and A256GCM, perhaps deflated. Raises Malformed."""
    parts = jwe.strip().split(".")
    if len(parts) != 5 or parts[1]:
        raise Malformed("no file of a link")
    try:
        header = json.loads(_decoded(parts[0]))
        nonce, sealed, tag = (_decoded(part) for part in parts[2:])
        data = AESGCM(key).decrypt(nonce, sealed + tag, parts[0].encode())
    except (json.MalformedJSON, binascii.Error, InvalidTag, ValueError) as error:
        raise Malformed("the key does not open it") from error
    if not isinstance(header, dict) or (header.get("alg"), header.get("enc")) != ("dir", "A256GCM"):
        raise Malformed("sealed in another way")
    kind = header.get("cty")
    return (kind if isinstance(kind, str) else ""), _inflated(data) if header.get("zip") == "DEF" else data


def written(url: str, key: bytes, *, flag: str = "", label: str = "", expires: int | None = None) -> str:
    """The text of a link. ``flag``: letters in the order of the alphabet; ``expires``: epoch seconds, a hint."""
    said = {"url": url, "key": _text(key), "exp": expires, "flag": flag, "label": label[:LABEL_MAX]}
    return "shlink:/" + _text(json.dumps({name: value for name, value in said.items() if value}))


def sealed(data: bytes, key: bytes, *, content_type: str) -> str:
    """A file of a link: a compact JWE, ``dir`` and A256GCM, deflated, with an initialization vector of its own."""
    head = _text(json.dumps({"alg": "dir", "enc": "A256GCM", "cty": content_type, "zip": "DEF"}))
    engine = zlib.compressobj(wbits=-15)
    nonce = os.urandom(_NONCE_BYTES)
    closed = AESGCM(key).encrypt(nonce, engine.compress(data) + engine.flush(), head.encode())
    return f"{head}..{_text(nonce)}.{_text(closed[:-_TAG_BYTES])}.{_text(closed[-_TAG_BYTES:])}"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _inflated(packed: bytes) -> bytes:
    engine = zlib.decompressobj(wbits=-15)
    try:
        data = engine.decompress(packed, FILE_BYTES_MAX)
    except zlib.error as error:
        raise Malformed("damaged") from error
    if not engine.eof:
        raise Malformed("larger than a file may be, or cut off")
    return data


def _bytes(text: str) -> bytes:
    try:
        return _decoded(text)
    except ValueError as error:
        raise Malformed("no base64url") from error


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
