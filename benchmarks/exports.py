"""An Apple Health export as large as is asked for, given and read as a person's file is; run as a process of its own.

``python -m benchmarks.exports 200`` prints one line of JSON: what was in it, how long reading and storing took, and
the most memory the worker ever held.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from local import broker, options, places, postgres

SEED: Final = 7
_FIRST: Final = date(2015, 1, 1)
_OFFSET: Final = "+0000"
_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE HealthData [\n<!-- HealthKit Export Version: 14 -->\n'
    "<!ELEMENT HealthData (ExportDate,Me,(Record|Workout)*)>\n]>\n"
    '<HealthData locale="en_US">\n <ExportDate value="2030-01-01 00:00:00 +0000"/>\n'
    ' <Me HKCharacteristicTypeIdentifierBiologicalSex="HKBiologicalSexNotSet"/>\n'
)
_WATCH: Final = (
    "&lt;&lt;HKDevice: 0x2830c1d10&gt;, name:Apple Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch6,4,"
    " software:10.1&gt;"
)
_PHONE: Final = (
    "&lt;&lt;HKDevice: 0x2830c2a30&gt;, name:iPhone, manufacturer:Apple Inc., model:iPhone, hardware:iPhone14,5,"
    " software:17.1&gt;"
)


@dataclass(frozen=True)
class Figures:
    """``samples``: Records in the file; ``records``: resources made of them; times in seconds; memory in bytes."""

    bytes: int
    samples: int
    records: int
    seconds: float
    processor_seconds: float
    idle_memory: int
    peak_memory: int


def written(megabytes: int) -> Iterator[bytes]:
    """The file in pieces, day after day until it is large enough: two devices that count the same steps, a pulse every
    five minutes, energy, nights in stages, and a weight."""
    drawn = random.Random(SEED)
    yield _HEAD.encode()
    size, day = 0, _FIRST
    while size < megabytes * 1_000_000:
        text = "".join(_day(day, drawn)).encode()
        size += len(text)
        day += timedelta(days=1)
        yield text
    yield b"</HealthData>\n"


def _day(day: date, drawn: random.Random) -> Iterator[str]:
    for minute in range(0, 24 * 60, 5):
        yield _record(
            "HKQuantityTypeIdentifierHeartRate", day, minute, 0, "count/min", drawn.randint(48, 140), "Watch", _WATCH
        )
    for minute in range(7 * 60, 22 * 60, 10):
        steps = drawn.randint(0, 900)
        yield _record("HKQuantityTypeIdentifierStepCount", day, minute, 9, "count", steps, "Watch", _WATCH)
        yield _record("HKQuantityTypeIdentifierStepCount", day, minute + 2, 8, "count", steps, "Phone", _PHONE)
        yield _record(
            "HKQuantityTypeIdentifierDistanceWalkingRunning", day, minute, 9, "km", steps * 0.0007, "Watch", _WATCH
        )
        yield _record(
            "HKQuantityTypeIdentifierActiveEnergyBurned", day, minute, 9, "kcal", steps * 0.04, "Watch", _WATCH
        )
    for minute in range(0, 6 * 60, 20):
        stage = drawn.choice(("Core", "Deep", "REM"))
        yield _record(
            "HKCategoryTypeIdentifierSleepAnalysis",
            day,
            minute,
            20,
            "",
            f"HKCategoryValueSleepAnalysisAsleep{stage}",
            "Watch",
            _WATCH,
        )
    yield _record("HKQuantityTypeIdentifierBodyMass", day, 7 * 60, 0, "kg", 70 + drawn.random(), "Scale", "")


def _record(type_: str, day: date, minute: int, lasts: int, unit: str, value: object, source: str, device: str) -> str:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute)
    begun, ended = (f"{each:%Y-%m-%d %H:%M:%S} {_OFFSET}" for each in (start, start + timedelta(minutes=lasts)))
    said = f' device="{device}"' if device else ""
    of_unit = f' unit="{unit}"' if unit else ""
    return (
        f' <Record type="{type_}" sourceName="{source}" sourceVersion="10.1"{said}{of_unit} creationDate="{ended}"'
        f' startDate="{begun}" endDate="{ended}" value="{value}"/>\n'
    )


def measure(megabytes: int) -> Figures:
    """In a process with Django's settings in its surroundings."""
    import django

    django.setup()
    from django.utils import timezone

    from accounts.models import Person
    from records import store
    from sync import importing, staging, uploads

    person = Person.objects.create_user("bench@example.org", name="Bench Example")
    staged = staging.Writer(person.pk)
    samples = 0
    for piece in written(megabytes):
        samples += piece.count(b"<Record ")
        staged.write(piece)
    staged.close()
    upload = uploads.receive(person, staged, name="export.xml", at=timezone.now()).upload
    idle, began, worked = _peak(), time.perf_counter(), time.process_time()
    importing.perform(upload.pk)
    seconds, processor = time.perf_counter() - began, time.process_time() - worked
    assert upload.source_id is None
    upload.refresh_from_db()
    assert upload.source_id is not None
    held = store.held(owner_id=person.pk, source_id=upload.source_id)
    return Figures(staged.size, samples, sum(held.values()), seconds, processor, idle, _peak())


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(megabytes: int) -> Figures:
    """With servers of its own, which it stops again."""
    place = options.var_dir() / "exports"
    _stop(place)
    shutil.rmtree(place, ignore_errors=True)
    places.make_private(place)
    try:
        environment = _environment(place)
        command = [sys.executable, "-m", "benchmarks.exports", str(megabytes)]
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity=0"], env=environment, cwd=options.ROOT, check=True
        )
        done = subprocess.run(command, env=environment, cwd=options.ROOT, check=True, stdout=subprocess.PIPE)
    finally:
        _stop(place)
    found: dict[str, Any] = json.loads(done.stdout)
    return Figures(**found)


def _environment(place: Any) -> dict[str, str]:
    server, queue = postgres.ensure(place / "postgres"), broker.ensure(place / "broker")
    return {
        name: value for name, value in options.surroundings().items() if not name.startswith(("DJANGO_", "ENV_FILE"))
    } | {
        "ENV_FILE": os.devnull,
        "VAR_DIR": str(place),
        "SECRET_KEY": "measured, then thrown away",
        "DATABASE_URL": postgres.create_database(server, "bench"),
        "BROKER_URL": queue.broker_url,
        "CACHE_URL": queue.cache_url,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(options.ROOT),
    }


def _stop(place: Any) -> None:
    postgres.stop(place / "postgres")
    broker.stop(place / "broker")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(measure(int(sys.argv[1])))))
