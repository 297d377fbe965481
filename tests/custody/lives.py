"""People with something in every room: a record with a past, decisions, an app with tokens, a hospital, a session."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.files.storage import storages
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from consent import ledger
from fhirapi.models import Export
from portal.models import Reminder, Wish
from records import keys, marks
from records.models import SamenessVerdict
from records.sameness import words
from records.sameness.said import Ref
from sync import connections
from sync.models import Connection, Hospital
from sync.tokens import Tokens
from tests.fakes.ehr import FakeEHR
from tests.gateway.parties import App
from tests.portal import people

LARGE = base64.b64encode(b"a scan of a letter " * 6000).decode()


@dataclass
class Life:
    person: Person
    browser: Client
    connection: Connection
    access_token: str
    client_id: str


def live(name: str, ehr: FakeEHR, hospital: Hospital) -> Life:
    """What a person leaves behind who has used everything there is."""
    person = people.sign_up(name=name)
    browser = Client()
    assert browser.login(email=person.email, password=people.PASSWORD)
    letter: dict[str, Any] = {
        "resourceType": "DocumentReference",
        "id": "letter",
        "status": "current",
        "subject": {"reference": f"Patient/{person.patient_id}"},
        "content": [{"attachment": {"contentType": "text/plain", "data": LARGE}}],
    }
    people.store_records(person, [people.observation(person, "hb"), people.condition(person, "bp"), letter])
    people.store_records(person, [people.observation(person, "hb", status="amended")])
    app = App.register()
    told = app.redeem(app.ask(person, "openid patient/Observation.rs offline_access")).json()
    marks.mark(person.pk, ("Condition", "bp"), sensitive=True, actor=person, at=timezone.now())
    with transaction.atomic():
        pair = frozenset((Ref("Condition", "bp"), Ref("Condition", "other")))
        words.say(person.pk, [pair], SamenessVerdict.DIFFERENT, actor=person, at=timezone.now())
    _decide_more(person, app)
    Wish.objects.create(owner=person, occasion="appointment", how="mail")
    Reminder.objects.create(owner=person, about="a digest", sent=timezone.now())
    events.append(
        owner_id=person.pk,
        action=Action.READ,
        interaction="search",
        agent_kind=Agent.APP,
        agent=app.application.client_id,
        agent_name=app.application.name,
        origin="203.0.113.9",
        detail={"types": {"Observation": 7}},
    )
    return Life(person, browser, _connect(person, ehr, hospital), told["access_token"], app.application.client_id)


def _decide_more(person: Person, app: App) -> None:
    read = ledger.Reading("1", "en")
    ledger.hide(owner=person, actor=person, record="Condition/bp", read=read, at=timezone.now())
    Export.objects.create(
        application=app.application, request="/$export", scopes=[], types=[], filters=[], people=[person.pk, 0],
        kicked=timezone.now(),
    )  # fmt: skip


def _connect(person: Person, ehr: FakeEHR, hospital: Hospital) -> Connection:
    at = timezone.now()
    return connections.connect(
        person,
        hospital=hospital,
        patient=f"{ehr.patient}-{person.pk}",
        tokens_given=Tokens.of(ehr.issue(), at=at),
        token_endpoint=f"{ehr.issuer}/token",
        revocation_endpoint=f"{ehr.issuer}/revoke",
        at=at + timedelta(0),
    )


def dump() -> dict[str, list[str]]:
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows = {}
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608 - names from the catalogue
            rows[table] = [row[0] for row in cursor.fetchall()]
    return rows


def files() -> set[str]:
    """The names of all sealed attachments."""
    storage = storages["attachments"]
    try:
        folders, _ = storage.listdir("")
    except FileNotFoundError:
        return set()
    return {f"{folder}/{name}" for folder in folders for name in storage.listdir(folder)[1]}


def forget_keys() -> None:
    """As a process that has just begun."""
    keys._remembered.clear()
