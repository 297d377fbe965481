"""One record hidden from everyone but her, or from one app: what is so, and changing it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import Person
from audit import events
from audit.models import Action, Agent, Outcome
from consent import ledger, texts
from consent.models import Grantee
from gateway import authorizations

EVERYONE = "everyone"


@dataclass(frozen=True)
class Whom:
    """``key`` is its value in the form: "everyone" or the client_id of an app."""

    key: str
    name: str

    @property
    def kind(self) -> str:
        return Grantee.EVERYONE if self.key == EVERYONE else Grantee.APP

    @property
    def grantee(self) -> str:
        return "" if self.key == EVERYONE else self.key


@dataclass(frozen=True)
class Hiding:
    whom: Whom
    hidden: bool


def of(person: Person, record: str, *, at: datetime) -> list[Hiding]:
    """From whom the record can be hidden: everyone, and each app she lets in now; ``record`` is ``Type/id``."""
    return [Hiding(whom, ledger.is_hidden(person.pk, record, whom.kind, whom.grantee)) for whom in _all(person, at=at)]


def named(person: Person, key: str, *, at: datetime) -> Whom | None:
    """Whom a form names; None for nobody she could mean."""
    return next((whom for whom in _all(person, at=at) if whom.key == key), None)


@transaction.atomic
def hide(person: Person, record: str, whom: Whom, *, language: str, at: datetime, origin: str) -> None:
    decision = ledger.hide(
        owner=person,
        actor=person,
        record=record,
        read=_read(language),
        at=at,
        kind=whom.kind,
        grantee=whom.grantee,
        grantee_name=whom.name if whom.grantee else "",
    )
    if decision is not None:
        _note(person, "hide", decision.pk, record, at_origin=origin)


@transaction.atomic
def show(person: Person, record: str, whom: Whom, *, language: str, at: datetime, origin: str) -> None:
    decision = ledger.show(
        owner=person,
        actor=person,
        record=record,
        read=_read(language),
        at=at,
        kind=whom.kind,
        grantee=whom.grantee,
        grantee_name=whom.name if whom.grantee else "",
    )
    if decision is not None:
        _note(person, "show", decision.pk, record, at_origin=origin)


def _all(person: Person, *, at: datetime) -> Iterator[Whom]:
    yield Whom(EVERYONE, _("everyone but you"))
    for each in authorizations.of(person).live(at=at):
        yield Whom(each.application.client_id, each.application.name)


def _read(language: str) -> ledger.Reading:
    text = texts.read(texts.HIDING, language)
    return ledger.Reading(text.version, text.language, text.digest)


def _note(person: Person, interaction: str, decision_id: int, record: str, *, at_origin: str) -> None:
    events.append(
        owner_id=person.pk,
        action=Action.EXECUTE,
        interaction=interaction,
        outcome=Outcome.SUCCESS,
        agent_kind=Agent.OWNER,
        agent=str(person.subject),
        agent_name=person.name,
        consent_id=decision_id,
        origin=at_origin,
        detail={"types": {record.partition("/")[0]: 1}},
    )
