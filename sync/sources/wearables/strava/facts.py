"""Strava's API v3 as data: pages by number, two hundred at most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sync.sources.wearables.client import LISTED
from sync.sources.wearables.maker import About, Answer, Feed, Maker, Window
from sync.sources.wearables.notices import Asking, Notices
from sync.sources.wearables.strava import mapping

PAGE: Final = 200


def _times(window: Window, about: About) -> Iterator[dict[str, str]]:
    start, end = window.instants()
    yield {
        "after": str(int(start.timestamp())),
        "before": str(int(end.timestamp())),
        "per_page": str(PAGE),
        "page": "1",
    }


def _following(answer: Answer, asked: Mapping[str, str]) -> Mapping[str, str] | None:
    return {"page": str(int(asked["page"]) + 1)} if len(answer.get(LISTED) or ()) >= PAGE else None


STRAVA: Final = Maker(
    name="Strava",
    base="https://www.strava.com/",
    authorize="https://www.strava.com/oauth/authorize",
    token="https://www.strava.com/oauth/token",  # noqa: S106 - an address
    scopes="read,activity:read_all",
    account="athlete.id",
    secret_in_body=True,
    notices=Notices(
        "owner_id",
        challenge="hub.challenge",
        answered_as="hub.challenge",
        register=(
            Asking(
                "api/v3/push_subscriptions",
                form={
                    "client_id": "{client}",
                    "client_secret": "{secret}",
                    "callback_url": "{callback}",
                    "verify_token": "tributary",
                },
            ),
        ),
    ),
    requests_a_minute=12,  # a hundred in a quarter of an hour
    feeds=(
        Feed(
            "activities",
            "api/v3/athlete/activities",
            mapping.activities,
            _times,
            days=90,
            back=1830,
            following=_following,
        ),
    ),
)
