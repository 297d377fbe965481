"""The EHR's look on our pages (SMART App Launch 2.2, "Styling"): its values taken, its text never.

What is fetched is read as a few colours, sizes and names of fonts and written anew as a style sheet of our own address,
so the policy of contents stays as strict as everywhere. What cannot be read, or would be hard to read, is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from standards.fhir import json
from sync import outbound

SECONDS: Final = 3
BYTES: Final = 20_000
CONTRAST: Final = 4.5
"""WCAG 2.2, 1.4.3."""

_HEX: Final = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_SIZE: Final = re.compile(r"(\d{1,2}(?:\.\d{1,2})?)px")
_FONTS: Final = re.compile(r"[A-Za-z0-9 ,'\"-]{1,120}")
_CARD: Final = "#ffffff"
_ALONE: Final = {"color_highlight": "--river", "color_error": "--bad", "color_success": "--good"}
_FONT_SIZES: Final = (14.0, 20.0)
_RADII: Final = (0.0, 24.0)


def fetched(address: str) -> str:
    """The style sheet for what this address says, "" where it says nothing that can be used."""
    try:
        with outbound.GuardedSession() as session:
            session.total_seconds, session.body_bytes = SECONDS, BYTES
            answer = session.get(address, headers={"Accept": "application/json"}, timeout=(SECONDS, SECONDS))
            said = json.loads(answer.content) if answer.status_code == 200 else None
    except (*outbound.CONNECTION_FAULTS, json.MalformedJSON, ValueError):
        return ""
    return sheet(said) if isinstance(said, Mapping) else ""


def sheet(said: Mapping[str, Any]) -> str:
    """Custom properties of static/css/tokens.css; colours for light screens only, where they were chosen."""
    colours, shapes = " ".join(_colours(said)), " ".join(_shapes(said))
    parts = [f":root {{ {shapes} }}"] if shapes else []
    if colours:
        parts.append(f"@media not (prefers-color-scheme: dark) {{ :root {{ {colours} }} }}")
    return "\n".join(parts)


def _colours(said: Mapping[str, Any]) -> Iterator[str]:
    ground, ink = _colour(said, "color_background"), _colour(said, "color_text")
    if ground and ink and min(contrast(ground, ink), contrast(_CARD, ink)) >= CONTRAST:
        yield f"--ground: {ground}; --ink: {ink};"
    else:
        ground = "#f6f5f1"
    for name, property_name in _ALONE.items():
        colour = _colour(said, name)
        if colour and min(contrast(ground, colour), contrast(_CARD, colour)) >= CONTRAST:
            yield f"{property_name}: {colour};"


def _shapes(said: Mapping[str, Any]) -> Iterator[str]:
    radius, size = _size(said, "dim_border_radius", _RADII), _size(said, "dim_font_size", _FONT_SIZES)
    if radius:
        yield f"--radius: {radius};"
    if size:
        yield f"font-size: {size};"
    fonts = said.get("font_family_body")
    if isinstance(fonts, str) and _FONTS.fullmatch(fonts) and fonts.count('"') % 2 == fonts.count("'") % 2 == 0:
        yield f"--text: {fonts};"


def _colour(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    return value.lower() if isinstance(value, str) and _HEX.fullmatch(value) else ""


def _size(said: Mapping[str, Any], name: str, bounds: tuple[float, float]) -> str:
    value = said.get(name)
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    return found[0] if found and bounds[0] <= float(found[1]) <= bounds[1] else ""


def contrast(one: str, other: str) -> float:
    """Between two colours as ``#rgb`` or ``#rrggbb``: WCAG 2.2, "contrast ratio", from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    red, green, blue = (_linear(int(digits[at : at + 2], 16) / 255) for at in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
