"""``manage.py hospital_enter FHIR_BASE --name NAME --credentials FILE``: enter a hospital in the directory."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from sync import credentials, hospitals, notices, vendors
from sync.sources.wearables import makers


class Command(BaseCommand):
    help = (
        "Enter a hospital in the directory, or bring its entry up to date. The credentials it gave us stand in a JSON "
        'file, because a command line is seen by everybody: {"client_id": …, "secret": … or "jwk": {…} or neither}.'
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("fhir_base", help="its FHIR address, exactly as it spells it")
        parser.add_argument("--name", required=True, help="as patients know it")
        parser.add_argument("--place", default="", help="city or region, shown beside the name")
        parser.add_argument("--slug", default="", help="its part of our addresses; never changes after the first time")
        parser.add_argument(
            "--vendor", default="", choices=["", *vendors.VENDORS, *makers.MAKERS], help="whose ways it has"
        )
        parser.add_argument("--credentials", type=Path, required=True)

    def handle(self, *, fhir_base: str, **options: Any) -> None:
        given = credentials.read(options["credentials"])
        jwk = given.get("jwk")
        entry = hospitals.register(
            fhir_base,
            name=options["name"],
            place=options["place"],
            slug=options["slug"],
            vendor=options["vendor"],
            client_id=given["client_id"],
            secret=given.get("secret") or None,
            private_jwk=json.dumps(jwk) if jwk else None,
        )
        self.stdout.write(f"{entry.name}: in the directory as {entry.slug}")
        if notices.is_entered_there(entry):
            self.stdout.write(f"Enter there where it tells us of news, and tell nobody else: {notices.callback(entry)}")
