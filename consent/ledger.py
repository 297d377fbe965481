"""The ledger of what she decides: a decision is a new row, chained to the one before it (DESIGN D7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Person
from consent import chain
from consent.chain import verify as verify
from consent.models import CONSENTS, DECISIVE, STANDING, Act, Decision, Grantee, HiddenRecord
from consent.standing import STANDS as STANDS
from consent.standing import Standing as Standing
from consent.standing import standing as standing
from consent.terms import Terms
from records import sources

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class NothingToWithdraw(Exception):
    """There is no standing grant for this grantee."""


class NothingToResume(Exception):
    """This grantee is not paused, or what was paused has ended meanwhile."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What stood before her: the version and hash of the text, its language, and what else the page told her."""

    text_version: str
    language: str
    text_hash: str = ""
    shown: Mapping[str, Any] = field(default_factory=dict)

    def as_fields(self) -> dict[str, Any]:
        return {
            "text_version": self.text_version,
            "language": self.language,
            "text_hash": self.text_hash,
            "shown": dict(self.shown),
        }


def grant(
    *,
    owner: Person,
    actor: Person,
    grantee: str,
    grantee_name: str,
    asked: Sequence[str],
    granted: Sequence[str],
    terms: Terms,
    purpose: str,
    ends: datetime | None,
    read: Reading,
    at: datetime,
    kind: str = Grantee.APP,
) -> Decision:
    """She lets somebody read: replaces whatever stood for this grantee before."""
    return chain.append(
        owner,
        act=Act.GRANT,
        actor=actor,
        grantee_kind=kind,
        grantee=grantee,
        grantee_name=grantee_name,
        scopes_asked=list(asked),
        scopes_granted=list(granted),
        scopes_refused=[scope for scope in asked if scope not in granted],
        terms=terms.as_json(),
        purpose=purpose,
        ends=ends,
        decided=at,
        **read.as_fields(),
    )


def refuse(
    *,
    owner: Person,
    actor: Person,
    grantee: str,
    grantee_name: str,
    asked: Sequence[str],
    read: Reading,
    at: datetime,
    kind: str = Grantee.APP,
) -> Decision:
    """She says no to everything that was asked; what she granted before stands."""
    return chain.append(
        owner,
        act=Act.REFUSE,
        actor=actor,
        grantee_kind=kind,
        grantee=grantee,
        grantee_name=grantee_name,
        scopes_asked=list(asked),
        scopes_granted=[],
        scopes_refused=list(asked),
        terms=Terms().as_json(),
        purpose="",
        ends=None,
        decided=at,
        **read.as_fields(),
    )


@transaction.atomic
def withdraw(*, owner_id: int, grantee: str, actor: Person, at: datetime, kind: str = Grantee.APP) -> Decision:
    """She ends what she granted, paused or not. Raises NothingToWithdraw."""
    last = _newest_locked(owner_id, grantee, kind)
    if last is None or last.act == Act.WITHDRAW:
        raise NothingToWithdraw(f"owner {owner_id} has granted nothing to {grantee}")
    changes = {"scopes_asked": [], "scopes_granted": [], "scopes_refused": last.scopes_granted, "ends": None}
    return _again(last, Act.WITHDRAW, actor=actor, at=at, **changes)


@transaction.atomic
def pause(*, owner_id: int, grantee: str, actor: Person, at: datetime, kind: str = Grantee.APP) -> Decision:
    """She stops it for now: as good as a withdrawal, until she resumes. Raises NothingToWithdraw."""
    last = _newest_locked(owner_id, grantee, kind)
    if last is None or last.act not in STANDING or _has_ended(last, at):
        raise NothingToWithdraw(f"owner {owner_id} lets {grantee} read nothing now")
    return _again(last, Act.PAUSE, actor=actor, at=at)


@transaction.atomic
def resume(*, owner_id: int, grantee: str, actor: Person, at: datetime, kind: str = Grantee.APP) -> Decision:
    """She lets a paused grantee read again, on the same terms and to the same end. Raises NothingToResume."""
    last = _newest_locked(owner_id, grantee, kind)
    if last is None or last.act != Act.PAUSE or _has_ended(last, at):
        raise NothingToResume(f"{grantee} is not paused by owner {owner_id}")
    return _again(last, Act.RESUME, actor=actor, at=at)


@transaction.atomic
def renew(
    *,
    owner_id: int,
    grantee: str,
    actor: Person,
    ends: datetime,
    read: Reading,
    at: datetime,
    kind: str = Grantee.APP,
) -> Decision:
    """She moves the end, also when it has come already; all else stays. Raises NothingToResume."""
    last = _newest_locked(owner_id, grantee, kind)
    if last is None or last.act not in STANDING:
        raise NothingToResume(f"owner {owner_id} has granted nothing to {grantee} that could be renewed")
    told = {**last.shown, **read.shown}
    return _again(last, Act.RENEW, actor=actor, at=at, ends=ends, **{**read.as_fields(), "shown": told})


@transaction.atomic
def change_terms(
    *, owner_id: int, grantee: str, actor: Person, terms: Terms, read: Reading, at: datetime, kind: str = Grantee.APP
) -> Decision:
    """She grants the same anew on other terms, to the same end. Raises NothingToResume where nothing is granted now."""
    last = _newest_locked(owner_id, grantee, kind)
    if last is None or not lets_read(last, at=at):
        raise NothingToResume(f"owner {owner_id} lets {grantee} read nothing now")
    told = {**last.shown, **read.shown}
    fields = {**read.as_fields(), "shown": told, "terms": terms.as_json()}
    return _again(last, Act.GRANT, actor=actor, at=at, **fields)


@transaction.atomic
def hide(
    *,
    owner: Person,
    actor: Person,
    record: str,
    read: Reading,
    at: datetime,
    kind: str = Grantee.EVERYONE,
    grantee: str = "",
    grantee_name: str = "",
) -> Decision | None:
    """She hides one record (``Type/id``) from everyone but herself or from one grantee. None if it is hidden so."""
    chain.lock(owner.pk)
    rows = HiddenRecord.objects.filter(owner=owner, grantee_kind=kind, grantee=grantee, record=record)
    if rows.exists():
        return None
    HiddenRecord.objects.create(owner=owner, grantee_kind=kind, grantee=grantee, record=record)
    return _about_record(Act.HIDE, owner, actor, record, kind, grantee, grantee_name, read, at)


@transaction.atomic
def show(
    *,
    owner: Person,
    actor: Person,
    record: str,
    read: Reading,
    at: datetime,
    kind: str = Grantee.EVERYONE,
    grantee: str = "",
    grantee_name: str = "",
) -> Decision | None:
    """She takes a ``hide`` back; what consent does not reach stays out of reach. None if it was not hidden so."""
    chain.lock(owner.pk)
    rows = HiddenRecord.objects.filter(owner=owner, grantee_kind=kind, grantee=grantee, record=record)
    if not rows.delete()[0]:
        return None
    return _about_record(Act.SHOW, owner, actor, record, kind, grantee, grantee_name, read, at)


def hidden_from(owner_id: int, grantee: str, *, kind: str = Grantee.APP) -> frozenset[str]:
    """``Type/id`` of what this grantee may not see, whatever else was granted."""
    rows = HiddenRecord.objects.filter(
        Q(grantee_kind=kind, grantee=grantee) | Q(grantee_kind=Grantee.EVERYONE), owner_id=owner_id
    )
    return frozenset(rows.values_list("record", flat=True))


def is_hidden(owner_id: int, record: str, kind: str, grantee: str) -> bool:
    """Whether she hid it from just this grantee (or, of kind EVERYONE, from everyone)."""
    return HiddenRecord.objects.filter(owner_id=owner_id, grantee_kind=kind, grantee=grantee, record=record).exists()


def newest(owner_id: int, grantee: str, *, kind: str = Grantee.APP) -> Decision | None:
    """The newest decision that counts for this grantee, whatever it says."""
    found = Decision.objects.filter(owner_id=owner_id, grantee_kind=kind, grantee=grantee, act__in=DECISIVE)
    return found.order_by("-sequence").select_related("owner").first()


def newest_of_kind(owner_id: int, kind: str) -> list[Decision]:
    """The newest decision that counts for each grantee of this kind, the newest first."""
    found = Decision.objects.filter(owner_id=owner_id, grantee_kind=kind, act__in=DECISIVE)
    each = found.order_by("grantee", "-sequence").distinct("grantee").select_related("owner")
    return sorted(each, key=lambda decision: decision.sequence, reverse=True)


def newest_of_each(grantees: Iterable[str], *, kind: str) -> dict[str, Decision]:
    """The newest decision that counts for each of these grantees, of whom each is one owner's alone."""
    found = Decision.objects.filter(grantee__in=list(grantees), grantee_kind=kind, act__in=DECISIVE)
    newest_first = found.order_by("grantee", "-sequence").distinct("grantee").select_related("owner", "actor")
    return {decision.grantee: decision for decision in newest_first}


def lets_read(decision: Decision, *, at: datetime) -> bool:
    """Whether this newest decision lets its grantee read now."""
    return decision.act in STANDING and not _has_ended(decision, at)


def following(decision: Decision) -> Decision | None:
    """The first decision that counted for the same grantee after this one."""
    later = Decision.objects.filter(
        owner_id=decision.owner_id,
        grantee_kind=decision.grantee_kind,
        grantee=decision.grantee,
        act__in=DECISIVE,
        sequence__gt=decision.sequence,
    )
    return later.order_by("sequence").first()


def current(owner_id: int, grantee: str, *, kind: str = Grantee.APP) -> Decision | None:
    """The grant that stands for this grantee, ended or not; None when there is none, or it is withdrawn or paused."""
    last = newest(owner_id, grantee, kind=kind)
    return last if last is not None and last.act in STANDING else None


def consents(owner_id: int, terms: Terms) -> list[Decision]:
    """The decisions that are FHIR Consents of their own, newest first, as far as these terms reach: they are from
    ourselves, and happened when she decided.
    """
    if terms.sources is not None and sources.own().pk not in terms.sources:
        return []
    found = Decision.objects.filter(owner_id=owner_id, act__in=CONSENTS).select_related("owner")
    if terms.since is not None:
        found = found.filter(decided__gte=_moment(terms.since))
    if terms.until is not None:
        found = found.filter(decided__lt=_moment(terms.until))
    return list(found.order_by("-sequence"))


def grants_to(grantee: str, *, at: datetime) -> QuerySet[Decision]:
    """The grants to this app that stand now, one per owner with an open account, by owner."""
    return (
        _standing(at=at).filter(grantee_kind=Grantee.APP, grantee=grantee, owner__is_active=True).order_by("owner_id")
    )


def _newest_locked(owner_id: int, grantee: str, kind: str) -> Decision | None:
    chain.lock(owner_id)
    return newest(owner_id, grantee, kind=kind)


def _has_ended(decision: Decision, at: datetime) -> bool:
    return decision.ends is not None and decision.ends <= at


def _again(last: Decision, act: Act, *, actor: Person, at: datetime, **changes: Any) -> Decision:
    """A new row that says what the last one said, but for the changes."""
    copied = (
        "grantee_kind",
        "grantee",
        "grantee_name",
        "scopes_asked",
        "scopes_granted",
        "scopes_refused",
        "terms",
        "purpose",
        "ends",
        "text_version",
        "text_hash",
        "language",
        "shown",
    )
    said = {name: getattr(last, name) for name in copied} | changes
    return chain.append(last.owner, act=act, actor=actor, decided=at, **said)


def _about_record(
    act: Act,
    owner: Person,
    actor: Person,
    record: str,
    kind: str,
    grantee: str,
    grantee_name: str,
    read: Reading,
    at: datetime,
) -> Decision:
    return chain.append(
        owner,
        act=act,
        actor=actor,
        grantee_kind=kind,
        grantee=grantee,
        grantee_name=grantee_name,
        record=record,
        scopes_asked=[],
        scopes_granted=[],
        scopes_refused=[],
        terms=Terms().as_json(),
        purpose="",
        ends=None,
        decided=at,
        **read.as_fields(),
    )


def _standing(*, at: datetime) -> QuerySet[Decision]:
    """Grants that have not ended and that no newer decision for the same owner and grantee replaced or stopped."""
    newer = Decision.objects.filter(
        owner_id=OuterRef("owner_id"),
        grantee_kind=OuterRef("grantee_kind"),
        grantee=OuterRef("grantee"),
        act__in=DECISIVE,
        sequence__gt=OuterRef("sequence"),
    )
    return Decision.objects.filter(Q(ends__isnull=True) | Q(ends__gt=at), ~Exists(newer), act__in=STANDING)


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
