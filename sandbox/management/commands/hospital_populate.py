"""``manage.py hospital_populate [NAME]``: the built-in people, at one sandbox hospital or at all of them."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from sandbox import clients, neighbours, populating


class Command(BaseCommand):
    help = "Fill a sandbox hospital with its built-in synthetic people; their logins go to logins.json in VAR_DIR."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="the hospital; without it all that run beside this site")
        parser.add_argument("--redirect-uri", help="also register Tributary here, as hospital_register_client does")

    def handle(self, *, name: str | None, redirect_uri: str | None, **options: Any) -> None:
        if settings.SITE == "person":
            if redirect_uri:
                raise CommandError("each hospital has a redirect address of its own: use hospital_enlist")
            for hospital in [neighbours.find(name)] if name else neighbours.everyone():
                neighbours.run(hospital, "hospital_populate", hospital.name)
            return
        if name:
            neighbours.check_here(name)
        report = populating.populate(at=timezone.now())
        populating.write_logins(settings.VAR_DIR / "logins.json")
        if redirect_uri:
            clients.hand_over(settings.VAR_DIR / clients.HANDOVER, redirect_uri=redirect_uri)
        people = len(report.people) if report else 0
        self.stdout.write(
            f"{settings.SITE_NAME}: {people} people loaded" if report else f"{settings.SITE_NAME}: all here"
        )
