"""What several sources say of one thing, in words: one list for all of them, why they were put together, and where
they disagree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Person
from portal import lines, names, origins, sensitivity, sources, when
from portal.acting import Acting
from portal.origins import Place
from records import reading
from records.kinds import KindCount
from records.sameness import clusters, gathering, kinds
from records.sameness.clusters import Cluster
from records.sameness.conflicts import Aspect, Conflict, Side
from records.sameness.gathering import Gathered
from records.sameness.kinds import MAKES, Kind
from records.sameness.rules import Link, Rule
from records.sameness.said import Ref, Said
from standards.terminology.sensitivity import Sureness

Text = str | Promise
Places = Mapping[int, Place]

NAMES: Final[dict[Kind, Text]] = {
    Kind.PROBLEMS: gettext_lazy("Health problems"),
    Kind.MEDICINES: gettext_lazy("Medicines"),
    Kind.ALLERGIES: gettext_lazy("Allergies"),
    Kind.VACCINES: gettext_lazy("Immunizations"),
    Kind.RESULTS: gettext_lazy("Results and reports"),
    Kind.PROCEDURES: gettext_lazy("Procedures"),
    Kind.VISITS: gettext_lazy("Visits"),
    Kind.DOCUMENTS: gettext_lazy("Documents and notes"),
    Kind.CLINICIANS: gettext_lazy("Clinicians"),
    Kind.ORGANIZATIONS: gettext_lazy("Organizations"),
}
_WHY: Final[dict[Rule, Text]] = {
    Rule.HER_WORD: gettext_lazy("you said so"),
    Rule.IDENTIFIER: gettext_lazy("both have the same number"),
    Rule.CONTENT: gettext_lazy("the content is the same to the last letter"),
    Rule.CODE: gettext_lazy("both use the same code"),
    Rule.NAME: gettext_lazy("both use the same name"),
    Rule.INGREDIENT: gettext_lazy("the active ingredient is the same"),
    Rule.CODE_AND_TIME: gettext_lazy("the same code at the same time"),
    Rule.NAME_AND_TIME: gettext_lazy("the same name at the same time"),
    Rule.VALUE_AND_TIME: gettext_lazy("the same value at the same time"),
    Rule.OTHER_VALUE: gettext_lazy("the same measurement at the same time, with another value"),
    Rule.VISIT_TIME: gettext_lazy("the same beginning and end"),
    Rule.NAME_AND_PLACE: gettext_lazy("the same name and place"),
}
_ASPECTS: Final[dict[Aspect, Text]] = {
    Aspect.NONE_KNOWN: gettext_lazy("One says that no such allergy is known, another names one."),
    Aspect.STATE: gettext_lazy("They do not agree whether it still goes on."),
    Aspect.SURE: gettext_lazy("One confirms it, another rules it out."),
    Aspect.CRITICALITY: gettext_lazy("They do not agree how serious it could be."),
    Aspect.STRENGTH: gettext_lazy("They name different strengths."),
    Aspect.DOSE: gettext_lazy("They say differently how to take it."),
    Aspect.VALUE: gettext_lazy("They give different values for the same moment."),
    Aspect.GIVEN: gettext_lazy("One says that it was done, another that it was not."),
    Aspect.BIRTH_DATE: gettext_lazy("They give different dates of birth."),
    Aspect.GENDER: gettext_lazy("They give different genders."),
    Aspect.DECEASED: gettext_lazy("They do not agree whether the person is alive."),
}
_WORDS: Final[dict[str, Text]] = {
    "active": gettext_lazy("goes on"),
    "over": gettext_lazy("is over"),
    "completed": gettext_lazy("was done"),
    "true": gettext_lazy("has died"),
    "false": gettext_lazy("is alive"),
}
_CURRENT: Final = frozenset({"active", "recurrence", "relapse", "on-hold", "intended", "in-progress", "draft", ""})
_VOICES: Final = 25
"""How many records of one fact are told one by one. A medicine may have been prescribed a thousand times."""
_STANDING: Final = frozenset({Kind.PROBLEMS, Kind.MEDICINES, Kind.ALLERGIES})


@dataclass(frozen=True)
class Voice:
    """What one record says. ``why``: how it came to this place; "" where it stands alone. ``reached``: when it came to
    us as it is now.
    """

    line: lines.Line
    place: origins.Place
    reached: str
    why: str
    keys: tuple[str, ...]

    @property
    def source(self) -> str:
        return self.place.name

    @property
    def ref(self) -> Ref:
        return Ref(self.line.resource_type, self.line.logical_id)

    @property
    def name(self) -> str:
        return str(self.ref)

    @property
    def joinable(self) -> bool:
        """Whether it is of a kind that she may put together with another by hand."""
        kind = kinds.of(self.line.resource_type)
        return kind is not None and not MAKES[kind].once


@dataclass(frozen=True)
class Told:
    """What one source says in a disagreement, and of when that is."""

    source: str
    words: str
    ref: Ref
    moment: str = ""


@dataclass(frozen=True)
class Difference:
    title: str
    says: Text
    told: tuple[Told, ...]


@dataclass(frozen=True)
class Fact:
    """One line of a list: a cluster, named by its newest word. ``current``: whether any source says it goes on.
    ``more``: how many records beside the voices say the same.
    """

    title: str
    about: tuple[str, ...]
    voices: tuple[Voice, ...]
    sources: tuple[str, ...]
    differences: tuple[Difference, ...]
    current: bool
    more: int = 0


@dataclass(frozen=True)
class Group:
    name: Text
    facts: tuple[Fact, ...]


def named(slug: str) -> Kind | None:
    return Kind(slug) if slug in set(Kind) else None


def held(counts: Iterable[KindCount]) -> list[tuple[Kind, Text]]:
    """The kinds she has anything of, in the order of NAMES."""
    types = {count.resource_type for count in counts if count.total}
    return [(kind, name) for kind, name in NAMES.items() if types & set(MAKES[kind].types)]


def shown(found: Gathered) -> list[Cluster]:
    """What a list of the kind shows, newest word first. Of events, of which there may be thousands, only those that
    more than one record tells."""
    chosen = [each for each in found.clusters if not MAKES[found.kind].once or len(each.members) > 1]
    return sorted(chosen, key=lambda cluster: cluster.members[0].told, reverse=True)


def groups(found: Gathered, chosen: Iterable[Cluster], called: Places) -> list[Group]:
    """What goes on before what is over where a kind has that; else one group."""
    facts = [_fact(found, cluster, called) for cluster in chosen]
    if found.kind not in _STANDING:
        name = _("Told more than once") if MAKES[found.kind].once else str(NAMES[found.kind])
        return [Group(name, tuple(facts))] if facts else []
    parted = (
        Group(_("Current"), tuple(fact for fact in facts if fact.current)),
        Group(_("Over"), tuple(fact for fact in facts if not fact.current)),
    )
    return [group for group in parted if group.facts]


def facts(found: Gathered, called: Places) -> list[Fact]:
    """Every fact of these, also those that one record tells alone."""
    return [_fact(found, cluster, called) for cluster in found.clusters]


def alone(stored: Iterable[reading.Stored], called: Places) -> list[Fact]:
    """Records that can be compared with none, each as a fact of its own."""
    found = []
    for each in stored:
        line, place = lines.of(each, source=""), called.get(each.source_id, Place(""))
        voice = Voice(line, place, when.moment(each.last_updated), "", ())
        found.append(Fact(line.title, line.about, (voice,), (place.name,), (), True))
    return found


def others(
    records: reading.RecordSet, stored: reading.Stored, owner: Person, acting: Acting | None
) -> tuple[Kind, Fact, list[reading.Stored]] | None:
    """The fact that a record tells together with others, and all of these; None where it stands alone."""
    found = gathering.around(records, stored)
    cluster = found.holding(Ref(stored.resource_type, stored.logical_id)) if found else None
    if found is None or cluster is None or len(cluster.members) < 2:
        return None
    members = [found.stored[said.ref] for said in cluster.members]
    asked = Ref(stored.resource_type, stored.logical_id)
    return found.kind, _fact(found, cluster, places([found], owner, acting), asked), members


def partners(found: Gathered, ref: Ref, called: Places) -> tuple[Fact, list[Fact]] | None:
    """The fact a record is in, and those it could be put together with; None where there is no such record."""
    mine = found.holding(ref)
    if mine is None:
        return None
    return _fact(found, mine, called), [_fact(found, each, called) for each in shown(found) if each is not mine]


def differences(found: Gathered, differing: Iterable[Conflict], called: Places) -> list[Difference]:
    return [_difference(conflict, found, called) for conflict in differing]


def personal(records: reading.RecordSet) -> list[Difference]:
    conflicts = gathering.of_person(records)
    named = sources.names(side.source_id for conflict in conflicts for side in conflict.sides)
    called = {pk: Place(name) for pk, name in named.items()}
    return [
        Difference("", _ASPECTS[each.aspect], tuple(_told(side, called) for side in each.sides)) for each in conflicts
    ]


def parted(found: Gathered, spoken: clusters.Words, called: Places) -> list[Voice]:
    """Records of this kind that she said are not the same as another."""
    apart = {ref for pair, same in spoken.items() if not same for ref in pair}
    return [_voice(found, ref, None, called) for ref in sorted(apart) if ref in found.stored]


def places(gathered: Iterable[Gathered], owner: Person, acting: Acting | None) -> Places:
    """Who speaks in these, in a fixed number of queries."""
    spoken = {stored.source_id for found in gathered for stored in found.stored.values()}
    return origins.places(owner, spoken, acting=acting)


def _fact(found: Gathered, cluster: Cluster, called: Places, asked: Ref | None = None) -> Fact:
    newest = cluster.members[0]
    line = lines.of(found.stored[newest.ref], source="")
    heard = _heard(cluster, asked)
    return Fact(
        title=line.title,
        about=tuple(part for part in (line.value, *line.about) if part),
        voices=tuple(_voice(found, said.ref, cluster.reasons.get(said.ref), called) for said in heard),
        sources=tuple(dict.fromkeys(_name(called, said.source_id) for said in cluster.members)),
        differences=tuple(_difference(each, found, called) for each in found.conflicts_of(cluster)),
        current=any(_goes_on(said) for said in cluster.members),
        more=len(cluster.members) - len(heard),
    )


def _heard(cluster: Cluster, asked: Ref | None) -> list[Said]:
    """The newest words, the newest of each source, and the record that was asked about."""
    first = {said.source_id: said.ref for said in reversed(cluster.members)}
    kept = {*first.values(), asked, *(said.ref for said in cluster.members[:_VOICES])}
    return [said for said in cluster.members if said.ref in kept]


def _goes_on(said: Said) -> bool:
    return said.state in _CURRENT and said.sure != "refuted"


def _voice(found: Gathered, ref: Ref, link: Link | None, called: Places) -> Voice:
    stored = found.stored[ref]
    place = called.get(stored.source_id, Place(""))
    line = lines.of(stored, source="")
    return Voice(line, place, when.moment(stored.last_updated), _why(link), link.keys if link else ())


def _name(called: Places, source_id: int) -> str:
    return called[source_id].name if source_id in called else ""


def _why(link: Link | None) -> str:
    if link is None:
        return ""
    return _("%(reason)s (%(sure)s)") % {"reason": _WHY[link.rule], "sure": sensitivity.sure(_sureness(link.score))}


def _sureness(score: float) -> Sureness:
    steps = ((0.95, Sureness.CERTAIN), (0.85, Sureness.HIGH), (0.75, Sureness.MEDIUM))
    return next((sure for least, sure in steps if score >= least), Sureness.LOW)


def _difference(conflict: Conflict, found: Gathered, called: Places) -> Difference:
    titles = {side.ref: lines.of(found.stored[side.ref], source="").title for side in conflict.sides}
    told = (_told_of(conflict.aspect, side, found, titles, called) for side in conflict.sides)
    return Difference(titles[conflict.sides[0].ref], _ASPECTS[conflict.aspect], tuple(told))


def _told_of(aspect: Aspect, side: Side, found: Gathered, titles: Mapping[Ref, str], called: Places) -> Told:
    resource = found.stored[side.ref].resource
    told = replace(_told(side, called), moment=when.happened(resource))
    if aspect is Aspect.NONE_KNOWN:
        return replace(told, words=titles[side.ref])
    return replace(told, words=lines.how_to_take(resource)) if aspect is Aspect.DOSE else told


def _told(side: Side, called: Places) -> Told:
    words = ", ".join(str(_WORDS.get(word) or names.word(when.said(word))) for word in side.words)
    return Told(_name(called, side.source_id), words, side.ref)
