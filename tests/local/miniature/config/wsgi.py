"""Answers with the name of its site once its database does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import psycopg

from config import values


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    site = values.read()
    with psycopg.connect(site["DATABASE_URL"]) as connection:
        (database,) = connection.execute("select current_database()").fetchone()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{site['SITE']} {database}".encode()]
