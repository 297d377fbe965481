"""``manage.py erase_person``: erase one person, or check a certificate of erasure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Person
from custody import certificates, erasures
from custody.models import Erasure


class Command(BaseCommand):
    help = "Ask for a person to be erased as her own page does; with --now it happens at once and cannot be undone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", nargs="?")
        parser.add_argument("--now", action="store_true", help="without the days to think it over")
        parser.add_argument("--out", type=Path, help="write the certificate to this file")
        parser.add_argument("--verify", type=Path, help="say whether a certificate is one of this site")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verify"]:
            if not certificates.is_ours(options["verify"].read_text().strip()):
                raise CommandError("this site has not issued this certificate")
            self.stdout.write("issued by this site, as it stands here")
            return
        person = Person.objects.filter(email__iexact=options["email"] or "").first()
        if person is None:
            raise CommandError("nobody has this address")
        at = timezone.now()
        erasure = erasures.ask(person, at=at, now=options["now"])
        if not options["now"]:
            erasures.confirm(erasure)
            self.stdout.write(f"{erasure.uid} will be erased at {erasure.due:%Y-%m-%d %H:%M} UTC")
            return
        self._erase(erasure, options["out"])

    def _erase(self, erasure: Erasure, out: Path | None) -> None:
        if not erasures.perform(erasure.pk, at=timezone.now()):
            raise CommandError("a worker is at it already")
        erasure.refresh_from_db()
        if out:
            out.write_text(erasure.certificate + "\n")
        self.stdout.write(f"{erasure.uid} is erased: {sum(erasure.removed.values())} rows and files")
