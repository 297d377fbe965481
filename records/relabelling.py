"""Making labels anew when value sets change, owner by owner and in stretches: ``manage.py relabel`` and the beat.

Each stretch is a transaction of its own that also says how far it got, so a killed worker loses at most one stretch and
two workers do no harm. Bodies and versions stay: only labels and the counts by label change.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import connection, transaction

from records import labelling, labels, sources
from records.models import Labelling
from records.writer import write_counters, write_rows, writing

STRETCH: Final = 500
"""Records of one transaction."""


def waiting(limit: int) -> list[int]:
    """Owners whose labels are of other value sets than ours, or of none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT owner_id FROM records_labelling WHERE version <> %s UNION"
            " SELECT c.owner_id FROM records_counter c WHERE NOT EXISTS"
            " (SELECT 1 FROM records_labelling l WHERE l.owner_id = c.owner_id) LIMIT %s",
            [labels.VERSION, limit],
        )
        return [row[0] for row in cursor.fetchall()]


def relabel(owner_id: int, *, at: datetime) -> int:
    """Goes on until every current record of this owner is labelled by our value sets; gives how many were looked at."""
    looked = 0
    while True:
        found = _stretch(owner_id, at=at)
        if found is None:
            return looked
        looked += found


def outdate(owner_id: int) -> None:
    """Has this owner's labels made anew: what they were made from has changed."""
    Labelling.unguarded.filter(owner_id=owner_id).update(version="", reached=0)


@transaction.atomic
def _stretch(owner_id: int, *, at: datetime) -> int | None:
    """Labels the next stretch anew; None when there is none left."""
    with writing(owner_id, sources.own().pk, at) as writer:
        state, _ = Labelling.unguarded.get_or_create(owner_id=owner_id, defaults={"version": ""})
        if state.version == labels.VERSION:
            return None
        opened = labelling.after(writer, state.reached, STRETCH)
        labelling.name_again(writer, opened)
        labelling.spread_from(writer, labelling.renew(writer, opened))
        write_rows(writer)
        write_counters(writer)
        done = len(opened) < STRETCH
        state.reached = 0 if done else opened[-1].id
        state.version = labels.VERSION if done else ""
        state.save(update_fields=["reached", "version"])
        return len(opened)
