"""What ``manage.py check --deploy`` says of the roles of the database."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import Info, Tags, register


@register(Tags.security, deploy=True)
def roles_are_apart(**_: Any) -> list[Info]:
    """Without a role of its own the web server sees every row: it works, and one wall is missing."""
    missing = [role for role, name in settings.DATABASE_ROLE_NAMES.items() if not name]
    return [
        Info(
            f"DATABASE_URL_{role.upper()} is not set: the {role} process owns the tables, and no policy holds it.",
            hint="docs/runbook.md, The three roles of the database",
            id="accounts.I001",
        )
        for role in missing
    ]
