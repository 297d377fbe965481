"""Text messages and calls: handed to the gateway that the settings name, or, in a sandbox without one, into a folder.

A gateway takes ``POST {"to", "words", "language"}`` as JSON with a bearer token; 2xx says that it has the message.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import requests
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.core.cache import cache
from django.utils import timezone, translation
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from accounts.models import Person

NUMBER: Final = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
"""E.164: a plus sign, the country, the number."""
_SECONDS: Final = 10
_ASKED: Final = "phone"
CODE_SECONDS: Final = 600
TRIES: Final = 5
CODES_A_DAY: Final = 5


class Way(StrEnum):
    TEXT = "text"
    CALL = "call"


def ways() -> tuple[Way, ...]:
    """By what a phone can be reached from here."""
    return tuple(way for way in Way if settings.PHONE_GATEWAYS[way] or settings.SANDBOX)


def send(way: Way, number: str, words: str) -> bool:
    """Whether it was taken. ``words`` hold nothing that may not be read over a shoulder or heard by others."""
    message = {"to": number, "words": words, "language": translation.get_language()}
    gateway = settings.PHONE_GATEWAYS[way]
    if not gateway:
        return settings.SANDBOX and _put_down(way, message)
    headers = {"Authorization": f"Bearer {settings.PHONE_GATEWAY_TOKEN}"}
    try:
        answer = requests.post(gateway, json=message, headers=headers, timeout=_SECONDS, allow_redirects=False)
    except requests.RequestException:
        return False
    return 200 <= answer.status_code < 300


def ask(session: SessionBase, person: Person, number: str) -> bool:
    """Sends a code to this number, to be typed in where this session is; whether one was sent."""
    asked = f"phone-codes:{person.pk}"
    cache.add(asked, 0, timeout=86_400)
    if cache.incr(asked) > CODES_A_DAY:
        return False
    code = f"{secrets.randbelow(1_000_000):06}"
    session[_ASKED] = {"number": number, "code": code, "until": time.time() + CODE_SECONDS, "tries": TRIES}
    return send(
        ways()[0], number, _("%(code)s is your code for %(site)s.") % {"code": code, "site": settings.SITE_NAME}
    )


def asked_for(session: SessionBase) -> str:
    """The number that waits for its code here; "" for none."""
    waiting: dict[str, Any] = session.get(_ASKED) or {}
    return str(waiting["number"]) if waiting and waiting["until"] > time.time() and waiting["tries"] > 0 else ""


def confirm(session: SessionBase, person: Person, code: str) -> bool:
    """Whether this was the code; the number is then hers."""
    number = asked_for(session)
    if not number:
        return False
    waiting = session[_ASKED]
    session[_ASKED] = waiting | {"tries": waiting["tries"] - 1}
    if not constant_time_compare(code.strip(), waiting["code"]):
        return False
    del session[_ASKED]
    person.phone = number
    person.save(update_fields=["phone"])
    return True


def _put_down(way: Way, message: Mapping[str, str]) -> bool:
    """The stand-in of the sandbox: one file each, beside its mail."""
    folder = settings.VAR_DIR / "phone"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{timezone.now():%Y%m%d-%H%M%S}-{way}-{secrets.token_hex(4)}.json"
    (folder / name).write_text(json.dumps(message, ensure_ascii=False))
    return True
