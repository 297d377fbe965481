"""Deterministic logical ids: the same upstream resource always gets the same id in the same person's record (D10)."""

from __future__ import annotations

import uuid
from typing import Final

_NAMESPACE: Final = uuid.UUID("6f1f3c52-6c1b-5d5e-9a38-0d8b8f4b2c11")


def logical_id(owner_id: int, source_url: str, resource_type: str, remote_id: str) -> str:
    """UUIDv5 over owner, source and the id the source uses; nothing of the remote id can be read from it."""
    return str(uuid.uuid5(_NAMESPACE, f"{owner_id}|{source_url}|{resource_type}/{remote_id}"))
