"""What the machine can do when nothing is asked of it: bare Django views over plain tables, one statement each.

The bodies are the bytes our own API sends, so both sides move the same number of bytes.
"""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

MAKE = """
CREATE TABLE IF NOT EXISTS bench_body (
    owner_id integer, id bigint, category text, occurred bigint, logical_id text, body bytea, PRIMARY KEY (owner_id, id)
);
CREATE INDEX IF NOT EXISTS bench_search ON bench_body (owner_id, category, occurred DESC, id);
CREATE UNIQUE INDEX IF NOT EXISTS bench_read ON bench_body (owner_id, logical_id);
CREATE TABLE IF NOT EXISTS bench_row (id bigserial PRIMARY KEY, token text, made timestamptz DEFAULT now());
"""


def search(request: HttpRequest, owner_id: int, since: int) -> HttpResponse:
    """Fifty bodies of one indexed SELECT, spliced."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT body FROM bench_body WHERE owner_id = %s AND category = 'laboratory' AND occurred >= %s"
            " ORDER BY occurred DESC, id LIMIT 50",
            [owner_id, since],
        )
        bodies = [bytes(row[0]) for row in cursor.fetchall()]
    entries = b",".join(b'{"resource":%b,"search":{"mode":"match"}}' % body for body in bodies)
    return _answer(b'{"resourceType":"Bundle","type":"searchset","entry":[' + entries + b"]}")


def read(request: HttpRequest, owner_id: int, logical_id: str) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM bench_body WHERE owner_id = %s AND logical_id = %s", [owner_id, logical_id])
        body = bytes(cursor.fetchone()[0])
    return _answer(body)


def insert(request: HttpRequest) -> HttpResponse:
    """One durable INSERT, as the least that a token endpoint does."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_row (token) VALUES (%s)", ["x" * 43])
    return _answer(b'{"ok":true}')


def alive(request: HttpRequest) -> HttpResponse:
    return _answer(b"{}")


def _answer(body: bytes) -> HttpResponse:
    return HttpResponse(body, content_type="application/fhir+json", headers={"Content-Length": str(len(body))})


urlpatterns = [
    path("search/<int:owner_id>/<int:since>", search),
    path("read/<int:owner_id>/<str:logical_id>", read),
    path("insert", insert),
    path("livez", alive),
]
