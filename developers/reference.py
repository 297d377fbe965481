"""The OpenAPI document of what is not FHIR: kept by hand, and held to by a test that calls it all."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

_FILE = Path(__file__).parent / "openapi.json"


@cache
def _written() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_FILE.read_text())
    return document


def document() -> dict[str, Any]:
    """OpenAPI 3.1, with this site as its server."""
    return {**_written(), "servers": [{"url": settings.PUBLIC_URL}]}


def operations() -> list[tuple[str, str, str]]:
    """Method, path and summary of each, in the order of the document."""
    return [
        (method.upper(), path, operation["summary"])
        for path, item in _written()["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    ]
