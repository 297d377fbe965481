"""How this site looks, for apps that want to look alike (SMART App Launch 2.2, "Styling").

The address names the content by its digest, so a changed style has a new address and an old answer may be kept.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

from django.conf import settings
from django.urls import reverse

_SHARED: Final = {
    "color_background": "#f6f5f1",
    "color_error": "#a3231f",
    "color_modal_backdrop": "#1b2327",
    "color_success": "#1f6b3a",
    "color_text": "#1b2327",
    "dim_border_radius": "14px",
    "dim_font_size": "16px",
    "dim_spacing_size": "16px",
    "font_family_body": "system-ui, sans-serif",
    "font_family_heading": "system-ui, sans-serif",
}
_HIGHLIGHT: Final = {"person": "#0b5a6e", "hospital": "#6b2b6e"}


def document() -> bytes:
    """The style of this site, in the keys SMART names."""
    return json.dumps({**_SHARED, "color_highlight": _HIGHLIGHT[settings.SITE]}, sort_keys=True).encode()


def digest() -> str:
    return hashlib.sha256(document()).hexdigest()[:16]


def address() -> str:
    """Where it is served."""
    return settings.PUBLIC_URL + reverse("gateway:smart-style", args=[digest()])
