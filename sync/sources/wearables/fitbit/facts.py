"""Fitbit's Web API as data. Minutes are given to apps that its maker has allowed them; others are refused, and the
ledger says so. Its refresh tokens serve once."""

from __future__ import annotations

from typing import Final

from sync.sources.wearables import notices
from sync.sources.wearables.fitbit import mapping
from sync.sources.wearables.maker import Feed, Maker
from sync.sources.wearables.notices import Notices

_ACTIVITIES: Final = "1/user/-/activities"

FITBIT: Final = Maker(
    name="Fitbit",
    base="https://api.fitbit.com/",
    authorize="https://www.fitbit.com/oauth2/authorize",
    token="https://api.fitbit.com/oauth2/token",  # noqa: S106 - an address
    revoke="https://api.fitbit.com/oauth2/revoke",
    scopes="activity heartrate profile sleep weight",
    account="user_id",
    about="1/user/-/profile.json",
    reads_about=mapping.read_zone,
    # The address is entered where this site is registered; then each account is followed by itself.
    notices=Notices(
        "ownerId",
        notices.signed_by_fitbit,
        challenge="verify",
        by_hand=True,
        follow=("1/user/-/apiSubscriptions/{account}.json",),
    ),
    feeds=(
        Feed(
            "steps",
            f"{_ACTIVITIES}/steps/date/{{first}}/{{last}}.json",
            mapping.daily("steps", "steps"),
            days=365,
            back=1830,
        ),
        Feed("sleep", "1.2/user/-/sleep/date/{first}/{last}.json", mapping.nights, days=100, back=1830),
        Feed("weight", "1/user/-/body/log/weight/date/{first}/{last}.json", mapping.weights, days=31, back=1830),
        Feed(
            "minutes-steps",
            f"{_ACTIVITIES}/steps/date/{{day}}/1d/1min.json",
            mapping.minutes("steps", "steps"),
            days=7,
            back=30,
        ),
        Feed(
            "minutes-heart",
            f"{_ACTIVITIES}/heart/date/{{day}}/1d/1min.json",
            mapping.minutes("heart", "heart-rate"),
            days=7,
            back=30,
        ),
    ),
)
