"""JSON Patch on a resource (RFC 6902; R4 http.html#patch), bounded: ``copy`` may double a document at every step."""

from __future__ import annotations

from typing import Any, Final

import jsonpatch
import jsonpointer

from standards.fhir import json

OPERATIONS_MAX: Final = 100
NODES_MAX: Final = 50_000
CHARACTERS_MAX: Final = 16_000_000
_NEEDS: Final = {
    "add": ("path", "value"),
    "remove": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "from"),
    "copy": ("path", "from"),
    "test": ("path", "value"),
}


class InvalidPatch(ValueError):
    """What was sent is no JSON Patch, or one too long. The message quotes no value."""


class PatchFailed(ValueError):
    """An operation cannot be carried out on this resource. The message names its place in the patch."""


def apply(resource: dict[str, Any], patch: Any) -> Any:
    """What the resource becomes; the resource given is left alone and decimals stay as they were written.

    The result may be any JSON value: it is still to be validated. Raises InvalidPatch, PatchFailed.
    """
    _check(patch)
    document = json.loads(json.dumps(resource))
    for index, operation in enumerate(patch):
        document = _step(document, operation, index)
        if operation["op"] == "copy":
            _bound(document, index)
    try:
        return json.loads(json.dumps(document))
    except (TypeError, json.MalformedJSON):
        raise PatchFailed("the result is nested too deep") from None


def _check(patch: Any) -> None:
    if not isinstance(patch, list):
        raise InvalidPatch("a JSON Patch is an array of operations")
    if len(patch) > OPERATIONS_MAX:
        raise InvalidPatch(f"more than {OPERATIONS_MAX} operations")
    for index, operation in enumerate(patch):
        known = (
            _NEEDS.get(operation.get("op", "")) if isinstance(operation, dict) and _is_text(operation, "op") else None
        )
        if known is None:
            raise InvalidPatch(f"operation {index} is none of {', '.join(_NEEDS)}")
        missing = [name for name in known if name not in operation]
        if missing or not all(_is_text(operation, name) for name in known if name != "value"):
            raise InvalidPatch(f"operation {index} needs {' and '.join(known)}")


def _is_text(operation: dict[str, Any], name: str) -> bool:
    return isinstance(operation.get(name), str)


def _step(document: Any, operation: dict[str, Any], index: int) -> Any:
    try:
        return jsonpatch.JsonPatch([operation]).apply(document, in_place=True)
    except jsonpatch.JsonPatchTestFailed:
        raise PatchFailed(f"operation {index}: the test does not hold") from None
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException):
        raise PatchFailed(f"operation {index} cannot be carried out on this resource") from None


def _bound(document: Any, index: int) -> None:
    nodes, characters, stack = 0, 0, [document]
    while stack:
        node = stack.pop()
        nodes += 1
        if isinstance(node, str):
            characters += len(node)
        elif isinstance(node, dict):
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
        if nodes > NODES_MAX or characters > CHARACTERS_MAX:
            raise PatchFailed(f"operation {index}: the result is too large")
