"""What one maker of devices has for us, as data: its addresses, its ways with tokens, and the feeds that it gives.

All of them speak OAuth 2 and JSON; how each differs stands in its folder (``facts.py`` and the pure ``mapping.py``).
A maker's addresses are its real ones; where the directory's entry has another base (the sandbox), the same paths are
taken below that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from sync.sources.wearables.notices import Notices
from sync.sources.wearables.pushes import Push
from sync.sources.wearables.readings import Reading

# The world's days: the first place begins one 14 hours before UTC does, the last ends it 12 hours after.
_EAST, _WEST = timedelta(hours=14), timedelta(hours=12)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Whole local days, both included."""

    first: date
    last: date

    def instants(self) -> tuple[datetime, datetime]:
        """All of these days wherever on earth she was."""
        start, end = self.in_zone(UTC)
        return start - _EAST, end + _WEST

    def in_zone(self, zone: tzinfo) -> tuple[datetime, datetime]:
        """From the first midnight to the last in one zone, as UTC."""
        first, after = (datetime.combine(day, time(), zone) for day in (self.first, self.last + _DAY))
        return first.astimezone(UTC), after.astimezone(UTC)

    def days(self) -> Iterable[date]:
        return (self.first + n * _DAY for n in range((self.last - self.first).days + 1))

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class About:
    """What a maker says of the account before anything else. ``zone``: of times that come without an offset.

    ``connected``: from when on she has had it connected: what is dear to ask for is asked for from some time before.
    """

    zone: tzinfo = UTC
    connected: date | None = None


@dataclass(slots=True)
class Found:
    """What answers hold. ``unusable``: entries that could not be read, ``passed_over``: that are no measurement of her
    (a goal, somebody else's weight on the same scale, a kind that we have no code for)."""

    readings: list[Reading] = field(default_factory=list)
    unusable: int = 0
    passed_over: int = 0


Answer = Mapping[str, Any]
Read = Callable[[Sequence[Answer], About], Found]


@dataclass(frozen=True, slots=True)
class Feed:
    """One thing that a maker tells.

    ``path``: below the base, with ``{first}`` and ``{last}`` where days stand in it, or ``{day}`` where each day is
    asked for by itself. ``asks``: the queries for a window, each with pages of its own. ``days``: how many days it
    gives at once; ``back``: how far it goes back. ``following``: what of the query changes for the next page of the
    same window, None at its end; it is told the answer and what was asked. ``permission``: what she must have allowed
    at a maker that lets her choose.
    """

    name: str
    path: str
    read: Read
    asks: Callable[[Window, About], Iterable[Mapping[str, str]]] = lambda window, about: ({},)
    days: int = 30
    back: int = 730
    following: Callable[[Answer, Mapping[str, str]], Mapping[str, str] | None] = lambda answer, asked: None
    permission: str = ""


@dataclass(frozen=True, slots=True)
class Maker:
    """One maker.

    ``authorize``, ``token``, ``revoke``: its OAuth 2 endpoints. ``secret_in_body``: it wants our secret there.
    ``token_extra``: what its token endpoint wants besides; ``envelope``: its answers come as ``{"status", "body"}`` and
    the status in there counts: as which of HTTP's stands in ``statuses``, any other than 0 as ``otherwise``.
    ``account``: the member of the token response that says whose account it is (``a.b`` for one inside another), or of
    what ``who`` answers. ``enrol``: where a person has to be announced once. ``about``,
    ``reads_about``: what is asked before the feeds. ``notices``: how it tells that there is something new. ``push``:
    how it hands over by itself what it has; then a feed's path is where earlier days are asked for, its name the kind.
    ``permissions``: where it says what she has allowed; ``leave``: where it is told, by DELETE, that she has ended it
    here."""

    name: str
    base: str
    authorize: str
    token: str
    scopes: str
    account: str
    feeds: tuple[Feed, ...]
    revoke: str = ""
    secret_in_body: bool = False
    token_extra: Mapping[str, str] = field(default_factory=dict)
    envelope: bool = False
    statuses: Mapping[int, int] = field(default_factory=dict)
    otherwise: int = 400
    who: str = ""
    enrol: str = ""
    about: str = ""
    reads_about: Callable[[Answer], About] = lambda _: About()
    notices: Notices | None = None
    push: Push | None = None
    permissions: str = ""
    leave: str = ""
    requests_a_minute: int = 60

    def feed(self, name: str) -> Feed:
        return next(each for each in self.feeds if each.name == name)

    def address(self, own: str, base: str) -> str:
        """One of its addresses, where ``base`` is the directory's; empty stays empty."""
        if not own or base == self.base:
            return urljoin(self.base, own) if own else ""
        parts = urlsplit(urljoin(self.base, own))
        return urljoin(base, parts.path + (f"?{parts.query}" if parts.query else ""))


def said(answer: Any, path: str) -> Any:
    """The member at a dotted path; None where it is not."""
    for name in path.split("."):
        answer = answer.get(name) if isinstance(answer, Mapping) else None
    return answer


def gather(rows: Iterable[Any], read: Callable[[Any], Iterable[Reading] | None]) -> Found:
    """Reads rows one by one: one that is broken spoils no other. ``read`` gives None for what is to be passed over."""
    found = Found()
    for row in rows:
        try:
            readings = read(row)
            listed = None if readings is None else list(readings)
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError):
            found.unusable += 1
            continue
        if listed is None:
            found.passed_over += 1
        else:
            found.readings += listed
    return found


def rows(answers: Sequence[Answer], path: str) -> Iterable[Any]:
    """The entries of a list in every answer; a missing or empty one holds none."""
    for answer in answers:
        listed = said(answer, path)
        if isinstance(listed, list):
            yield from listed
