"""Who looked: the person's access log, on a page and as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import stepup
from audit import events
from audit.models import Action, Agent
from portal import doors, glances, logfiles, pages

PAGE = 200


@dataclass(frozen=True)
class Asked:
    """What the form above the log says, as it was typed; ``which`` is what it means."""

    who: str
    since: str
    until: str
    which: events.Filter

    @property
    def any(self) -> bool:
        return self.which != events.EVERYTHING

    @property
    def address(self) -> str:
        return urlencode({"who": self.who, "from": self.since, "until": self.until}) if self.any else ""


@require_safe
@pages.of_person
def log(request: HttpRequest) -> HttpResponse:
    """Newest first; ``before`` is the number of the last event of the page before."""
    person = pages.person(request)
    hers = doors.of(person, at=timezone.now())
    asked = _asked(request.GET)
    given = request.GET.get("before", "")
    before = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
    found = list(events.of(person.pk, PAGE + 1, before=before, which=asked.which))
    shown = found[:PAGE]
    return render(
        request,
        "portal/access.html",
        {
            "glances": glances.of(shown, owner_id=person.pk, open_doors=hers, receipts=doors.receipts(person)),
            "before": shown[-1].sequence if len(found) > PAGE else None,
            "further": before is not None,
            "asked": asked,
            "doors": [("|".join(door), handle.name) for door, handle in hers.items() if door[0] in Agent.values],
        },
    )


@require_safe
@stepup.required
@pages.of_person
def log_file(request: HttpRequest, form: str) -> HttpResponse:
    """``form``: csv, json (a Bundle of AuditEvents) or pdf; the same filters as on the page."""
    person, asked = pages.person(request), _asked(request.GET)
    media_type, written = logfiles.FORMS[form]
    # The download is in the log before the log leaves, and so in it.
    events.append(
        owner_id=person.pk,
        action=Action.READ,
        interaction="download",
        agent_kind=Agent.OWNER,
        agent=str(person.subject),
        agent_name=person.name,
        origin=request.META.get("REMOTE_ADDR", ""),
        detail={"form": form},
    )
    headers = {"Content-Disposition": f'attachment; filename="access-log.{form}"'}
    parts = written(person, events.matching(person.pk, asked.which))
    answer: Any = StreamingHttpResponse(parts, content_type=media_type, headers=headers)
    return cast("HttpResponse", answer)  # whoever wraps a page knows only the common answer


def _asked(given: Mapping[str, str]) -> Asked:
    """What is no day, or nobody, is not asked for."""
    who, since, until = (given.get(name, "")[:300] for name in ("who", "from", "until"))
    kind, _, agent = who.partition("|")
    kind = kind if kind in Agent.values else ""
    first, last = _day(since), _day(until)
    which = events.Filter(
        kind=kind,
        agent=agent if kind else "",
        since=_midnight(first) if first else None,
        until=_midnight(last + timedelta(days=1)) if last else None,
    )
    if which.kind == Agent.OWNER:
        which = replace(which, agent="")
    return Asked(who if kind else "", since if first else "", until if last else "", which)


def _day(text: str) -> date | None:
    """A day as ``<input type=date>`` writes it; the last day of the calendar has none after it."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if date.min < day < date.max - timedelta(days=1) else None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
