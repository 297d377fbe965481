"""The one gate: the only way a reader reaches records (DESIGN D6).

A question names the owner, the reader and the interaction; the answer is a RecordSet whose rules become part of every
SQL statement. What is not permitted is not loaded, not counted, and looks exactly like what does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from accounts.models import Person
from audit import events
from consent import clinicians, contributions, delegations, emergencies, guardians, ledger
from consent.models import Decision, Grantee
from consent.terms import Terms
from records import sources
from records.reading import RecordSet
from records.rules import Rule, enforceable
from standards.smart import scopes
from standards.smart.scopes import NamedScope, ResourceScope, Scope

# SMART App Launch 2.2, "Scopes and launch context": which letter each FHIR interaction needs.
LETTER: Final = MappingProxyType(
    {
        "read": "r",
        "vread": "r",
        "history-instance": "r",
        "search": "s",
        "history-type": "s",
        "create": "c",
        "update": "u",
        "patch": "u",
        "delete": "d",
    }
)
# An export lists and hands over, so both letters are asked of the client's scope and of hers.
EXPORT: Final = "rs"
PATIENT: Final = "Patient"
RELATED_PERSON: Final = "RelatedPerson"
CONSENT: Final = "Consent"
AUDIT_EVENT: Final = "AuditEvent"
PATIENT_LEVEL: Final = "patient"
READ_MESSAGES: Final = "read-messages"
WRITE_MESSAGE: Final = "write-message"
DECLINE_QUESTIONS: Final = "decline-questions"
TOLD_OF_MESSAGES: Final = "told-of-messages"
REMIND_OF_QUESTIONS: Final = "remind-of-questions"
"""Interactions of events about a conversation with a clinic."""
_CONVERSING: Final = (READ_MESSAGES, WRITE_MESSAGE, TOLD_OF_MESSAGES, DECLINE_QUESTIONS, REMIND_OF_QUESTIONS)
_PRIVATE: Final = ("hide", "show", "meta-security", "part", "join", *_CONVERSING)
"""Acts that tell that there is something to hide, or of records that may be hidden."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Without ``offline_access`` she was told that the app must ask her again after this (the consent page's words).
ATTENDED: Final = timedelta(hours=1)


class ConsentMissing(Exception):
    """There is no standing consent for this reader: never given, withdrawn, replaced or ended."""


class ScopeMissing(Exception):
    """The consent stands, but none of the scopes reaches this type with this interaction."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The person whose record it is."""

    person_id: int


@dataclass(frozen=True, slots=True)
class App:
    """An app with a token: its scopes, and the decision the token relies on.

    ``standing`` is that decision as it was read with the token, for the first question of a request.
    """

    client_id: str
    decision_id: int
    scopes: tuple[Scope, ...]
    standing: ledger.Standing | None = None


@dataclass(frozen=True, slots=True)
class Clinician:
    """A clinician of the hospital whose site this is, reading a patient's chart there by himself."""

    person_id: int


@dataclass(frozen=True, slots=True)
class ClinicianApp:
    """An app that a clinician of this hospital opened: his decision to use it, and the patient in context.

    ``patient_id`` is the Patient he opened it for, "" for none: ``patient/`` scopes reach nobody else.
    """

    client_id: str
    decision_id: int
    scopes: tuple[Scope, ...]
    clinician_id: int
    patient_id: str


@dataclass(frozen=True, slots=True)
class Backend:
    """A backend service exporting one person's records: its ``system/`` scopes, and her decision that lets it."""

    client_id: str
    decision_id: int
    scopes: tuple[Scope, ...]


@dataclass(frozen=True, slots=True)
class Delegate:
    """A person who acts for the owner: ``delegation`` is the grantee of the owner's decision, and bound to her."""

    person_id: int
    delegation: str
    decision_id: int


@dataclass(frozen=True, slots=True)
class DelegateApp:
    """An app that a delegate let into the owner's record: it reads what both the decision and the delegate may.

    ``decision_id`` is what the delegate decided in the owner's ledger, ``delegation`` what she may herself.
    """

    client_id: str
    decision_id: int
    scopes: tuple[Scope, ...]
    person_id: int
    delegation: str
    standing: ledger.Standing | None = None

    @property
    def grantee(self) -> str:
        return delegations.grantee_of_app(self.delegation, self.client_id)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a delegate may see at this moment, herself or through an app. ``hidden``: ``Type/id`` of single records."""

    delegation: str
    scopes: tuple[Scope, ...]
    terms: Terms
    withheld: int
    hidden: frozenset[str]
    patient_id: str


@dataclass(frozen=True, slots=True)
class Holder:
    """Anybody else she let read: a clinic, a clinician, or whoever holds a link.

    ``kind`` is one of consent.models.Grantee; what may be read are the scopes of the decision itself.
    """

    kind: str
    grantee: str
    decision_id: int


@dataclass(frozen=True, slots=True)
class Service:
    """A service of a clinic she let read, with a token: it reads what both the decision and the token's scopes admit.

    ``kind`` and ``grantee`` are the clinic's, as in the decision.
    """

    kind: str
    grantee: str
    decision_id: int
    scopes: tuple[Scope, ...]


@dataclass(frozen=True, slots=True)
class InEmergency:
    """A clinician elsewhere who opened the record without leave, in one visit and for a short time.

    He sees no more than somebody she lets see everything: nothing sensitive, nothing hidden from everyone.
    """

    uid: UUID
    visit: UUID


Reader = Owner | Delegate | App | DelegateApp | Clinician | ClinicianApp | Backend | Holder | Service | InEmergency


@dataclass(frozen=True, slots=True)
class Writable:
    """What an app may write by one interaction.

    ``own`` are the records it wrote itself, whatever they say: nothing else can be changed or removed by it. ``known``
    are these and what it may search: where a conditional create looks for what is already there.
    """

    own: RecordSet
    known: RecordSet
    rules: tuple[Rule, ...]

    def admits(self, resource: dict[str, Any]) -> bool:
        """Whether one of the app's scopes speaks of this resource, filters included."""
        return any(
            rule.reaches(resource["resourceType"]) and rule.admits_opened(resource, labels=0, source_id=0)
            for rule in self.rules
        )


def readable(*, owner_id: int, reader: Reader, interaction: str, at: datetime) -> RecordSet:
    """The records of this owner that this reader may reach by this interaction now.

    ``interaction`` is read, vread, search, history-instance or history-type; for a Backend it is export. Raises
    ConsentMissing.
    """
    if isinstance(reader, Backend):
        return RecordSet(owner_id, _patient_id(owner_id), _rules_of_backend(owner_id, reader, at))
    letter = LETTER[interaction]
    if isinstance(reader, Owner):
        if reader.person_id != owner_id:
            raise ConsentMissing(f"person {reader.person_id} may not read the record of {owner_id}")
        return RecordSet(owner_id, _patient_id(owner_id), (Rule(),))
    if isinstance(reader, Delegate | DelegateApp):
        return _readable_in_her_place(owner_id, reader, letter, at)
    if isinstance(reader, Holder | Service | InEmergency):
        return _readable_elsewhere(owner_id, reader, letter, at)
    if isinstance(reader, Clinician):
        if not clinicians.reaches(reader.person_id, owner_id):
            raise ConsentMissing(f"person {reader.person_id} is no clinician of {owner_id}")
        return RecordSet(owner_id, _patient_id(owner_id), (Rule(),))
    if isinstance(reader, ClinicianApp):
        patient_id = _patient_id(owner_id)
        return RecordSet(owner_id, patient_id, _rules_of_clinician_app(owner_id, patient_id, reader, letter, at))
    patient_id, rules = _rules_of_app(owner_id, reader, letter, at)
    return RecordSet(owner_id, patient_id, rules)


def part(*, owner_id: int, reader: Owner, held: Iterable[Scope], terms: Terms) -> RecordSet:
    """Part of her own record, as she chose it for a file or a paper that she hands on: what a link with these scopes
    and terms would show, so without what she hid from everyone. Raises ConsentMissing.
    """
    if reader.person_id != owner_id:
        raise ConsentMissing(f"person {reader.person_id} may not read the record of {owner_id}")
    hidden = ledger.hidden_from(owner_id, "", kind=Grantee.LINK)
    return RecordSet(owner_id, _patient_id(owner_id), rules(held, terms, "s", hidden=hidden))


def conversation(
    *, owner_id: int, reader: Owner | Delegate | Holder | Service | InEmergency, organization: UUID, at: datetime
) -> RecordSet:
    """What the owner and this organisation wrote each other; nothing else of the record, and of no other organisation.

    For the organisation itself by a decision of hers that lets it, or one visit of it, read now, whatever else that
    decision admits; of a visit the caller knows whose it is. For her, and for a delegate as far as he may read it.
    Without what she hid. Raises ConsentMissing, for every other reader as well: programs of an organisation and
    whoever opened the record in an emergency have no part in it.
    """
    source = sources.conversation(organization)
    held = frozenset() if source is None else frozenset({source.pk})
    if isinstance(reader, Owner | Delegate):
        records = readable(owner_id=owner_id, reader=reader, interaction="search", at=at)
        return replace(records, rules=tuple(_of_sources(rule, held) for rule in records.rules))
    if not isinstance(reader, Holder) or reader.kind not in (Grantee.ORGANIZATION, Grantee.CLINICIAN):
        raise ConsentMissing("only the organisation itself has part in a conversation")
    if reader.kind == Grantee.ORGANIZATION and reader.grantee != str(organization):
        raise ConsentMissing(f"{reader.grantee} is not organisation {organization}")
    decision = _standing(owner_id, reader.decision_id, reader.grantee, at, kind=reader.kind)
    return RecordSet(owner_id, decision.patient_id, (Rule(sources=held, hidden=frozenset(decision.hidden)),))


def withholds(owner_id: int, name: tuple[str, str]) -> bool:
    """Whether she has this record (type, id), asked after a reader was told that there is none: for her log alone."""
    return RecordSet(owner_id, _patient_id(owner_id), (Rule(),)).holds(*name)


def decisions(*, owner_id: int, reader: App, interaction: str, at: datetime) -> list[Decision]:
    """Her own decisions that this app may read as FHIR Consent, newest first (consent.resources).

    Only for a scope that names Consent: a decision tells which other apps she uses, so "everything" is not enough.
    What she hid is in no decision among them, and the terms count for them as for any record of hers. Raises
    ConsentMissing.
    """
    decision = _standing(owner_id, reader.decision_id, reader.client_id, at)
    if not names_consents(_held(reader, decision), LETTER[interaction]):
        return []
    return ledger.consents(owner_id, Terms.of(decision.terms))


def logged(*, owner_id: int, reader: App, interaction: str, at: datetime) -> events.Filter | None:
    """Which events of her access log this app may read as FHIR AuditEvent; None for none.

    Only for a scope that names AuditEvent, as with Consent: the log tells which other apps she uses, and when. The
    terms count for events as for any record of ourselves. Raises ConsentMissing.
    """
    decision = _standing(owner_id, reader.decision_id, reader.client_id, at)
    return events_under(_held(reader, decision), Terms.of(decision.terms), LETTER[interaction])


def events_under(held: Iterable[Scope], terms: Terms, letter: str) -> events.Filter | None:
    """The events that these scopes and terms admit together; None for none."""
    if not names_whole(held, AUDIT_EVENT, letter):
        return None
    if terms.sources is not None and sources.own().pk not in terms.sources:
        return None
    since, until = (
        None if edge is None else _EPOCH + timedelta(microseconds=edge) for edge in (terms.since, terms.until)
    )
    return events.Filter(since=since, until=until, without=_PRIVATE)


def names_consents(held: Iterable[Scope], letter: str) -> bool:
    """Whether one of the scopes names Consent itself, whole."""
    return names_whole(held, CONSENT, letter)


def names_whole(held: Iterable[Scope], resource_type: str, letter: str) -> bool:
    """Whether one of the scopes names this type itself, and no part of it."""
    return any(
        isinstance(scope, ResourceScope)
        and scope.level == PATIENT_LEVEL
        and scope.resource == resource_type
        and letter in scope.permissions
        and not scope.filters
        for scope in held
    )


def writable(*, owner_id: int, reader: App, interaction: str, source_id: int, at: datetime) -> Writable:
    """What this app may write into this owner's record by this interaction now.

    ``interaction`` is create, update, patch or delete; ``source_id`` is the source that stands for the app. Her terms
    (sources, time, sensitive kinds) are about what may be read: an app may always mend what it said itself, unless she
    hid that record from it. Raises ConsentMissing.
    """
    patient_id, admitted = _rules_of_app(owner_id, reader, LETTER[interaction], at)
    hidden = ledger.hidden_from(owner_id, reader.client_id)
    own = RecordSet(owner_id, patient_id, (Rule(sources=frozenset({source_id}), hidden=hidden),))
    _, searched = _rules_of_app(owner_id, reader, LETTER["search"], at)
    rules = tuple(Rule(rule.resource_type, rule.filters) for rule in admitted)
    return Writable(own, replace(own, rules=(*own.rules, *searched)), rules)


def reaches(reader: App | ClinicianApp | DelegateApp | Service, resource_type: str, interaction: str) -> bool:
    """Whether any scope of the token reaches this type with this interaction at all."""
    letter = LETTER[interaction]
    if letter in contributions.LETTERS and (
        resource_type not in contributions.ABOUT or isinstance(reader, DelegateApp | Service)
    ):
        return False
    if isinstance(reader, DelegateApp) and resource_type == RELATED_PERSON and tells_who_acts(reader, interaction):
        return True
    return any(
        scopes.permits(scope, resource_type, letter) or (resource_type == "Binary" and _reads_documents(scope, letter))
        for scope in reader.scopes
    )


def tells_who_acts(reader: DelegateApp, interaction: str) -> bool:
    """Whether the app may read who let it in, as the RelatedPerson that ``fhirUser`` named to it."""
    return LETTER[interaction] == "r" and NamedScope("fhirUser") in reader.scopes


def exports(held: Iterable[Scope], resource_type: str) -> bool:
    """Whether any of these scopes of a backend service reaches this type in an export at all."""
    return any(all(scopes.permits(scope, resource_type, letter) for letter in EXPORT) for scope in _of_system(held))


def cohort(client_id: str, at: datetime) -> dict[int, int]:
    """The owners who let this backend service read now, in order, each with her decision: what an export asks for."""
    granted = ledger.grants_to(client_id, at=at).only("id", "owner_id", "scopes_granted", "decided")
    return {decision.owner_id: decision.pk for decision in granted.iterator() if _lets_backend(decision, at)}


def stands(reader: Backend, *, owner_id: int, at: datetime) -> bool:
    """Whether her decision still lets the backend service have what it exported under it."""
    decision = ledger.standing(reader.decision_id, owner_id=owner_id, grantee=reader.client_id, at=at)
    return decision is not None and _lets_backend(decision, at)


def honours(scope: Scope) -> bool:
    """Whether the gate can enforce this scope; one that it cannot must never be granted."""
    if not isinstance(scope, ResourceScope):
        return True
    return scope.level in ("patient", "user") and all(enforceable(scope.resource, code) for code, _ in scope.filters)


def rules(
    held: Iterable[Scope],
    terms: Terms,
    letter: str,
    *,
    hidden: frozenset[str] = frozenset(),
    within: Bounds | None = None,
) -> tuple[Rule, ...]:
    """What scopes and terms admit together: any one rule is enough, and ``hidden`` is in none (``Type/id``).

    ``within``: for a delegate, and nothing beyond what she may see herself.
    """
    if within is None:
        return tuple(replace(rule, hidden=hidden) for scope in held for rule in _rules_of_scope(scope, terms, letter))
    narrowed, withheld = _common(tuple(held), within.scopes), terms.withheld | within.withheld
    admitted = rules(narrowed, terms.within(within.terms), letter, hidden=hidden | within.hidden)
    return tuple(replace(rule, withheld=withheld) for rule in admitted)


def acting(owner_id: int, *, person_id: int, delegation: str, at: datetime) -> Bounds:
    """What this person may see now of the owner's record, by this delegation.

    Without what nobody can classify and what is a minor's own affair. Raises ConsentMissing.
    """
    found = delegations.bound(delegation, owner_id=owner_id, delegate_id=person_id, at=at)
    if found is None:
        raise ConsentMissing(f"person {person_id} does not act for {owner_id}")
    return _bounds(owner_id, delegation, found, at)


def letting_in(owner_id: int, *, person_id: int, delegation: str, at: datetime) -> Bounds:
    """The same for the apps this person let in, if the owner lets her. Raises ConsentMissing."""
    found = acting(owner_id, person_id=person_id, delegation=delegation, at=at)
    if not found.terms.apps:
        raise ConsentMissing(f"delegation {delegation} lets in no app")
    return found


def hidden_from_app(owner_id: int, client_id: str, delegation: str) -> frozenset[str]:
    """What she hid from this app counts whoever let it in; what she hid from the delegate stands in the Bounds."""
    grantee = delegations.grantee_of_app(delegation, client_id)
    return ledger.hidden_from(owner_id, client_id) | ledger.hidden_from(owner_id, grantee, kind=Grantee.DELEGATE_APP)


def _rules_of_app(owner_id: int, reader: App, letter: str, at: datetime) -> tuple[str, tuple[Rule, ...]]:
    """The id of the owner's one Patient, and what the app's scopes and her terms admit together."""
    decision = _standing(owner_id, reader.decision_id, reader.client_id, at, known=reader.standing)
    return decision.patient_id, _rules_of(decision, _held(reader, decision), letter)


def _held(reader: App | DelegateApp | Service, decision: ledger.Standing) -> list[Scope]:
    """The token can only ever hold less than what was granted; the ledger has the last word."""
    granted = [scopes.parse(text) for text in decision.scopes_granted]
    return [scope for scope in reader.scopes if any(scopes.covers(wider, scope) for wider in granted)]


def _readable_in_her_place(owner_id: int, reader: Delegate | DelegateApp, letter: str, at: datetime) -> RecordSet:
    if isinstance(reader, DelegateApp):
        return _readable_by_delegates_app(owner_id, reader, letter, at)
    found = delegations.bound(reader.delegation, owner_id=owner_id, delegate_id=reader.person_id, at=at)
    if found is None or found.decision.pk != reader.decision_id:
        raise ConsentMissing(f"decision {reader.decision_id} does not stand for person {reader.person_id}")
    bounds = _bounds(owner_id, reader.delegation, found, at)
    admitted = rules(bounds.scopes, bounds.terms, letter, hidden=bounds.hidden)
    withheld = tuple(replace(rule, withheld=bounds.withheld) for rule in admitted)
    return RecordSet(owner_id, bounds.patient_id, withheld)


def _readable_as_shared(owner_id: int, reader: Holder | Service, letter: str, at: datetime) -> RecordSet:
    if reader.kind == Grantee.PERSON:
        raise ConsentMissing("a person reads as who she is, a Delegate")
    decision = _standing(owner_id, reader.decision_id, reader.grantee, at, kind=reader.kind)
    granted = [scopes.parse(text) for text in decision.scopes_granted]
    held = granted if isinstance(reader, Holder) else _held(reader, decision)
    return RecordSet(owner_id, decision.patient_id, _rules_of(decision, held, letter))


def _readable_by_delegates_app(owner_id: int, reader: DelegateApp, letter: str, at: datetime) -> RecordSet:
    decision = _standing(
        owner_id, reader.decision_id, reader.grantee, at, kind=Grantee.DELEGATE_APP, known=reader.standing
    )
    bounds = letting_in(owner_id, person_id=reader.person_id, delegation=reader.delegation, at=at)
    hidden = hidden_from_app(owner_id, reader.client_id, reader.delegation)
    admitted = rules(_held(reader, decision), Terms.of(decision.terms), letter, hidden=hidden, within=bounds)
    return RecordSet(owner_id, decision.patient_id, admitted)


def _bounds(owner_id: int, delegation: str, found: delegations.Bound, at: datetime) -> Bounds:
    """Raises ConsentMissing for a guardian of whoever is no minor any more."""
    decision, terms = found.decision, Terms.of(found.decision.terms)
    withheld = terms.withheld_from_delegate
    if found.guardian:
        birth = birth_date(owner_id)
        if birth is None or not guardians.is_minor(birth, at=at):
            raise ConsentMissing(f"owner {owner_id} is no minor")
        withheld = guardians.withheld(terms, birth, decided=found.invited, at=at)
    held = tuple(scopes.parse(text) for text in decision.scopes_granted)
    return Bounds(delegation, held, terms, withheld, frozenset(decision.hidden), decision.patient_id)


@lru_cache(maxsize=256)
def _common(its: tuple[Scope, ...], hers: tuple[Scope, ...]) -> tuple[Scope, ...]:
    """What scopes of an app and of a delegate both reach, each part of it once."""
    pairs = [
        scopes.common(one, other)
        for one in its
        for other in hers
        if isinstance(one, ResourceScope) and isinstance(other, ResourceScope)
    ]
    found = list(dict.fromkeys(both for both in pairs if both is not None))
    return tuple(one for one in found if not any(one != wider and scopes.covers(wider, one) for wider in found))


def birth_date(owner_id: int) -> date | None:
    """The earliest day the owner can have been born on by her one Patient; None where it does not say."""
    patient_id = _patient_id(owner_id)
    stored = RecordSet(owner_id, patient_id, (Rule(PATIENT),)).read(PATIENT, patient_id)
    return None if stored is None or stored.deleted else guardians.born(stored.resource)


def _standing(
    owner_id: int,
    decision_id: int,
    grantee: str,
    at: datetime,
    *,
    kind: str = Grantee.APP,
    known: ledger.Standing | None = None,
) -> ledger.Standing:
    """The decision, read just now. Raises ConsentMissing."""
    if known is not None and known.answers(decision_id, owner_id=owner_id, grantee=grantee, kind=kind, at=at):
        return known
    decision = ledger.standing(decision_id, owner_id=owner_id, grantee=grantee, at=at, kind=kind)
    if decision is None:
        raise ConsentMissing(f"decision {decision_id} does not stand")
    return decision


def _rules_of(decision: ledger.Standing, held: Iterable[Scope], letter: str) -> tuple[Rule, ...]:
    return rules(held, Terms.of(decision.terms), letter, hidden=frozenset(decision.hidden))


def _rules_of_clinician_app(
    owner_id: int, patient_id: str, reader: ClinicianApp, letter: str, at: datetime
) -> tuple[Rule, ...]:
    """What the app's scopes admit of this chart. His ``patient/`` scopes are about the patient in context alone.

    What the hospital keeps of the clinician himself (who ``fhirUser`` is) is in neither, and open to both. Raises
    ConsentMissing, also for whoever is no patient here.
    """
    decision = ledger.standing(reader.decision_id, owner_id=reader.clinician_id, grantee=reader.client_id, at=at)
    if decision is None or not clinicians.reaches(reader.clinician_id, owner_id):
        raise ConsentMissing(f"decision {reader.decision_id} does not stand for {owner_id}")
    levels = ("patient", "user") if patient_id == reader.patient_id or owner_id == reader.clinician_id else ("user",)
    granted = [scopes.parse(text) for text in decision.scopes_granted]
    held = [
        scope
        for scope in reader.scopes
        if isinstance(scope, ResourceScope)
        and scope.level in levels
        and any(scopes.covers(wider, scope) for wider in granted)
    ]
    return rules(held, Terms.of(decision.terms), letter)


def _readable_elsewhere(owner_id: int, reader: Holder | Service | InEmergency, letter: str, at: datetime) -> RecordSet:
    if isinstance(reader, InEmergency):
        return RecordSet(owner_id, _patient_id(owner_id), _rules_in_emergency(owner_id, reader, letter, at))
    return _readable_as_shared(owner_id, reader, letter, at)


def _rules_in_emergency(owner_id: int, reader: InEmergency, letter: str, at: datetime) -> tuple[Rule, ...]:
    if not emergencies.stands(owner_id, reader.uid, reader.visit, at=at):
        raise ConsentMissing(f"emergency {reader.uid} does not stand")
    hidden = ledger.hidden_from(owner_id, "", kind=Grantee.ORGANIZATION)
    return rules([scopes.parse("patient/*.rs")], Terms(), letter, hidden=hidden)


def _rules_of_backend(owner_id: int, reader: Backend, at: datetime) -> tuple[Rule, ...]:
    """What the client was pre-authorised for and she granted, both at once."""
    decision = _standing(owner_id, reader.decision_id, reader.client_id, at)
    if not _lets_backend(decision, at):
        raise ConsentMissing(f"decision {reader.decision_id} does not stand")
    granted = [scope for text in decision.scopes_granted if isinstance(scope := scopes.parse(text), ResourceScope)]
    held = [both for hers in granted for its in _of_system(reader.scopes) if (both := scopes.common(hers, its))]
    return _rules_of(decision, [scope for scope in held if set(EXPORT) <= set(scope.permissions)], "r")


def _of_system(held: Iterable[Scope]) -> list[ResourceScope]:
    return [scope for scope in held if isinstance(scope, ResourceScope) and scope.level == "system"]


def _lets_backend(decision: Decision | ledger.Standing, at: datetime) -> bool:
    kept = NamedScope("offline_access") in [scopes.parse(text) for text in decision.scopes_granted]
    return kept or decision.decided + ATTENDED > at


def _rules_of_scope(scope: Scope, terms: Terms, letter: str) -> Iterator[Rule]:
    if not isinstance(scope, ResourceScope) or letter not in scope.permissions or not honours(scope):
        return
    rule = Rule(
        None if scope.resource == "*" else scope.resource,
        tuple(sorted(scope.filters)),
        sources=terms.sources,
        withheld=terms.withheld,
        since=terms.since,
        until=terms.until,
    )
    yield rule
    if (rule.windowed or rule.sources is not None) and scope.resource in ("*", PATIENT) and not scope.filters:
        # Who she is has no time: a window is about what happened, and an app is told her Patient at every launch. It
        # is of no source she could leave out, and says what those say that she did not (records.composition).
        held = None if rule.sources is None else rule.sources | {sources.own().pk}
        yield replace(rule, resource_type=PATIENT, sources=held, since=None, until=None)
    # A large attachment lives in a Binary of its own and is readable exactly where its home is.
    if letter == "r" and scope.resource not in ("*", "Binary"):
        yield replace(rule, resource_type="Binary", filters=(*rule.filters, ("context", scope.resource)))


def _reads_documents(scope: Scope, letter: str) -> bool:
    return isinstance(scope, ResourceScope) and letter == "r" and letter in scope.permissions


def _of_sources(rule: Rule, held: frozenset[int]) -> Rule:
    return replace(rule, sources=held if rule.sources is None else rule.sources & held)


def _patient_id(owner_id: int) -> str:
    return Person.objects.values_list("patient_id", flat=True).get(pk=owner_id)
