"""One event of the access log in words: who, did what, to how much, when, and by which permission."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.models import Action, Agent, Event, Outcome
from consent.models import Decision
from portal import names, when

WHO: dict[str, str | Promise] = {
    Agent.OWNER: gettext_lazy("You"),
    Agent.DELEGATE: gettext_lazy("Somebody who acts for you"),
    Agent.APP: gettext_lazy("An app"),
    Agent.SOURCE: gettext_lazy("A hospital"),
    Agent.STAFF: gettext_lazy("A clinician"),
    Agent.SYSTEM: gettext_lazy("Tributary"),
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
    "hide": gettext_lazy("hid a record"),
    "show": gettext_lazy("no longer hides a record"),
    "delegate": gettext_lazy("asked somebody to act for you"),
    "accept": gettext_lazy("agreed to act for you"),
    "decline": gettext_lazy("declined to act for you"),
    "token": gettext_lazy("was let in"),
    "connect": gettext_lazy("connected"),
    "disconnect": gettext_lazy("stopped the updates"),
    "sync": gettext_lazy("brought records"),
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


def of(events: Iterable[Event], *, owner_id: int) -> list[Glance]:
    """Events in words; the decisions they relied on come in one query."""
    events = list(events)
    relied = {event.consent_id for event in events if event.consent_id}
    decisions = {each.pk: each for each in Decision.objects.filter(owner_id=owner_id, pk__in=relied)} if relied else {}
    return [_glance(alike, decisions) for alike in _together(events)]


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
            timezone.localtime(event.recorded).date(),
        )
        if event.agent_kind == Agent.APP:
            turn += key != app
            app = key
            key = (*key, turn)
        groups.setdefault(key, []).append(event)
    return list(groups.values())


def _glance(alike: Sequence[Event], decisions: Mapping[int, Decision]) -> Glance:
    event = alike[0]
    mine = event.agent_kind == Agent.OWNER
    return Glance(
        who=str(WHO[Agent.OWNER]) if mine else event.agent_name or str(WHO.get(event.agent_kind, event.agent)),
        did=str(DID.get(event.interaction) or BY_ACTION.get(event.action, event.interaction)),
        refused=event.outcome != Outcome.SUCCESS,
        what=tuple(_amounts(alike)),
        moment=_moments(alike),
        permission=_permission(decisions.get(event.consent_id or 0)),
    )


def _moments(alike: Sequence[Event]) -> str:
    last, first = when.moment(alike[0].recorded), when.moment(alike[-1].recorded)
    if last == first:
        return last
    return _("%(start)s to %(end)s") % {
        "start": first,
        "end": formats.time_format(timezone.localtime(alike[0].recorded)),
    }


def _amounts(alike: Iterable[Event]) -> list[str]:
    totals: Counter[str] = Counter()
    for event in alike:
        types = event.detail.get("types") if isinstance(event.detail, dict) else None
        totals.update(types if isinstance(types, dict) else {})
    return [f"{total} × {names.type_name(resource_type)}" for resource_type, total in totals.most_common()]


def _permission(decision: Decision | None) -> str:
    if decision is None:
        return ""
    return _("by your decision of %(moment)s") % {"moment": when.moment(decision.decided)}
