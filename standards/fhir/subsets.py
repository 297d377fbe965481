"""Less than a whole resource, as ``_summary`` and ``_elements`` ask for it (R4 search.html#summary, #elements).

What is left out shows: ``meta.tag`` says SUBSETTED. Elements that a resource must have are never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from standards.fhir import structures

Resource = dict[str, Any]

TAG: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
_ALWAYS: Final = frozenset({"resourceType", "id", "meta"})


def summarised(resource: Resource) -> Resource:
    """``_summary=true``: the elements the definition marks as summary, in nested elements too."""
    kept: Resource = _fields_of_summary(resource, resource["resourceType"])
    return _tagged(kept)


def without_text(resource: Resource) -> Resource:
    """``_summary=data``: all but the narrative."""
    return _tagged({key: value for key, value in resource.items() if key != "text"})


def text_only(resource: Resource) -> Resource:
    """``_summary=text``: the narrative and what must be there."""
    return only(resource, ("text",))


def only(resource: Resource, names: Collection[str]) -> Resource:
    """``_elements=``: these elements and what must be there; ``value`` stands for every ``value[x]``."""
    fields = structures.r4().fields(resource["resourceType"])

    def wanted(key: str) -> bool:
        field = fields.get(key.removeprefix("_"))
        return key in _ALWAYS or (
            field is not None and (field.required or field.key in names or (field.choice or field.key) in names)
        )

    return _tagged({key: value for key, value in resource.items() if wanted(key)})


def unknown(resource_type: str, names: Collection[str]) -> list[str]:
    """Those of the names that are no elements of the type."""
    fields = structures.r4().fields(resource_type).values()
    known = {field.key for field in fields} | {field.choice for field in fields} | _ALWAYS
    return [name for name in names if name not in known]


def _fields_of_summary(node: Mapping[str, Any], type_: str) -> Resource:
    fields, marked = structures.r4().fields(type_), structures.summary(type_)
    kept: Resource = {}
    for key, value in node.items():
        field = fields.get(key.removeprefix("_"))
        if key in _ALWAYS:
            kept[key] = value
        elif field is not None and (field.required or _written(field) in marked):
            kept[key] = _nested(value, field.type)
    return kept


def _written(field: structures.Field) -> str:
    return field.key if field.choice is None else f"{field.choice}[x]"


def _nested(value: Any, type_: str) -> Any:
    """Inside a nested type (named by its path) only what is summary there; datatypes stay whole."""
    if "." not in type_:
        return value
    if isinstance(value, list):
        return [_nested(one, type_) for one in value]
    return _fields_of_summary(value, type_) if isinstance(value, dict) else value


def _tagged(resource: Resource) -> Resource:
    meta = resource.get("meta")
    meta = dict(meta) if isinstance(meta, dict) else {}
    tags = meta.get("tag")
    meta["tag"] = [*(tag for tag in (tags if isinstance(tags, list) else []) if tag != TAG), TAG]
    return {"resourceType": resource["resourceType"], **resource, "meta": meta}


SUMMARIES: Final[Mapping[str, Callable[[Resource], Resource]]] = {
    "true": summarised,
    "data": without_text,
    "text": text_only,
}
"""``_summary``'s words that change a resource."""
