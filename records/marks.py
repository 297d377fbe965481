"""An owner's word on the sensitivity of one record: kept for good, and taken account of at once and at every sync."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import Person
from records import labelling, sources
from records.models import Labelling, LabelMark, Record, Verdict
from records.numbering import TYPE_NUMBER
from records.writer import write_counters, writing


class NoSuchRecord(Exception):
    """There is no current record of this type and id."""


@transaction.atomic
def mark(owner_id: int, name: tuple[str, str], *, sensitive: bool | None, actor: Person, at: datetime) -> int:
    """Says that a record is sensitive, or not in the ways found so far, or (None) what the rules say; gives its labels.

    ``name`` is (type, logical id). Whatever names the record follows. Raises NoSuchRecord.
    """
    key = (TYPE_NUMBER.get(name[0], 0), name[1])
    with writing(owner_id, sources.own().pk, at) as writer:
        ids = list(
            Record.unguarded.filter(
                owner_id=owner_id, resource_type=key[0], logical_id=key[1], deleted=False
            ).values_list("id", flat=True)
        )
        if not ids:
            raise NoSuchRecord(f"{owner_id} has no such record")
        verdict = {True: Verdict.SENSITIVE, False: Verdict.ORDINARY, None: Verdict.AUTOMATIC}[sensitive]
        newest = standing(owner_id, key)
        released = 0
        if verdict == Verdict.ORDINARY:
            released = labelling.by_rules(writer, labelling.fetch(writer, ids)[0])
        LabelMark.unguarded.create(
            owner_id=owner_id,
            resource_type=key[0],
            logical_id=key[1],
            number=newest.number + 1 if newest else 1,
            verdict=verdict,
            released=released,
            actor=actor,
            marked=at,
        )
        Labelling.unguarded.update_or_create(
            owner_id=owner_id, defaults={"marked": True}, create_defaults={"marked": True, "version": ""}
        )
        labelling.spread_from(writer, labelling.renew(writer, labelling.fetch(writer, ids)))
        write_counters(writer)
        return labelling.fetch(writer, ids)[0].labels


def standing(owner_id: int, key: tuple[int, str]) -> LabelMark | None:
    """Her newest word on a record, by type number and logical id."""
    said = LabelMark.unguarded.filter(owner_id=owner_id, resource_type=key[0], logical_id=key[1])
    return said.order_by("-number").first()
