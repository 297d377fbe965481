"""What rules admit, record by record: found by name, opened, and told as far as it may be (DESIGN D6)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from accounts.models import Person
from records import composition, keys, predicates, provenances, searching, statements, tagging
from records.models import Record, RecordVersion
from records.numbering import TYPE_NUMBER
from records.opening import Opener, Stored
from records.rules import Rule
from records.statements import Sql
from standards.fhir import json


@dataclass(frozen=True, slots=True)
class Admitted:
    """The records of one owner that some rules admit; hidden and absent both are None."""

    owner_id: int
    patient_id: str
    rules: tuple[Rule, ...]

    def read(self, resource_type: str, logical_id: str) -> Stored | None:
        """The current version; a deleted one has ``deleted`` and no body, for those who might have read it."""
        if resource_type not in TYPE_NUMBER or "\x00" in logical_id:  # no text of the database's
            return None
        owner_keys = keys.ensure(self.owner_id)
        sql = (
            Sql()
            .add(f"SELECT {searching.COLUMNS} FROM records_record r WHERE")  # noqa: S608
            .extend(searching.of_type(self.owner_id, resource_type))
            .add("AND r.logical_id = %s AND", logical_id)
            .extend(self._predicate(resource_type))
        )
        rows = statements.run(sql)
        return self._told(self._opened(owner_keys, rows[:1]))[0] if rows else None

    def holds(self, resource_type: str, logical_id: str) -> bool:
        """Whether it is among what may be read, deleted or not; nothing of it is opened."""
        return resource_type in TYPE_NUMBER and bool(self._visible([(resource_type, logical_id)]))

    def _reaches(self, resource_type: str) -> bool:
        return resource_type in TYPE_NUMBER and any(rule.reaches(resource_type) for rule in self.rules)

    def _predicate(self, resource_type: str) -> Sql:
        blind_key = keys.ensure(self.owner_id).blind
        return predicates.predicate(self.rules, resource_type, owner_id=self.owner_id, blind_key=blind_key)

    def _opened(self, owner_keys: keys.OwnerKeys, rows: Sequence[tuple[Any, ...]]) -> list[Stored]:
        opener = Opener(self.owner_id, owner_keys.cipher)
        return [opener.stored(row) for row in rows]

    def _looks_through(self, resource_type: str) -> bool:
        """Whether these records may name what the rules hide."""
        if resource_type == composition.KIND:
            return composition.hides_any(self.rules)
        return resource_type == provenances.KIND and provenances.hides_any(self.rules)

    def _of_sources(self) -> list[dict[str, Any]]:
        """The Patients of her sources that the rules admit, oldest record first."""
        owner_keys = keys.ensure(self.owner_id)
        sql = (
            Sql()
            .add(f"SELECT {searching.COLUMNS} FROM records_record r WHERE")  # noqa: S608
            .extend(searching.of_type(self.owner_id, composition.KIND))
            .add("AND NOT r.deleted AND r.logical_id <> %s AND", self.patient_id)
            .extend(self._predicate(composition.KIND))
            .add("ORDER BY r.id")
        )
        return [one.resource for one in self._opened(owner_keys, statements.run(sql))]

    def _told(self, found: Sequence[Stored]) -> list[Stored | None]:
        """Each as it may be told; None for a Provenance of nothing that may be seen, and for its deletion."""
        said = [
            self._before(one).body if one.deleted and self._looks_through(one.resource_type) else one.body
            for one in found
        ]
        bodies = self._bodies_told([(one.resource_type, body) for one, body in zip(found, said, strict=True)])
        return [
            None if body is None else one if one.deleted or body is one.body else one._replace(body=body)
            for one, body in zip(found, bodies, strict=True)
        ]

    def _before(self, deletion: Stored) -> Stored:
        """The version that was deleted."""
        record = Record.unguarded.only("id").get(
            owner_id=self.owner_id,
            resource_type=TYPE_NUMBER[deletion.resource_type],
            logical_id=deletion.logical_id,
        )
        before = RecordVersion.unguarded.get(
            owner_id=self.owner_id, record=record.id, version_id=deletion.version_id - 1
        )
        return Opener(self.owner_id, keys.of(self.owner_id).cipher).older(deletion, before)

    def _bodies_told(self, found: Sequence[tuple[str, bytes]]) -> list[bytes | None]:
        """The same by type and body."""
        opened = {
            place: json.loads(body) for place, (kind, body) in enumerate(found) if body and self._looks_through(kind)
        }
        naming = [resource for place, resource in opened.items() if found[place][0] == provenances.KIND]
        visible = self._visible({name for resource in naming for name in provenances.named(resource)})
        bodies: list[bytes | None] = [body for _, body in found]
        for place, resource in opened.items():
            told = (
                self._patient_told(resource)
                if found[place][0] == composition.KIND
                else provenances.told(resource, visible)
            )
            if told != resource or told is None:
                bodies[place] = None if told is None else json.dumps(told)
        return bodies

    def _patient_told(self, resource: dict[str, Any]) -> dict[str, Any]:
        """What a source says of her stands as it is; her one Patient says what those say that may be seen."""
        if resource.get("id") != self.patient_id:
            return resource
        known = [tagging.untagged(one) for one in self._of_sources()]
        return composition.told(resource, Person.objects.get(pk=self.owner_id), known)

    def _visible(self, names: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of these (type, id) that the rules admit, deleted ones too."""
        found: set[tuple[str, str]] = set()
        for kind in {kind for kind, _ in names if self._reaches(kind)}:
            asked = [logical_id for other, logical_id in names if other == kind]
            sql = (
                Sql()
                .add("SELECT r.logical_id FROM records_record r WHERE")
                .extend(searching.of_type(self.owner_id, kind))
                .add("AND r.logical_id = ANY(%s) AND", asked)
                .extend(self._predicate(kind))
            )
            found |= {(kind, row[0]) for row in statements.run(sql)}
        return found
