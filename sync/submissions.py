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
from records.query import Query
from records.reading import Stored
from standards.fhir import patching
from standards.fhir.validation import Problem
from sync import refusals
from sync.refusals import Refused
from sync.sources.apps import mapping, provenance

CREATE: Final = "create"
UPDATE: Final = "update"
PATCH: Final = "patch"
DELETE: Final = "delete"
_ACTION: Final = {CREATE: Action.CREATE, UPDATE: Action.UPDATE, PATCH: Action.UPDATE, DELETE: Action.DELETE}


@dataclass(frozen=True, slots=True)
class Author:
    """The app that writes, for whom, and under which decision."""

    owner_id: int
    patient_id: str
    reader: gate.App
    name: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to be done. ``content`` is the resource, or the operations of a patch.

    ``expected``: the versions of which the current one must be one; None for any. ``unless``: nothing is created if a
    record like this exists. ``placeholder``: what other entries call it (``urn:uuid:…``). ``where`` is its place in a
    Bundle (``Bundle.entry[2]``).
    """

    interaction: str
    resource_type: str
    logical_id: str = ""
    content: Any = None
    expected: frozenset[int] | None = None
    unless: Query | None = None
    placeholder: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one change. ``readable``: whether the app may be shown ``stored``.

    ``stored`` is the version that now stands; ``written`` is False when it stood already.
    """

    change: Change
    stored: Stored
    written: bool
    readable: bool

    @property
    def created(self) -> bool:
        return self.written and self.change.interaction == CREATE


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
    desk.attribute([one for one in done if one.written])
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
        references += [("Binary", binary["id"]) for step in steps for binary in self._left(step)]
        if references:
            store.delete(owner_id=self.author.owner_id, source_id=self.source.pk, references=references, at=self.at)
        kept = [step for step in steps if step.resource is not None]
        resources = [step.resource for step in kept if step.resource is not None]
        outcome = self._put([*resources, *(binary for step in kept for binary in self._following(step))])
        if outcome.refused:
            too_large = kept[outcome.refused[0].index].change
            raise refusals.Unacceptable(
                _placed([Problem(too_large.resource_type, outcome.refused[0].reason, "error")], too_large)
            )

    def done(self, step: _Step) -> Done:
        stored = step.standing if step.found else self._own(step)
        assert stored is not None
        before = 0 if step.standing is None else step.standing.version_id
        return Done(step.change, stored, stored.version_id != before, self._may_read(step))

    def attribute(self, written: Sequence[Done]) -> None:
        """One Provenance for all that was added, one for all that was changed."""
        kinds = {"CREATE": (CREATE,), "UPDATE": (UPDATE, PATCH)}
        resources = []
        for activity, interactions in kinds.items():
            told = [one.stored for one in written if one.change.interaction in interactions]
            if told:
                resources.append(self._provenance(activity, told))
        self._put(resources)

    def tell(self, done: Sequence[Done], interaction: str) -> None:
        """One event for each kind of change; what was found instead of created was looked for, not written."""
        groups: dict[tuple[Action, str], Counter[str]] = {}
        for one in done:
            looked_for = one.change.interaction == CREATE and not one.written
            action = Action.EXECUTE if looked_for else _ACTION[one.change.interaction]
            key = (action, interaction or ("search" if looked_for else one.change.interaction))
            groups.setdefault(key, Counter()).update([one.change.resource_type] if one.written or looked_for else [])
        for (action, word), types in groups.items():
            events.append(
                owner_id=self.author.owner_id,
                action=action,
                interaction=word,
                agent_kind=Agent.APP,
                agent=self.author.reader.client_id,
                agent_name=self.author.name,
                consent_id=self.author.reader.decision_id,
                origin=self.author.origin,
                detail={"records": types.total(), "types": dict(types)},
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
        if not gate.reaches(self.author.reader, resource_type, "read"):
            return None
        readable = gate.readable(
            owner_id=self.author.owner_id, reader=self.author.reader, interaction="read", at=self.at
        )
        return readable.read(resource_type, logical_id)

    def _may_read(self, step: _Step) -> bool:
        return step.change.interaction != DELETE and self._reads(step.change.resource_type, step.logical_id) is not None

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

    def _own(self, step: _Step) -> Stored | None:
        return step.allowed.own.read(step.change.resource_type, step.logical_id)

    def _attachments(self, step: _Step) -> list[dict[str, Any]]:
        """The Binaries that were moved out of a record of the app's own."""
        if step.standing is None or step.standing.deleted:
            return []
        urls = {text for _, _, key, text in mapping.texts(step.standing.resource, "") if key == "url"}
        names = [url.removeprefix("Binary/") for url in sorted(urls) if url.startswith("Binary/")]
        found = [step.allowed.own.read("Binary", name) for name in names]
        binaries = [one.resource for one in found if one is not None and not one.deleted]
        return [binary for binary in binaries if binary["securityContext"]["reference"] == step.reference]

    def _left(self, step: _Step) -> list[dict[str, Any]]:
        """Binaries that go with a record that is removed, or with a version that named them last."""
        if step.change.interaction in (CREATE, DELETE):
            return [] if step.found else self._attachments(step)
        return [binary for binary in self._attachments(step) if binary not in self._following(step)]

    def _following(self, step: _Step) -> list[dict[str, Any]]:
        """Binaries that the new version still names: they are found and withheld as it is, so they are kept anew."""
        named = {text for _, _, key, text in mapping.texts(step.resource or {}, "") if key == "url"}
        return [binary for binary in self._attachments(step) if f"Binary/{binary['id']}" in named]

    def _provenance(self, activity: str, told: Sequence[Stored]) -> dict[str, Any]:
        tags = {(tag["system"], tag["code"]): tag for one in told for tag in mapping.security(one.resource)}
        return provenance.compose(
            logical_id=str(uuid.uuid4()),
            targets=[f"{one.resource_type}/{one.logical_id}/_history/{one.version_id}" for one in told],
            activity=activity,
            app_uri=self.source.url,
            app_name=self.author.name,
            patient_id=self.author.patient_id,
            recorded=store.instant(self.at),
            security=[tags[key] for key in sorted(tags)],
        )


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
