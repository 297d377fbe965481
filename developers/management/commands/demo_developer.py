"""``manage.py demo_developer``: a developer with an app that waits for review, and who reviews it."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any, Final

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Person, Role
from developers import registrations, reviews
from developers.registrations import Description
from gateway.models import AuthMethod, Deletion, Resale, Retention

FILE: Final = "developers.json"
PEOPLE: Final[tuple[dict[str, Any], ...]] = (
    {"email": "dev@tributary.example", "name": "Dana Devsample", "role": Role.DEVELOPER, "is_staff": False},
    {"email": "staff@tributary.example", "name": "Rae Reviewsample", "role": Role.PATIENT, "is_staff": True},
)
APP: Final = Description(
    name="Walk Buddy",
    method=AuthMethod.NONE.value,
    redirect_uris=("http://127.0.0.1:8766/callback", "example.walkbuddy:/callback"),
    scopes=("openid", "fhirUser", "launch/patient", "offline_access", "patient/Observation.rs"),
    shown={
        "description": "Sets your steps beside your blood pressure, so that you see what a walk does.",
        "maker": "Walk Buddy Makers",
        "homepage_uri": "https://walkbuddy.example/",
        "policy_uri": "https://walkbuddy.example/privacy",
        "retention": Retention.CONNECTED.value,
        "resale": Resale.NEVER.value,
        "deletion": Deletion.ITSELF.value,
    },
)


class Command(BaseCommand):
    help = "Make the demo's developer and reviewer; how they sign in goes to developers.json in VAR_DIR."

    def handle(self, **options: Any) -> None:
        if settings.SITE != "person" or not settings.SANDBOX:
            raise CommandError("the demo's developer belongs to the person's site of a sandbox (SANDBOX=yes)")
        file = settings.VAR_DIR / FILE
        known = {one["email"]: one["password"] for one in _read(file)}
        _write(file, [_ensure(who, known.get(who["email"], "")) for who in PEOPLE])
        developer = Person.objects.get(email=PEOPLE[0]["email"])
        if not registrations.of(developer).exists():
            made = registrations.register(APP, by=developer, at=timezone.now())
            reviews.submit(made.application, at=timezone.now())
        self.stdout.write(f"{developer.email}: {registrations.of(developer).count()} app")


def _ensure(who: dict[str, Any], password: str) -> dict[str, str]:
    """The account, with the password of the last time if that is still good; how it signs in."""
    person = Person.objects.filter(email=who["email"]).first() or Person.objects.create_user(**who)
    if not password or not person.check_password(password):
        password = secrets.token_urlsafe(12)
        person.set_password(password)
        person.save(update_fields=["password"])
    EmailAddress.objects.get_or_create(user=person, email=person.email, defaults={"verified": True, "primary": True})
    return {"email": person.email, "password": password, "role": "staff" if person.is_staff else str(person.role)}


def _read(file: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(file.read_text()) if file.exists() else []
    return found


def _write(file: Path, people: list[dict[str, str]]) -> None:
    """Readable by us alone."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(people, out, indent=2)
