"""A CDA document as a tree: parsed without entities, DTD or network, mended where vendors slip, names without prefixes.

Elements of ``urn:hl7-org:v3`` are called by their name alone, those of ``urn:hl7-org:sdtc`` by ``sdtc_`` and it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, cast

from lxml import etree

Element = etree._Element

SDTC: Final = "urn:hl7-org:sdtc"
FHIR: Final = "http://hl7.org/fhir"
XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
_DOCTYPE: Final = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_PROLOG_BYTES: Final = 20_000


class Malformed(ValueError):
    """No XML that could be read, even with much good will."""


class HasDoctype(ValueError):
    """It brings definitions of its own, which no CDA document needs."""


class NotCDA(ValueError):
    """Well-formed, but no ClinicalDocument; ``namespace`` is that of its root."""

    def __init__(self, namespace: str) -> None:
        super().__init__(namespace)
        self.namespace = namespace


def parse(data: bytes) -> Element:
    """The ClinicalDocument. Raises Malformed, HasDoctype, NotCDA."""
    if _DOCTYPE.search(data.replace(b"\0", b"")[:_PROLOG_BYTES]):
        raise HasDoctype
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True, remove_comments=True,
        remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(data.lstrip(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Malformed from error
    if root is None:
        raise Malformed
    if cast("Any", root.getroottree().docinfo).doctype:  # its stubs do not know it
        raise HasDoctype
    name = etree.QName(root)
    if name.localname != "ClinicalDocument":
        raise NotCDA(name.namespace or "")
    _rename(root)
    return root


def mended(data: bytes) -> bool:
    """Whether the text is not well-formed and was read with good will."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        etree.fromstring(data.lstrip(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return True
    return False


def _rename(root: Element) -> None:
    for element in root.iter():
        if isinstance(element.tag, str):
            namespace, _, name = element.tag.rpartition("}")
            prefix, _, bare = name.rpartition(":")
            is_sdtc = namespace == f"{{{SDTC}" or prefix == "sdtc"
            element.tag = f"sdtc_{bare}" if is_sdtc else bare


def child(element: Element | None, *path: str) -> Element | None:
    """The first element at a path of names; None where there is none, or it says by nullFlavor that it is none."""
    for name in path:
        if element is None:
            return None
        element = next((each for each in element.iterchildren(name)), None)
    return element


def children(element: Element | None, *path: str) -> Iterator[Element]:
    """Every element at a path of names."""
    if element is None:
        return
    if not path:
        yield element
        return
    for each in element.iterchildren(path[0]):
        yield from children(each, *path[1:])


def attribute(element: Element | None, name: str) -> str:
    return (element.get(name) or "").strip() if element is not None else ""


def is_null(element: Element | None) -> bool:
    return element is None or bool(element.get("nullFlavor"))


def type_of(element: Element) -> str:
    """``xsi:type`` without its prefix; also where the prefix was never declared."""
    return (element.get(XSI_TYPE) or element.get("type") or element.get("xsi:type") or "").rpartition(":")[2]


def has_template(element: Element, *roots: str) -> bool:
    return any(each.get("root") in roots for each in element.iterchildren("templateId"))


def text_of(element: Element | None) -> str:
    """All text below an element, its spaces in order."""
    return " ".join(raw_text(element).split()) if element is not None else ""


def raw_text(element: Element) -> str:
    """The same, as it is written."""
    return "".join(str(part) for part in element.itertext())
