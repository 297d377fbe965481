"""SMART Health Cards (spec.smarthealth.cards): the text of a QR code, the JWS in it, and whose signature it bears."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.registry import HeaderParameter

from standards.fhir import json

TYPE: Final = "https://smarthealth.cards#health-card"
IMMUNIZATION: Final = "https://smarthealth.cards#immunization"
SINGLE_CODE_MAX: Final = 1195
"""Characters of a card that fit into one QR code (version 22)."""
BY_RID: Final = "rid"
"""The one method of revocation that the specification names."""
PAYLOAD_BYTES_MAX: Final = 5_000_000
_ALGORITHM: Final = "ES256"
_NUMERIC: Final = re.compile(r"shc:/(?:(\d{1,3})/(\d{1,3})/)?(\d+)", re.IGNORECASE)
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_REVOKED_SINCE: Final = re.compile(r"[0-9]{1,15}")
_SMALLEST: Final = 45
"""The character that the pair ``00`` stands for is ``-``."""


class Malformed(ValueError):
    """No health card that could be taken apart."""


@dataclass(frozen=True, slots=True)
class Card:
    """``text``: the compact JWS. Nothing of it is to be trusted before ``is_signed``."""

    text: str
    header: Mapping[str, Any]
    payload: Mapping[str, Any]

    @property
    def issuer(self) -> str:
        said = self.payload.get("iss")
        return said if isinstance(said, str) else ""

    @property
    def kid(self) -> str:
        said = self.header.get("kid")
        return said if isinstance(said, str) else ""

    @property
    def bundle(self) -> Mapping[str, Any]:
        """The FHIR Bundle it vouches for. Raises Malformed."""
        credential = self.payload.get("vc")
        subject = credential.get("credentialSubject") if isinstance(credential, dict) else None
        bundle = subject.get("fhirBundle") if isinstance(subject, dict) else None
        kinds = credential.get("type") if isinstance(credential, dict) else None
        if not isinstance(bundle, dict) or not isinstance(kinds, list) or TYPE not in kinds:
            raise Malformed("no health card in it")
        return bundle

    @property
    def revocation_id(self) -> str:
        credential = self.payload.get("vc")
        said = credential.get("rid") if isinstance(credential, dict) else None
        return said if isinstance(said, str) else ""

    def is_valid_at(self, at: datetime) -> bool:
        """Whether it is no longer too early for it, and not yet too late."""
        begins, ends = _seconds(self.payload.get("nbf")), _seconds(self.payload.get("exp"))
        return (begins is None or begins <= at.timestamp()) and (ends is None or at.timestamp() < ends)


def _seconds(value: Any) -> float | None:
    """A NumericDate."""
    return float(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None


def cards(text: str) -> list[Card]:
    """The cards of a QR code's text (all its parts together), or of lines of JWS. Raises Malformed."""
    words = text.split()
    numeric = [_NUMERIC.fullmatch(word) for word in words]
    if words and all(numeric):
        return [card(each) for each in _joined([found for found in numeric if found])]
    if not words:
        raise Malformed("nothing in it")
    return [card(word) for word in words]


def _joined(found: list[re.Match[str]]) -> list[str]:
    """Codes of one part are cards of their own; parts ``1/3``, ``2/3`` … are one card, whatever their order."""
    whole = [_letters(each[3]) for each in found if each[1] is None]
    parts = {int(each[1]): each[3] for each in found if each[1] is not None}
    counts = {int(each[2]) for each in found if each[2] is not None}
    if parts:
        if len(counts) != 1 or set(parts) != set(range(1, counts.pop() + 1)):
            raise Malformed("parts are missing")
        whole.append(_letters("".join(parts[number] for number in sorted(parts))))
    return whole


def _letters(digits: str) -> str:
    if len(digits) % 2:
        raise Malformed("an odd number of digits")
    return "".join(chr(int(digits[at : at + 2]) + _SMALLEST) for at in range(0, len(digits), 2))


def card(text: str) -> Card:
    """A compact JWS taken apart, its signature not yet looked at. Raises Malformed."""
    if _COMPACT.fullmatch(text) is None:
        raise Malformed("no JWS")
    head, body, _signature = text.split(".")
    try:
        header = json.loads(_decoded(head))
        packed = _decoded(body)
        payload = json.loads(_inflated(packed) if isinstance(header, dict) and header.get("zip") == "DEF" else packed)
    except (json.MalformedJSON, zlib.error, binascii.Error) as error:
        raise Malformed("no JWS that could be read") from error
    if not isinstance(header, dict) or not isinstance(payload, dict):
        raise Malformed("no JWS of a card")
    return Card(text, header, payload)


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _inflated(packed: bytes) -> bytes:
    engine = zlib.decompressobj(wbits=-15)
    data = engine.decompress(packed, PAYLOAD_BYTES_MAX)
    if not engine.eof:
        raise Malformed("larger than a card may be, or cut off")
    return data


def key_for(shown: Card, key_set: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The issuer's key that the card names, if it is one that may sign cards; None for none."""
    listed = key_set.get("keys")
    keys: Iterable[Any] = listed if isinstance(listed, list) else []
    for key in keys:
        if isinstance(key, dict) and key.get("kid") == shown.kid and shown.kid:
            fits = (key.get("kty"), key.get("crv"), key.get("use"), key.get("alg"))
            return key if fits == ("EC", "P-256", "sig", _ALGORITHM) else None
    return None


def is_signed(shown: Card, key: Mapping[str, Any]) -> bool:
    """Whether the signature is that key's, and the key the one its id says (its SHA-256 thumbprint)."""
    try:
        signer = ECKey.import_key({name: key[name] for name in ("kty", "crv", "x", "y")})
        if signer.thumbprint() != shown.kid or shown.header.get("alg") != _ALGORITHM:
            return False
        jws.deserialize_compact(shown.text, signer, algorithms=[_ALGORITHM], registry=_registry())
    except (JoseError, ValueError, KeyError):
        return False
    return True


def signed(payload: Mapping[str, Any], key: Mapping[str, Any]) -> str:
    """A card: the minified, deflated payload as a compact JWS by this private key, named by its thumbprint."""
    signer = ECKey.import_key(dict(key))
    engine = zlib.compressobj(level=9, wbits=-15)
    packed = engine.compress(json.dumps(payload)) + engine.flush()
    header = {"alg": _ALGORITHM, "zip": "DEF", "kid": signer.thumbprint()}
    return jws.serialize_compact(header, packed, signer, algorithms=[_ALGORITHM], registry=_registry())


def digits(text: str) -> str:
    """A card as the digits of its QR code, which stand after ``shc:/``: each character less 45, in two digits."""
    return "".join(f"{ord(letter) - _SMALLEST:02}" for letter in text)


def _registry() -> jws.JWSRegistry:
    registry = jws.JWSRegistry(header_registry={"zip": HeaderParameter("Compression", "str")})
    registry.max_payload_length = PAYLOAD_BYTES_MAX
    return registry


def is_list_of(revoked: Mapping[str, Any], key: Mapping[str, Any]) -> bool:
    """Whether this is the issuer's list for the key, at least as new as the key says, and one we can read."""
    counted, wanted = revoked.get("ctr"), key.get("crlVersion")
    is_new = isinstance(counted, int) and isinstance(wanted, int) and counted >= wanted
    named = (revoked.get("kid"), revoked.get("method"))
    return is_new and named == (key.get("kid"), BY_RID) and isinstance(revoked.get("rids"), list)


def is_revoked(shown: Card, revoked: Mapping[str, Any]) -> bool:
    """Whether the issuer's list for the key names the card (``rid``, or ``rid.time``: those issued before then)."""
    listed = revoked.get("rids")
    issued = _seconds(shown.payload.get("nbf"))
    for each in listed if isinstance(listed, list) else []:
        rid, _, until = str(each).partition(".")
        if rid == shown.revocation_id and rid:
            return _REVOKED_SINCE.fullmatch(until) is None or issued is None or issued < int(until)
    return False
