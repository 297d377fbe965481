"""``manage.py verify_ledger``: whether every consent decision is as it was written. Names each row that is not."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Person
from consent import ledger


class Command(BaseCommand):
    help = "Proves the hash chain of consent decisions and names every altered, missing or added row."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--owner", type=int, help="only the ledger of this person (id)")

    def handle(self, *args: Any, **options: Any) -> None:
        owners = Person.objects.filter(decisions__isnull=False)
        if options["owner"] is not None:
            owners = owners.filter(pk=options["owner"])
        checked = found = 0
        for owner_id in owners.order_by("pk").values_list("pk", flat=True).distinct().iterator():
            checked += 1
            for fault in ledger.verify(owner_id):
                found += 1
                self.stderr.write(f"owner {owner_id}: {fault}")
        if found:
            raise CommandError(f"{found} faults in {checked} ledgers")
        self.stdout.write(f"{checked} ledgers, all as they were written")
