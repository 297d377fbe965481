"""No file that any process of the whole demo writes its lines to names anybody or holds a value or a secret.

The demo's own making is in them (sign-up, two hospitals, an app, a delegate's invitation), other journeys as far as
they ran before, and what this one does well and badly. ``tests/config/test_logs.py`` does it at DEBUG in one process.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from standards.fhir import json
from tests.journeys.app import App
from tests.journeys.stack import PASSWORD, bodies

pytestmark = pytest.mark.slow
EMAIL = "logs@journeys.example"
SHORTEST = 6
"""A shorter word of a record stands in any text by chance."""


@pytest.fixture
def app(stack):
    opened = App(stack.demo["clients"][0]["client_id"], stack.person.url)
    yield opened
    opened.close()


def test_no_process_writes_down_a_name_a_value_or_a_secret(stack, app):
    hospital = stack.hospital("lakeside")
    login = next(iter(stack.patients_at(hospital)))
    visitor = stack.sign_up(EMAIL, name=login["name"])
    stack.connect(visitor, hospital, login)
    stack.await_records(visitor)
    tokens = let_in(app, visitor)
    assert app.get("Observation?_count=5").status_code == 200
    sent = ask_badly(stack, app)

    lines = written(stack)

    assert {"web", "worker", "beat", "hospital-lakeside", "hospital-riverside"} <= set(lines)
    assert "sync.tasks.perform_run" in lines["worker"]
    assert "/fhir/r4/Nonsense" in lines["web"], "the lines are seen"
    held = [json.loads(line) for line in bodies(stack.person, EMAIL)[0]]
    assert len(held) > 20
    looked_for = {
        "names": {EMAIL, *login["name"].split(), login["email"], *names(held), *addresses(stack)},
        "values": set(values(held)),
        "secrets": {
            PASSWORD,
            *sent,
            *secrets_of(stack, visitor),
            *(tokens[kind] for kind in tokens if "token" in kind),
        },
    }
    assert all(len(words) > 4 for words in looked_for.values())
    found = {
        (file, kind, word)
        for file, text in lines.items()
        for kind, words in looked_for.items()
        for word in words
        if word in text
    }
    assert found == set()


def let_in(app, visitor):
    """She lets the app in; gives what it is told with its tokens."""
    visitor.stop_at = app.redirect_uri
    page = visitor.open(app.address("launch/patient openid fhirUser offline_access patient/Observation.rs"))
    form = page.form("answer", "box")
    visitor.send(form, press=("answer", "allow"))
    app.answer = {name: held[0] for name, held in parse_qs(urlsplit(visitor.stopped).query).items()}
    app.arrived.set()
    return app.redeem()


def ask_badly(stack, app):
    """What goes wrong is written down; gives what was sent with it."""
    url, made_up = stack.person.url, "made-up-secret-77"
    form = {"client_id": app.client_id, "refresh_token": made_up, "grant_type": "refresh_token"}
    again = {"client_id": app.client_id, "grant_type": "authorization_code", "code": app.answer["code"]}
    asked = [
        requests.post(f"{url}/oauth/token", data=form, timeout=10),
        requests.post(f"{url}/oauth/token", data={**again, "redirect_uri": app.redirect_uri}, timeout=10),
        requests.get(f"{url}/fhir/r4/Nonsense", headers={"Authorization": f"Bearer {made_up}"}, timeout=10),
        requests.get(f"{url}/people/invitation/{made_up}/", timeout=10),
        requests.post(f"{url}/accounts/login/", data={"login": EMAIL, "password": made_up}, timeout=10),
        requests.get(f"{url}/record/Observation/{made_up}/", cookies={"session": made_up}, timeout=10),
    ]
    assert {one.status_code for one in asked} <= {200, 400, 401, 403, 404}
    return {made_up, app.answer["code"], app.verifier}


def written(stack):
    """Every line of every process, by its name; those of the databases and brokers are files of theirs."""
    files = [
        *(stack.place / "log").glob("*.log*"),
        *stack.place.rglob("postgres*.log"),
        *stack.place.rglob("*valkey*.log"),
    ]
    return {file.name.partition(".")[0]: file.read_text(errors="replace") for file in files}


def names(held):
    for body in held:
        for name in body.get("name", []) if body["resourceType"] == "Patient" else []:
            yield from (word for word in [name.get("family", ""), *name.get("given", [])] if len(word) >= SHORTEST)


def values(held):
    """What was measured, found and written, in the words of the record."""
    for body in held:
        for text in re.findall(rb'"(?:text|display|div|data)":"((?:[^"\\]|\\.){6,})"', json.dumps(body)):
            said = text.decode()
            if " " in said:
                yield said


def addresses(stack):
    yield from (person["email"] for person in stack.demo["people"])
    yield from (person["email"] for site in stack.hospitals for person in stack.people_at(site))


def secrets_of(stack, visitor):
    """Of everybody in the demo: passwords, secrets of apps, her sessions, and the links in mails."""
    yield from (person["password"] for person in stack.demo["people"])
    yield from (one["secret"] for one in stack.demo["clients"] if one.get("secret"))
    yield from (cookie.value for cookie in visitor._session.cookies if cookie.name.endswith("session"))
    for file in (stack.person.place / "mail").glob("*"):
        yield from re.findall(r"/people/invitation/([\w-]{20,})/", file.read_text())
