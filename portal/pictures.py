"""QR codes as pictures that stand in the page itself."""

from __future__ import annotations

import base64

import qrcode
from qrcode.image.svg import SvgPathImage
from qrcode.util import QRData


def of_text(text: str) -> str:
    """A ``data:`` address of an SVG; error correction M, as SMART Health Links ask for."""
    return _drawn(QRData(text.encode()), correction=qrcode.ERROR_CORRECT_M)


def _drawn(*parts: QRData, correction: int) -> str:
    code = qrcode.QRCode(error_correction=correction, border=4)
    for part in parts:
        code.add_data(part, optimize=0)
    drawn: bytes = code.make_image(image_factory=SvgPathImage).to_string()
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn).decode()}"
