"""``manage.py verify_audit``: whether every event is as it was written. Names the first that is not, of each owner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import chains, checkpoints, exports


class Command(BaseCommand):
    help = "Proves the hash chains of the access logs and names the first altered or missing event of each."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--owner", type=int, help="only this person's (id); 0: nobody's, below 0: an app's")
        parser.add_argument("--all-faults", action="store_true", help="name every fault, not only the first of a chain")
        parser.add_argument(
            "--against",
            type=Path,
            metavar="FILE",
            help="lines that export_audit wrote before: shows also a chain that was cut back and sealed again",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            anchors = exports.anchors(options["against"].read_text().splitlines()) if options["against"] else {}
        except OSError as error:
            raise CommandError(f"--against: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise CommandError("--against: not lines of export_audit") from error
        one = options["owner"]
        found = 0
        for fault in checkpoints.faults(one):
            found += 1
            self.stderr.write(fault)
        owners = [one] if one is not None else sorted({*chains.owners(), *anchors})
        for owner_id in owners:
            faults = chains.verify(owner_id, anchors=anchors.get(owner_id))
            found += len(faults)
            for fault in faults if options["all_faults"] else faults[:1]:
                self.stderr.write(f"owner {owner_id}: {fault}")
        if found:
            raise CommandError(f"{found} faults in {len(owners)} access logs")
        self.stdout.write(f"{len(owners)} access logs, all as they were written")
