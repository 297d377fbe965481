"""How much each app does, for its developer: numbers by app and day, of no person.

Noting something adds to a counter in memory, which costs a microsecond; a thread writes the counters down together
every few seconds. A process that is killed loses what it had not yet written: these are figures for a page, not proof.
The access log of each person is the proof (audit/).
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.utils import timezone

from gateway.models import Usage

KEPT: Final = timedelta(days=400)
_UPSERT: Final = """
INSERT INTO gateway_usage AS u (application_id, day, tokens, calls, errors, used)
SELECT id, %s, %s, %s, %s, %s::jsonb FROM gateway_application WHERE client_id = %s
ON CONFLICT (application_id, day) DO UPDATE SET
  tokens = u.tokens + excluded.tokens, calls = u.calls + excluded.calls, errors = u.errors + excluded.errors,
  used = (SELECT coalesce(jsonb_object_agg(key, total), '{}') FROM (
    SELECT key, sum(value::bigint) AS total
    FROM (SELECT * FROM jsonb_each_text(u.used) UNION ALL SELECT * FROM jsonb_each_text(excluded.used)) AS both_days
    GROUP BY key) AS summed)
"""

_lock = threading.Lock()
_counted: Counter[tuple[date, str, str]] = Counter()
_timer: threading.Timer | None = None


def note_token(client_id: str) -> None:
    _add(client_id, "tokens")


def note_call(client_id: str, *, ok: bool, permissions: Iterable[str] = ()) -> None:
    """One request of the app. ``permissions`` are the types it got and the letter it needed: ``Observation.s``."""
    _add(client_id, "calls", *(() if ok else ("errors",)), *(f"/{permission}" for permission in permissions))


def flush() -> None:
    """Writes down what this process has counted so far."""
    global _timer
    with _lock:
        counted = dict(_counted)
        _counted.clear()
        _timer = None
    rows: dict[tuple[date, str], dict[str, int]] = {}
    for (day, client_id, what), number in counted.items():
        rows.setdefault((day, client_id), {})[what] = number
    with connection.cursor() as cursor:
        # In one order, so that two processes never wait for each other in a circle.
        for (day, client_id), found in sorted(rows.items()):
            used = {what[1:]: number for what, number in found.items() if what.startswith("/")}
            figures = [found.get(name, 0) for name in ("tokens", "calls", "errors")]
            cursor.execute(_UPSERT, [day, *figures, json.dumps(used), client_id])


def of(application_id: int, *, days: int, at: datetime) -> list[Usage]:
    """The app's days, newest first; what this process has not yet written is written first."""
    flush()
    since = (at - timedelta(days=days)).date()
    return list(Usage.objects.filter(application_id=application_id, day__gt=since).order_by("-day"))


def sweep(*, at: datetime) -> None:
    Usage.objects.filter(day__lt=(at - KEPT).date()).delete()


def _add(client_id: str, *names: str) -> None:
    global _timer
    day = timezone.now().date()
    with _lock:
        for name in names:
            _counted[day, client_id, name] += 1
        if _timer is None and settings.USAGE_SECONDS:
            _timer = threading.Timer(settings.USAGE_SECONDS, _write)
            _timer.daemon = True
            _timer.start()


def _write() -> None:
    """In the timer's thread, on a connection of its own; a database that is away loses these figures."""
    try:
        flush()
    except DatabaseError:
        return
    finally:
        connections.close_all()
