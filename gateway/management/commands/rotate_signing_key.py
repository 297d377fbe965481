"""A new key for id_tokens, without a moment in which a client could not check one."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from gateway import keys
from gateway.models import SigningAlgorithm


class Command(BaseCommand):
    help = (
        "Publish a new key for id_tokens. It signs ten minutes later, when every client's copy of our key set has it; "
        "the old one stays published until what it signed is dead."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--algorithm", choices=SigningAlgorithm.values, default=SigningAlgorithm.RS256.value)
        parser.add_argument(
            "--compromised", action="store_true", help="forget the old keys at once, and sign with the new one"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        algorithm = options["algorithm"]
        if options["compromised"]:
            made = keys.replace(algorithm, at=at)
            self.stdout.write(f"{made.kid} signs with {algorithm} from now on; the old keys are forgotten.")
        else:
            made = keys.rotate(algorithm, at=at)
            begins = at + keys.PUBLISHED_BEFORE_USE
            self.stdout.write(f"{made.kid} is published and signs with {algorithm} from {begins:%H:%M:%S} UTC on.")
