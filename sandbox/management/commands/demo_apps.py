"""``manage.py demo_apps``: the third-party apps of the demo, registered at this site."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sandbox import clients


class Command(BaseCommand):
    help = "Register the demo's third-party apps; their credentials go to apps.json in VAR_DIR, readable by us alone."

    def handle(self, **options: Any) -> None:
        if settings.SITE != "person" or not settings.SANDBOX:
            raise CommandError("the demo's apps belong to the person's site of a sandbox (SANDBOX=yes)")
        for app in clients.register_apps(settings.VAR_DIR / clients.APPS_FILE):
            self.stdout.write(f"{app.name}: {app.client_id} ({app.type})")
