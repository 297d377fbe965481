"""Pages as a worker keeps them: in the record, in the run's ledger and in her access log, all in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import count
from typing import Any, Final

from django.utils import timezone

from accounts.models import Person
from benchmarks import filling
from records import sources
from records.models import SourceKind
from sync import claims, pages
from sync.claims import Claim
from sync.models import Connection, ConnectionState, Hospital, Run, RunKind, RunStep, StepKind
from sync.sources.fhir_rest.mapping import Frame, Mapped, Pointed

_BASE: Final = "https://hospital.example/fhir"
_TOOK: Final = timedelta(milliseconds=100)


def pull(person: Person, drawn: Iterable[list[dict[str, Any]]]) -> filling.Fill:
    """Every page as the next one of a listing of Observations; asking the hospital for it is not counted."""
    claim = _claim(person)
    step = RunStep.objects.create(run_id=claim.run_id, number=1, kind=StepKind.SEARCH, resource_type="Observation")
    frame = Frame(person.id, _BASE, _BASE, "bench", person.patient_id)
    numbers = count(1)

    def keep(page: list[dict[str, Any]]) -> None:
        number = next(numbers)
        listing = [Pointed(one["resourceType"], one["id"]) for one in page]
        mapped = Mapped(resources=page, listing=listing, received=len(page))
        ahead = _address(number + 1)
        pages.keep(
            claim,
            step,
            pages.Page(_address(number), mapped, timezone.now(), _TOOK, status=200, next=ahead),
            frame,
        )

    filled = filling.timed(drawn, keep)
    step.refresh_from_db()
    assert step.new == filled.number
    return filled


def _address(number: int) -> str:
    return f"{_BASE}/Observation?patient=bench&page={number}"


def _claim(person: Person) -> Claim:
    """A worker's hold on the first run of her connection."""
    at = timezone.now()
    hospital, _ = Hospital.objects.get_or_create(
        slug="bench",
        defaults={
            "name": "Bench hospital",
            "fhir_base": _BASE,
            "source": sources.ensure(SourceKind.EHR, "Bench hospital", _BASE),
            "client_id": "bench",
        },
    )
    connection = Connection.objects.create(
        owner=person, hospital=hospital, patient="bench", state=ConnectionState.NEEDS_REAUTH, connected=at
    )
    run = Run.objects.create(owner=person, connection=connection, kind=RunKind.FIRST, queued=at, due=at)
    claim = claims.take(run.pk, at=at)
    assert claim is not None
    return claim
