"""An event is on the disk when the call returns: no crash of PostgreSQL takes back what an answer relied on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psycopg
import pytest

from local import options, postgres

APPEND_AND_CRASH = """
import os, sys, django
django.setup()
from tests.audit import chain
for _ in range(20):
    chain.append(7)
os.kill(int(sys.argv[1]), int(sys.argv[2]))
"""


@pytest.mark.slow
def test_events_outlive_a_server_that_crashes_right_after_the_last_answer(tmp_path):
    place = tmp_path / "postgres"
    server = postgres.ensure(place)
    try:
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": postgres.create_database(server, "kept"),
        }
        for words in (
            ("manage.py", "migrate", "audit", "--verbosity=0"),
            ("-c", APPEND_AND_CRASH, str(server.pid), str(int(signal.SIGQUIT))),
        ):
            subprocess.run([sys.executable, *words], env=environment, cwd=options.ROOT, check=True)

        with psycopg.connect(postgres.ensure(place).url_of("kept")) as connection:
            assert connection.execute("SELECT max(sequence), count(*) FROM audit_event").fetchone() == (20, 20)
            assert connection.execute("SELECT sequence FROM audit_head").fetchone() == (20,)
    finally:
        postgres.stop(place)
