"""``manage.py restore ARCHIVE --keys COPY``: an archive into an empty, migrated database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from custody import archives, restores


class Command(BaseCommand):
    help = "Restore an archive of `manage.py backup`; whoever was erased since is erased again. All of it or nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("archive", type=Path)
        parser.add_argument("--keys", type=Path, required=True, help="the newest keys.copy")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            restored = restores.restore(options["archive"], options["keys"])
        except (archives.BrokenArchive, archives.NoBackupKey) as error:
            raise CommandError(str(error)) from error
        except restores.NotEmpty as error:
            raise CommandError("there are people in this database: restore into a new one") from error
        except restores.OtherRelease as error:
            raise CommandError(f"made with other migrations: {error}") from error
        except OSError as error:
            raise CommandError(f"cannot read {error.filename}") from error
        self.stdout.write(f"{restored.rows} rows, {restored.attachments} attachments")
        self.stdout.write(f"{restored.erased_again} erased again, {restored.without_key} without a key")
        if restored.without_key:
            raise CommandError("some records have no key in this copy: is it the newest one?")
