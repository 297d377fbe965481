"""``manage.py hospital_enlist [NAME…]``: enter the sandbox hospitals of this machine in our directory."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from sandbox import clients, embedding, neighbours


class Command(BaseCommand):
    help = (
        "Register us at the sandbox hospitals beside this site, and enter them in our directory, and let them open us."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="name", help="without any, all that run beside this site")
        parser.add_argument("--registered", action="store_true", help="take the credentials that are there already")

    def handle(self, *, names: list[str], registered: bool, **options: Any) -> None:
        if settings.SITE != "person":
            raise CommandError("a hospital has no directory: this is done at the person's site")
        for hospital in [neighbours.find(name) for name in names] or neighbours.everyone():
            if not registered:
                self._register(hospital)
            self._enlist(hospital)

    def _register(self, hospital: neighbours.Neighbour) -> None:
        callback = reverse("smartlaunch:callback", kwargs={"slug": hospital.slug})
        neighbours.run(hospital, "hospital_register_client", f"--redirect-uri={settings.PUBLIC_URL}{callback}")
        back = reverse("ehr:callback", kwargs={"slug": hospital.slug})
        neighbours.run(
            hospital,
            "hospital_register_client",
            f"--launch-uri={settings.PUBLIC_URL}{reverse('ehr:launch')}",
            f"--redirect-uri={settings.PUBLIC_URL}{back}",
        )

    def _enlist(self, hospital: neighbours.Neighbour) -> None:
        call_command(
            "hospital_enter",
            hospital.address,
            name=hospital.name,
            slug=hospital.slug,
            place="Sandbox",
            credentials=hospital.place / clients.HANDOVER,
            stdout=self.stdout,
        )
        if (hospital.place / embedding.HANDOVER).exists():
            call_command(
                "ehr_enter",
                hospital.address,
                organization=hospital.name,
                name=hospital.name,
                slug=hospital.slug,
                credentials=hospital.place / embedding.HANDOVER,
                frame_ancestor=[hospital.address.removesuffix("/fhir/r4")],
                stdout=self.stdout,
            )
