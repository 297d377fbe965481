"""What makers tell us: believed only where they really sent it, and only so far that the next update comes sooner."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.utils import timezone
from kombu.exceptions import OperationalError

from sync import hospitals, notices
from sync.models import Connection, Hospital, Piece, Schedule
from sync.problems import SourceError
from sync.sources.fhir_rest.mapping import Frame
from sync.sources.wearables import makers, pushes
from sync.sources.wearables.source import WearableSource
from tests.portal import people

pytestmark = pytest.mark.django_db

SECRET = "between us two"


@pytest.fixture
def rung(monkeypatch):
    """What a worker was asked to do."""
    calls = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: calls.append((name, args)))
    return calls


def entered(vendor):
    return hospitals.register(
        f"https://{vendor}.example/", name=vendor, client_id="ours", secret=SECRET, vendor=vendor, slug=vendor
    )


def address(entry, key=None):
    return f"/connect/{entry.slug}/notice/{key or notices.key(entry)}"


def fitbit_signature(body, secret=SECRET):
    return base64.b64encode(hmac.digest(f"{secret}&".encode(), body, hashlib.sha1)).decode()


def test_withings_form_is_handed_on(rung):
    entry = entered("withings")

    answer = Client().generic(
        "POST", address(entry), b"userid=4001&appli=1", content_type="application/x-www-form-urlencoded"
    )

    assert (answer.status_code, rung) == (200, [(notices.BRING_FORWARD, [entry.pk, ["4001"]])])


def test_what_is_handed_over_is_answered_by_what_became_of_it(rung, monkeypatch):
    entry = entered("garmin")
    hers = people.connect(people.sign_up(), entry)
    row = {"userId": hers.patient, "summaryId": "w1", "measurementTimeInSeconds": 1_714_550_400, "weightInGrams": 1}

    def told(body, **more):
        where = more.pop("where", address(entry))
        return Client().generic("POST", where, body, content_type="application/json", **more).status_code

    whole = json.dumps({"bodyComps": [row]}).encode()
    assert told(whole, where=address(entry, "0" * 40)) == 404
    assert told(whole, headers={"Garmin-Client-Id": "another"}) == 404
    assert (told(b"nonsense"), told(b"[]"), told(b'{"bodyComps": 7}')) == (400, 400, 400)
    assert Piece.objects.count() == 0
    assert rung == []

    assert told(whole, headers={"Garmin-Client-Id": "ours"}) == 200
    assert (Piece.objects.count(), rung) == (1, [(notices.BRING_FORWARD, [entry.pk, [hers.patient]])])

    monkeypatch.setattr(pushes, "BYTES_MAX", len(whole) - 1)
    assert told(whole) == 413
    assert Client().get(address(entry)).status_code == 200


def test_what_was_handed_over_is_kept_also_while_the_broker_is_away(monkeypatch):
    def away(*_, **__):
        raise OperationalError

    monkeypatch.setattr(current_app, "send_task", away)
    entry = entered("garmin")
    hers = people.connect(people.sign_up(), entry)
    body = json.dumps({"bodyComps": [{"userId": hers.patient, "summaryId": "w1"}]}).encode()

    assert Client().generic("POST", address(entry), body).status_code == 503
    assert Piece.objects.filter(connection=hers, waiting=True).count() == 1


class Webhooks(BaseHTTPRequestHandler):
    """Where webhooks are made: it greets the address first, and tells the secret once."""

    asked: ClassVar = []
    status: ClassVar = 201

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        said = json.loads(body) if body.startswith("{") else dict(parse_qsl(body))
        greeted = None
        if where := said.get("url"):
            greeted = Client().generic("POST", urlsplit(where).path, b'{"timestamp": "x", "event": "PING"}').status_code
            connections.close_all()
        self.asked.append((self.path, self.headers, said, greeted))
        answer = json.dumps({"data": {"id": "1", "signature_secret_key": "its own"}}).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def webhooks(monkeypatch):
    monkeypatch.setattr(Webhooks, "asked", [])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Webhooks)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def subscribed(base, vendor):
    entry = hospitals.register(base, name=vendor, client_id="ours", secret=SECRET, vendor=vendor, slug=vendor)
    call_command("notices_subscribe", vendor, stdout=io.StringIO())
    entry.refresh_from_db()
    return entry


@pytest.mark.django_db(transaction=True)
def test_polar_is_asked_once_and_signs_with_the_secret_that_it_gave(rung, webhooks):
    entry = hospitals.register(webhooks, name="polar", client_id="ours", secret=SECRET, vendor="polar", slug="polar")
    body = b'{"event": "EXERCISE", "user_id": 475, "entity_id": "aQlC83"}'

    def told(secret):
        signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
        return Client().generic("POST", address(entry), body, headers={"Polar-Webhook-Signature": signature})

    assert told(SECRET.encode()).status_code == 404

    entry = subscribed(webhooks, "polar")

    ((path, headers, said, greeted),) = Webhooks.asked
    assert headers["Authorization"] == "Basic " + base64.b64encode(f"ours:{SECRET}".encode()).decode()
    assert (path, said, greeted) == (
        "/v3/webhooks",
        {"events": ["EXERCISE"], "url": notices.callback(entry)},
        200,
    )
    assert b"its own" not in bytes(entry.sealed_signing)
    assert (told(SECRET.encode()).status_code, rung) == (404, [])
    named = Client().generic("POST", address(entry), b'{"event": "PING", "user_id": 475}')
    assert (named.status_code, rung) == (404, [])
    assert told(b"its own").status_code == 200
    assert rung == [(notices.BRING_FORWARD, [entry.pk, ["475"]])]


def test_strava_and_oura_are_asked_as_they_want_it_and_sign_with_our_own_secret(webhooks):
    strava = subscribed(webhooks, "strava")
    ((path, _, said, _),) = Webhooks.asked
    assert path == "/api/v3/push_subscriptions"
    assert (said["client_id"], said["client_secret"], said["callback_url"]) == (
        "ours",
        SECRET,
        notices.callback(strava),
    )
    Webhooks.asked.clear()
    oura = subscribed(f"{webhooks}oura/", "oura")

    assert {(said["data_type"], said["event_type"]) for _, _, said, _ in Webhooks.asked} == {
        (kind, event) for kind in ("daily_activity", "sleep", "workout") for event in ("create", "update")
    }
    assert {(headers["x-client-id"], headers["x-client-secret"]) for _, headers, _, _ in Webhooks.asked} == {
        ("ours", SECRET)
    }
    assert (strava.sealed_signing, oura.sealed_signing) == (None, None)


def test_maker_that_refuses_to_tell_is_said(webhooks, monkeypatch):
    monkeypatch.setattr(Webhooks, "status", 403)

    with pytest.raises(CommandError, match="HTTP 403"):
        subscribed(webhooks, "polar")


def test_fitbit_follows_each_account_by_itself(webhooks, monkeypatch):
    class Bearer:
        def token(self):
            return "hers"

        def renewed(self, refused):
            return f"newer than {refused}"

    frame = Frame(owner_id=1, source_url="x", base=webhooks, patient="26FWFL", patient_id="p")

    def follow():
        Webhooks.asked.clear()
        ways = {"assembler": "Fitbit", "callback": "https://here.example/", "bearer": Bearer(), "pulse": lambda: None}
        at = timezone.now()
        source = WearableSource(
            webhooks, makers.MAKERS["fitbit"], frame, **ways, spend=lambda: None, connected=at, complete=None, at=at
        )
        source.subscribe()
        source.close()
        return [(path, headers["Authorization"]) for path, headers, _, _ in Webhooks.asked]

    asked = "/1/user/-/apiSubscriptions/26FWFL.json"
    assert follow() == [(asked, "Bearer hers")]
    # Followed already, which is no reason to stop.
    monkeypatch.setattr(Webhooks, "status", 409)
    assert follow() == [(asked, "Bearer hers")]
    monkeypatch.setattr(Webhooks, "status", 401)
    with pytest.raises(SourceError):
        follow()
    assert [headers["Authorization"] for _, headers, _, _ in Webhooks.asked] == [
        "Bearer hers",
        "Bearer newer than hers",
    ]


@pytest.mark.parametrize(
    ("vendor", "by_hand"),
    [("garmin", True), ("fitbit", True), ("withings", False), ("strava", False), ("polar", False), ("", False)],
)
def test_who_enters_a_maker_is_told_what_to_enter_there(tmp_path, vendor, by_hand):
    file, said = tmp_path / "credentials.json", io.StringIO()
    file.write_text(json.dumps({"client_id": "ours", "secret": SECRET}))

    call_command(
        "hospital_enter", "https://one.example/", name="One", slug="one", vendor=vendor, credentials=file, stdout=said
    )

    entry = Hospital.objects.get()
    assert (notices.callback(entry) in said.getvalue()) is by_hand


def test_maker_that_is_not_asked_so_is_not(rung):
    entered("withings")

    with pytest.raises(CommandError):
        call_command("notices_subscribe", "withings")
    with pytest.raises(CommandError):
        call_command("notices_subscribe", "nowhere")


def test_another_address_is_none(rung):
    entry = entered("withings")

    answer = Client().generic("POST", address(entry, "0" * 40), b"userid=4001")

    assert (answer.status_code, rung) == (404, [])


def test_fitbit_signature_is_checked(rung):
    entry = entered("fitbit")
    body = json.dumps([{"ownerId": "26FWFL", "collectionType": "sleep"}, {"ownerId": "26FWFL"}]).encode()

    forged = Client().generic("POST", address(entry), body, headers={"X-Fitbit-Signature": fitbit_signature(body, "x")})
    assert (forged.status_code, rung) == (404, [])
    unsigned = Client().generic("POST", address(entry), body)
    assert (unsigned.status_code, rung) == (404, [])

    genuine = Client().generic("POST", address(entry), body, headers={"X-Fitbit-Signature": fitbit_signature(body)})

    assert (genuine.status_code, rung) == (200, [(notices.BRING_FORWARD, [entry.pk, ["26FWFL"]])])


def test_oura_signature_covers_the_time(rung):
    entry, body = entered("oura"), b'{"user_id": "u-1", "data_type": "sleep"}'
    signature = hmac.new(SECRET.encode(), b"1714550400" + body, hashlib.sha256).hexdigest().upper()

    def told(at):
        headers = {"X-Oura-Signature": signature, "X-Oura-Timestamp": at}
        return Client().generic("POST", address(entry), body, headers=headers).status_code

    assert (told("1714550401"), told("1714550400")) == (404, 200)
    assert rung == [(notices.BRING_FORWARD, [entry.pk, ["u-1"]])]


def test_maker_that_makes_sure_of_the_address_gets_its_word_back():
    oura = entered("oura")

    asked = Client().get(address(oura), {"challenge": "abc"})

    assert asked.json() == {"challenge": "abc"}
    assert Client().get(address(oura, "0" * 40), {"challenge": "abc"}).status_code == 404
    assert Client().head(address(entered("withings"))).status_code == 200


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[1, null]", b"{}", b"\xff\xfe", b'{"userid": {"a": 1}}'])
def test_notice_that_says_nothing_does_nothing(rung, body):
    answer = Client().generic("POST", address(entered("withings")), body)

    assert (answer.status_code, rung) == (200, [])


def test_maker_is_asked_to_tell_again_while_the_broker_is_away(monkeypatch):
    def away(*_, **__):
        raise OperationalError

    monkeypatch.setattr(current_app, "send_task", away)

    assert Client().generic("POST", address(entered("withings")), b"userid=4001").status_code == 503


def test_update_comes_forward_but_no_sooner_than_a_pause_after_the_last():
    at, entry = timezone.now(), entered("withings")
    tomorrow = at + timedelta(days=1)
    rested, busy, asked_only, other = (people.connect(people.sign_up(), entry) for _ in range(4))
    named = [str(each.patient) for each in (rested, busy, asked_only)]
    Connection.objects.update(due=tomorrow, last_attempt=at - timedelta(hours=1))
    Connection.objects.filter(pk=busy.pk).update(last_attempt=at)
    Connection.objects.filter(pk=asked_only.pk).update(due=None, schedule=Schedule.ASKED)
    Connection.objects.filter(pk=other.pk).update(patient="somebody-else")

    notices.bring_forward(entry.pk, named, at=at)

    due = dict(Connection.objects.values_list("pk", "due"))
    assert due == {rested.pk: at, busy.pk: at + notices.PAUSE, asked_only.pk: None, other.pk: tomorrow}
