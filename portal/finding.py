"""Words in a record: in what its codes are called, in the codes themselves, its notes and the text of its files.

Measurements are told apart by what is measured, so of them the codes alone are asked, however many there are; of all
else each record. Nothing of what is looked for, or in, is kept anywhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from portal import elements, facts, lines, names, phrases
from records import reading, repertoire, timeline

CODED: Final = "Observation"
WORDS_MAX: Final = 8
# What is for computers, or is about whose record it is, has no words that anybody would look for.
_UNASKED: Final = frozenset(
    {
        *("resourceType", "id", "meta", "implicitRules", "data", "reference", "url", "system", "contained"),
        *("subject", "patient", "beneficiary", "contentType", "hash"),
    }
)
_FILE: Final = re.compile(r"Binary/([A-Za-z0-9.\-]{1,64})")


def plain(text: str) -> str:
    """Without accents and capitals."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part)).casefold()


def asked(text: str) -> tuple[str, ...]:
    """The words of a search, each of which has to be there."""
    return tuple(dict.fromkeys(plain(text).split()))[:WORDS_MAX]


def words(wanted: Sequence[str]) -> timeline.Words:
    """How a record is asked for all of ``wanted``."""
    return timeline.Words(files=_files, holds=lambda resource, files: _holds(resource, files, wanted))


def codes(records: reading.RecordSet, wanted: Sequence[str]) -> tuple[int, ...]:
    """The blind values of the codes of measurements that have the words."""
    return tuple(each.value for each in repertoire.of(records, CODED) if named(each.newest.resource, wanted))


def named(resource: Mapping[str, Any], wanted: Sequence[str]) -> bool:
    """By its names alone: of a code that many records have, what one of them says else says nothing of the others."""
    said = {key: resource.get(key) for key in ("code", "category")}
    return _all_in(wanted, [*lines.called(resource), *_texts(said)])


def _holds(resource: Mapping[str, Any], files: timeline.Files, wanted: Sequence[str]) -> bool:
    kind = str(names.type_name(elements.text(resource, "resourceType")))
    narrative = facts.narrative(resource)
    told = [kind, *lines.called(resource), narrative, *_texts(resource), *facts.texts(resource)]
    told += [text for name in _files(resource) if name in files for text in facts.texts(files[name].resource)]
    return _all_in(wanted, told)


def _all_in(wanted: Sequence[str], texts: Sequence[str]) -> bool:
    whole = plain("\n".join(texts))
    return all(word in whole for word in wanted)


def _texts(node: Any) -> Iterator[str]:
    """Every text that a person would read, and every code."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for entry in node:
            yield from _texts(entry)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "div" and isinstance(value, str):
                yield phrases.plain(value)
            elif key not in _UNASKED:
                yield from _texts(value)


def _files(resource: Mapping[str, Any]) -> list[str]:
    """The Binaries in which the text of a document of hers stands."""
    found = []
    for path in (("content", "attachment"), ("presentedForm",)):
        for each in elements.every(resource, *path):
            named = _FILE.fullmatch(elements.text(each, "url"))
            if named and facts.is_text(each):
                found.append(named[1])
    return found
