"""One list from all sources, where they disagree, and her own word on what is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Person
from consent import sameness as consent_sameness
from portal import as_of, kinds, looking, pages, sameness, when
from records.sameness import gathering, words
from records.sameness import kinds as record_kinds
from records.sameness.clusters import Cluster
from records.sameness.conflicts import Conflict
from records.sameness.gathering import Readable
from records.sameness.kinds import MAKES
from records.sameness.said import Ref

_SHOWN: Final = 200
"""Facts on a page of a kind."""


@require_safe
@pages.of_person
def overview(request: HttpRequest, uid: UUID | None = None) -> HttpResponse:
    """The lists there are. ``uid``: the delegation under which she looks at somebody else's record."""
    with looking.at_records(request, interaction="search", uid=uid) as look:
        held = sameness.held(kinds.shown(look.records.told_counts()))
        return render(request, "portal/same.html", {"acting": look.acting, "held": held})


@require_safe
@pages.of_person
def listing(request: HttpRequest, kind: str, uid: UUID | None = None) -> HttpResponse:
    """One list of a kind, unfolding into what each source said."""
    named = sameness.named(kind)
    if named is None:
        raise Http404
    with looking.at_records(request, interaction="search", uid=uid) as look:
        spoken, past = words.of(look.owner.pk), as_of.asked(request, look)
        records: Readable = past.of(look.records) if past else look.records
        found = gathering.of_kind(records, named, said_by_owner=spoken)
        every = sameness.shown(found)
        chosen = every[:_SHOWN]
        differing, called = found.conflicts, sameness.places([found], look.owner, look.acting)
        look.saw(found.stored[ref] for ref in _refs(chosen, differing))
        return render(
            request,
            "portal/same_kind.html",
            {
                "acting": look.acting,
                "kind": named,
                "shelf": kinds.listed(named),
                "name": sameness.NAMES[named],
                "groups": sameness.groups(found, chosen, called),
                "left": len(every) - len(chosen),
                "differences": sameness.differences(found, differing, called),
                "as_of": past,
                "parted": [] if look.acting or past else sameness.parted(found, spoken, called),
                "whole": found.whole,
                "most": gathering.MOST,
            },
        )


@require_safe
@pages.of_person
def differences(request: HttpRequest, uid: UUID | None = None) -> HttpResponse:
    """Everything that two sources say differently."""
    with looking.at_records(request, interaction="search", uid=uid) as look:
        spoken = words.of(look.owner.pk)
        personal = sameness.personal(look.records)
        found = []
        every = gathering.differing(look.records, said_by_owner=spoken)
        called = sameness.places(every, look.owner, look.acting)
        for gathered in every:
            differing = gathered.conflicts
            look.saw(gathered.stored[ref] for ref in _refs((), differing))
            found.append((sameness.NAMES[gathered.kind], sameness.differences(gathered, differing, called)))
        return render(
            request,
            "portal/differences.html",
            {
                "acting": look.acting,
                "personal": personal,
                "found": [(name, each) for name, each in found if each],
                "whole": all(gathered.whole for gathered in every),
                "most": gathering.MOST,
                "owner": look.owner,
                "today": when.moment(timezone.now()),
            },
        )


@require_safe
@pages.of_person
def choose(request: HttpRequest, resource_type: str, logical_id: str) -> HttpResponse:
    """Which other line of its list a record is the same as."""
    kind, ref = record_kinds.of(resource_type), Ref(resource_type, logical_id)
    if kind is None or MAKES[kind].once:
        raise Http404
    with looking.at_records(request, interaction="search") as look:
        found = gathering.of_kind(look.records, kind)
        partners = sameness.partners(found, ref, sameness.places([found], look.owner, None))
        if partners is None:
            raise Http404
        look.saw(found.stored[said.ref] for cluster in sameness.shown(found) for said in cluster.members)
        return render(
            request,
            "portal/same_choose.html",
            {"kind": kind, "name": sameness.NAMES[kind], "ref": ref, "fact": partners[0], "partners": partners[1]},
        )


def _refs(chosen: Iterable[Cluster], differing: Iterable[Conflict]) -> set[Ref]:
    """What a page shows of it."""
    return {said.ref for cluster in chosen for said in cluster.members} | {
        side.ref for conflict in differing for side in conflict.sides
    }


@require_POST
@pages.of_person
def say(request: HttpRequest) -> HttpResponse:
    """Her word: ``part`` takes a record out of where it is shown, ``join`` puts it together with ``with``, ``leave``
    takes back what she said. Each names a record, ``Type/id``."""
    done = any(
        name in request.POST and change(pages.person(request), request, timezone.now())
        for name, change in _CHANGES.items()
    )
    if not done:
        raise Http404
    messages.success(request, _("Noted. It stays so when your hospitals send the records again."))
    kind = sameness.named(request.POST.get("kind", ""))
    return redirect("portal:same_kind", kind=kind) if kind else redirect("portal:same")


def _part(person: Person, request: HttpRequest, at: datetime) -> bool:
    ref = _ref(request.POST["part"])
    return ref is not None and consent_sameness.part(person, ref, at=at, origin=_origin(request))


def _join(person: Person, request: HttpRequest, at: datetime) -> bool:
    ref, other = _ref(request.POST["join"]), _ref(request.POST.get("with", ""))
    if ref is None or other is None:
        return False
    return consent_sameness.join(person, ref, other, at=at, origin=_origin(request))


def _leave(person: Person, request: HttpRequest, at: datetime) -> bool:
    ref = _ref(request.POST["leave"])
    return ref is not None and consent_sameness.leave(person, ref, at=at, origin=_origin(request))


_CHANGES: Final[dict[str, Callable[[Person, HttpRequest, datetime], bool]]] = {
    "part": _part,
    "join": _join,
    "leave": _leave,
}


def _ref(said: str) -> Ref | None:
    resource_type, _slash, logical_id = said.partition("/")
    return Ref(resource_type, logical_id) if resource_type and logical_id else None


def _origin(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
