"""HL7 v2 messages taken apart (encoding rules ER7): the ``hl7`` library splits, this module is tolerant around it.

Files end lines with LF as often as with the CR of the standard, batch several messages, and break lines inside fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import hl7

_LINES: Final = re.compile(r"\r\n|\r|\n")
_SEGMENT: Final = re.compile(r"[A-Z][A-Z0-9]{2}(?=[^A-Za-z0-9]|$)")
_BATCH: Final = frozenset({"FHS", "BHS", "BTS", "FTS"})
_FRAME: Final = "\ufeff\x0b\x1c \t"
_CONTROL: Final = re.compile(r"[\x00-\x08\x0c\x0e-\x1b\x1d-\x1f\x7f]")
_NULL: Final = '""'
MESSAGES_MAX: Final = 10_000


class Malformed(ValueError):
    """No message that could be taken apart."""


@dataclass(frozen=True, slots=True)
class Value:
    """One repetition of a field: components of subcomponents. Absent ones, and those to be deleted, are ""."""

    parts: tuple[tuple[str, ...], ...] = ()

    def __bool__(self) -> bool:
        return any(each for part in self.parts for each in part)

    def part(self, number: int, sub: int = 1) -> str:
        """A component and its subcomponent, both counted from one."""
        if number > len(self.parts) or sub > len(self.parts[number - 1]):
            return ""
        return self.parts[number - 1][sub - 1]

    def first_inside(self) -> Value:
        """What its first component holds, as a value of its own: the person (CNN) of an NDL."""
        return Value(tuple((each,) for each in self.parts[0])) if self.parts else self

    @property
    def text(self) -> str:
        """All of it in one line."""
        return " ".join(each for part in self.parts for each in part if each)


@dataclass(frozen=True, slots=True)
class Segment:
    name: str
    fields: tuple[tuple[Value, ...], ...]

    def all(self, number: int) -> tuple[Value, ...]:
        """Every repetition of a field that says anything."""
        return tuple(each for each in self.fields[number] if each) if number < len(self.fields) else ()

    def first(self, number: int) -> Value:
        return next(iter(self.all(number)), Value())

    def text(self, number: int) -> str:
        return self.first(number).part(1)

    def said(self) -> Iterator[int]:
        """The numbers of the fields that say anything."""
        return (number for number in range(1, len(self.fields)) if self.all(number))


@dataclass(frozen=True, slots=True)
class Message:
    """``segments`` in their order, MSH first."""

    segments: tuple[Segment, ...]

    @property
    def head(self) -> Segment:
        return self.segments[0]

    @property
    def type(self) -> str:
        """``ORU``"""
        return self.head.first(9).part(1)

    @property
    def event(self) -> str:
        """``R01``"""
        return self.head.first(9).part(2)


def parse(data: bytes) -> tuple[list[Message], bool]:
    """The messages of a file, and whether its bytes are no UTF-8. Raises Malformed."""
    text, careless = _decoded(data)
    groups: list[list[str]] = []
    for line in _LINES.split(_CONTROL.sub("", text)):
        bare = line.strip(_FRAME)
        if bare.startswith("MSH"):
            groups.append([bare])
        elif bare and groups and bare[:3] not in _BATCH:
            if _SEGMENT.match(bare):
                groups[-1].append(bare)
            else:  # a line break inside of a field
                groups[-1][-1] += f" {bare}"
    if not groups or len(groups) > MESSAGES_MAX:
        raise Malformed("no message in it")
    found = [_message(group) for group in groups]
    if not all(each.type for each in found):
        raise Malformed("a message without a type")
    return found, careless


def _decoded(data: bytes) -> tuple[str, bool]:
    try:
        return data.decode(), False
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace"), True


def _message(lines: list[str]) -> Message:
    try:
        taken = hl7.parse("\r".join(lines))
    except (hl7.HL7Exception, ValueError, IndexError) as error:
        raise Malformed("not a message") from error
    return Message(tuple(_segment(taken, each) for each in taken))


def _segment(message: Any, segment: Any) -> Segment:
    return Segment(str(segment[0]), tuple(_field(message, each) for each in segment))


def _field(message: Any, field: Any) -> tuple[Value, ...]:
    repetitions = [field] if isinstance(field, str) else list(field)
    return tuple(_value(message, each) for each in repetitions)


def _value(message: Any, repetition: Any) -> Value:
    components = [repetition] if isinstance(repetition, str) else list(repetition)
    return Value(tuple(_subcomponents(message, each) for each in components))


def _subcomponents(message: Any, component: Any) -> tuple[str, ...]:
    said = [component] if isinstance(component, str) else list(component)
    return tuple(_plain(message, str(each)) for each in said)


def _plain(message: Any, text: str) -> str:
    if text == _NULL:
        return ""
    text = text.replace("\\.br\\", "\n")
    return str(message.unescape(text)).strip() if "\\" in text else text.strip()
