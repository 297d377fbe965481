"""What a site holds, said by that site itself: ``python -m tests.journeys.holdings people | bodies SOURCE EMAIL …``.

Run with the site's ENV_FILE. ``people``: one JSON object a line. ``bodies``: the exact JSON of each record, one a line,
and a blank line after each person; SOURCE is a FHIR base, or ``-`` for records from anywhere.
``big RESOURCES EMAIL PASSWORD`` puts a person with that many resources into a hospital.
"""

from __future__ import annotations

import os
import sys


def people() -> None:
    from accounts.models import Person
    from standards.fhir import json

    for person in Person.objects.order_by("id"):
        said = {"email": person.email, "name": person.name, "patient_id": person.patient_id}
        said |= {"owner_id": person.pk, "role": person.role}
        sys.stdout.buffer.write(json.dumps(said) + b"\n")


def bodies(source_url: str, *emails: str) -> None:
    from accounts.models import Person
    from records import store
    from records.models import Source

    source_id = None if source_url == "-" else Source.objects.get(url=source_url).pk
    for email in emails:
        owner = Person.objects.get(email=email)
        for _, _, body in store.bodies(owner_id=owner.pk, source_id=source_id):
            sys.stdout.buffer.write(body + b"\n")
        sys.stdout.buffer.write(b"\n")


def big(resources: str, email: str, password: str) -> None:
    from django.utils import timezone

    from sandbox import intake, loading, population

    made = list(population.big_person(int(resources), seed=7))
    patient = next(one for one in made if one["resourceType"] == "Patient")
    accounts = {patient["id"]: loading.Account(email, password)}
    loading.load(intake.gather(made, origin="made here"), at=timezone.now(), accounts=accounts)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    {"people": people, "bodies": bodies, "big": big}[sys.argv[1]](*sys.argv[2:])
