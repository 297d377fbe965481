"""What an app posts into a record: checked, written in her turn, with its provenance and its line in the access log.

An app changes and removes only what it wrote itself. Everything of one submission happens in one transaction, in which
nobody else writes to this record: the version that was compared is the version that is replaced.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from audit import events
from audit.models import Action, Agent
from consent import contributions, gate
from records import sources, store, writer
from records.models import Source
from records.reading import RecordSet, Stored
from standards.fhir import dates, patching
from standards.fhir.validation import Problem
from sync import refusals
from sync.changes import CREATE, DELETE, PATCH, UPDATE, Author, Change, Done
from sync.refusals import Refused
from sync.sources.apps import files, mapping, provenance

_ACTION: Final = {CREATE: Action.CREATE, UPDATE: Action.UPDATE, PATCH: Action.UPDATE, DELETE: Action.DELETE}


@dataclass(slots=True)
class _Step:
    """A change on its way: under which id, and what stands there before and after."""

    change: Change
    allowed: gate.Writable
    logical_id: str
    standing: Stored | None = None
    resource: dict[str, Any] | None = None
    found: bool = False

    @property
    def reference(self) -> str:
        return f"{self.change.resource_type}/{self.logical_id}"


@transaction.atomic
def submit(author: Author, changes: Sequence[Change], *, base: str, interaction: str = "") -> list[Done]:
    """Do all of it or nothing; the results are in the order of the changes.

    ``base`` is our FHIR base. ``interaction`` is the word of the access log, by default each change's own. Raises one
    of Refused, gate.ConsentMissing, query.InvalidSearch.
    """
    source = sources.of_app(author.reader.client_id, author.name)
    writer.take_turn(author.owner_id)
    desk = _Desk(author, source, base, timezone.now())
    steps = [desk.place(change) for change in changes]
    desk.forbid_repeats(steps)
    desk.adopt(steps)
    desk.write(steps)
    done = [desk.done(step) for step in steps]
    desk.attribute(steps, done)
    desk.tell(done, interaction)
    return done


@dataclass(slots=True)
class _Desk:
    """One submission being worked on."""

    author: Author
    source: Source
    base: str
    at: datetime
    _allowed: dict[str, gate.Writable] = field(default_factory=dict)
    _readable: RecordSet | None = None

    def place(self, change: Change) -> _Step:
        """Whether this may be done at all, and to what."""
        try:
            allowed = self._allow(change)
            if change.interaction == CREATE:
                return self._new(change, allowed)
            return self._existing(change, allowed)
        except Refused as refused:
            refused.where = change.where
            raise

    def forbid_repeats(self, steps: Sequence[_Step]) -> None:
        seen: set[object] = set()
        for step in steps:
            for identity in (step.reference, step.change.unless, step.change.placeholder):
                if identity and identity in seen:
                    refused = refusals.SameTwice(step.reference)
                    refused.where = step.change.where
                    raise refused
                seen.add(identity)

    def adopt(self, steps: Sequence[_Step]) -> None:
        """The resources as they will be kept; raises Unacceptable with every problem of every change at once."""
        placeholders = {step.change.placeholder: step.reference for step in steps if step.change.placeholder}
        frame = mapping.Frame(self.author.patient_id, self.base, placeholders)
        problems: list[Problem] = []
        for step in steps:
            if step.change.interaction != DELETE and not step.found:
                problems += _placed(self._adopt(step, frame), step.change)
        if problems:
            raise refusals.Unacceptable(problems)
        for step in steps:
            if step.resource is not None and not step.allowed.admits(step.resource):
                raise _outside(step.change)

    def write(self, steps: Sequence[_Step]) -> None:
        gone = [step for step in steps if step.change.interaction == DELETE and not _is_gone(step)]
        references = [(step.change.resource_type, step.logical_id) for step in gone]
        kept = [step for step in steps if step.resource is not None]
        resources = [step.resource for step in kept if step.resource is not None]
        for step in steps:
            stay, leave = self._files(step)
            resources += stay
            references += [("Binary", name) for name in leave]
        resources += self._attributed("CREATE", [_target(step, 1) for step in kept if step.standing is None])
        if references:
            store.delete(owner_id=self.author.owner_id, source_id=self.source.pk, references=references, at=self.at)
        outcome = self._put(resources)
        if outcome.refused:
            too_large = kept[outcome.refused[0].index].change
            raise refusals.Unacceptable(
                _placed([Problem(too_large.resource_type, outcome.refused[0].reason, "error")], too_large)
            )

    def done(self, step: _Step) -> Done:
        shown = None if step.change.interaction == DELETE else self._reads(step.change.resource_type, step.logical_id)
        stored = shown or (step.standing if step.found else self._own(step))
        assert stored is not None
        before = 0 if step.standing is None else step.standing.version_id
        return Done(step.change, stored, stored.version_id != before, shown is not None)

    def _own(self, step: _Step) -> Stored | None:
        return step.allowed.own.read(step.change.resource_type, step.logical_id)

    def attribute(self, steps: Sequence[_Step], done: Sequence[Done]) -> None:
        """The Provenance of what was changed: only now is it known which versions there are."""
        changed = [
            _target(step, one.stored.version_id)
            for step, one in zip(steps, done, strict=True)
            if one.written and step.resource is not None and step.standing is not None
        ]
        if changed:
            self._put(self._attributed("UPDATE", changed))

    def tell(self, done: Sequence[Done], interaction: str) -> None:
        """One event for each kind of change; what was found instead of created was looked for, not written."""
        groups: dict[tuple[Action, str], list[Done]] = {}
        for one in done:
            looked_for = one.change.interaction == CREATE and not one.written
            action = Action.EXECUTE if looked_for else _ACTION[one.change.interaction]
            groups.setdefault((action, interaction or ("search" if looked_for else one.change.interaction)), []).append(
                one
            )
        for (action, word), those in groups.items():
            told = [one for one in those if one.written or action is Action.EXECUTE]
            types = Counter(one.change.resource_type for one in told)
            detail: dict[str, object] = {"records": types.total(), "types": dict(types)}
            if len(told) == 1:
                detail["record"] = f"{told[0].stored.resource_type}/{told[0].stored.logical_id}"
            events.append(
                owner_id=self.author.owner_id,
                action=action,
                interaction=word,
                agent_kind=Agent.APP,
                agent=self.author.reader.client_id,
                agent_name=self.author.name,
                consent_id=self.author.reader.decision_id,
                origin=self.author.origin,
                detail=detail,
            )

    def _allow(self, change: Change) -> gate.Writable:
        if change.resource_type not in contributions.ABOUT:
            raise refusals.NotContributed(change.resource_type)
        if not gate.reaches(self.author.reader, change.resource_type, change.interaction):
            raise _outside(change)
        if change.interaction not in self._allowed:
            self._allowed[change.interaction] = gate.writable(
                owner_id=self.author.owner_id,
                reader=self.author.reader,
                interaction=change.interaction,
                source_id=self.source.pk,
                at=self.at,
            )
        return self._allowed[change.interaction]

    def _new(self, change: Change, allowed: gate.Writable) -> _Step:
        if change.unless is not None:
            found = allowed.known.search(change.unless.page(2)).entries
            if len(found) > 1:
                raise refusals.SeveralMatch(change.resource_type)
            if found:
                return _Step(change, allowed, found[0].logical_id, found[0], found=True)
        return _Step(change, allowed, str(uuid.uuid4()))

    def _existing(self, change: Change, allowed: gate.Writable) -> _Step:
        standing = allowed.own.read(change.resource_type, change.logical_id)
        if standing is None or not (standing.deleted or allowed.admits(standing.resource)):
            raise self._not_its_own(change)
        if standing.deleted and change.interaction != DELETE:
            raise refusals.RecordGone(change.resource_type)
        if change.expected is not None and standing.version_id not in change.expected:
            raise refusals.VersionConflict(change.resource_type)
        return _Step(change, allowed, change.logical_id, standing)

    def _not_its_own(self, change: Change) -> Refused:
        """What the app may read it is told about; of the rest it learns nothing."""
        if self._reads(change.resource_type, change.logical_id) is not None:
            return refusals.NotItsOwn(change.resource_type)
        return (
            refusals.IdNotGiven(change.resource_type)
            if change.interaction == UPDATE
            else refusals.NoSuchRecord(change.resource_type)
        )

    def _reads(self, resource_type: str, logical_id: str) -> Stored | None:
        """The record, if the app may read it."""
        if not gate.reaches(self.author.reader, resource_type, "read"):
            return None
        if self._readable is None:
            self._readable = gate.readable(
                owner_id=self.author.owner_id, reader=self.author.reader, interaction="read", at=self.at
            )
        return self._readable.read(resource_type, logical_id)

    def _adopt(self, step: _Step, frame: mapping.Frame) -> list[Problem]:
        change = step.change
        standing = step.standing.resource if step.standing is not None else None
        content = change.content
        if change.interaction == PATCH:
            assert standing is not None
            content = _patched(standing, change)
        step.resource, problems = mapping.adopt(content, logical_id=step.logical_id, frame=frame, standing=standing)
        return problems

    def _put(self, resources: list[dict[str, Any]]) -> writer.PageOutcome:
        return store.put_page(owner_id=self.author.owner_id, source_id=self.source.pk, resources=resources, at=self.at)

    def _files(self, step: _Step) -> tuple[list[dict[str, Any]], list[str]]:
        """The files that stay with a record, kept anew since they are found and withheld as it is; ids of the rest."""
        if step.standing is None or step.found or step.standing.deleted:
            return [], []
        named = files.named(step.resource or {})
        held = files.of(step.standing, own=step.allowed.own)
        stay = [binary for binary in held if f"Binary/{binary['id']}" in named]
        return stay, [binary["id"] for binary in held if binary not in stay]

    def _attributed(self, activity: str, told: Sequence[_Target]) -> list[dict[str, Any]]:
        """One Provenance of all that was added, or changed; none of nothing."""
        if not told:
            return []
        tags = {(tag["system"], tag["code"]): tag for one in told for tag in mapping.security(one.resource)}
        made = provenance.compose(
            logical_id=str(uuid.uuid4()),
            targets=[one.reference for one in told],
            activity=activity,
            app_uri=self.source.url,
            app_name=self.author.name,
            patient_id=self.author.patient_id,
            recorded=dates.instant(self.at),
            security=[tags[key] for key in sorted(tags)],
            devices=provenance.devices(one.resource for one in told),
        )
        return [made]


@dataclass(frozen=True, slots=True)
class _Target:
    """A version that was written, for its Provenance."""

    reference: str
    resource: dict[str, Any]


def _target(step: _Step, version_id: int) -> _Target:
    assert step.resource is not None
    return _Target(f"{step.reference}/_history/{version_id}", step.resource)


def _is_gone(step: _Step) -> bool:
    return step.standing is not None and step.standing.deleted


def _outside(change: Change) -> Refused:
    refused = refusals.OutsideScope(f"patient/{change.resource_type}.{gate.LETTER[change.interaction]}")
    refused.where = change.where
    return refused


def _placed(problems: Sequence[Problem], change: Change) -> list[Problem]:
    """The problems with their places as the sender sees them: in a Bundle, below their entry."""
    if not change.where:
        return list(problems)
    root = f"{change.where}.resource"
    return [Problem(root + one.path.removeprefix(change.resource_type), one.message, one.severity) for one in problems]


def _patched(standing: dict[str, Any], change: Change) -> dict[str, Any]:
    """Raises Unpatchable, Unacceptable."""
    try:
        content = patching.apply(standing, change.content)
    except (patching.InvalidPatch, patching.PatchFailed) as error:
        refused = refusals.Unpatchable(str(error))
        refused.where = change.where
        raise refused from error
    if not isinstance(content, dict) or any(content.get(name) != standing[name] for name in ("resourceType", "id")):
        refused = refusals.Unpatchable("a patch may change neither resourceType nor id")
        refused.where = change.where
        raise refused
    return content
