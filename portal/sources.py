"""Where her records came from, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from records.kinds import KindCount
from records.models import Source, SourceKind
from records.sources import CONVERSATION_NAME, CONVERSATION_URL, HERS_URL, SELF_URL
from sync import uploads


@dataclass(frozen=True)
class SourceTotal:
    name: str
    total: int


def names(ids: Iterable[int]) -> dict[int, str]:
    """Names by id, in one query."""
    return {source.pk: _name(source) for source in Source.objects.filter(pk__in=set(ids))}


def _name(source: Source) -> str:
    """A file is called by who made it, where it says so."""
    if source.url.startswith(CONVERSATION_URL):
        return _("Messages with %(name)s") % {"name": source.name.removeprefix(CONVERSATION_NAME)}
    if source.url == HERS_URL:
        return _("Own entries")
    if source.kind == SourceKind.SELF:
        return _("Tributary")
    if source.kind == SourceKind.UPLOAD:
        called = source.name if source.name != uploads.UNNAMED else ""
        return _("%(name)s, from a file") % {"name": called} if called else _("A file you gave us")
    return source.name


def totals(counts: Iterable[KindCount]) -> list[SourceTotal]:
    """How many records each source gave, the largest first; what we put together ourselves is from none."""
    sums: Counter[int] = Counter()
    for count in counts:
        sums[count.source_id] += count.total
    others = Source.objects.exclude(url=SELF_URL).filter(pk__in=sums)
    called = {source.pk: _name(source) for source in others}
    return [SourceTotal(called[source_id], total) for source_id, total in sums.most_common() if source_id in called]
