"""What the simulated maker answers, in the shapes of Withings' public API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sandbox.wearables import days

Body = dict[str, Any]
PAGE: Final = 300
_HISTORY: Final = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Answers:
    """``recorded``: a folder with answers of a real account (``measurement_list.json``, ``sleep_summary.json``), served
    in place of the made-up ones; ``today`` is where it ends."""

    today: Callable[[], date]
    recorded: Path | None = None

    def to(self, path: str, person: str, asked: Mapping[str, str]) -> Body | None:
        """The body of an answer; None for what there is not."""
        answer = _ANSWERS.get((path, asked.get("action", "")))
        return answer(self, person, asked) if answer else None

    def measures(self, person: str, asked: Mapping[str, str]) -> Body:
        first, last = int(asked.get("startdate", 0)), int(asked.get("enddate", 2**40))
        groups = [group for group in self._groups(person) if first <= group["date"] <= last]
        offset = int(asked.get("offset", 0))
        page, more = groups[offset : offset + PAGE], len(groups) > offset + PAGE
        paging = {"more": 1, "offset": offset + PAGE} if more else {}
        return {"updatetime": 0, "timezone": "Europe/Paris", "measuregrps": page, **paging}

    def _groups(self, person: str) -> list[Body]:
        if self.recorded:
            listed: list[Body] = json.loads((self.recorded / "measurement_list.json").read_text())
            return listed
        return [group for on in self._days() for group in _groups_of(days.lived(person, on))]

    def _days(self) -> Iterator[date]:
        return (self.today() - timedelta(days=back) for back in range(_HISTORY.days))

    def _asked(self, asked: Mapping[str, str]) -> Iterator[date]:
        first, last = date.fromisoformat(asked["startdateymd"]), date.fromisoformat(asked["enddateymd"])
        return (day for day in self._days() if first <= day <= last)

    def activity(self, person: str, asked: Mapping[str, str]) -> Body:
        rows = [] if self.recorded else [_activity_of(days.lived(person, on)) for on in self._asked(asked)]
        return {"activities": rows, "more": False, "offset": 0}

    def intraday(self, person: str, asked: Mapping[str, str]) -> Body:
        """The first 24 hours of what was asked for, as the maker has it."""
        first = int(asked["startdate"])
        last = min(int(asked["enddate"]), first + 24 * 3600)
        on = datetime.fromtimestamp(first, UTC).date()
        near = () if self.recorded else (on + timedelta(days=n) for n in (-1, 0, 1, 2))
        moments = [each for day in near if day <= self.today() for each in days.lived(person, day).moments]
        return {"series": {str(each.at): _moment(each) for each in moments if first <= each.at < last}}

    def sleep(self, person: str, asked: Mapping[str, str]) -> Body:
        if self.recorded:
            series = json.loads((self.recorded / "sleep_summary.json").read_text())["body"]["series"]
            first, last = asked["startdateymd"], asked["enddateymd"]
            return {"series": [each for each in series if first <= each["date"] <= last], "more": False, "offset": 0}
        rows = [_night_of(days.lived(person, on)) for on in self._asked(asked)]
        return {"series": rows, "more": False, "offset": 0}

    def stages(self, person: str, asked: Mapping[str, str]) -> Body:
        """The first 24 hours of what was asked for, too."""
        first = int(asked["startdate"])
        last = min(int(asked["enddate"]), first + 24 * 3600)
        if self.recorded:
            told = json.loads((self.recorded / "sleep_no_datafields.json").read_text())["body"]["series"]
        else:
            on = datetime.fromtimestamp(first, UTC).date()
            near = (on + timedelta(days=n) for n in (0, 1, 2))
            told = [each for day in near if day <= self.today() for each in _stages_of(days.lived(person, day))]
        return {"series": [each for each in told if first <= each["startdate"] < last], "model": 32}


_ANSWERS: Final[Mapping[tuple[str, str], Callable[[Answers, str, Mapping[str, str]], Body]]] = {
    ("/measure", "getmeas"): Answers.measures,
    ("/v2/measure", "getactivity"): Answers.activity,
    ("/v2/measure", "getintradayactivity"): Answers.intraday,
    ("/v2/sleep", "getsummary"): Answers.sleep,
    ("/v2/sleep", "get"): Answers.stages,
}


def _groups_of(day: days.Day) -> list[Body]:
    morning, evening = (int(day.awake.timestamp()) + seconds for seconds in (900, 14 * 3600))
    systolic, diastolic, pulse = day.pressure
    pressure = [
        {"value": diastolic, "type": 9, "unit": 0},
        {"value": systolic, "type": 10, "unit": 0},
        {"value": pulse, "type": 11, "unit": 0},
    ]
    weight = [{"value": day.grams, "type": 1, "unit": -3}]
    return [
        _group(day.on.toordinal() * 10, morning, days.CUFF, pressure),
        _group(day.on.toordinal() * 10 + 1, evening, days.SCALE, weight),
    ]


def _group(number: int, at: int, device: tuple[str, str, int], measures: list[Body]) -> Body:
    key, model, model_id = device
    return {
        "grpid": number,
        "attrib": 0,
        "date": at,
        "created": at,
        "modified": at,
        "category": 1,
        "deviceid": key,
        "hash_deviceid": key,
        "measures": measures,
        "modelid": model_id,
        "model": model,
        "comment": None,
    }


def _activity_of(day: days.Day) -> Body:
    steps = sum(each.steps or 0 for each in day.moments if each.device == days.WATCH)
    key, model, model_id = days.WATCH
    return {
        "date": day.on.isoformat(),
        "timezone": "Europe/Paris",
        "hash_deviceid": key,
        "model": model,
        "model_id": model_id,
        "steps": steps,
        "distance": round(steps * 0.72, 1),
        "calories": round(steps * 0.04, 1),
        "soft": 1800,
        "moderate": 1500,
        "intense": 300,
    }


def _moment(moment: days.Moment) -> Body:
    key, model, model_id = moment.device
    said = {"heart_rate": moment.pulse} if moment.pulse is not None else {"steps": moment.steps, "duration": 60}
    return {**said, "deviceid": key, "hash_deviceid": key, "model": model, "model_id": model_id}


def _parts_of(day: days.Day) -> dict[str, int]:
    """How long each stage of its night was, in seconds."""
    seconds = int((day.awake - day.asleep).total_seconds())
    parts = {"wakeupduration": seconds // 20, "deepsleepduration": seconds // 4, "remsleepduration": seconds // 5}
    return {**parts, "lightsleepduration": seconds - sum(parts.values())}


def _stages_of(day: days.Day) -> Iterator[Body]:
    """One after the other, as a night of a book."""
    states = {"wakeupduration": 0, "lightsleepduration": 1, "deepsleepduration": 2, "remsleepduration": 3}
    at = int(day.asleep.timestamp())
    for name, seconds in _parts_of(day).items():
        told = {"startdate": at, "enddate": at + seconds, "state": states[name], "hash_deviceid": days.WATCH[0]}
        at += seconds
        yield told


def _night_of(day: days.Day) -> Body:
    return {
        "id": day.on.toordinal(),
        "timezone": "Europe/Paris",
        "model": 32,
        "hash_deviceid": days.WATCH[0],
        "startdate": int(day.asleep.timestamp()),
        "enddate": int(day.awake.timestamp()),
        "date": day.on.isoformat(),
        "data": _parts_of(day),
    }
