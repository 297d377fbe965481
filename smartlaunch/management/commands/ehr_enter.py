"""``manage.py ehr_enter ISS --organization NAME --name NAME --credentials FILE``: let an EHR open us."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from smartlaunch import ehrs, organizations
from sync import credentials


class Command(BaseCommand):
    help = (
        "Enter an EHR in the list of those that may open us, or bring its entry up to date. What it gave us stands in "
        'a JSON file: {"client_id": …, "secret": … or "jwk": {…} or neither}.'
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("iss", help="its FHIR address, letter by letter as it sends it")
        parser.add_argument("--organization", required=True, help="whose EHR it is; made if it is not there")
        parser.add_argument("--name", required=True)
        parser.add_argument("--slug", required=True, help="its part of our redirect address; never changes")
        parser.add_argument("--credentials", type=Path, required=True)
        parser.add_argument("--scopes", default=ehrs.SCOPES)
        parser.add_argument("--frame-ancestor", action="append", default=[], help="an origin whose pages may hold us")

    def handle(self, *, iss: str, **options: Any) -> None:
        given = credentials.read(options["credentials"])
        jwk = given.get("jwk")
        organization = organizations.enter(options["organization"])
        try:
            ehr = ehrs.enter(
                organization,
                iss,
                name=options["name"],
                slug=options["slug"],
                client_id=given["client_id"],
                secret=given.get("secret") or None,
                private_jwk=json.dumps(jwk) if jwk else None,
                scopes=options["scopes"],
                frame_ancestors=options["frame_ancestor"],
            )
        except ehrs.InvalidOrigin as error:
            raise CommandError(f"{error} is no origin: write https://host[:port]") from error
        self.stdout.write(f"{ehr.name}: may open {ehrs.launch_uri()}, and send back to {ehrs.redirect_uri(ehr)}")
