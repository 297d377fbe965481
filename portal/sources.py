"""Where her records came from, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from records.kinds import KindCount
from records.models import Source, SourceKind


@dataclass(frozen=True)
class SourceTotal:
    name: str
    total: int


def names(ids: Iterable[int]) -> dict[int, str]:
    """Names by id, in one query."""
    found = Source.objects.filter(pk__in=set(ids))
    return {source.pk: _("Tributary") if source.kind == SourceKind.SELF else source.name for source in found}


def totals(counts: Iterable[KindCount]) -> list[SourceTotal]:
    """How many records each source gave, the largest first; what we put together ourselves is from none."""
    sums: Counter[int] = Counter()
    for count in counts:
        sums[count.source_id] += count.total
    called = dict(Source.objects.exclude(kind=SourceKind.SELF).filter(pk__in=sums).values_list("pk", "name"))
    return [SourceTotal(called[source_id], total) for source_id, total in sums.most_common() if source_id in called]
