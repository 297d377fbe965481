"""What came of late, from the ledger of runs alone: how much new and changed of each type, by whom it was brought."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db.models import F, Q, Sum

from accounts.models import Person
from sync.models import RunStep


class Arrived(NamedTuple):
    """Of one source and type. ``source_id``: whose records they are."""

    source_id: int
    resource_type: str
    new: int
    changed: int


def since(owner: Person, moment: datetime) -> list[Arrived]:
    """Of runs that began since then; one query."""
    found = (
        RunStep.objects.filter(Q(new__gt=0) | Q(changed__gt=0), run__owner=owner, run__queued__gte=moment)
        .values("resource_type", source=F("run__connection__hospital__source_id"))
        .annotate(many=Sum("new"), altered=Sum("changed"))
        .order_by("source", "resource_type")
    )
    return [Arrived(row["source"], row["resource_type"], row["many"], row["altered"]) for row in found]
