"""Makes accounts/breached.bin out of a list of breached passwords, one a line, which is not shipped."""

from __future__ import annotations

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import passwords


class Command(BaseCommand):
    help = "Make the filter of breached passwords from a list, one a line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("list", type=Path, help="the list, UTF-8, one password a line")

    def handle(self, *, list: Path, **options: object) -> None:  # noqa: A002 - the name of the argument
        try:
            lines = list.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as error:
            raise CommandError(f"cannot read {list}: {error.strerror}") from error
        passwords.FILE.write_bytes(passwords.build(lines))
        self.stdout.write(f"{passwords.FILE.stat().st_size} bytes")
