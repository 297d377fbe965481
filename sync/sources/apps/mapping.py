"""What an app posts, as we keep it: checked to the last element, about this person only, references our own.

Unlike a hospital's, an app's resource is refused when it is wrong: its sender is there to mend it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from consent import contributions
from records import labels, tagging
from standards.fhir import references, validation
from standards.fhir.references import Kind
from standards.fhir.validation import Problem

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SENSITIVITY: Final = (labels.CONFIDENTIALITY, labels.ACT_CODE)


@dataclass(frozen=True, slots=True)
class Frame:
    """``base`` is our FHIR base; ``placeholders`` the ``urn:…`` of a Bundle's entries and what they became."""

    patient_id: str
    base: str
    placeholders: Mapping[str, str] = field(default_factory=dict)


def adopt(
    resource: dict[str, Any], *, logical_id: str, frame: Frame, standing: dict[str, Any] | None = None
) -> tuple[dict[str, Any], list[Problem]]:
    """The resource to be kept, and everything that is wrong with it; only without any error may it be kept.

    ``standing`` is what it replaces: sensitivity once stated stays stated. The resource given is not changed, except
    in its references.
    """
    found = [problem for problem in validation.problems(resource) if problem.severity == "error"]
    resource_type = resource["resourceType"]
    if not found:
        found += _refer(resource, frame)
        found += _about(resource, frame)
    meta, in_meta = _meta(resource, standing)
    kept = {name: value for name, value in resource.items() if name not in ("resourceType", "id", "meta")}
    return {
        "resourceType": resource_type,
        "id": logical_id,
        **({"meta": meta} if meta else {}),
        **kept,
    }, found + in_meta


def security(resource: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The sensitivity tags of a resource."""
    meta = resource.get("meta")
    tags = meta.get("security") if isinstance(meta, dict) else None
    return [tag for tag in tagging.without_ours(tags) if _is_sensitivity(tag)] if isinstance(tags, list) else []


def _is_sensitivity(tag: Any) -> bool:
    return isinstance(tag, dict) and tag.get("system") in _SENSITIVITY and isinstance(tag.get("code"), str)


def _meta(resource: dict[str, Any], standing: dict[str, Any] | None) -> tuple[dict[str, Any], list[Problem]]:
    """``meta`` without what is ours to say. Tags that would steer access are not an app's to set (nor to take away)."""
    said = resource.get("meta")
    said = said if isinstance(said, dict) else {}
    meta = {name: value for name, value in said.items() if name not in ("versionId", "lastUpdated")}
    tags = meta.get("security") or []
    if isinstance(tags, list) and len(kept := tagging.without_ours(tags)) < len(tags):
        meta["security"] = tags = kept
        if not kept:
            del meta["security"]
    wrong = [
        Problem(
            f"{resource['resourceType']}.meta.security[{index}]",
            "only tags of confidentiality and of information sensitivity are taken",
            "error",
        )
        for index, tag in enumerate(tags if isinstance(tags, list) else [])
        if not _is_sensitivity(tag)
    ]
    stated = {(tag.get("system"), tag.get("code")) for tag in security(resource)}
    lost = [tag for tag in security(standing or {}) if (tag.get("system"), tag.get("code")) not in stated]
    if lost:
        meta["security"] = [*tags, *lost]
    return meta, wrong


def _about(resource: dict[str, Any], frame: Frame) -> list[Problem]:
    """Whether it says that it is about this person; another Patient is reported where it is named."""
    resource_type = resource["resourceType"]
    element = contributions.ABOUT[resource_type]
    node = resource.get(element)
    text = node.get("reference") if isinstance(node, dict) else None
    parsed = references.parse(text, base=frame.base) if isinstance(text, str) else None
    if parsed is not None and parsed.type == "Patient":
        return []
    return [Problem(f"{resource_type}.{element}", f"is required and is Patient/{frame.patient_id}", "error")]


def _refer(resource: dict[str, Any], frame: Frame) -> list[Problem]:
    """Makes every reference one into this record, and says which cannot be kept."""
    found: list[Problem] = []
    for path, holder, key, value in texts(resource, resource["resourceType"]):
        if _CONTROL.search(value):
            found.append(Problem(path, "control characters are not allowed", "error"))
        elif key == "reference":
            holder[key], wrong = _reference(value, frame)
            found += [Problem(path, wrong, "error")] if wrong else []
        elif key == "url" and value in frame.placeholders:
            holder[key] = frame.placeholders[value]
        elif key == "resourceType" and value == "Patient":
            found.append(Problem(path, "a Patient may not be contained: the person is referred to", "error"))
    return found


def _reference(text: str, frame: Frame) -> tuple[str, str]:
    """The reference to be kept, and what is wrong with it or an empty text."""
    parsed = references.parse(text, base=frame.base)
    if parsed is None or parsed.kind is Kind.CONTAINED:
        return text, ""
    if parsed.kind is Kind.URN:
        known = frame.placeholders.get(text)
        return known or text, "" if known else "points at no entry of this request"
    if parsed.kind is Kind.CONDITIONAL:
        return text, "a reference by search is not resolved here"
    if parsed.type == "Patient":
        is_hers = parsed.kind in (Kind.RELATIVE, Kind.OWN) and parsed.id == frame.patient_id
        return f"Patient/{frame.patient_id}", "" if is_hers else "is not the person this app acts for"
    if parsed.kind is Kind.OWN:
        return text.removeprefix(f"{frame.base}/"), ""
    return text, ""


def texts(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any], str, str]]:
    """Every text of a resource: where it stands, what holds it, its key, and itself."""
    for key, child in list(node.items()):
        if isinstance(child, str):
            yield f"{path}.{key}", node, key, child
        elif isinstance(child, dict):
            yield from texts(child, f"{path}.{key}")
        elif isinstance(child, list):
            for index, item in enumerate(child):
                if isinstance(item, dict):
                    yield from texts(item, f"{path}.{key}[{index}]")
                elif isinstance(item, str):
                    yield f"{path}.{key}[{index}]", {}, key, item
