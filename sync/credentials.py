"""Files in which staff hand over what an organisation gave us to prove who we are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from standards.fhir import json


def read(path: Path) -> dict[str, Any]:
    """``{"client_id": …, …}``. Raises CommandError, which quotes nothing of the file."""
    try:
        given = json.loads(path.read_bytes())
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    except json.MalformedJSON as error:
        raise CommandError(f"{path} is no JSON") from error
    if not isinstance(given, dict) or not isinstance(given.get("client_id"), str):
        raise CommandError(f"{path} names no client_id")
    return given
