"""Reaching into FHIR JSON that nobody vouches for: a record is kept as received, so any element may be anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def every(node: Any, *path: str) -> Iterator[Any]:
    """Every value at ``path``; a list on the way stands for each of its entries."""
    if isinstance(node, list):
        for entry in node:
            yield from every(entry, *path)
    elif not path:
        if node is not None:
            yield node
    elif isinstance(node, dict):
        yield from every(node.get(path[0]), *path[1:])


def first(node: Any, *path: str) -> Any:
    """The first value at ``path``, or None."""
    return next(every(node, *path), None)


def text(node: Any, *path: str) -> str:
    """The first text at ``path``, without blanks around it; "" where there is none."""
    return next((found.strip() for found in every(node, *path) if isinstance(found, str) and found.strip()), "")
