"""Is this process alive, and can it do its work? For both sites: ``include("config.health")``.

``/livez`` says that the process answers. ``/readyz`` says that the database and the broker do; 503 names which does
not, and nothing else about it.
"""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu import Connection
from kombu.exceptions import OperationalError

BROKER_SECONDS = 2


def database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def broker_answers() -> bool:
    try:
        with Connection(settings.BROKER_URL, connect_timeout=BROKER_SECONDS) as broker:
            broker.ensure_connection(max_retries=1, timeout=BROKER_SECONDS, reraise_as_library_errors=True)
    except (OperationalError, OSError):
        return False
    return True


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    parts = {"database": database_answers(), "broker": broker_answers()}
    ok = all(parts.values())
    return JsonResponse({"status": "ok" if ok else "unavailable", **parts}, status=200 if ok else 503)


urlpatterns = [path("livez", live, name="livez"), path("readyz", ready, name="readyz")]
