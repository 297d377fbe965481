"""Polar's AccessLink v3 as data: its tokens do not end, and a person has to be announced once before she is read."""

from __future__ import annotations

from typing import Final

from sync.sources.wearables import notices
from sync.sources.wearables.maker import Feed, Maker
from sync.sources.wearables.notices import Asking, Notices
from sync.sources.wearables.polar import mapping

POLAR: Final = Maker(
    name="Polar",
    base="https://www.polaraccesslink.com/",
    authorize="https://flow.polar.com/oauth2/authorization",
    token="https://polarremote.com/v2/oauth2/token",  # noqa: S106 - an address
    scopes="accesslink.read_all",
    account="x_user_id",
    enrol="v3/users",
    notices=Notices(
        "user_id",
        notices.signed_by_polar,
        register=(
            Asking(
                "v3/webhooks",
                body={"events": ["EXERCISE"], "url": "{callback}"},
                basic=True,
                gives="data.signature_secret_key",
            ),
        ),
        greeting=("event", "PING"),
    ),
    # One answer holds the last thirty days, whatever is asked for.
    feeds=(Feed("exercises", "v3/exercises", mapping.exercises, days=31, back=30),),
)
