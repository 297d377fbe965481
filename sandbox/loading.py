"""Loading synthetic or test data into this sandbox hospital, one account for each Patient. Twice changes nothing."""

from __future__ import annotations

import copy
import secrets
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from accounts.models import Person, Role
from records import sources, store
from records.models import Source, SourceKind
from sandbox import addresses, charts, intake, population, staff
from sandbox.addresses import Unresolved
from sandbox.intake import Intake, Resource, Taken

PAGE: Final = 200
_ALPHABET: Final = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Account:
    """How a patient signs in at this hospital."""

    email: str
    password: str


@dataclass(slots=True)
class Loaded:
    """One patient: her account, and what became of her resources. ``password`` is empty where it was not touched."""

    name: str
    email: str
    password: str
    patient_id: str
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    invalid: int = 0


@dataclass(slots=True)
class Report:
    """What a load did and could not do. Counts of ``by_type`` are resources written, once for each patient."""

    people: list[Loaded] = field(default_factory=list)
    by_type: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    refused: list[intake.Refused] = field(default_factory=list)
    unresolved: Unresolved = field(default_factory=Unresolved)
    strangers: Counter[str] = field(default_factory=Counter)
    loose: Counter[str] = field(default_factory=Counter)


def load_paths(paths: Iterable[Path], *, at: datetime, password: str | None = None) -> Report:
    """Load files and folders. A new account gets ``password``, or one that is made up and told in the report."""
    return load(intake.read(paths), at=at, password=password)


def load(
    read: Intake, *, at: datetime, password: str | None = None, accounts: Mapping[str, Account] | None = None
) -> Report:
    """Load what was read; ``accounts`` names the account of a Patient by its id.

    References become ``Type/id`` of this hospital; what means nothing at hand stays as written and is reported. A
    resource of a Patient who is not at hand, or about two people, is not stored; neither is what nobody points at.
    """
    report = Report(refused=list(read.refused))
    resources = _last_of_each(read.taken, report)
    patients = _patients(resources.values())
    book = addresses.Book(resources.values(), known=(f"Patient/{patient}" for patient in patients))
    pointing = {key: addresses.rewrite(one, book, report.unresolved) for key, one in resources.items()}
    dealt = charts.deal({key: one.resource for key, one in resources.items()}, pointing, patients)
    report.strangers, report.loose = dealt.strangers, dealt.loose
    source = ensure_source()
    for patient_id, keys in dealt.charts.items():
        if keys:
            chart = [resources[key] for key in keys]
            wanted = (accounts or {}).get(patient_id)
            _load_person(patient_id, chart, source, report, at=at, account=wanted, password=password)
    return report


def ensure_source() -> Source:
    """The hospital itself, as the source of everything it holds."""
    return sources.ensure(SourceKind.EHR, settings.SITE_NAME, settings.FHIR_BASE)


def _last_of_each(taken: Iterable[Taken], report: Report) -> dict[str, Taken]:
    found: dict[str, Taken] = {}
    for one in taken:
        report.repeated += one.key in found
        found[one.key] = one
    return found


def _patients(taken: Iterable[Taken]) -> list[str]:
    """Ids of the Patients at hand: those read now, then those this hospital has already."""
    read = [str(one.resource["id"]) for one in taken if one.resource["resourceType"] == "Patient"]
    known = Person.objects.filter(role=Role.PATIENT).values_list("patient_id", flat=True)
    return list(dict.fromkeys([*read, *known]))


def _load_person(
    patient_id: str,
    chart: Sequence[Taken],
    source: Source,
    report: Report,
    *,
    at: datetime,
    account: Account | None,
    password: str | None,
) -> None:
    patient = next((one.resource for one in chart if one.resource["resourceType"] == "Patient"), None)
    person, told = _ensure_account(patient_id, patient, account, password)
    loaded = Loaded(person.name, person.email, told, patient_id)
    for start in range(0, len(chart), PAGE):
        page = chart[start : start + PAGE]
        with transaction.atomic():
            outcome = store.put_page(
                owner_id=person.pk,
                source_id=source.pk,
                # The store moves large attachments out in place, and others may share this resource.
                resources=[copy.deepcopy(one.resource) for one in page],
                at=at,
            )
        loaded.new += outcome.new
        loaded.changed += outcome.changed
        loaded.unchanged += outcome.unchanged
        loaded.invalid += outcome.invalid
        report.by_type.update(outcome.by_type)
        report.refused += [intake.Refused(page[one.index].origin, one.reason) for one in outcome.refused]
    report.people.append(loaded)


def _ensure_account(
    patient_id: str, patient: Resource | None, account: Account | None, password: str | None
) -> tuple[Person, str]:
    """The patient's account and, where it was set just now, its password."""
    wanted = account.password if account else password
    person = Person.objects.filter(patient_id=patient_id).first()
    if person is None:
        given, family = _name(patient or {})
        secret = wanted or "".join(secrets.choice(_ALPHABET) for _ in range(12))
        person = Person.objects.create_user(
            account.email if account else _free_email(given, family, patient_id),
            secret,
            name=f"{given} {family}".strip() or f"Patient {patient_id}",
            patient_id=patient_id,
            role=Role.PATIENT,
            is_synthetic=True,
        )
        return person, secret
    if wanted and not person.check_password(wanted):
        person.set_password(wanted)
        person.save(update_fields=["password"])
        return person, wanted
    return person, ""


def _free_email(given: str, family: str, patient_id: str) -> str:
    """The shortest address of this patient that nobody has yet."""
    slug = staff.slugify(settings.SITE_NAME)
    for length in (4, 8, 64):
        email = population.email(given or "patient", family, patient_id, slug, length=length)
        if not Person.objects.filter(email__iexact=email).exists():
            return email
    return f"patient.{secrets.token_hex(8)}@{slug}.example"


def _name(patient: Resource) -> tuple[str, str]:
    """Given and family name, of the official name first; empty where there is none, whatever shape it has."""
    listed = patient.get("name")
    names = [name for name in listed if isinstance(name, dict)] if isinstance(listed, list) else []
    names.sort(key=lambda name: name.get("use") != "official")
    for name in names:
        given, family, text = name.get("given"), name.get("family"), name.get("text")
        first = given[0] if isinstance(given, list) and given and isinstance(given[0], str) else ""
        if first or isinstance(family, str):
            return first, _text(family)
        if isinstance(text, str):
            start, _, rest = text.partition(" ")
            return start, rest
    return "", ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
