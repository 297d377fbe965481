"""Garmin's Health API as data, as far as it is published: it answers no questions of days, but hands over summaries.

Earlier days are asked for (``backfill``), and come later in the same way; the same days asked for twice are 409.
Tokens live a day, refresh tokens three months. Which kinds it sends, and where, is set in its developers' tools: to the
address that ``sync.notices.callback`` says, for all kinds.
"""

from __future__ import annotations

from typing import Final

from sync.sources.wearables.garmin import mapping
from sync.sources.wearables.maker import Feed, Maker
from sync.sources.wearables.pushes import Push

_BACKFILL: Final = "wellness-api/rest/backfill"
_HEALTH, _ACTIVITY = "HEALTH_EXPORT", "ACTIVITY_EXPORT"
# Under which name each kind is asked for, and how many days at once.
_ASKED: Final = {"allDayRespiration": "respiration", "pulseox": "pulseOx"}
_DAYS: Final = {"activities": 30}


def _feed(kind: str) -> Feed:
    return Feed(
        kind,
        f"{_BACKFILL}/{_ASKED.get(kind, kind)}",
        mapping.READS[kind],
        days=_DAYS.get(kind, 90),
        back=730,
        permission=_ACTIVITY if kind == "activities" else _HEALTH,
    )


GARMIN: Final = Maker(
    name="Garmin",
    base="https://apis.garmin.com/",
    authorize="https://connect.garmin.com/oauth2Confirm",
    token="https://diauth.garmin.com/di-oauth2-service/oauth/token",  # noqa: S106 - an address
    scopes="",
    account="userId",
    who="wellness-api/rest/user/id",
    permissions="wellness-api/rest/user/permissions",
    leave="wellness-api/rest/user/registration",
    secret_in_body=True,
    push=Push(
        account="userId",
        name="summaryId",
        lies="callbackURL",
        secret=("userAccessToken",),
        aliases={
            "pulseOx": "pulseox",
            "respiration": "allDayRespiration",
            "manuallyUpdatedActivities": "activities",
        },
        ended="deregistrations",
        changed="userPermissionsChange",
        addressed_to="garmin-client-id",
    ),
    feeds=tuple(_feed(kind) for kind in mapping.READS),
)
