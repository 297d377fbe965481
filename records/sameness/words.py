"""What an owner said of two records: the same, or not. It stands for their ids, so it outlives every sync."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import combinations
from typing import Final

from django.db.models import Max

from accounts.models import Person
from records import writer
from records.models import SamenessVerdict, SamenessWord
from records.numbering import TYPE_NAME, TYPE_NUMBER
from records.sameness.clusters import Pair, Words
from records.sameness.said import Ref

_SAID: Final = {SamenessVerdict.SAME: True, SamenessVerdict.DIFFERENT: False}


def of(owner_id: int) -> Words:
    """Her newest word on each pair she ever spoke of; those she left to the rules again are not among them."""
    newest: dict[Pair, int] = {}
    rows = SamenessWord.unguarded.filter(owner_id=owner_id).order_by("number")
    for one_type, one, other_type, other, verdict in rows.values_list(
        "one_type", "one", "other_type", "other", "verdict"
    ):
        newest[frozenset((Ref(TYPE_NAME[one_type], one), Ref(TYPE_NAME[other_type], other)))] = verdict
    return {pair: _SAID[SamenessVerdict(verdict)] for pair, verdict in newest.items() if verdict in _SAID}


def say(owner_id: int, pairs: Iterable[Pair], verdict: SamenessVerdict, *, actor: Person, at: datetime) -> None:
    """Keeps her word on these pairs, in the caller's transaction. Raises writer.OutsideTransaction."""
    writer.take_turn(owner_id)
    said = SamenessWord.unguarded.filter(owner_id=owner_id)
    first = (said.aggregate(newest=Max("number"))["newest"] or 0) + 1
    ordered = sorted(tuple(sorted(pair)) for pair in pairs if len(pair) == 2)
    SamenessWord.unguarded.bulk_create(
        SamenessWord(
            owner_id=owner_id,
            number=number,
            one_type=TYPE_NUMBER[one.resource_type],
            one=one.logical_id,
            other_type=TYPE_NUMBER[other.resource_type],
            other=other.logical_id,
            verdict=verdict,
            actor=actor,
            said=at,
        )
        for number, (one, other) in enumerate(ordered, first)
    )


def between(refs: Iterable[Ref]) -> set[Pair]:
    """Every two of these."""
    return {frozenset(pair) for pair in combinations(refs, 2)}
