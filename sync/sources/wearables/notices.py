"""What makers send us when there is something new: whose account it is, and whether they really sent it. Pure.

A notice is believed no further than that: it brings an update forward, which asks the maker itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from standards.fhir import json

ACCOUNTS_MAX: Final = 200
"""Accounts in one notice; what is beyond comes with the usual update."""

Signature = Callable[[bytes, Mapping[str, str], bytes], bool]
"""Whether (our secret there, the headers, the body) fit each other."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One request to be told of news, once for all accounts: its ``path`` below the maker's base; its ``headers``, and
    what it says, as a ``form`` or as JSON (``body``), with ``{client}``, ``{secret}`` and ``{callback}`` in the values.
    ``basic``: our client and secret stand in the header of HTTP. ``gives``: where in the answer the secret stands that
    the maker then signs with."""

    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str | list[str]] = field(default_factory=dict)
    basic: bool = False
    gives: str = ""


@dataclass(frozen=True, slots=True)
class Notices:
    """How a maker tells. ``member``: whose account, in a form or in each object of its JSON. ``signed``: how it signs;
    None where it does not, so that only the address, which nobody else knows, speaks for it. ``challenge``: the
    parameter that it asks us once to send back, and ``answered_as`` the member to send it back in (else as it is).
    ``subscribe``: what is asked of it so that it tells, with ``{callback}`` in it; once more does no harm.
    ``follow``: the same by POST, with ``{account}`` in it. ``register``: what it is asked once for all accounts
    (sync.subscriptions); ``by_hand``: our address has to be entered in its own pages;
    ``greeting``: the member and value of what it sends to see whether we are there, which it signs with nothing yet.
    """

    member: str
    signed: Signature | None = None
    challenge: str = ""
    answered_as: str = ""
    subscribe: tuple[str, ...] = ()
    follow: tuple[str, ...] = ()
    register: tuple[Asking, ...] = ()
    by_hand: bool = False
    greeting: tuple[str, str] = ("", "")

    @property
    def gives_secret(self) -> bool:
        """Whether it signs with a secret of its own, and not with ours."""
        return any(asking.gives for asking in self.register)


def accounts(notices: Notices, body: bytes) -> list[str]:
    """Whose accounts a notice names; none where it cannot be read."""
    try:
        told = json.loads(body)
    except json.MalformedJSON:
        told = dict(parse_qsl(body.decode(errors="replace")))
    listed = told if isinstance(told, list) else [told]
    found = (each.get(notices.member) for each in listed[:ACCOUNTS_MAX] if isinstance(each, Mapping))
    return list(dict.fromkeys(str(each) for each in found if isinstance(each, int | str) and each))


def is_greeting(notices: Notices, body: bytes) -> bool:
    """Whether it says nothing of anybody."""
    member, value = notices.greeting
    try:
        told = json.loads(body) if member else None
    except json.MalformedJSON:
        return False
    return isinstance(told, Mapping) and told.get(member) == value and notices.member not in told


def challenged(notices: Notices, asked: Mapping[str, Any]) -> bytes | None:
    """What to answer to a maker that makes sure of our address; None where it asks nothing."""
    said = asked.get(notices.challenge) if notices.challenge else None
    if not isinstance(said, str):
        return None
    return json.dumps({notices.answered_as: said}) if notices.answered_as else said.encode()


def signed_by_fitbit(secret: bytes, headers: Mapping[str, str], body: bytes) -> bool:
    """``X-Fitbit-Signature``: HMAC-SHA1 of the body by our secret and ``&``, as Base64."""
    expected = base64.b64encode(hmac.digest(secret + b"&", body, hashlib.sha1))
    return hmac.compare_digest(expected, headers.get("X-Fitbit-Signature", "").encode())


def signed_by_oura(secret: bytes, headers: Mapping[str, str], body: bytes) -> bool:
    """``x-oura-signature``: HMAC-SHA256 of the time and the body by our secret, in hexadecimal capitals."""
    expected = hmac.new(secret, headers.get("X-Oura-Timestamp", "").encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.upper().encode(), headers.get("X-Oura-Signature", "").upper().encode())


def signed_by_polar(secret: bytes, headers: Mapping[str, str], body: bytes) -> bool:
    """``Polar-Webhook-Signature``: HMAC-SHA256 of the body by the secret of the subscription, in hexadecimal."""
    expected = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), headers.get("Polar-Webhook-Signature", "").lower().encode())
