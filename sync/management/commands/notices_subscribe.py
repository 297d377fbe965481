"""Ask a maker of devices to tell us of news, where it wants to be asked once for all (sync.subscriptions)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sync import notices, subscriptions
from sync.models import Hospital
from sync.problems import SourceError


class Command(BaseCommand):
    help = "Ask a maker of devices (its slug in the directory) to send its notices to this site."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")

    def handle(self, *args: Any, **options: Any) -> None:
        hospital = Hospital.objects.active().filter(slug=options["slug"]).first()
        if hospital is None:
            raise CommandError("no such entry of the directory")
        try:
            subscriptions.subscribe(hospital)
        except (SourceError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"It tells {notices.callback(hospital).rsplit('/', 1)[0]}/… from now on.")
