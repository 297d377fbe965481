"""Certificates of erasure: what was removed, how much, when; counts only, signed with a key of this site.

A compact JWS over JSON, signed with the key of id_tokens but no id_token: it has no issuer, subject or audience. The
site forgets that key long before a certificate is worthless; what proves it then is its digest in the audit chain.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from django.conf import settings

from audit import events
from audit.models import Event
from custody.models import Erasure
from gateway import keys


def issue(erasure: Erasure, *, at: datetime) -> str:
    assert erasure.begun is not None
    readable_until = erasure.begun + settings.PHYSICAL_BACKUP_LIFE
    told: dict[str, Any] = {
        "site": settings.PUBLIC_URL,
        "iat": int(at.timestamp()),
        "certificate": str(erasure.uid),
        "asked": erasure.asked.isoformat(),
        "key_destroyed": erasure.begun.isoformat(),
        "rows_removed": at.isoformat(),
        "record_unreadable_in_every_backup_from": readable_until.isoformat(),
        "account_gone_from_every_backup_from": (
            at + max(settings.BACKUP_LIFE, settings.PHYSICAL_BACKUP_LIFE)
        ).isoformat(),
        "removed": erasure.removed,
        "hospitals": erasure.farewells,
        "kept": "who received how much of the record and when, without your name, for six years (45 CFR 164.528)",
    }
    return keys.sign(told, at=at)


def digest(certificate: str) -> str:
    return hashlib.sha256(certificate.encode()).hexdigest()


def is_ours(certificate: str) -> bool:
    """Whether the audit chain of this site recorded exactly this certificate."""
    recorded = Event.objects.filter(owner_id=events.NOBODY, interaction=events.ERASE)
    return recorded.filter(detail__sha256=digest(certificate)).exists()
