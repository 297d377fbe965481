"""QR codes as pictures that stand in the page itself."""

from __future__ import annotations

import base64
from typing import Final

import qrcode
from qrcode.image.svg import SvgPathImage
from qrcode.util import QRData

from standards.smart import health_cards

_NUMERIC: Final = 1
"""ISO/IEC 18004: three digits in ten bits."""


def of_text(text: str) -> str:
    """A ``data:`` address of an SVG; error correction M, as SMART Health Links ask for."""
    return _drawn(QRData(text), correction=qrcode.ERROR_CORRECT_M)


def of_card(card: str) -> str:
    """The same of a health card: ``shc:/`` as letters, the rest as digits (spec.smarthealth.cards, "Via QR")."""
    digits = QRData(health_cards.digits(card), mode=_NUMERIC)
    return _drawn(QRData("shc:/"), digits, correction=qrcode.ERROR_CORRECT_L)


def _drawn(*parts: QRData, correction: int) -> str:
    code = qrcode.QRCode(error_correction=correction, border=4)
    for part in parts:
        code.add_data(part, optimize=0)
    drawn: bytes = code.make_image(image_factory=SvgPathImage).to_string()
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn).decode()}"
