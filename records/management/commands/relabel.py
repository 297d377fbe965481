"""``manage.py relabel``: label every record by the value sets of this release, before it serves anybody."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from records import relabelling

_AT_ONCE = 1000


class Command(BaseCommand):
    help = (
        "Make the sensitivity labels anew of every owner whose labels are of other value sets. It can be stopped and "
        "run again; the beat does the same for whoever is left."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--owner", type=int, help="only this person (her number)")
        parser.add_argument("--again", action="store_true", help="with --owner: even if hers are of the present ones")

    def handle(self, *, owner: int | None, again: bool, **options: Any) -> None:
        owners = records = 0
        while found := [owner] if owner is not None else relabelling.waiting(_AT_ONCE):
            for owner_id in found:
                if again:
                    relabelling.outdate(owner_id)
                records += relabelling.relabel(owner_id, at=timezone.now())
                owners += 1
            if owner is not None:
                break
        self.stdout.write(f"{owners} owners, {records} records")
