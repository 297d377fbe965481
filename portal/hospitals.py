"""Her hospitals in words: how each connection stands, what has arrived, what is missing and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import Person
from portal import names, when
from records.models import SourceKind
from sync import directory, progress
from sync.models import ConnectionState, Hospital, RunState, Schedule
from sync.problems import Explained, Problem
from sync.progress import ConnectionProgress, KindProgress, RunProgress
from sync.sources.fhir_rest import plan

FOUND_MAX = 40


@dataclass(frozen=True)
class Arrival:
    """One type of a run: "187 of 190, 3 failed". ``note`` says why something is missing; ``again``: whether it can be
    fetched again by itself."""

    resource_type: str
    again: bool
    name: names.Name
    words: str
    complete: bool
    note: str


@dataclass(frozen=True)
class Standing:
    """A connection. ``mark`` is the class of its label; ``problem`` what she should know or do."""

    pk: int
    slug: str
    name: str
    place: str
    state: str
    mark: str
    freshness: str
    problem: Explained | None
    under_way: bool
    waits_until: str
    done: int
    steps: int
    summary: str
    arrivals: tuple[Arrival, ...]
    active: bool
    stopped: bool
    needs_reconnect: bool
    held: bool
    removing: bool
    retry: str
    times: tuple[tuple[str, str], ...]
    schedule: str
    shipped: str
    handing: bool

    @property
    def needs_her(self) -> bool:
        """Whether something is wrong that she may want to know; what she stopped herself is not."""
        return self.needs_reconnect or self.held or (self.active and not self.under_way and self.problem is not None)


_STATES: dict[str, tuple[str | Promise, str]] = {
    ConnectionState.NEEDS_REAUTH: (gettext_lazy("sign in again"), "mark-care"),
    ConnectionState.STOPPED: (gettext_lazy("stopped"), ""),
    ConnectionState.HELD: (gettext_lazy("is it yours?"), "mark-care"),
    RunState.QUEUED: (gettext_lazy("about to start"), ""),
    RunState.RUNNING: (gettext_lazy("updating"), ""),
    RunState.COMPLETE: (gettext_lazy("up to date"), "mark-good"),
    RunState.PARTIAL: (gettext_lazy("incomplete"), "mark-care"),
    RunState.FAILED: (gettext_lazy("not updated"), "mark-bad"),
}
# A type the hospital does not have or does not show is no loss of ours; it is said, not counted as failed.
_HARMLESS = frozenset({Problem.UNSUPPORTED, Problem.MISSING})


def of(person: Person) -> list[Standing]:
    """Her connections; a fixed number of queries."""
    return [_standing(each) for each in progress.of(person)]


def of_connection(person: Person, connection_id: int) -> Standing | None:
    found = progress.of_connection(person, connection_id)
    return _standing(found) if found else None


@dataclass(frozen=True)
class Found:
    """A name of the directory. ``about``: its place and portal; ``ready``: whether this site is registered there."""

    name: str
    about: str
    slug: str
    connected: bool
    ready: bool
    too_old: bool


def found(text: str, *, standing: Iterable[Standing]) -> list[Found]:
    """What the directory has for these words, at most FOUND_MAX; two queries at most."""
    connected = {each.slug for each in standing if each.active}
    named = [
        Found(
            name=brand.name,
            about=" · ".join(part for part in (_kind(brand.hospital), brand.place, brand.portal) if part),
            slug=brand.hospital.slug,
            connected=brand.hospital.slug in connected,
            ready=bool(brand.hospital.client_id),
            too_old=plan.is_too_old(brand.hospital.fhir_version),
        )
        for brand in directory.found(text, limit=FOUND_MAX)
    ]
    # Two lists may name an older and a newer door of one hospital: only what can be used is shown.
    readable = {each.name for each in named if not each.too_old}
    return [each for each in named if not each.too_old or each.name not in readable]


def _kind(hospital: Hospital) -> str:
    """What it is, where it is no hospital."""
    names = {SourceKind.PAYER: _("Health plan"), SourceKind.WEARABLE: _("Maker of devices")}
    return names.get(SourceKind(hospital.source.kind), "")


def _standing(connection: ConnectionProgress) -> Standing:
    run = connection.run
    active = connection.state == ConnectionState.ACTIVE
    key = (run.state if run else RunState.QUEUED) if active else connection.state
    label, mark = _STATES[key]
    return Standing(
        pk=connection.connection_id,
        slug=connection.hospital_slug,
        name=connection.hospital,
        place=connection.place,
        state=str(label),
        mark=mark,
        freshness=_freshness(connection),
        problem=connection.problem,
        under_way=connection.under_way,
        waits_until=when.moment(run.waits_until) if run else "",
        done=run.steps_done if run else 0,
        steps=run.steps if run else 0,
        summary=_summary(run) if run else "",
        arrivals=tuple(_arrivals(run)) if run else (),
        active=active,
        stopped=connection.state == ConnectionState.STOPPED,
        needs_reconnect=connection.state == ConnectionState.NEEDS_REAUTH,
        held=connection.state == ConnectionState.HELD,
        removing=connection.removing,
        retry=_retry(run) if active and run else "",
        times=tuple(_times(connection)),
        schedule=connection.schedule,
        shipped=_shipped(connection) if connection.fed else "",
        handing=connection.handing,
    )


def _shipped(connection: ConnectionProgress) -> str:
    """What a hospital that also exports as a group last sent of hers."""
    shipment = connection.shipment
    if shipment is None:
        return _("Nothing of yours has come that way yet.")
    arrived = ngettext("%(count)s record of yours", "%(count)s records of yours", shipment.received)
    parts = [arrived % {"count": shipment.received}]
    if shipment.new:
        parts.append(ngettext("%(count)s new", "%(count)s new", shipment.new) % {"count": shipment.new})
    if shipment.changed:
        parts.append(ngettext("%(count)s changed", "%(count)s changed", shipment.changed) % {"count": shipment.changed})
    if shipment.deleted:
        gone = ngettext("%(count)s no longer there", "%(count)s no longer there", shipment.deleted)
        parts.append(gone % {"count": shipment.deleted})
    if shipment.unusable:
        lost = ngettext("%(count)s too damaged to keep", "%(count)s too damaged to keep", shipment.unusable)
        parts.append(lost % {"count": shipment.unusable})
    return _("Last sent %(moment)s: %(what)s.") % {"moment": when.moment(shipment.at), "what": ", ".join(parts)}


def _retry(run: RunProgress) -> str:
    """What the button says that fetches what failed; empty where nothing did."""
    if run.under_way or run.state not in {RunState.PARTIAL, RunState.FAILED}:
        return ""
    lost = sum(kind.lost or 0 for kind in run.kinds)
    unknown = any(kind.lost is None and kind.pages_failed for kind in run.kinds)
    if not lost or unknown:
        return _("Fetch what is missing")
    return ngettext("Fetch the %(count)s that is missing", "Fetch the %(count)s that are missing", lost) % {
        "count": lost
    }


def _times(connection: ConnectionProgress) -> Iterator[tuple[str, str]]:
    """Three different things, and when it goes on."""
    never = _("never yet")
    yield _("Last tried"), when.moment(connection.last_attempt) or never
    yield _("Last complete"), when.moment(connection.last_success) or never
    yield _("Last brought anything new"), when.moment(connection.last_new_data) or never
    if connection.due:
        yield _("Next update"), when.moment(connection.due)


def schedules() -> list[tuple[str, str]]:
    """How often updates may come by themselves, in words."""
    return [
        (Schedule.DAILY, _("every day")),
        (Schedule.WEEKLY, _("every week")),
        (Schedule.MONTHLY, _("every month")),
        (Schedule.ASKED, _("only when I ask")),
    ]


def _freshness(connection: ConnectionProgress) -> str:
    if connection.last_success:
        return _("complete as of %(moment)s") % {"moment": when.moment(connection.last_success)}
    if connection.last_attempt:
        return _("last tried %(moment)s") % {"moment": when.moment(connection.last_attempt)}
    return _("connected %(moment)s") % {"moment": when.moment(connection.connected)}


def _summary(run: RunProgress) -> str:
    arrived = ngettext("%(count)s record arrived", "%(count)s records arrived", run.arrived) % {"count": run.arrived}
    new = [ngettext("%(count)s new", "%(count)s new", run.new) % {"count": run.new}] if run.new else []
    changed = ngettext("%(count)s changed", "%(count)s changed", run.changed) % {"count": run.changed}
    return ", ".join([arrived, *new, *([changed] if run.changed else [])])


def _arrivals(run: RunProgress) -> Iterator[Arrival]:
    """One line for each type that something came of, or should have come of."""
    for kind in run.kinds:
        problem = kind.problem if kind.problem and kind.problem.code not in _HARMLESS else None
        if kind.arrived or kind.stated or problem:
            complete = not kind.lost and problem is None
            yield Arrival(
                kind.resource_type,
                not complete
                and not run.under_way
                and kind.problem is not None
                and kind.problem.code != Problem.REFUSED,
                names.type_name(kind.resource_type),
                _amount(kind),
                complete=complete,
                note=f"{problem.says} {problem.do}" if problem else "",
            )


def _amount(kind: KindProgress) -> str:
    """ "187 of 190, 3 failed, 2 not quite as the standard says"."""
    if not kind.arrived and kind.problem:
        return _("nothing arrived")
    parts = [
        _("%(kept)s of %(stated)s") % {"kept": kind.kept, "stated": kind.stated}
        if kind.stated is not None and kind.kept <= kind.stated
        else _("%(kept)s arrived") % {"kept": kind.kept}
    ]
    if kind.finished and kind.lost:
        parts.append(_("%(count)s failed") % {"count": kind.lost})
    elif kind.pages_failed and kind.problem:
        parts.append(_("the rest failed"))
    if kind.held_back:
        parts.append(_("%(count)s about somebody else, not kept") % {"count": kind.held_back})
    if kind.flagged:
        parts.append(_("%(count)s not quite as the standard says") % {"count": kind.flagged})
    return ", ".join(parts)
