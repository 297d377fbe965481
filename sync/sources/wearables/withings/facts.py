"""Withings' public API as data (its developer documentation: OAuth 2, Measure, Sleep, Notify).

Tokens: the secret goes into the body beside ``action=requesttoken``; the answer is an envelope; a refresh token serves
once. 120 requests a minute for all people together, with status 601 beyond.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Final

from sync.sources.wearables.maker import About, Answer, Feed, Maker, Window
from sync.sources.wearables.notices import Notices
from sync.sources.wearables.withings import mapping

Query = dict[str, str]
_LONGEST: Final = timedelta(hours=24)
# A person's first pull stays below what all people together may ask in a minute.
_STAGES_BACK: Final = timedelta(days=14)
_MEASURES: Final = ",".join(map(str, sorted({*mapping.MEASURES, 9, 10})))
_NIGHT: Final = "lightsleepduration,deepsleepduration,remsleepduration,wakeupduration"


def _measures(window: Window, about: About) -> Iterator[Query]:
    yield {"action": "getmeas", "category": "1", "meastypes": _MEASURES, **_seconds(*window.instants())}


def _activity(window: Window, about: About) -> Iterator[Query]:
    yield {"action": "getactivity", **_ymd(window)}


def _intraday(window: Window, about: About) -> Iterator[Query]:
    """At most 24 hours at once; a day on which the clock goes back has 25."""
    start, end = window.in_zone(about.zone)
    while start < end:
        until = min(start + _LONGEST, end)
        yield {
            "action": "getintradayactivity",
            "data_fields": "steps,heart_rate,duration",
            **_seconds(start, until),
        }
        start = until


def _nights(window: Window, about: About) -> Iterator[Query]:
    """Those of long before she connected, by their sums."""
    last = min(window.last, _staged_from(about) - timedelta(days=1))
    if window.first <= last:
        yield _summaries(Window(window.first, last))


def _staged(window: Window, about: About) -> Iterator[Query]:
    """The newer ones with their stages as well: those come a day at once, and so from noon to noon for the nights that
    end on these days."""
    first = max(window.first, _staged_from(about))
    if first > window.last:
        return
    asked = Window(first, window.last)
    yield _summaries(asked)
    start, end = asked.in_zone(about.zone)
    start, end = start - _LONGEST / 2, end + _LONGEST / 2
    while start < end:
        yield {"action": "get", **_seconds(start, min(start + _LONGEST, end))}
        start += _LONGEST


def _staged_from(about: About) -> date:
    """Always the same day while she is connected, so that no night is told now with its stages and now without."""
    return about.connected - _STAGES_BACK if about.connected else date.min + timedelta(days=1)


def _summaries(window: Window) -> Query:
    return {"action": "getsummary", "data_fields": _NIGHT, **_ymd(window)}


def _seconds(start: datetime, end: datetime) -> Query:
    return {"startdate": str(int(start.timestamp())), "enddate": str(int(end.timestamp()))}


def _ymd(window: Window) -> Query:
    return {"startdateymd": window.first.isoformat(), "enddateymd": window.last.isoformat()}


def _following(answer: Answer, asked: Mapping[str, str]) -> Mapping[str, str] | None:
    """``more`` is true, or a number, as long as there is more, and ``offset`` where it goes on."""
    return {"offset": str(answer["offset"])} if answer.get("more") and "offset" in answer else None


WITHINGS: Final = Maker(
    name="Withings",
    base="https://wbsapi.withings.net/",
    authorize="https://account.withings.com/oauth2_user/authorize2",
    token="https://wbsapi.withings.net/v2/oauth2",  # noqa: S106 - an address
    scopes="user.info,user.metrics,user.activity",
    account="userid",
    secret_in_body=True,
    token_extra={"action": "requesttoken"},
    envelope=True,
    # Its codes of authentication, of want of rights, of haste, and of its own trouble.
    statuses={100: 401, 101: 401, 102: 401, 200: 401, 401: 401, 214: 403, 277: 403, 601: 429, 2555: 503, 522: 503},
    about="measure?action=getmeas&meastypes=1&limit=1",
    reads_about=mapping.read_zone,
    notices=Notices(
        "userid",
        # By what was measured: weight, heart and pressure, activity, sleep. It does not sign.
        subscribe=tuple(f"notify?action=subscribe&appli={kind}&callbackurl={{callback}}" for kind in (1, 4, 16, 44)),
    ),
    requests_a_minute=120,
    feeds=(
        Feed(
            "measures",
            "measure",
            mapping.measures,
            _measures,
            days=180,
            back=3650,
            following=_following,
        ),
        Feed(
            "activity",
            "v2/measure",
            mapping.activities,
            _activity,
            days=180,
            back=1830,
            following=_following,
        ),
        Feed(
            "intraday",
            "v2/measure",
            mapping.intraday,
            _intraday,
            days=1,  # it gives a day at once
            back=30,
        ),
        Feed(
            "sleep",
            "v2/sleep",
            mapping.nights,
            _nights,
            days=180,
            back=1830,
            following=_following,
        ),
        Feed(
            "nights",
            "v2/sleep",
            mapping.nights,
            _staged,
            days=7,  # each a request
            back=90,
            following=_following,
        ),
    ),
)
