"""Keys that a client publishes at a URL: fetched safely, kept as its Cache-Control allows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from django.utils import timezone
from joserfc.jwk import ECKey, RSAKey

from gateway import keysets
from gateway.errors import InvalidRegistration
from gateway.models import FetchedKeySet
from tests.gateway import parties
from tests.gateway.parties import App
from tests.gateway.test_credentials import EC, RSA, assertion, proof

pytestmark = pytest.mark.django_db
NEXT = RSAKey.generate_key(2048, {"kid": "rsa-next", "alg": "RS384"})
FOREIGN = ECKey.generate_key("P-256", {"kid": "p256", "use": "enc"})


@dataclass
class Publisher:
    """A client's own web server. ``fetched`` counts how often its key set was asked for."""

    uri: str = ""
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    fetched: int = 0

    def publish(self, *keys: RSAKey | ECKey, **headers: str) -> None:
        self.body = json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    state = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.fetched += 1
            self.send_response(state.status)
            for name, value in {"Content-Length": str(len(state.body)), **state.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, *args: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.uri = f"http://127.0.0.1:{server.server_port}/jwks"
    state.publish(RSA, EC)
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def app(publisher) -> App:
    return App.register("system/*.rs", "patient/*.rs", method="private_key_jwt", jwks_uri=publisher.uri)


def ask(app: App, **how) -> int:
    """The status of a backend token request with a fresh assertion."""
    form = {"grant_type": "client_credentials", "scope": "system/*.rs", **proof(assertion(app, **how))}
    return app.post("/oauth/token", form).status_code


def age(by: timedelta) -> None:
    """As if so much time had passed since the last fetch."""
    kept = FetchedKeySet.objects.get()
    kept.tried, kept.fresh_until = kept.tried - by, kept.fresh_until - by
    kept.save()


@pytest.mark.spec("SMART App Launch", "client-confidential-asymmetric", "keys by JWKS URL; RS384 and ES384")
@pytest.mark.parametrize("key", [RSA, EC], ids=["RS384", "ES384"])
def test_keys_at_a_url_prove_a_client(app, publisher, key):
    code = app.ask(parties.sign_up(), "patient/*.rs")

    assert app.redeem(code, **proof(assertion(app, key=key))).status_code == 200
    assert ask(app, key=key) == 200
    assert publisher.fetched == 1


def test_a_jku_must_be_the_registered_url(app, publisher):
    assert ask(app, header={"jku": publisher.uri}) == 200
    assert ask(app, header={"jku": publisher.uri + "?other"}) == 401
    assert publisher.fetched == 1


@pytest.mark.spec("SMART App Launch", "client-confidential-asymmetric", "never cached longer than Cache-Control says")
@pytest.mark.parametrize(
    ("cache_control", "kept_seconds"),
    [("max-age=120", 120), ("public, max-age=30", 30), ("max-age=999999999", 3600), ("", 300), ("junk", 300)],
)
def test_a_key_set_is_kept_as_long_as_the_client_allows(app, publisher, cache_control, kept_seconds):
    publisher.publish(RSA, Cache_Control=cache_control)
    assert ask(app) == 200

    age(timedelta(seconds=kept_seconds - 10))
    assert ask(app) == 200
    assert publisher.fetched == 1
    age(timedelta(seconds=10))
    assert ask(app) == 200
    assert publisher.fetched == 2


@pytest.mark.parametrize("headers", [{"Cache_Control": "no-store"}, {"Cache_Control": "max-age=60", "Age": "60"}])
def test_what_may_not_be_kept_is_fetched_each_time(app, publisher, headers):
    publisher.publish(RSA, **headers)

    assert [ask(app), ask(app)] == [200, 200]

    assert publisher.fetched == 2
    assert FetchedKeySet.objects.get().body == ""


def test_a_removed_key_stops_when_the_kept_set_ends(app, publisher):
    publisher.publish(RSA, Cache_Control="max-age=60")
    assert ask(app) == 200
    publisher.publish(NEXT, Cache_Control="max-age=60")
    age(timedelta(seconds=60))

    assert ask(app) == 401


def test_an_unknown_kid_is_looked_for_once_a_minute(app, publisher):
    assert ask(app) == 200
    publisher.publish(RSA, NEXT)

    assert [ask(app, header={"kid": f"guess-{number}"}) for number in range(3)] == [401] * 3
    assert publisher.fetched == 1
    age(keysets.REFETCH_FLOOR)
    assert ask(app, key=NEXT, header={"alg": "RS384"}) == 200
    assert [ask(app, header={"kid": f"guess-{number}"}) for number in range(3)] == [401] * 3

    assert publisher.fetched == 2


@pytest.mark.parametrize("status", [404, 500, 302])
def test_an_address_that_fails_is_left_alone_for_a_while(app, publisher, status):
    publisher.status = status
    assert [ask(app) for _ in range(3)] == [401] * 3
    assert publisher.fetched == 1
    publisher.status = 200
    age(keysets.RETRY_FLOOR)

    assert ask(app) == 200


def test_a_failed_second_look_leaves_the_kept_keys_good(app, publisher):
    assert ask(app) == 200
    publisher.status = 500
    age(keysets.REFETCH_FLOOR)

    assert ask(app, header={"kid": "guess"}) == 401
    assert ask(app) == 200
    assert publisher.fetched == 2


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"keys": {}}', b"\xff", b'{"keys": []}' + b" " * 70_000, b'{"keys": ["text", 1, {}]}'],
)
def test_what_is_no_key_set_proves_nobody(app, publisher, body):
    publisher.body = body

    assert ask(app) == 401


def test_a_set_with_a_private_key_is_not_believed(app, publisher):
    publisher.body = json.dumps({"keys": [RSA.as_dict(private=True)]}).encode()

    assert ask(app) == 401


def test_keys_that_are_not_for_us_are_left_aside(app, publisher):
    publisher.publish(FOREIGN, RSA)
    assert ask(app) == 200


def test_several_keys_of_one_kid_prove_nobody(app, publisher):
    publisher.publish(RSA, RSA)
    assert ask(app) == 401


@pytest.mark.parametrize("inside", ["https://10.0.0.1/jwks", "https://169.254.169.254/latest", "https://[fd00::1]/k"])
def test_no_address_inside_is_ever_fetched(inside):
    app = App.register("system/*.rs", method="private_key_jwt", jwks_uri=inside)

    assert ask(app) == 401
    assert FetchedKeySet.objects.get().failed


@pytest.mark.parametrize(
    "uri",
    [
        "http://keys.example/jwks",
        "ftp://keys.example/",
        "https://u:p@keys.example/",
        "https:///jwks",
        "jwks",
        "https://x.example/#k",
    ],
)
def test_address_that_is_not_safe_is_not_registered(uri):
    with pytest.raises(InvalidRegistration):
        App.register(method="private_key_jwt", jwks_uri=uri)


def test_keys_come_from_one_place_and_only_with_their_method(publisher):
    jwks = {"keys": [RSA.as_dict(private=False)]}
    for wrong in ({"jwks": jwks, "jwks_uri": publisher.uri}, {}):
        with pytest.raises(InvalidRegistration):
            App.register(method="private_key_jwt", **wrong)
    with pytest.raises(InvalidRegistration):
        App.register(method="none", jwks_uri=publisher.uri)


def test_another_address_means_another_key_set(app, publisher):
    assert ask(app) == 200
    app.application.client_jwks_uri = publisher.uri + "?moved"
    app.application.save()

    assert ask(app) == 200

    assert publisher.fetched == 2
    kept = FetchedKeySet.objects.get()
    assert kept.uri == publisher.uri + "?moved"
    assert kept.fresh_until > timezone.now()
