"""A simulated maker that hands over by itself what it has, in the shapes of Garmin's Health API.

It is asked for nothing but earlier days, which it promises (202) and sends later like everything else.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, Final

from sandbox.wearables import days
from sandbox.wearables.accounts import Accounts
from sandbox.wearables.answers import Answers
from sandbox.wearables.server import Handler, Maker

Row = dict[str, Any]
PERMISSIONS: Final = ("HISTORICAL_DATA_EXPORT", "ACTIVITY_EXPORT", "HEALTH_EXPORT")
_REST: Final = "/wellness-api/rest"
_QUARTER: Final = 900


class Handover(Maker):
    """``to``: the address that was entered for its clients; ``orders``: (person, kind, first, last) not sent yet;
    ``left``: who was said to have ended it; ``lying``: what may be fetched once, by its address."""

    def __init__(self, port: int, *, name: str, accounts: Accounts, answers: Answers, to: str = "") -> None:
        super().__init__(port, name=name, accounts=accounts, answers=answers, handler=_Handler)
        self.to = to
        self.permissions: tuple[str, ...] = PERMISSIONS
        self.orders: list[tuple[str, str, datetime, datetime]] = []
        self.ordered: set[tuple[str, str, str]] = set()
        self.left: list[str] = []
        self.lying: dict[str, list[Row]] = {}

    def send_ordered(self) -> list[int]:
        """Send what was ordered, each order by itself; what each was answered with."""
        orders, self.orders = self.orders, []
        return [self.send({kind: self.rows(person, kind, first, last)}) for person, kind, first, last in orders]

    def rows(self, person: str, kind: str, first: datetime, last: datetime) -> list[Row]:
        """What one person's devices saw between two instants, up to today."""
        today = datetime.now(days.ZONE).date()
        until = min(last.astimezone(days.ZONE).date(), today)
        wanted = [until - timedelta(days=n) for n in range((until - first.astimezone(days.ZONE).date()).days + 1)]
        whose = {"userId": self.accounts.number(person), "userAccessToken": "not to be kept"}
        return [{**whose, **row} for on in wanted for row in _ROWS.get(kind, _none)(days.lived(person, on))]

    def send(self, said: dict[str, list[Row]]) -> int:
        """Hand something over; the status of the answer."""
        whole = json.dumps(said).encode()
        asked = urllib.request.Request(self.to, whole, {"Content-Type": "application/json"})  # noqa: S310 - as entered
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - as entered
            return int(answer.status)


class _Handler(Handler):
    server: Handover
    authorize, token = "/oauth2Confirm", "/di-oauth2-service/oauth/token"

    def _delete(self, path: str) -> None:
        person = self._person()
        if person is None or path != f"{_REST}/user/registration":
            return self._answer(401, b"", "text/plain")
        self.server.accounts.revoke()
        self.server.left.append(person)
        return self._answer(204, b"", "text/plain")

    def _token(self, form: dict[str, str]) -> None:
        given = self._given(form)
        if given is None:
            return self._said(400, {"error": "invalid_grant"})
        return self._said(200, {name: value for name, value in given.items() if name != "userid"})

    def _api(self, path: str, asked: dict[str, str]) -> None:
        person, fault = self._person(), self.server.fault_due()
        if fault in {"error", "busy"}:
            return self._said(500 if fault == "error" else 429, {"errorMessage": "later"})
        if person is None:
            return self._said(401, {"errorMessage": "no token"})
        if path.startswith(f"{_REST}/backfill/"):
            return self._order(person, PurePosixPath(path).name, asked)
        if self.path in self.server.lying:
            return self._said(200, self.server.lying.pop(self.path))
        known = {
            f"{_REST}/user/id": {"userId": self.server.accounts.number(person)},
            f"{_REST}/user/permissions": list(self.server.permissions),
        }
        return self._said(200 if path in known else 404, known.get(path, {"errorMessage": "nothing here"}))

    def _order(self, person: str, kind: str, asked: dict[str, str]) -> None:
        first, last = asked["summaryStartTimeInSeconds"], asked["summaryEndTimeInSeconds"]
        if (person, kind, first) in self.server.ordered:
            return self._said(409, {"errorMessage": "ordered before"})
        self.server.ordered.add((person, kind, first))
        start, end = (datetime.fromtimestamp(int(each), UTC) for each in (first, last))
        self.server.orders.append((person, kind, start, end))
        return self._answer(202, b"", "text/plain")

    def _person(self) -> str | None:
        return self.server.accounts.holder(self.headers.get("Authorization", "").removeprefix("Bearer "))

    def _said(self, status: int, body: Any) -> None:
        self._answer(status, json.dumps(body).encode(), "application/json")


def _none(_day: days.Day) -> Iterator[Row]:
    return iter(())


def _dailies(day: days.Day) -> Iterator[Row]:
    start = _midnight(day.on)
    worn = [each for each in day.moments if each.device == days.WATCH]
    steps = sum(each.steps or 0 for each in worn)
    yield {
        "summaryId": f"x1-{start:x}-daily",
        "calendarDate": day.on.isoformat(),
        "startTimeInSeconds": start,
        "startTimeOffsetInSeconds": _offset(start),
        "durationInSeconds": _midnight(day.on + timedelta(days=1)) - start,
        "steps": steps,
        "distanceInMeters": round(steps * 0.72, 1),
        "activeKilocalories": round(steps * 0.04),
        "restingHeartRateInBeatsPerMinute": 54,
        "timeOffsetHeartRateSamples": {str(each.at - start): each.pulse for each in worn if each.pulse is not None},
    }


def _epochs(day: days.Day) -> Iterator[Row]:
    start = _midnight(day.on)
    counted: dict[int, int] = {}
    for each in day.moments:
        if each.device == days.WATCH and each.steps:
            quarter = start + (each.at - start) // _QUARTER * _QUARTER
            counted[quarter] = counted.get(quarter, 0) + each.steps
    for at, steps in counted.items():
        yield {
            "summaryId": f"x1-{at:x}-6",
            "activityType": "WALKING",
            "startTimeInSeconds": at,
            "startTimeOffsetInSeconds": _offset(at),
            "durationInSeconds": _QUARTER,
            "steps": steps,
            "intensity": "ACTIVE",
        }


def _sleeps(day: days.Day) -> Iterator[Row]:
    start, end = int(day.asleep.timestamp()), int(day.awake.timestamp())
    deep, rem, awake = ((end - start) // part for part in (4, 5, 20))
    yield {
        "summaryId": f"x1-{start:x}-sleep",
        "calendarDate": day.on.isoformat(),
        "startTimeInSeconds": start,
        "startTimeOffsetInSeconds": _offset(start),
        "durationInSeconds": end - start,
        "deepSleepDurationInSeconds": deep,
        "lightSleepDurationInSeconds": end - start - deep - rem - awake,
        "remSleepInSeconds": rem,
        "awakeDurationInSeconds": awake,
        "sleepLevelsMap": {"deep": [{"startTimeInSeconds": start, "endTimeInSeconds": start + deep}]},
        "validation": "AUTO_FINAL",
    }


_ROWS: Final = {"dailies": _dailies, "epochs": _epochs, "sleeps": _sleeps}


def _midnight(on: date) -> int:
    return int(datetime(on.year, on.month, on.day, tzinfo=days.ZONE).timestamp())


def _offset(at: int) -> int:
    offset = datetime.fromtimestamp(at, days.ZONE).utcoffset()
    return int(offset.total_seconds()) if offset else 0
