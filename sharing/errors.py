"""What can go wrong for whoever opens a link, and the one table of answers (SMART Health Links, "Manifest request").

A link that never was, one that ended, one that was stopped and one that is locked are told alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class SharingError(Exception):
    """Something that whoever opens a link is told."""


class LinkClosed(SharingError):
    """There is nothing (more) behind this address. The message is for logs: ids only."""


class Malformed(SharingError):
    """The request is not what the specification asks for; the message says what to change."""


class PasscodeWrong(SharingError):
    """The passcode is missing or wrong; so many wrong ones are left in the life of the link."""

    def __init__(self, remaining: int) -> None:
        super().__init__("wrong passcode")
        self.remaining = remaining


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any]


def answer(error: SharingError) -> Answer:
    match error:
        case PasscodeWrong(remaining=left):
            return Answer(401, {"remainingAttempts": left})
        case Malformed():
            return Answer(400, {"error": "invalid_request", "error_description": str(error)})
    return Answer(404, {"error": "not_found", "error_description": "There is nothing at this address."})
