"""``manage.py feed_enter SLUG --credentials FILE``: have a hospital export the records of a group to us."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from sync import credentials, feeds
from sync.models import Hospital

HOURS: Final = 24


class Command(BaseCommand):
    help = (
        "Enter the group export of a hospital of the directory, or bring it up to date (FHIR Bulk Data Access, SMART "
        'Backend Services). The credentials stand in a JSON file: {"client_id": …, "jwk": {our private key}}. Only '
        "what belongs to people who connected this hospital themselves is kept of what it exports."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the hospital's, as manage.py hospital_enter says it")
        parser.add_argument("--group", default="", help="Group/[id] or Patient; without it, all that the server has")
        parser.add_argument("--types", default="", help="resource types with commas between them; without it, all")
        parser.add_argument("--scopes", default=feeds.SCOPES, help="what is asked for with each token")
        parser.add_argument("--by-patient", action="store_true", help="its orders may name patients: only ours come")
        parser.add_argument("--every-hours", type=int, default=HOURS, help="how often what changed is ordered")
        parser.add_argument("--stop", action="store_true", help="order nothing more; what came stays")
        parser.add_argument("--credentials", type=Path)

    def handle(self, *, slug: str, stop: bool, **options: Any) -> None:
        hospital = Hospital.objects.filter(slug=slug).first()
        if hospital is None:
            raise CommandError(f"{slug} is not in the directory")
        if stop:
            feeds.stop(hospital)
            self.stdout.write(f"{hospital.name}: nothing more is ordered")
            return
        if options["credentials"] is None:
            raise CommandError("--credentials is missing")
        given = credentials.read(options["credentials"])
        if not isinstance(given.get("jwk"), dict):
            raise CommandError(f"{options['credentials']} holds no jwk")
        if options["every_hours"] < 1:
            raise CommandError("--every-hours is at least 1")
        feeds.enter(
            hospital,
            client_id=given["client_id"],
            private_jwk=json.dumps(given["jwk"]),
            group=options["group"].strip("/"),
            types=options["types"],
            scopes=options["scopes"],
            by_patient=options["by_patient"],
            every=timedelta(hours=options["every_hours"]),
            at=timezone.now(),
        )
        self.stdout.write(f"{hospital.name}: what it exports is ordered every {options['every_hours']} hours")
