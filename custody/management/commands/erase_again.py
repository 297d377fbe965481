"""``manage.py erase_again --keys COPY``: after a recovery to a point in time, erase again who was erased since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from custody import archives, restores


class Command(BaseCommand):
    help = "Erase again whoever the newest copy of the keys says was erased, but whom this database still has."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--keys", type=Path, required=True, help="the newest keys.copy")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            erased = restores.erase_again(options["keys"])
        except (archives.BrokenArchive, archives.NoBackupKey) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{erased} erased again")
