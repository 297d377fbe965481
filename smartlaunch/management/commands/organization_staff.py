"""``manage.py organization_staff NAME EMAIL``: who looks after an organisation on our pages."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Person
from smartlaunch.models import Organization


class Command(BaseCommand):
    help = "Let somebody with an account here look after an organization's EHRs, rules and clinicians, or no longer."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("organization", help="its name")
        parser.add_argument("email")
        parser.add_argument("--remove", action="store_true", help="no longer")

    def handle(self, *, organization: str, email: str, remove: bool, **options: Any) -> None:
        found = Organization.objects.filter(name__iexact=organization).first()
        person = Person.objects.filter(email__iexact=email).first()
        if found is None or person is None:
            raise CommandError(
                f"no organization {organization!r} here" if found is None else f"no account {email!r} here"
            )
        if remove:
            found.staff.remove(person)
        else:
            found.staff.add(person)
        self.stdout.write(f"{found.name}: {email} {'no longer looks' if remove else 'looks'} after it")
