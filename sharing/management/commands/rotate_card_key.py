"""A new key for health cards: it signs from now on, and the keys before it stay published for the cards they signed."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from sharing import cards


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--compromised", action="store_true", help="forget the old keys: their cards are worthless")

    def handle(self, *args: Any, **options: Any) -> None:
        change = cards.replace if options["compromised"] else cards.rotate
        self.stdout.write(f"Health cards are signed with {change(at=timezone.now()).kid} from now on.")
