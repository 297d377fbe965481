"""``manage.py hospital_register_client --redirect-uri URI [--launch-uri URI]``: make Tributary a client here."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sandbox import clients, embedding


class Command(BaseCommand):
    help = "Register Tributary at this hospital; the credentials go to client.json in VAR_DIR, readable by us alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--redirect-uri", required=True)
        parser.add_argument("--launch-uri", default="", help="as the app that opens inside a chart")

    def handle(self, *, redirect_uri: str, launch_uri: str, **options: Any) -> None:
        if settings.SITE != "hospital":
            raise CommandError("this is done at a hospital; at the person's site it is `manage.py hospital_enlist`")
        if launch_uri:
            file = settings.VAR_DIR / embedding.HANDOVER
            client_id = embedding.hand_over(file, launch_uri=launch_uri, redirect_uri=redirect_uri)
        else:
            client_id = clients.hand_over(settings.VAR_DIR / clients.HANDOVER, redirect_uri=redirect_uri)
        self.stdout.write(f"{settings.SITE_NAME}: registered {client_id}")
