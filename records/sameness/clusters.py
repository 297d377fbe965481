"""Clusters: records that tell one fact, joined link by link, never against what their owner said. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from records.sameness import rules
from records.sameness.kinds import MAKES
from records.sameness.rules import Link, Rule
from records.sameness.said import Ref, Said

Pair = frozenset[Ref]
Words = Mapping[Pair, bool]
"""What the owner said of two records: True that they are the same, False that they are not."""

# How many before it a record is compared with under one key. A clinic tells a fact a few times; who was prescribed the
# same medicine five hundred times needs no comparison of all with all.
_COMPARED: Final = 12


@dataclass(frozen=True, slots=True)
class Cluster:
    """One fact. ``members`` newest word first; ``links`` are what holds them together, the surest first.

    ``reasons``: of each record the surest link by which it belongs here.
    """

    members: tuple[Said, ...]
    links: tuple[Link, ...]
    reasons: Mapping[Ref, Link] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: dict[Ref, Link] = {}
        for link in self.links:
            found.setdefault(link.one, link)
            found.setdefault(link.other, link)
        object.__setattr__(self, "reasons", found)

    @property
    def sources(self) -> frozenset[int]:
        return frozenset(said.source_id for said in self.members)


def form(every: Iterable[Said], words: Words) -> list[Cluster]:
    """Each record in exactly one cluster, most of them alone, in the order of the first member that was given.

    Every link but one of the owner's own words joins only where no two of the members were said to be different, and,
    of facts that a source tells once, where no two are of one source.
    """
    said = {one.ref: one for one in every}
    # Of a record that is not among these nothing may be told, not even that she spoke of it.
    words = {pair: same for pair, same in words.items() if pair <= said.keys()}
    group = {ref: [ref] for ref in said}
    used: dict[Ref, list[Link]] = defaultdict(list)
    apart = {pair for pair, same in words.items() if not same}
    place = {ref: number for number, ref in enumerate(sorted(said))}
    links = sorted(_links(said, words), key=lambda link: (-link.score, place[link.one], place[link.other]))
    for link in links:
        ours, theirs = group[link.one], group[link.other]
        if ours is theirs:
            used[link.one].append(link)
        elif _may_join(link, ours, theirs, said, apart):
            used[link.one].append(link)
            # The shorter into the longer: thousands of records of one medicine come together one by one.
            if len(ours) < len(theirs):
                ours, theirs = theirs, ours
            ours += theirs
            for ref in theirs:
                group[ref] = ours
    return [_cluster(refs, said, used) for refs in _each_once(group)]


def _each_once(group: Mapping[Ref, list[Ref]]) -> Iterator[list[Ref]]:
    seen: set[int] = set()
    for refs in group.values():
        if id(refs) not in seen:
            seen.add(id(refs))
            yield refs


def _cluster(refs: list[Ref], said: Mapping[Ref, Said], used: Mapping[Ref, list[Link]]) -> Cluster:
    members = sorted((said[ref] for ref in refs), key=lambda one: (one.told, one.ref), reverse=True)
    links = sorted((link for ref in refs for link in used.get(ref, ())), key=lambda link: -link.score)
    return Cluster(tuple(members), tuple(links))


def _may_join(link: Link, ours: list[Ref], theirs: list[Ref], said: Mapping[Ref, Said], apart: set[Pair]) -> bool:
    if apart and any(frozenset((one, other)) in apart for one in ours for other in theirs):
        return False
    if link.rule is Rule.HER_WORD or not MAKES[said[link.one].kind].once:
        return True
    return {said[ref].source_id for ref in ours}.isdisjoint(said[ref].source_id for ref in theirs)


def _links(said: Mapping[Ref, Said], words: Words) -> Iterator[Link]:
    for pair, same in words.items():
        if same:
            yield Link(min(pair), max(pair), Rule.HER_WORD, ())
    for one, other in _candidates(said, words):
        if link := rules.judge(one, other):
            yield link


def _candidates(said: Mapping[Ref, Said], words: Words) -> Iterator[tuple[Said, Said]]:
    """Pairs that share a key: each with those before it in time, and who was ever spoken of with all. Of facts that a
    source tells once, no two of one source.
    """
    spoken = {ref for pair in words for ref in pair}
    blocks: dict[tuple[str, ...], list[Said]] = defaultdict(list)
    for one in sorted(said.values(), key=lambda one: (one.low or 0, one.ref)):
        for key in rules.keys(one):
            blocks[key].append(one)
    seen: set[tuple[int, int]] = set()
    for block in blocks.values():
        longest = block[0]
        for number, one in enumerate(block):
            once = MAKES[one.kind].once
            for other in _before(block, number, longest, spoken):
                if once and one.source_id == other.source_id:
                    continue
                pair = id(other), id(one)
                if pair not in seen:
                    seen.add(pair)
                    yield other, one
            longest = max(longest, one, key=lambda each: each.high)


def _before(block: list[Said], number: int, longest: Said, spoken: set[Ref]) -> Iterable[Said]:
    """The nearest in time, and the one that lasts longest, which reaches over the rest."""
    if number <= _COMPARED or block[number].ref in spoken:
        return block[:number]
    nearest = [longest, *block[number - _COMPARED : number]]
    return [*nearest, *(one for one in block[: number - _COMPARED] if one.ref in spoken)] if spoken else nearest
