"""Bodies nobody means well by: answered with a 4xx, soon, and in little memory."""

from __future__ import annotations

import time
from io import BytesIO

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fhirapi import people, writing
from tests.fhirapi.writing import let_write, observation

pytestmark = pytest.mark.django_db
ROUTES = (("POST", "/Observation"), ("PUT", "/Observation/x"), ("PATCH", "/Observation/x"), ("POST", "/"))


@pytest.fixture
def app():
    return let_write(people.sign_up())


def kind_of(method):
    return writing.PATCH if method == "PATCH" else writing.FHIR


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b'{"extension":[' * 1000 + b"]}" * 1000,
        b'{"resourceType":"Observation","code":{"text":"' + b"\\u0000" * 100_000 + b'"}}',
        b'{"resourceType":"Observation","note":[' + b"{}," * 500_000 + b"{}]}",
        b'{"resourceType":"Observation","valueQuantity":{"value":' + b"9" * 1_000_000 + b"}}",
        b'{"resourceType":"Observation","valueQuantity":{"value":1e999999999}}',
        b'{"resourceType":"Observation","status":"\\ud800"}',
        b'{"' + b"a" * 2_000_000 + b'":1}',
        b"\x00" * 1_000_000,
        b"[" + b'{"op":"copy","from":"","path":"/a"},' * 50_000 + b"1]",
    ],
    ids=range(11),
)
def test_a_hostile_body_is_refused_soon(app, body):
    for method, route in ROUTES:
        started = time.monotonic()
        answer = app.send(method, route, body, kind=kind_of(method))

        assert 400 <= answer.status_code < 500, (method, route)
        assert len(answer.content) < 1_000_000
        assert time.monotonic() - started < 10


def test_fifty_megabytes_are_refused_unread(app):
    headers = {"Authorization": f"Bearer {app.app.token}"}
    for method, route in ROUTES:
        body = BytesIO(b"[" * 4_000_000)
        announced = {"CONTENT_LENGTH": "50000000", "wsgi.input": body}

        answer = Client(headers=headers).generic(
            method, f"{people.BASE}{route}", b"[", content_type=kind_of(method), **announced
        )

        assert answer.status_code == 413
        assert body.tell() == 0


@pytest.mark.parametrize("moment", ["0000", "0001-01-01", "9999-12-31T23:59:59Z", "9999"])
def test_moments_at_the_ends_of_time(app, moment):
    body = observation(app.person, effectiveDateTime=moment)

    answer = app.create(body)

    assert answer.status_code == (422 if moment == "0000" else 201)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(max_size=10)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["status", "subject", "code", "meta", "contained", "extension", "category", "note", "text", "device", "component"]
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, JSON, max_size=4), st.sampled_from(ROUTES))
def test_no_body_is_a_failure_of_ours(app, spoilt, route):
    method, where = route
    good = observation(app.person, id="x")
    body = {
        "/": {"resourceType": "Bundle", "type": "batch", "entry": [{"request": spoilt, "resource": spoilt}]},
    }.get(where, {**good, **spoilt})

    answer = app.send(method, where, body, kind=kind_of(method))

    assert answer.status_code < 500
