"""The narrative of a section as FHIR's XHTML: its words and its tables, none of its links, styles or scripts."""

from __future__ import annotations

from html import escape
from typing import Final

from standards.cda.documents import Element

_TAGS: Final = {
    "paragraph": "p",
    "list": "ul",
    "item": "li",
    "table": "table",
    "caption": "caption",
    "thead": "thead",
    "tbody": "tbody",
    "tfoot": "tfoot",
    "tr": "tr",
    "th": "th",
    "td": "td",
    "sub": "sub",
    "sup": "sup",
    "content": "span",
    "linkHtml": "span",
    "footnote": "span",
}
_ONLY_IN_A_TABLE: Final = {"thead", "tbody", "tfoot", "tr"}
_DEPTH_MAX: Final = 60


def xhtml(text: Element) -> str:
    """The ``div`` of a Narrative (R4 narrative.html)."""
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{_inner(text, 0)}</div>'


def _inner(element: Element, depth: int) -> str:
    parts = [escape(_clean(element.text or ""))] if element.tag not in _ONLY_IN_A_TABLE else []
    for each in element.iterchildren():
        if isinstance(each.tag, str) and depth < _DEPTH_MAX:
            parts.append(_outer(each, depth + 1))
        if element.tag not in _ONLY_IN_A_TABLE:
            parts.append(escape(_clean(each.tail or "")))
    return "".join(parts)


def _outer(element: Element, depth: int) -> str:
    if element.tag == "br":
        return "<br/>"
    if element.tag in ("renderMultiMedia", "col", "colgroup"):
        return ""
    tag = _TAGS.get(str(element.tag), "span")
    return f"<{tag}>{_inner(element, depth)}</{tag}>"


def _clean(text: str) -> str:
    return "".join(sign for sign in text if sign >= " " or sign in "\t\n\r")
