"""Documents that others wrote, as a page that can be read and can do nothing: no script, no link, no form, no address.

A page made here is shown in a frame without any right, under a policy of its own (``POLICY``). What cannot be made
readable so is downloaded.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from enum import StrEnum
from html import escape
from typing import Any, Final

import nh3
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from portal import elements, phrases, when
from standards import sniffing
from standards.cda import datatypes, documents, narratives
from standards.cda.documents import Element, attribute, child, children, text_of

STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{margin:0;padding:1rem;font:1rem/1.55 system-ui,sans-serif;overflow-wrap:anywhere}"
    "h1{font-size:1.4rem}h2{font-size:1.15rem;margin-top:1.6rem}h3{font-size:1rem}"
    "table{border-collapse:collapse}td,th{border:1px solid;padding:.25rem .5rem;text-align:left;vertical-align:top}"
    "pre{white-space:pre-wrap}dt{font-weight:600}dd{margin:0 0 .5rem}"
    "img{display:block;max-width:100%;height:auto;margin:.5rem 0}summary{padding:.5rem 0;cursor:pointer}"
    "nav{display:flex;flex-wrap:wrap;gap:.25rem}"
    "nav a{color:inherit}"
    "nav a,nav strong{min-width:1.5rem;padding:.4rem .6rem;border:1px solid;border-radius:.4rem;text-align:center}"
)
_DIGEST: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_REST: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
POLICY: Final = f"sandbox; {_REST}"
SHEETS_POLICY: Final = f"sandbox allow-same-origin; {_REST}; img-src data:"
"""Of the pages of a PDF, which hold nothing but our own markup, a picture and its words. They lead to each other, and
without an origin the browser would not say who asks. Scripts and forms are shut out all the same.
"""
PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What every browser shows and none runs; an SVG is a program."""
PDF: Final = "application/pdf"
_TAGS: Final = frozenset(
    {"b", "blockquote", "br", "caption", "center", "cite", "code", "dd", "del", "div", "dl", "dt", "em", "hr", "i"}
    | {"ins", "li", "ol", "p", "pre", "q", "s", "small", "span", "strong", "sub", "sup", "u", "ul"}
    | {"table", "tbody", "td", "tfoot", "th", "thead", "tr", *(f"h{level}" for level in range(1, 7))}
)
_ATTRIBUTES: Final[dict[str, set[str]]] = {
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
}
_MARKUP: Final = frozenset({"text/html", "application/xhtml+xml"})
_CODINGS: Final = ("utf-8-sig", "utf-16", "cp1252")


class Form(StrEnum):
    """How a document is shown: as a page of ours in a frame, page by page in a frame, as a picture, or not here."""

    PAGE = "page"
    SHEETS = "sheets"
    PICTURE = "picture"
    FILE = "file"


def form_of(media_type: str) -> Form:
    """How a document of this type is shown, as far as its sender says what it is."""
    kind = bare(media_type)
    if kind in PICTURES:
        return Form.PICTURE
    if kind == PDF:
        return Form.SHEETS
    if kind.startswith("text/") or kind in _MARKUP or kind.endswith(("+xml", "/xml")):
        return Form.FILE if kind == "text/rtf" else Form.PAGE
    return Form.FILE


def bare(media_type: str) -> str:
    """``text/html; charset=utf-8`` → "text/html"."""
    return media_type.partition(";")[0].strip().lower()


def page(data: bytes, media_type: str) -> str | None:
    """The whole page; None for what is no text, whatever its sender calls it."""
    found = sniffing.sniff(data)
    if found.form is sniffing.Form.XML:
        return whole(_clinical(data) or _marked_up(data, media_type))
    if bare(media_type) in _MARKUP and (written := _decoded(data)):
        return whole(cleaned(written))
    if found.form in (sniffing.Form.PDF, sniffing.Form.IMAGE, sniffing.Form.ZIP, sniffing.Form.UNKNOWN):
        return whole(_written(data)) if found.form is sniffing.Form.UNKNOWN and _is_prose(data) else None
    return whole(_written(data))


def of_composition(resource: Any) -> str:
    """The sections of a Composition as its source wrote them (R4 composition.html)."""
    title = elements.text(resource, "title") or phrases.concept(elements.first(resource, "type"))
    about = when.said(elements.first(resource, "date"))
    return whole(
        f"<h1>{escape(title)}</h1><p>{escape(about)}</p>" + "".join(_told(elements.every(resource, "section")))
    )


def _told(sections: Iterator[Any], level: int = 2) -> Iterator[str]:
    for section in sections:
        yield f"<h{level}>{escape(elements.text(section, 'title') or phrases.concept(elements.first(section, 'code')))}"
        yield f"</h{level}>{cleaned(elements.text(section, 'text', 'div'))}"
        yield from _told(elements.every(section, "section"), min(level + 1, 6))


def cleaned(markup: str) -> str:
    """HTML with nothing left but words, tables and emphasis."""
    return nh3.clean(
        markup,
        tags=set(_TAGS),
        clean_content_tags={"script", "style", "title", "noscript", "template", "iframe", "object"},
        attributes=_ATTRIBUTES,
        url_schemes=set(),
        link_rel=None,
        generic_attribute_prefixes=set(),
    )


def whole(body: str) -> str:
    """A page around markup that is safe already."""
    return (
        f'<!doctype html><html lang="{get_language()}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(_("Document"))}</title>'
        f"<style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    )


def _marked_up(data: bytes, media_type: str) -> str:
    """HTML that looks like XML as HTML; of other XML the source as it is written."""
    written = _decoded(data)
    is_html = bare(media_type) in _MARKUP or "<html" in written[:2000].lower()
    return cleaned(written) if is_html else _written(data)


def _written(data: bytes) -> str:
    return f"<pre>{escape(_decoded(data))}</pre>"


def _decoded(data: bytes) -> str:
    for coding in _CODINGS:
        if coding == "utf-16" and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
            continue
        try:
            return data.decode(coding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _is_prose(data: bytes) -> bool:
    """Text in an older coding, which cannot be told by its first bytes."""
    return not any(byte < 9 or 13 < byte < 32 for byte in data[:65536])


def _clinical(data: bytes) -> str:
    """A CDA document by our own reader: who and when, then section by section in its writer's words; "" for none."""
    try:
        root = documents.parse(data)
    except (documents.Malformed, documents.HasDoctype, documents.NotCDA):
        return ""
    title = text_of(child(root, "title")) or _("Document")
    return f"<h1>{escape(title)}</h1>{_header(root)}" + "".join(_sections(root)) + "".join(_enclosed(root))


def _header(root: Element) -> str:
    patient = child(root, "recordTarget", "patientRole", "patient")
    keeper = child(root, "custodian", "assignedCustodian", "representedCustodianOrganization", "name")
    told = (
        (_("Patient"), _person(child(patient, "name"))),
        (_("Born"), when.said(datatypes.moment(attribute(child(patient, "birthTime"), "value")))),
        (_("Date"), when.said(datatypes.moment(attribute(child(root, "effectiveTime"), "value")))),
        (_("Written by"), ", ".join(filter(None, map(_author, children(root, "author", "assignedAuthor"))))),
        (_("Kept by"), text_of(keeper)),
    )
    return (
        "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in told if words) + "</dl>"
    )


def _person(name: Element | None) -> str:
    return phrases.person_name(datatypes.name(name)) if name is not None else ""


def _author(author: Element) -> str:
    device = text_of(child(author, "assignedAuthoringDevice", "softwareName"))
    return _person(child(author, "assignedPerson", "name")) or device


def _sections(holder: Element, level: int = 2) -> Iterator[str]:
    """Of the body, and those within each."""
    bodies = children(holder, "component", "structuredBody") if level == 2 else iter([holder])
    for section in (each for body in bodies for each in children(body, "component", "section")):
        title = text_of(child(section, "title")) or attribute(child(section, "code"), "displayName")
        text = child(section, "text")
        yield f"<h{level}>{escape(title)}</h{level}>" if title else ""
        yield cleaned(narratives.xhtml(text)) if text is not None else ""
        yield from _sections(section, level + 1) if level < 6 else ()


def _enclosed(root: Element) -> Iterator[str]:
    for _each in children(root, "component", "nonXMLBody"):
        yield f"<p>{escape(_('What it says is a file within it, which stands among your documents by itself.'))}</p>"
