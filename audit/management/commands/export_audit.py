"""``manage.py export_audit``: the events that were not told yet, for a security log outside."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import destinations, exports


class Command(BaseCommand):
    help = "Hands over every event that was not handed over yet, each at least once, nothing clinical in it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--to",
            default=settings.AUDIT_EXPORT,
            metavar="ADDRESS",
            help="- (JSON lines here), file:///path, syslog://host:port, syslog+tcp://host:port, syslog+tls://host:port;"
            " else AUDIT_EXPORT",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["to"]:
            raise CommandError("give --to, or set AUDIT_EXPORT")
        try:
            told = exports.tell(destinations.at(options["to"]))
        except destinations.UnknownDestination as error:
            raise CommandError(f"no such destination: {options['to']}") from error
        except OSError as error:
            raise CommandError(f"{options['to']}: {error}; what was taken is noted, the rest waits") from error
        self.stderr.write(f"{told} events")
