"""Oura's API v2 as data. Its heart rate feed is left out: its times are UTC and say nothing of where she was; the
pulse of her nights comes with them, in the time of the place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from sync.sources.wearables import notices
from sync.sources.wearables.maker import About, Answer, Feed, Maker, Read, Window
from sync.sources.wearables.notices import Asking, Notices
from sync.sources.wearables.oura import mapping


def _days(window: Window, about: About) -> Iterator[dict[str, str]]:
    """The last day is not always part of what was asked for, so one more is asked."""
    after = window.last + timedelta(days=1)
    yield {"start_date": window.first.isoformat(), "end_date": after.isoformat()}


def _following(answer: Answer, asked: Mapping[str, str]) -> Mapping[str, str] | None:
    token = answer.get("next_token")
    return {"next_token": str(token)} if token else None


def _feed(name: str, read: Read) -> Feed:
    return Feed(name, f"v2/usercollection/{name}", read, _days, days=90, back=1830, following=_following)


OURA: Final = Maker(
    name="Oura",
    base="https://api.ouraring.com/",
    authorize="https://cloud.ouraring.com/oauth/authorize",
    token="https://api.ouraring.com/oauth/token",  # noqa: S106 - an address
    scopes="personal daily workout",
    account="id",
    who="v2/usercollection/personal_info",
    secret_in_body=True,
    notices=Notices(
        "user_id",
        notices.signed_by_oura,
        challenge="challenge",
        answered_as="challenge",
        # For each kind and each of what may become of it; it forgets them after a time, so they are asked for again.
        register=tuple(
            Asking(
                "v2/webhook/subscription",
                headers={"x-client-id": "{client}", "x-client-secret": "{secret}"},
                body={
                    "callback_url": "{callback}",
                    "verification_token": "tributary",
                    "event_type": event,
                    "data_type": kind,
                },
            )
            for kind in ("daily_activity", "sleep", "workout")
            for event in ("create", "update")
        ),
    ),
    requests_a_minute=1000,
    feeds=(
        _feed("daily_activity", mapping.activity),
        _feed("sleep", mapping.nights),
        _feed("workout", mapping.workouts),
    ),
)
