"""One event of the access log in words: who, did what, to how much, when, and by which permission."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.models import Action, Agent, Event, Outcome
from consent import delegations
from consent.models import Decision, Grantee
from portal import doors, names, when
from sync import uploads

AT_ONCE = 4
"""How many kinds of records a line names at once."""

WHO: dict[str, str | Promise] = {
    Agent.OWNER: gettext_lazy("You"),
    Agent.DELEGATE: gettext_lazy("Somebody who acts for you"),
    Agent.APP: gettext_lazy("An app"),
    Agent.SOURCE: gettext_lazy("A hospital"),
    Agent.LINK: gettext_lazy("Somebody with a link of yours"),
    Agent.STAFF: gettext_lazy("A clinician"),
    Agent.SYSTEM: gettext_lazy("Tributary"),
    Agent.UNKNOWN: gettext_lazy("Somebody"),
}
DID: dict[str, str | Promise] = {
    "read": gettext_lazy("opened"),
    "vread": gettext_lazy("opened an earlier version of"),
    "history": gettext_lazy("looked at the history of"),
    "search": gettext_lazy("looked at"),
    "operation": gettext_lazy("looked at"),
    "export": gettext_lazy("took a copy of"),
    "authorize": gettext_lazy("gave permission"),
    "grant": gettext_lazy("gave permission"),
    "refuse": gettext_lazy("refused permission"),
    "revoke": gettext_lazy("withdrew permission"),
    "pause": gettext_lazy("paused permission"),
    "resume": gettext_lazy("let an app go on"),
    "renew": gettext_lazy("renewed permission"),
    "ask-copy": gettext_lazy("asked for a copy of everything"),
    "copy": gettext_lazy("downloaded everything"),
    "ask-erasure": gettext_lazy("asked to erase everything"),
    "call-off-erasure": gettext_lazy("called off erasing everything"),
    "hide": gettext_lazy("hid a record"),
    "enter": gettext_lazy("wrote an entry of her own"),
    "correct-entry": gettext_lazy("corrected an entry of her own"),
    "take-back-entry": gettext_lazy("took back an entry of her own"),
    "show": gettext_lazy("no longer hides a record"),
    "delegate": gettext_lazy("asked somebody to act for you"),
    "accept": gettext_lazy("agreed to act for you"),
    "decline": gettext_lazy("declined to act for you"),
    "delegate-apps": gettext_lazy("let somebody who acts for you let apps in"),
    "delegate-no-apps": gettext_lazy("no longer lets somebody who acts for you let apps in"),
    "ask": gettext_lazy("asked to see your record"),
    "break-glass": gettext_lazy("opened your record without your leave, in an emergency"),
    "forbid-emergencies": gettext_lazy("forbade that your record is opened in an emergency"),
    "allow-emergencies": gettext_lazy("let your record be opened in an emergency again"),
    "emergency-look": gettext_lazy("looked without your leave, in an emergency, at"),
    "send-report": gettext_lazy("sent a report into the hospital's own chart"),
    "report-kept": gettext_lazy("was told what became of a report"),
    "token": gettext_lazy("was let in"),
    "connect": gettext_lazy("connected"),
    "recognize": gettext_lazy("said that an account is hers"),
    "sign-in": gettext_lazy("signed in"),
    "sign-out": gettext_lazy("signed out"),
    "password": gettext_lazy("chose a new password"),
    "download": gettext_lazy("downloaded this log"),
    "take-file": gettext_lazy("took a file or paper to hand on"),
    "remind": gettext_lazy("reminded you of"),
    "remind-of-questions": gettext_lazy("reminded you of"),
    "reminders": gettext_lazy("chose what to be reminded of"),
    "issue-card": gettext_lazy("made a health card"),
    "take-back-card": gettext_lazy("took back a health card"),
    "make-link": gettext_lazy("made a link"),
    "decline-questions": gettext_lazy("decided not to answer a clinic's questions"),
    "read-messages": gettext_lazy("read messages between you and a clinic:"),
    "write-message": gettext_lazy("wrote a message:"),
    "told-of-messages": gettext_lazy("was told that there are messages of yours to read"),
    "open-link": gettext_lazy("opened a link"),
    "meta-security": gettext_lazy("said how private a record is"),
    "part": gettext_lazy("said that records are not the same"),
    "join": gettext_lazy("said that records are the same"),
    "refresh": gettext_lazy("was let in"),
    "userinfo": gettext_lazy("asked who you are"),
    "disconnect": gettext_lazy("stopped the updates"),
    "sync": gettext_lazy("brought records"),
    "remove": gettext_lazy("deleted what a hospital had brought"),
    "upload": gettext_lazy("uploaded a file"),
    "import": gettext_lazy("brought records"),
    "remove-upload": gettext_lazy("took back a file"),
}
_REFUSED: dict[str, Promise] = {
    "closed": gettext_lazy("tried a link that was over"),
    "passcode": gettext_lazy("had no passcode, or a wrong one, for a link"),
}
BY_ACTION: dict[str, str | Promise] = {
    Action.CREATE: gettext_lazy("added"),
    Action.READ: gettext_lazy("looked at"),
    Action.UPDATE: gettext_lazy("changed"),
    Action.DELETE: gettext_lazy("removed"),
    Action.EXECUTE: gettext_lazy("did something with"),
}


@dataclass(frozen=True)
class Glance:
    """One event, or several alike in a row. ``what``: "214 × Measurements and findings", one per type.

    ``permission``: the decision it relied on, or "".
    """

    who: str
    did: str
    refused: bool
    what: tuple[str, ...]
    moment: str
    permission: str
    receipt: str = ""
    place: str = ""
    withheld: bool = False
    shut: str = ""

    @property
    def first(self) -> tuple[str, ...]:
        return self.what if len(self.what) <= AT_ONCE + 1 else self.what[:AT_ONCE]

    @property
    def rest(self) -> tuple[str, ...]:
        """What is told when it is unfolded."""
        return self.what[len(self.first) :]


def of(
    events: Iterable[Event],
    *,
    owner_id: int,
    open_doors: Mapping[doors.Door, doors.Handle] = MappingProxyType({}),
    receipts: Mapping[int, str] = MappingProxyType({}),
) -> list[Glance]:
    """Events in words; the decisions they relied on come in one query.

    ``open_doors``, ``receipts``: where she can shut out who it was, and read the decision it relied on.
    """
    events = list(events)
    decisions, called = relied_on(events, owner_id=owner_id), delegates(events, owner_id=owner_id)
    return [_glance(alike, decisions, called, open_doors, receipts) for alike in _together(events)]


def relied_on(events: Iterable[Event], *, owner_id: int) -> dict[int, Decision]:
    """The decisions that these events relied on, by number."""
    relied = {event.consent_id for event in events if event.consent_id}
    return {each.pk: each for each in Decision.objects.filter(owner_id=owner_id, pk__in=relied)} if relied else {}


def delegates(events: Iterable[Event], *, owner_id: int) -> dict[str, str]:
    """Who let the apps of these events in, where that was somebody who acts for her: names by subject."""
    return delegations.called(owner_id) if any("delegate" in event.detail for event in events) else {}


def who(event: Event, called: Mapping[str, str] = MappingProxyType({})) -> str:
    """``called``: as ``delegates`` gives it."""
    if event.agent_kind == Agent.OWNER:
        return str(WHO[Agent.OWNER])
    if event.agent_kind == Agent.LINK and event.agent_name:
        return _("Somebody called “%(name)s”") % {"name": event.agent_name}
    if event.agent_name == uploads.UNNAMED and event.agent_kind == Agent.SOURCE:
        return _("A file you gave us")
    name = event.agent_name or str(WHO.get(event.agent_kind, event.agent))
    subject = event.detail.get("delegate", "")
    if event.agent_kind != Agent.APP or not subject:
        return name
    delegate = called.get(subject, str(WHO[Agent.DELEGATE]))
    return _("%(app)s, let in by %(name)s,") % {"app": name, "name": delegate}


def did(event: Event) -> str:
    if event.outcome == Outcome.REFUSED and event.interaction == "sign-in":
        return _("tried to sign in")
    if event.outcome == Outcome.REFUSED and event.interaction == "open-link":
        return str(_REFUSED.get(event.detail.get("reason", ""), _REFUSED["closed"]))
    return str(DID.get(event.interaction) or BY_ACTION.get(event.action, event.interaction))


def _together(events: Iterable[Event]) -> list[list[Event]]:
    """What is one thing to a person: a day's pull of a hundred pages, her own looks of a day, an app turning pages.

    An app's looks are joined only while it does nothing else in between.
    """
    groups: dict[tuple[object, ...], list[Event]] = {}
    app: tuple[object, ...] = ()
    turn = 0
    for event in events:
        key: tuple[object, ...] = (
            event.agent_kind,
            event.agent,
            event.interaction,
            event.outcome,
            event.consent_id,
            door(event),
            timezone.localtime(event.recorded).date(),
        )
        if event.agent_kind == Agent.APP:
            turn += key != app
            app = key
            key = (*key, turn)
        groups.setdefault(key, []).append(event)
    return list(groups.values())


def _glance(
    alike: Sequence[Event],
    decisions: Mapping[int, Decision],
    called: Mapping[str, str],
    open_doors: Mapping[doors.Door, doors.Handle],
    receipts: Mapping[int, str],
) -> Glance:
    event = alike[0]
    handle = open_doors.get(door(event))
    return Glance(
        who=who(event, called),
        did=did(event),
        refused=event.outcome != Outcome.SUCCESS,
        what=tuple(filter(None, (object_of(event), *amounts(alike)))),
        moment=_moments(alike),
        permission=_permission(decisions.get(event.consent_id or 0)),
        receipt=receipts.get(event.consent_id or 0, ""),
        place=_places(alike),
        withheld=any("withheld" in each.detail for each in alike),
        shut=handle.shut if handle else "",
    )


def door(event: Event) -> doors.Door:
    """Who came in; for a hospital that she connected herself, that hospital."""
    source = event.detail.get("source")
    if source:
        return (str(Agent.SOURCE), str(source))
    app = event.detail.get("app") or (event.agent if event.agent_kind == Agent.APP else "")
    if app and "delegate" in event.detail:
        return doors.of_delegate(str(event.detail["delegate"]), str(app))
    if app:
        return (str(Agent.APP), str(app))
    return (event.agent_kind, event.agent)


def object_of(event: Event) -> str:
    """The app or hospital that her own act was about, where the event names it."""
    return str(event.detail.get("name", ""))


def _places(alike: Iterable[Event]) -> str:
    found = dict.fromkeys(event.origin for event in alike if event.origin)
    return ", ".join(found)


def _moments(alike: Sequence[Event]) -> str:
    last, first = when.moment(alike[0].recorded), when.moment(alike[-1].recorded)
    if last == first:
        return last
    return _("%(start)s to %(end)s") % {
        "start": first,
        "end": formats.time_format(timezone.localtime(alike[0].recorded)),
    }


def amounts(alike: Iterable[Event]) -> list[str]:
    totals: Counter[str] = Counter()
    for event in alike:
        types = event.detail.get("types") if isinstance(event.detail, dict) else None
        totals.update(types if isinstance(types, dict) else {})
    return [f"{total} × {names.type_name(resource_type)}" for resource_type, total in totals.most_common()]


def _permission(decision: Decision | None) -> str:
    if decision is None:
        return ""
    moment = {"moment": when.moment(decision.decided)}
    if decision.grantee_kind == Grantee.DELEGATE_APP:
        return _("by a decision of %(moment)s, taken for you") % moment
    return _("by your decision of %(moment)s") % moment
