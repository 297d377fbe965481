"""FHIR datatypes as plain text. Total: whatever an element holds, there is a phrase, and it is text, never markup."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any, Final

from django.utils import formats
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import elements, names, when
from standards.fhir.json import ExactDecimal

_DATE = re.compile(r"\d{4}-\d\d(-\d\d(T\d\d:\d\d.*)?)?", re.ASCII)
LONG_FRACTION = 4
# What SNOMED CT adds to a name for those who code: "Essential hypertension (disorder)".
_TAG: Final = re.compile(
    r" \((assessment scale|body structure|clinical drug|disorder|environment|event|finding|medicinal product"
    r"|morphologic abnormality|navigational concept|observable entity|occupation|organism|person|physical object"
    r"|procedure|product|qualifier value|record artifact|regime/therapy|situation|social concept|specimen|substance)\)$"
)


def concept(node: Any) -> str:
    """A CodeableConcept or Coding: what its code is called, else its text, else the code itself."""
    coding = node.get("coding") if isinstance(node, dict) else None
    return _TAG.sub("", _called(node, coding))


def _called(node: Any, coding: Any) -> str:
    return (
        elements.text(coding, "display")
        or elements.text(node, "display")
        or elements.text(node, "text")
        or names.word(elements.text(coding, "code") or elements.text(node, "code"))
        or (names.word(node.strip()) if isinstance(node, str) else "")
    )


def number(value: Any, *, brief: bool = False) -> str:
    """A number with the digits its source wrote and the reader's decimal sign: no other figure on the page may be
    read a thousand times larger. ``brief`` rounds a long fraction and says so with ≈.
    """
    written = value.literal if isinstance(value, ExactDecimal) else str(value)
    if not isinstance(value, Decimal):
        return written
    mark = formats.get_format("DECIMAL_SEPARATOR")
    if brief and len(written.partition(".")[2]) >= LONG_FRACTION and abs(value) >= 1:
        return f"≈ {value:.2f}".replace(".", mark)
    return written.replace(".", mark)


def quantity(node: Any, *, brief: bool = False) -> str:
    value = elements.first(node, "value")
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return ""
    unit = names.unit(elements.text(node, "unit") or elements.text(node, "code"))
    parts = (elements.text(node, "comparator"), number(value, brief=brief), unit)
    return " ".join(part for part in parts if part)


def person_name(node: Any) -> str:
    parts = [*elements.every(node, "prefix"), *elements.every(node, "given"), *elements.every(node, "family")]
    return elements.text(node, "text") or " ".join(part for part in parts if isinstance(part, str))


def address(node: Any) -> str:
    keys = ("line", "city", "district", "state", "postalCode", "country")
    parts = [part for key in keys for part in elements.every(node, key) if isinstance(part, str)]
    return elements.text(node, "text") or ", ".join(parts)


def reference(node: Any) -> str:
    """What a Reference calls its target, else the kind of thing it points to."""
    target = elements.text(node, "reference")
    if display := elements.text(node, "display"):
        return display
    if target.startswith("#"):
        return _("described within this record")
    kind = target.rpartition("/")[0].rpartition("/")[2]
    return str(names.one_of(kind)) if kind else elements.text(node, "identifier", "value") or target


def attachment(node: Any) -> str:
    parts = (
        elements.text(node, "title"),
        elements.text(node, "contentType"),
        when.said(elements.first(node, "creation")),
    )
    return ", ".join(part for part in parts if part) or _("a file")


def _range(node: Any) -> str:
    low, high = quantity(elements.first(node, "low")), quantity(elements.first(node, "high"))
    if low and high:
        return _("%(low)s to %(high)s") % {"low": low, "high": high}
    return _("at least %(low)s") % {"low": low} if low else _("at most %(high)s") % {"high": high} if high else ""


def _ratio(node: Any) -> str:
    return f"{quantity(elements.first(node, 'numerator'))} / {quantity(elements.first(node, 'denominator'))}"


def _annotation(node: Any) -> str:
    author = elements.text(node, "authorString") or elements.text(node, "authorReference", "display")
    about = ", ".join(part for part in (author, when.said(elements.first(node, "time"))) if part)
    return elements.text(node, "text") + (f" ({about})" if about else "")


def _money(node: Any) -> str:
    return f"{number(elements.first(node, 'value'))} {elements.text(node, 'currency')}"


def _identifier(node: Any) -> str:
    kind = concept(elements.first(node, "type")) or elements.text(node, "system")
    value = elements.text(node, "value")
    return f"{value} ({kind})" if kind and kind not in {"phone", "email", "url", "fax"} else value


def _series(node: Any) -> str:
    points = len(elements.text(node, "data").split())
    return _("a series of %(points)s values") % {"points": points}


# For each unit: once in one of it, several times in one of it, and every so many of it.
_RHYTHMS: Final[dict[str, tuple[Promise, Promise, Promise]]] = {
    "s": (
        gettext_lazy("once a second"),
        gettext_lazy("%(times)s times a second"),
        gettext_lazy("every %(period)s seconds"),
    ),
    "min": (
        gettext_lazy("once a minute"),
        gettext_lazy("%(times)s times a minute"),
        gettext_lazy("every %(period)s minutes"),
    ),
    "h": (
        gettext_lazy("once an hour"),
        gettext_lazy("%(times)s times an hour"),
        gettext_lazy("every %(period)s hours"),
    ),
    "d": (
        gettext_lazy("once a day"),
        gettext_lazy("%(times)s times a day"),
        gettext_lazy("every %(period)s days"),
    ),
    "wk": (
        gettext_lazy("once a week"),
        gettext_lazy("%(times)s times a week"),
        gettext_lazy("every %(period)s weeks"),
    ),
    "mo": (
        gettext_lazy("once a month"),
        gettext_lazy("%(times)s times a month"),
        gettext_lazy("every %(period)s months"),
    ),
    "a": (
        gettext_lazy("once a year"),
        gettext_lazy("%(times)s times a year"),
        gettext_lazy("every %(period)s years"),
    ),
}
# http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation and timing-abbreviation: how often, in how many of a unit.
_ABBREVIATIONS: Final[dict[str, tuple[int, int, str]]] = {
    "QD": (1, 1, "d"),
    "BID": (2, 1, "d"),
    "TID": (3, 1, "d"),
    "QID": (4, 1, "d"),
    "QOD": (1, 2, "d"),
    "Q1H": (1, 1, "h"),
    "Q2H": (1, 2, "h"),
    "Q3H": (1, 3, "h"),
    "Q4H": (1, 4, "h"),
    "Q6H": (1, 6, "h"),
    "Q8H": (1, 8, "h"),
    "WK": (1, 1, "wk"),
    "MO": (1, 1, "mo"),
}


def _timing(node: Any) -> str:
    """A Timing: what it is called, or "2 times a day", "every 4 to 6 hours", or when it happens."""
    code, named = elements.first(node, "code"), concept(elements.first(node, "code"))
    if short := _ABBREVIATIONS.get(named):
        times, period, unit = short
        return _rhythm({"frequency": times, "period": period, "periodUnit": unit})
    if code and named:
        return named
    said = _rhythm(elements.first(node, "repeat"))
    return said or ", ".join(when.said(event) for event in elements.every(node, "event"))


def _rhythm(repeat: Any) -> str:
    """How often (datatypes.html#Timing); empty where it does not say in a way that can be told."""
    period, unit = elements.first(repeat, "period"), elements.text(repeat, "periodUnit")
    if isinstance(period, bool) or not isinstance(period, int | Decimal) or unit not in _RHYTHMS:
        return ""
    once, often, every = _RHYTHMS[unit]
    times, spans = _from_to(repeat, "frequency") or "1", _from_to(repeat, "period")
    if period == 1 and spans == number(period):
        return str(once) if times == "1" else str(often) % {"times": times}
    spaced = str(every) % {"period": spans}
    return spaced if times == "1" else _("%(times)s times %(spaced)s") % {"times": times, "spaced": spaced}


def _from_to(repeat: Any, name: str) -> str:
    least, most = elements.first(repeat, name), elements.first(repeat, f"{name}Max")
    if not isinstance(least, int | Decimal) or not isinstance(most, int | Decimal) or least == most:
        return of(least) if isinstance(least, int | Decimal) else ""
    return _("%(least)s to %(most)s") % {"least": number(least), "most": number(most)}


def _text(node: Any) -> str:
    return elements.text(node, "text")


# First whose key is there and whose check holds. The order matters: a Quantity also has a code, a Period no value.
_SHAPES: tuple[tuple[frozenset[str], Callable[[Any], str]], ...] = (
    (frozenset({"coding"}), concept),
    (frozenset({"family"}), person_name),
    (frozenset({"given"}), person_name),
    (frozenset({"reference"}), reference),
    (frozenset({"contentType"}), attachment),
    (frozenset({"origin", "data"}), _series),
    (frozenset({"numerator"}), _ratio),
    (frozenset({"value", "currency"}), _money),
    (frozenset({"value", "unit"}), quantity),
    (frozenset({"line"}), address),
    (frozenset({"city"}), address),
    (frozenset({"repeat"}), _timing),
    (frozenset({"text", "timing"}), _text),
    (frozenset({"text", "doseAndRate"}), _text),
    (frozenset({"text", "sequence"}), _text),
    (frozenset({"text", "time"}), _annotation),
    (frozenset({"text", "authorString"}), _annotation),
    (frozenset({"text", "authorReference"}), _annotation),
)
_ONLY: tuple[tuple[frozenset[str], Callable[[Any], str]], ...] = (
    (frozenset({"start", "end"}), when.span),
    (frozenset({"low", "high"}), _range),
    (frozenset({"display", "type", "identifier"}), reference),
    (frozenset({"system", "version", "code", "display", "userSelected"}), concept),
    (frozenset({"text"}), concept),
    (frozenset({"value", "comparator", "unit", "system", "code"}), quantity),
    (frozenset({"use", "type", "system", "value", "period", "assigner", "rank"}), _identifier),
)


def of(node: Any) -> str:
    """Any element in words; a group of elements becomes "Name: words; Name: words"."""
    if isinstance(node, bool):
        return _("yes") if node else _("no")
    if isinstance(node, str):
        return when.said(node) if _DATE.fullmatch(node) else names.word(node)
    if isinstance(node, int | Decimal):
        return number(node)
    if isinstance(node, list):
        return ", ".join(part for part in map(of, node) if part)
    return _group(node) if isinstance(node, dict) else ""


def _group(node: dict[str, Any]) -> str:
    keys = {key for key in node if key not in {"id", "extension"} and not key.startswith("_")}
    for needed, phrase in _SHAPES:
        if needed <= keys:
            return phrase(node)
    for allowed, phrase in _ONLY:
        if keys and keys <= allowed:
            return phrase(node)
    parts = ((names.element_name(key), of(node[key])) for key in node if key in keys and key != "modifierExtension")
    return "; ".join(f"{name}: {words}" for name, words in parts if words)


class _Text(HTMLParser):
    """Collects the text of a narrative; what is inside script and style is no text."""

    silent = ("script", "style", "head", "template")
    breaking = frozenset({"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.muted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.silent:
            self.muted += 1
        self.parts.append("\n" if tag in self.breaking else " " if tag in {"td", "th"} else "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.silent:
            self.muted = max(0, self.muted - 1)

    def handle_data(self, data: str) -> None:
        if not self.muted:
            self.parts.append(data)


def plain(markup: str) -> str:
    """The words of XHTML, one line per block. Everything that is not text is dropped, nothing is interpreted."""
    reader = _Text()
    reader.feed(markup)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return "\n".join(line for line in lines if line)
