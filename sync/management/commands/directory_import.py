"""``manage.py directory_import LIST…``: read vendors' lists of hospitals into the directory."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from standards.fhir import json
from sync import listings, outbound, vendors

LIST_BYTES: Final = 200_000_000


class Command(BaseCommand):
    help = (
        "Read lists of hospitals into the directory: SMART user-access brands, Bundles of Endpoints, vendors' endpoint "
        "lists. Reading a list again brings its names up to date; what it no longer names is no longer found."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("lists", nargs="+", help="files, or https addresses")
        parser.add_argument("--vendor", default="", choices=["", *vendors.VENDORS], help="whose servers these are")
        parser.add_argument("--listing", default="", help="what to call the list; else its address or file name")

    def handle(self, *, lists: list[str], vendor: str, listing: str, **options: Any) -> None:
        if listing and len(lists) > 1:
            raise CommandError("one name is for one list")
        for each in lists:
            try:
                entries, skipped = listings.read(json.loads(_fetch(each)))
            except (json.MalformedJSON, listings.UnknownForm) as error:
                raise CommandError(f"{each}: {error}") from error
            name = listing or (each if each.startswith("https://") else Path(each).name)
            account = listings.keep(entries, listing=name[:200], vendor=vendor, skipped=skipped)
            self.stdout.write(
                f"{name}: {account.names} names of {account.hospitals} servers ({account.new_hospitals} new), "
                f"{account.gone} no longer there, {account.skipped} without a name or address left out"
            )


def _fetch(where: str) -> bytes:
    if not where.startswith("https://"):
        try:
            return Path(where).read_bytes()
        except OSError as error:
            raise CommandError(f"{where}: {error.strerror}") from error
    try:
        with outbound.GuardedSession() as session:
            session.body_bytes = LIST_BYTES
            answer = session.get(where, headers={"Accept": "application/fhir+json, application/json"})
    except outbound.CONNECTION_FAULTS as error:
        raise CommandError(f"{where}: {type(error).__name__}") from error
    if answer.status_code != 200:
        raise CommandError(f"{where}: HTTP {answer.status_code}")
    return bytes(answer.content)
