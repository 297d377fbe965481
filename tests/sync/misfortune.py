"""A fault schedule: which of a hospital's answers go wrong, and how; and a log of what really went over the wire."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from sandbox import faults
from tests.fakes.ehr import Asked, FakeEHR, Reply

LONG_SECONDS = 600


@dataclass(frozen=True)
class Delivered:
    """An answer as it left the hospital. ``page`` is what a reader can make of it: None if nothing."""

    target: str
    fault: str
    status: int
    page: dict[str, Any] | None

    @property
    def resource_type(self) -> str:
        return urlsplit(self.target).path.split("/")[2]

    @property
    def is_search(self) -> bool:
        return urlsplit(self.target).path.count("/") == 2

    @property
    def ids(self) -> list[str]:
        return [entry["resource"]["id"] for entry in (self.page or {}).get("entry", [])]


class Misfortune:
    """``budget`` faults, met one by one by requests for data, each with a chance of one in ``odds``."""

    def __init__(self, ehr: FakeEHR, dice: random.Random) -> None:
        self.ehr, self.dice = ehr, dice
        self.budget, self.odds = dice.randint(1, 25), dice.choice([2, 3, 6])
        self.kinds = sorted(dice.sample(sorted(SPOILS), dice.randint(2, len(SPOILS))))
        self.log: list[Delivered] = []
        self._met = ""
        ehr.before, ehr.spoil, ehr.order = self._before, self._spoil, self._order

    def _before(self, asked: Asked) -> None:
        """Choose what befalls this request."""
        self._met = ""
        if not re.search(r"/fhir/[A-Z]", asked.target) or not self.budget or self.dice.randrange(self.odds):
            return
        self._met = self.dice.choice(self.kinds)
        self.budget -= 1
        if self._met in {"expired", "revoked"}:
            self.ehr.tokens.clear()
        if self._met == "revoked":
            self.ehr.refresh_tokens.clear()

    def _order(self, matches: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The whole listing in another order: what was on this page is on another, or on none that is still asked."""
        return self.dice.sample(matches, len(matches)) if self._met == "shuffled" else matches

    def _spoil(self, asked: Asked, reply: Reply) -> Reply:
        if not re.search(r"/fhir/[A-Z]", asked.target):
            return reply
        spoilt = SPOILS[self._met](self.ehr, asked, reply) if self._met else reply
        self.log.append(Delivered(asked.target, self._met, spoilt.status, _readable(spoilt)))
        return spoilt


def _readable(reply: Reply) -> dict[str, Any] | None:
    if reply.status != 200 or reply.declared_length is not None:
        return None
    try:
        page: dict[str, Any] = json.loads(reply.body)
    except ValueError:
        return None
    return page


Spoil = Callable[[FakeEHR, Asked, Reply], Reply]


def _error(status: int, **headers: str) -> Spoil:
    return lambda _ehr, _asked, _reply: Reply(status, b"<h1>sorry</h1>", dict(headers))


def _until(seconds: int) -> Spoil:
    return lambda _ehr, _asked, _reply: Reply(429, b"", {"Retry-After": formatdate(time.time() + seconds, usegmt=True)})


def _edit(change: Callable[[Any], Any]) -> Spoil:
    """What the sandbox does to a good page."""

    def edit(_ehr: FakeEHR, _asked: Asked, reply: Reply) -> Reply:
        if reply.status != 200:
            return reply
        return Reply(200, json.dumps(change(json.loads(reply.body))).encode(), reply.headers)

    return edit


def _repeat(ehr: FakeEHR, asked: Asked, reply: Reply) -> Reply:
    if faults.AGAIN in asked.target or "?" not in asked.target:
        return reply
    return _edit(lambda page: faults.with_next(page, f"{ehr.origin}{asked.target}&{faults.AGAIN}=1"))(ehr, asked, reply)


def _truncate(_ehr: FakeEHR, _asked: Asked, reply: Reply) -> Reply:
    return Reply(reply.status, reply.body[: len(reply.body) // 2], reply.headers)


def _drop(_ehr: FakeEHR, _asked: Asked, reply: Reply) -> Reply:
    return Reply(reply.status, reply.body[: len(reply.body) // 2], reply.headers, declared_length=len(reply.body) + 1)


def _delay(_ehr: FakeEHR, _asked: Asked, reply: Reply) -> Reply:
    time.sleep(0.05)
    return reply


def _as_it_is(_ehr: FakeEHR, _asked: Asked, reply: Reply) -> Reply:
    """What went wrong, went wrong before."""
    return reply


SPOILS: dict[str, Spoil] = {
    "500": _error(500),
    "503": _error(503),
    "429 soon": _error(429, **{"Retry-After": "0"}),
    "429 later": _error(429, **{"Retry-After": str(LONG_SECONDS)}),
    "429 by date": _until(0),
    "429 by a late date": _until(LONG_SECONDS),
    "truncated": _truncate,
    "dropped": _drop,
    "slow": _delay,
    "expired": _as_it_is,
    "revoked": _as_it_is,
    "repeated": _repeat,
    "reordered": _edit(faults.with_other_order),
    "shuffled": _as_it_is,
    "total": _edit(faults.with_other_total),
    "stranger": _edit(faults.with_stranger),
}
