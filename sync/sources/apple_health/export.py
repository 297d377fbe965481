"""Apple's ``export.xml`` as it streams by: each element handed on as it ends, nothing kept, no tree.

The file carries its own DTD, which Apple has shipped broken more than once: it is passed over unread, so nothing in it
is fetched or expanded, and an entity it defines is unknown to the rest of the file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Final, Protocol
from xml.parsers import expat

ROOT: Final = "HealthData"
_CHUNK_BYTES: Final = 1 << 18
_HEAD_BYTES_MAX: Final = 1 << 20
_TOKEN_BYTES_MAX: Final = 4 << 20
"""No tag of an export comes near; a longer one would have to be held in memory."""
_DEPTH_MAX: Final = 20
_SNIFFED: Final = re.compile(rb"<HealthData[\s>]|<!DOCTYPE\s+HealthData[\s\[>]")
_DOCTYPE: Final = re.compile(rb"<!DOCTYPE\s")
# Its end is told by what follows it: what Apple wrote in between has been broken in several releases.
_END: Final = re.compile(rb"(?:\]\s*)?>(?=\s*(?:<!--.*?-->\s*)*<HealthData[\s>])", re.DOTALL)
_STATISTICS: Final = "WorkoutStatistics"
_STATISTICS_MAX: Final = 200

Attributes = dict[str, str]


class Damaged(Exception):
    """It is cut off, or no XML."""


class Hostile(Exception):
    """It defines entities, nests without end or holds a tag without end: no export does."""


@dataclass(slots=True)
class Whole:
    """An element below the root. ``statistics``: of a Workout; what else stands in it is ``counted`` by tag."""

    tag: str
    said: Attributes
    metadata: Attributes = field(default_factory=dict)
    statistics: list[Attributes] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)


class Sink(Protocol):
    """What takes the elements of an export, in the file's order."""

    def head(self, tag: str, said: Attributes) -> None:
        """ExportDate and Me."""

    def record(self, said: Attributes, metadata: Attributes, inner: int) -> None:
        """A Record; those of a Correlation stand inside of it, and once more by themselves. ``inner``: how many
        elements it holds that are no metadata, such as single beats."""

    def other(self, whole: Whole) -> None:
        """Anything else below the root, Correlations without their Records."""


def is_export(head: bytes) -> bool:
    """By the first few thousand bytes."""
    return _SNIFFED.search(head) is not None


def read(file: IO[bytes], sink: Sink, *, pulse: Callable[[], None] = lambda: None) -> None:
    """``pulse`` is called a few times for each megabyte. Raises Damaged, Hostile, and what ``sink`` raises."""
    walk = _Walk(sink)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = walk.start, walk.end
    parser.EntityDeclHandler = _refuse_entity
    fed = 0
    try:
        for chunk in _chunks(file):
            parser.Parse(chunk, False)
            fed += len(chunk)
            if fed - parser.CurrentByteIndex > _TOKEN_BYTES_MAX:
                raise Hostile("a tag without end")
            pulse()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise Damaged(f"line {error.lineno}") from error
    if not walk.closed:
        raise Damaged("no end")


def _refuse_entity(*_: Any) -> None:
    raise Hostile("entities")


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    yield _without_doctype(file)
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk


def _without_doctype(file: IO[bytes]) -> bytes:
    """The beginning of the file, up to somewhere behind its DTD, without that."""
    head = file.read(_CHUNK_BYTES)
    begins = _DOCTYPE.search(head)
    if begins is None:
        return head
    while (ends := _END.search(head, begins.end())) is None:
        more = file.read(_CHUNK_BYTES)
        if not more or len(head) > _HEAD_BYTES_MAX:
            raise Damaged("a DTD without end")
        head += more
    if b"<!ENTITY" in head[begins.start() : ends.end()]:
        raise Hostile("entities")
    return head[: begins.start()] + head[ends.end() :]


class _Walk:
    """Where in the file the parser stands."""

    __slots__ = ("_depth", "_element", "_inner", "_metadata", "_record", "_sink", "closed")

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._depth = 0
        self._element: Whole | None = None
        self._record: Attributes | None = None
        self._metadata: Attributes = {}
        self._inner = 0
        self.closed = False

    def start(self, tag: str, said: Attributes) -> None:
        self._depth += 1
        if tag == "Record" and self._depth > 1:
            self._record, self._metadata, self._inner = said, {}, 0
        elif tag == "MetadataEntry":
            self._note(said)
        elif self._depth == 2:
            self._element = Whole(tag, said)
        elif self._depth == 1:
            if tag != ROOT:
                raise Damaged("no HealthData")
        else:
            self._nest(tag, said)

    def _note(self, said: Attributes) -> None:
        key, value = said.get("key", ""), said.get("value", "")
        if self._record is not None:
            self._metadata[key] = value
        elif self._element is not None:
            self._element.metadata[key] = value

    def _nest(self, tag: str, said: Attributes) -> None:
        if self._depth > _DEPTH_MAX:
            raise Hostile("nested without end")
        if self._record is not None:
            self._inner += 1
        elif self._element is not None and tag == _STATISTICS and len(self._element.statistics) < _STATISTICS_MAX:
            self._element.statistics.append(said)
        elif self._element is not None:
            self._element.counted[tag] += 1

    def end(self, tag: str) -> None:
        if tag == "Record" and self._record is not None:
            self._sink.record(self._record, self._metadata, self._inner)
            self._record = None
        elif self._depth == 2 and self._element is not None:
            self._finish(self._element)
            self._element = None
        elif self._depth == 1:
            self.closed = True
        self._depth -= 1

    def _finish(self, element: Whole) -> None:
        if element.tag in ("ExportDate", "Me"):
            self._sink.head(element.tag, element.said)
        else:
            self._sink.other(element)
