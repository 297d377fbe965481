"""``manage.py rotate_master_key``: a new master key, and every data key wrapped anew by it. Bodies stay as they are."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from records import rotation
from records.masters import KeyUnavailable, provider


class Command(BaseCommand):
    help = "Make the next master key (with KMS_KEY_ID: use that one) and wrap every data key anew. Can be run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--go-on", action="store_true", help="make no new key: finish what was begun")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rotation.check()
            current = provider().current() if options["go_on"] else provider().make_next()
            wrapped = rotation.rewrap()
            needed = rotation.needed()
        except KeyUnavailable as error:
            raise CommandError(f"{error}. Put it back and run this again with --go-on.") from error
        self.stdout.write(f"{current} wraps from now on; {wrapped} keys wrapped anew")
        if others := sorted(set(needed) - {current}):
            raise CommandError(f"still needed: {', '.join(others)}. Run this again with --go-on.")
        self.stdout.write("no other master key is needed any more, but by backups of before: keep it as long as those")
