"""Writing and proving the ledger: a decision is a new row, chained to the one before it (DESIGN D7)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Person
from consent import texts
from consent.models import CONSENTS, DECISIVE, STANDING, Act, Decision, Grantee, HiddenRecord
from consent.terms import Terms
from records import sources, statements

JUST_NOW: Final = timedelta(milliseconds=100)
_LEDGER_LOCK: Final = 3
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
    return _decide(
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
    return _decide(
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
    _lock(owner.pk)
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
    _lock(owner.pk)
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


@dataclass(frozen=True, slots=True)
class Standing:
    """What the gate needs of a decision that stood when it was ``asked`` for; the rest are the columns of STANDS.

    ``patient_id`` is that of the owner's one Patient. ``hidden``: ``Type/id`` of the records she hid from everyone or
    from this grantee.
    """

    asked: datetime
    pk: int
    owner_id: int
    grantee_kind: str
    grantee: str
    scopes_granted: list[str]
    terms: dict[str, Any]
    decided: datetime
    patient_id: str
    hidden: list[str]

    def answers(self, decision_id: int, *, owner_id: int, grantee: str, kind: str, at: datetime) -> bool:
        """Whether this is the decision in question, read just now: a long request asks again and again."""
        known = (self.pk, self.owner_id, self.grantee_kind, self.grantee)
        return known == (decision_id, owner_id, kind, grantee) and timedelta() <= at - self.asked <= JUST_NOW


STANDS: Final = """
    SELECT d.id, d.owner_id, d.grantee_kind, d.grantee, d.scopes_granted, d.terms, d.decided, o.patient_id, ARRAY(
        SELECT h.record FROM consent_hiddenrecord h WHERE h.owner_id = d.owner_id
        AND ((h.grantee_kind = d.grantee_kind AND h.grantee = d.grantee) OR h.grantee_kind = 'everyone'))
    FROM consent_decision d JOIN accounts_person o ON o.id = d.owner_id
    WHERE d.id = {decision} AND d.owner_id = {owner} AND d.grantee_kind = {kind} AND d.grantee = {grantee}
    AND d.act IN ('grant', 'resume', 'renew') AND (d.ends IS NULL OR d.ends > {at}) AND NOT EXISTS (
        SELECT 1 FROM consent_decision n WHERE n.owner_id = d.owner_id AND n.grantee_kind = d.grantee_kind
        AND n.grantee = d.grantee AND n.act IN ('grant', 'resume', 'renew', 'withdraw', 'pause')
        AND n.sequence > d.sequence)
"""
"""The same question as _standing, for prepared statements: its blanks are placeholders, or columns of what joins it."""

_ASK_STANDING: Final = STANDS.format(decision="%s", owner="%s", kind="%s", grantee="%s", at="%s")


def standing(
    decision_id: int, *, owner_id: int, grantee: str, at: datetime, kind: str = Grantee.APP
) -> Standing | None:
    """This very decision, if it lets read, has not ended and nothing newer was decided for the same grantee."""
    rows = statements.read(_ASK_STANDING, [decision_id, owner_id, str(kind), grantee, at])
    return Standing(at, *rows[0]) if rows else None


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


def verify(owner_id: int) -> list[str]:
    """What is wrong with an owner's ledger, in words; empty when every decision is as it was written."""
    wrong, previous, expected = [], b"", 1
    hidden: set[tuple[str, str, str]] = set()
    for decision in Decision.objects.filter(owner_id=owner_id).order_by("sequence"):
        if decision.sequence != expected:
            wrong.append(f"a decision before {decision.sequence} is missing")
        elif bytes(decision.previous_hash) != previous:
            wrong.append(f"decision {decision.sequence} does not follow the one before it")
        if bytes(decision.hash) != _hash(decision):
            wrong.append(f"decision {decision.sequence} was altered")
        if decision.text_hash and decision.text_hash != texts.digest(decision.text_version, decision.language):
            wrong.append(f"the text that decision {decision.sequence} names is not the one that is kept")
        if decision.record:
            one = (decision.grantee_kind, decision.grantee, decision.record)
            (hidden.add if decision.act == Act.HIDE else hidden.discard)(one)
        previous, expected = bytes(decision.hash), decision.sequence + 1
    kept = set(HiddenRecord.objects.filter(owner_id=owner_id).values_list("grantee_kind", "grantee", "record"))
    wrong += [f"{record} is not kept hidden as she decided" for _, _, record in sorted(hidden - kept)]
    wrong += [f"{record} is hidden without a decision" for _, _, record in sorted(kept - hidden)]
    return wrong


def _newest_locked(owner_id: int, grantee: str, kind: str) -> Decision | None:
    _lock(owner_id)
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
    return _decide(last.owner, act=act, actor=actor, decided=at, **said)


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
    return _decide(
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


@transaction.atomic
def _decide(owner: Person, **said: Any) -> Decision:
    """Appends under the lock of the owner's ledger: two decisions at once become two rows of one chain."""
    _lock(owner.pk)
    last = Decision.objects.filter(owner=owner).order_by("-sequence").first()
    decision = Decision(
        owner=owner,
        sequence=last.sequence + 1 if last else 1,
        previous_hash=bytes(last.hash) if last else b"",
        **said,
    )
    decision.hash = _hash(decision)
    decision.save(force_insert=True)
    return decision


def _lock(owner_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LEDGER_LOCK, owner_id])


def _hash(decision: Decision) -> bytes:
    said: list[Any] = [
        decision.owner_id,
        decision.sequence,
        str(decision.uid),
        str(decision.act),
        str(decision.grantee_kind),
        decision.grantee,
        decision.grantee_name,
        decision.scopes_asked,
        decision.scopes_granted,
        decision.scopes_refused,
        decision.terms,
        decision.purpose,
        _instant(decision.ends),
        decision.text_version,
        decision.language,
        decision.actor_id,
        _instant(decision.decided),
    ]
    # Decisions from before these existed say nothing of them, and their hash stays what it was.
    later = {"text_hash": decision.text_hash, "shown": decision.shown, "record": decision.record}
    said += [{name: value for name, value in later.items() if value}] if any(later.values()) else []
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(bytes(decision.previous_hash) + text.encode()).digest()


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _instant(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else None
