"""What is withheld from others unless she chose it, by kind, and why: the words of "what stays private"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gateway import wording
from portal import lines
from records import labels, marks, reading, tagging
from records.kinds import KindCount
from records.models import Verdict
from records.numbering import TYPE_NUMBER
from standards.terminology.sensitivity import Sureness

Text = str | Promise

_FURTHER: dict[str, Text] = {
    "UNC": gettext_lazy("Notes and files that no rule can read"),
    "ADOL": gettext_lazy("Confidential care from when you were a teenager"),
}
_SURE: dict[Sureness, Text] = {
    Sureness.CERTAIN: gettext_lazy("certain"),
    Sureness.HIGH: gettext_lazy("very likely"),
    Sureness.MEDIUM: gettext_lazy("likely"),
    Sureness.LOW: gettext_lazy("possible"),
}


@dataclass(frozen=True)
class Sort:
    """One kind of sensitive record. ``from_all``: also from apps and links; else only from those who act for her."""

    label: str
    name: Text
    total: int
    from_all: bool


@dataclass(frozen=True)
class Reason:
    """Why a record is of a kind: the rule's name, what it found, and how sure that is."""

    sort: Text
    words: str
    sure: Text
    rule: str


@dataclass(frozen=True)
class Verdicts:
    """What she can say of a record, and what she said: "", "sensitive" or "ordinary". ``fixed``: it stays withheld
    whatever she says."""

    reasons: tuple[Reason, ...]
    said: str
    withheld: bool
    fixed: bool


@dataclass(frozen=True)
class Held:
    line: lines.Line
    verdicts: Verdicts


def sure(said: Sureness) -> Text:
    return _SURE[said]


def name(label: str) -> Text:
    return _FURTHER.get(label) or wording.sensitivity(label)


def sorts(counts: Iterable[KindCount]) -> list[Sort]:
    """The kinds she has records of. One record may be of several."""
    totals: Counter[str] = Counter()
    for count in counts:
        if count.resource_type != "Binary":
            totals.update(dict.fromkeys(count.labels, count.total))
    return [
        Sort(label, name(label), totals[label], bool(labels.bits([label]) & labels.SENSITIVE))
        for label in labels.LABELS
        if totals[label]
    ]


def held(stored: reading.Stored, *, source: str) -> Held:
    return Held(lines.of(stored, source=source), verdicts(stored))


def verdicts(stored: reading.Stored, owner_id: int | None = None) -> Verdicts:
    """Why it is withheld, the surest reason first, and what she said of it."""
    found = labels.findings(tagging.untagged(stored.resource))
    carried = [one for one in found if labels.bits([one.label]) & stored.labels]
    reasons = [Reason(name(one.label), _words(one), _SURE[one.sure], one.rule) for one in carried]
    inherited = stored.labels & ~labels.bits(one.label for one in carried)
    reasons += [_not_found(label) for label in labels.names(inherited)]
    said = _said(owner_id, stored) if owner_id is not None else ""
    # What several rules found in the same words is told once, by the surest of them.
    apart = {(str(each.sort), each.words): each for each in reversed(reasons)}
    reasons = [each for each in reasons if apart[str(each.sort), each.words] is each]
    sensitive, fixed = (bool(stored.labels & bits) for bits in (labels.SENSITIVE, labels.MESSAGE))
    return Verdicts(tuple(reasons), said, sensitive, fixed)


def _words(found: labels.Finding) -> str:
    if found.label == "MSG":
        return _("You and a clinic wrote it each other.")
    if found.rule == "tag":
        return _("Its source marked it (%(code)s).") % {"code": found.said}
    if found.rule == "unclassified":
        return _("Nothing in it tells what it is about.")
    if found.rule.endswith("-title"):
        return _("It has a section “%(title)s”.") % {"title": found.said}
    return _("It says “%(words)s”.") % {"words": found.said}


def _not_found(label: str) -> Reason:
    if label == "OWN":
        return Reason(name(label), _("You marked it."), _SURE[Sureness.CERTAIN], "own")
    if label == "ADOL":
        return Reason(name(label), _("You were between 12 and 17 years old."), _SURE[Sureness.HIGH], "age")
    return Reason(name(label), _("It belongs to a record of this kind."), _SURE[Sureness.MEDIUM], "inherited")


def _said(owner_id: int, stored: reading.Stored) -> str:
    mark = marks.standing(owner_id, (TYPE_NUMBER[stored.resource_type], stored.logical_id))
    words = {Verdict.SENSITIVE: "sensitive", Verdict.ORDINARY: "ordinary"}
    return words.get(Verdict(mark.verdict), "") if mark else ""
