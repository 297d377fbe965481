"""The quick-starts of docs/quickstart, run as they stand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.utils import timezone

from accounts.models import Person
from developers import webhooks
from gateway import clients
from gateway.models import AuthMethod
from records import store
from records.models import Source, SourceKind
from tests.developers import builders
from tests.gateway import parties
from tests.sync import workers

pytestmark = pytest.mark.django_db(transaction=True)
FOLDER = Path(configured.BASE_DIR) / "docs" / "quickstart"
MOBILE_BACK = "com.example.labcount:/callback"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.mark.browser
def test_web(site, tmp_path, open_page):
    shutil.copytree(FOLDER / "web", tmp_path / "web")
    person = parties.sign_up()
    parties.store_observations(person, laboratory=3, vital_signs=2)
    with served(tmp_path / "web") as origin:
        app = clients.register(
            "Lab count",
            redirect_uris=[f"{origin}/index.html"],
            method=AuthMethod.NONE,
            scopes_allowed=["launch/patient", "patient/Observation.rs"],
        ).application
        page_file = tmp_path / "web" / "index.html"
        written = page_file.read_text().replace("http://127.0.0.1:8000/fhir/r4", f"{site}/fhir/r4")
        page_file.write_text(written.replace("put your client_id here", app.client_id))
        page = open_page()
        signed_in = builders.browser(person).cookies["session"].value
        page.context.add_cookies([{"name": "session", "value": signed_in, "url": site}])
        page.goto(f"{origin}/index.html")

        page.get_by_role("button", name="Connect my record").click()
        page.locator('button[name="answer"][value="allow"]').click()
        page.get_by_text("3 laboratory results").wait_for()

        assert page.url == f"{origin}/index.html"


@pytest.mark.skipif(shutil.which("node") is None, reason="the mobile quick-start runs under Node")
def test_mobile(site):
    person = parties.sign_up()
    parties.store_observations(person, laboratory=4)

    told = on_a_phone("mobile/app.mjs", person, site, "patient/Observation.rs")

    assert told == "4 observations\n"


@pytest.mark.skipif(shutil.which("node") is None, reason="the quick-start for readings runs under Node")
def test_readings(site):
    person = parties.sign_up()

    told = on_a_phone("readings/readings.mjs", person, site, "patient/Observation.c")

    assert told.splitlines() == [
        "2 kept, 2 known, refused: [2].body.heart_rate.unit: is one of beats/min",
        "201 Created, then 200 OK",
    ]
    assert store.held(owner_id=person.pk, source_id=Source.objects.get(kind=SourceKind.APP).pk)["Observation"] == 3


def on_a_phone(program: str, person: Person, site: str, scope: str) -> str:
    """What it prints, once she has let it in."""
    app = clients.register(
        "Lab count",
        redirect_uris=[MOBILE_BACK],
        method=AuthMethod.NONE,
        scopes_allowed=["launch/patient", "offline_access", scope],
    ).application
    given = {"FHIR_BASE": f"{site}/fhir/r4", "CLIENT_ID": app.client_id, "REDIRECT_URI": MOBILE_BACK}
    with subprocess.Popen(
        ["node", str(FOLDER / program)],
        env={**os.environ, **given},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        address = running.stdout.readline().strip()
        back = builders.let_in(address, person)
        told, _ = running.communicate(f"{back}\n", timeout=60)
    assert back.startswith(f"{MOBILE_BACK}?code=")
    assert running.returncode == 0
    return told


def test_backend(site, tmp_path):
    def service(*order: str, **given: str) -> str:
        return subprocess.run(
            [sys.executable, str(FOLDER / "backend" / "service.py"), *order],
            cwd=tmp_path,
            env={**os.environ, **given},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    jwks = json.loads(service("keys"))
    scopes = ("launch/patient", "patient/Observation.rs", "system/Observation.rs")
    app = clients.register(
        "Cohort",
        redirect_uris=[builders.REDIRECT],
        method=AuthMethod.PRIVATE_KEY_JWT,
        scopes_allowed=scopes,
        jwks=jwks,
    ).application
    for number in (2, 3):
        person = parties.sign_up()
        parties.store_observations(person, laboratory=number)
        asking = parties.App(app, None, builders.REDIRECT)
        asking.ask(person, "launch/patient patient/Observation.rs")

    with workers.running(tmp_path / "worker.log", PUBLIC_URL=site):
        told = service(FHIR_BASE=f"{site}/fhir/r4", CLIENT_ID=app.client_id)

    assert told == "Observation: 5\n"


def test_signature_check_of_the_page_is_right():
    """The lines of the README, run on a real signature."""
    code = re.search(r"```python\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL).group(1)
    lines: dict[str, object] = {}
    exec(code, lines)  # noqa: S102 - our own page
    body = b'{"id": "1"}'
    genuine = webhooks.signature("secret", body, at=timezone.now())

    assert lines["is_genuine"]("secret", genuine, body)
    assert not lines["is_genuine"]("secret", genuine, body + b" ")
    assert not lines["is_genuine"]("another", genuine, body)
