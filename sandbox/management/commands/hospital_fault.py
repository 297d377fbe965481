"""``manage.py hospital_fault NAME KIND``: make a sandbox hospital fail, to see what happens."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sandbox import faults, neighbours
from sandbox.models import FaultKind


class Command(BaseCommand):
    help = "Switch a fault on at a sandbox hospital, or all of them off with --clear."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the hospital: its name, or the short one of its address")
        parser.add_argument("kind", nargs="?", choices=FaultKind.values)
        parser.add_argument("--path", default="/fhir/r4/", help="beginning of the addresses that fail")
        parser.add_argument("--patient", help="only the connection to this patient: the id at the hospital")
        parser.add_argument("--after", type=int, default=0, help="so many requests pass first")
        parser.add_argument("--times", type=int, help="so many requests fail; without it, all until --clear")
        parser.add_argument("--seconds", type=int, default=1, help="how late, or when to come again")
        parser.add_argument("--clear", action="store_true", help="switch all faults off")

    def handle(self, *, name: str, kind: str | None, clear: bool, **options: Any) -> None:
        if bool(kind) == clear:
            raise CommandError("name one kind of fault, or --clear")
        given = {key: options[key] for key in ("path", "patient", "after", "times", "seconds")}
        if settings.SITE == "person":
            words = ["--clear"] if clear else [str(kind), *(f"--{k}={v}" for k, v in given.items() if v is not None)]
            hospital = neighbours.find(name)
            return neighbours.run(hospital, "hospital_fault", hospital.name, *words)
        neighbours.check_here(name)
        if kind is None:
            self.stdout.write(f"switched off: {faults.clear()}")
        else:
            faults.switch_on(kind, **{**given, "patient": given["patient"] or ""})
            self.stdout.write(f"{settings.SITE_NAME} now {FaultKind(kind).label}")
        return None
