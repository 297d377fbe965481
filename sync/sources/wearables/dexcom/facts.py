"""Dexcom's API v3 as data: at most thirty days at once, times in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sync.sources.wearables.dexcom import mapping
from sync.sources.wearables.maker import About, Feed, Maker, Window


def _times(window: Window, about: About) -> Iterator[dict[str, str]]:
    start, end = (each.replace(tzinfo=None).isoformat(timespec="seconds") for each in window.instants())
    yield {"startDate": start, "endDate": end}


DEXCOM: Final = Maker(
    name="Dexcom",
    base="https://api.dexcom.com/",
    authorize="https://api.dexcom.com/v3/oauth2/login",
    token="https://api.dexcom.com/v3/oauth2/token",  # noqa: S106 - an address
    scopes="offline_access",
    account="userId",
    who="v3/users/self/dataRange",
    secret_in_body=True,
    requests_a_minute=1000,
    # With the world's days at both ends a window of 28 stays within thirty.
    feeds=(Feed("egvs", "v3/users/self/egvs", mapping.glucose, _times, days=28, back=1830),),
)
