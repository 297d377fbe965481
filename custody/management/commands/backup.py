"""``manage.py backup``: a sealed archive of everything but the keys, and the newest copy of the wrapped keys apart."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from custody import archives, backups


class Command(BaseCommand):
    help = "Write a consistent, sealed archive to BACKUP_DIR and the copy of the wrapped keys to BACKUP_KEYS_DIR."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = backups.make(at=timezone.now())
        except (archives.NoBackupKey, backups.NoPlace) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{made.path}: {made.rows} rows, {made.attachments} attachments")
        if made.lost:
            raise CommandError(f"the archive is whole but for {made.lost} attachments that storage does not have")
