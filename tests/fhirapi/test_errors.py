"""Every way to fail has one answer, and every answer is an OperationOutcome."""

from __future__ import annotations

import inspect

import pytest
from django.core import exceptions as django_exceptions
from django.db import OperationalError
from django.test import Client
from rest_framework import exceptions

from audit import events
from consent import gate, ledger
from fhirapi import errors, views
from gateway import authorizations
from gateway import errors as gateway_errors
from records import query
from standards.smart import scopes
from sync import refusals
from tests.fhirapi import people


def exceptions_of(module):
    return {
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception) and kind.__module__ == module.__name__
    }


def test_the_table_names_every_exception_that_can_come_up():
    expected = {
        *exceptions_of(errors),
        *exceptions_of(exceptions),
        *exceptions_of(gate),
        *exceptions_of(query),
        *exceptions_of(refusals),
        gateway_errors.InvalidToken,
    }

    assert {kind.__name__ for kind in expected if errors.find_kind(kind) is errors.FAILED} == {"APIException"}


def test_what_nobody_foresaw_is_500_without_a_word_of_it(caplog):
    answer = errors.answer(RuntimeError("Ana Example has asthma"))

    assert answer.status_code == 500
    assert b"asthma" not in answer.content
    assert "asthma" not in caplog.text
    assert "RuntimeError" in caplog.text


def test_a_challenge_names_the_error_only_when_there_was_a_token():
    assert errors.answer(exceptions.NotAuthenticated())["WWW-Authenticate"] == 'Bearer realm="fhir"'
    assert "invalid_token" in errors.answer(gate.ConsentMissing())["WWW-Authenticate"]


def test_throttled_says_how_long():
    answer = errors.answer(exceptions.Throttled(wait=7))

    assert (answer.status_code, answer["Retry-After"]) == (429, "7")


def test_a_parameters_name_is_shortened_and_cleaned():
    answer = errors.answer(query.InvalidSearch("x\x00\u202e" + "y" * 500, "is bad"))

    assert b'"diagnostics":"x' + b"y" * 61 + b': is bad"' in answer.content


@pytest.fixture
def person(db):
    return people.with_observation()


@pytest.fixture
def app(person):
    return people.let_in(person, "patient/Observation.rs")


@pytest.mark.django_db
@pytest.mark.spec("RFC 6750", "3", "no token is a plain challenge, a bad one invalid_token")
@pytest.mark.parametrize("path", ["/Observation/one", "/Observation", "/Nothing/x", "/", "/$export"])
def test_without_a_good_token_everything_is_401(path):
    for headers, error in (
        ({}, False),
        ({"Authorization": "Bearer made-up"}, True),
        ({"Authorization": "Bearer "}, True),
    ):
        answer = Client(headers=headers).get(f"{people.BASE}{path}")

        assert answer.status_code == 401
        assert ("invalid_token" in answer["WWW-Authenticate"]) is error
        assert people.diagnostics(answer)


def test_a_token_in_the_address_is_never_looked_at(app):
    answer = Client().get(f"{people.BASE}/Observation/one?access_token={app.token}")

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/Observation/none", 404),
        ("/Nothing/x", 404),
        ("/Nothing", 404),
        ("/observation/one", 404),
        ("/Binary", 404),
        ("/Observation/none/_history", 404),
        ("/Observation/a b", 404),
        ("/Observation/%00", 404),
        ("/Observation/%ff%fe", 404),
        ("/Observation/" + "x" * 65, 404),
        ("/Observation/one/two/three", 404),
        ("/$everything", 404),
        ("/../../etc/passwd", 404),
        ("/Observation/_search", 405),
        ("/", 405),
        ("/Condition/one", 403),
        ("/Condition", 403),
    ],
)
def test_a_wrong_path_has_its_status(app, path, status):
    answer = app.get(path)

    assert answer.status_code == status
    assert people.diagnostics(answer)


@pytest.mark.spec("SMART App Launch", "scopes", "a scope that does not reach is 403 insufficient_scope")
def test_a_scope_that_does_not_reach_says_which_would(person):
    read_only = people.let_in(person, "patient/Observation.r")

    assert read_only.get("/Observation/one").status_code == 200
    refused = read_only.get("/Observation")
    assert refused.status_code == 403
    assert refused["WWW-Authenticate"] == (
        'Bearer realm="fhir", error="insufficient_scope", scope="patient/Observation.s"'
    )


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_what_we_do_not_do_is_405(app, method):
    answer = getattr(Client(headers={"Authorization": f"Bearer {app.token}"}), method)(f"{people.BASE}/Encounter/one")

    assert answer.status_code == 405
    assert answer["Allow"] == "GET, HEAD"
    assert people.diagnostics(answer)


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("", "application/fhir+json"),
        ("*/*", "application/fhir+json"),
        ("application/fhir+json", "application/fhir+json"),
        ("application/fhir+json; fhirVersion=4.0", "application/fhir+json"),
        ("application/json", "application/json"),
        ("application/xml, application/json;q=0.5", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/fhir+json"),
    ],
)
def test_an_accept_we_can_meet(app, accept, given):
    assert app.get("/Observation/one", Accept=accept)["Content-Type"] == given


@pytest.mark.parametrize(
    "accept",
    ["application/fhir+xml", "text/html", "application/fhir+json; fhirVersion=3.0", "*/*;q=0", "x" * 3000, "/", ";;,"],
)
def test_an_accept_we_cannot_meet_is_406(app, accept):
    answer = app.get("/Observation/one", Accept=accept)

    assert answer.status_code == 406
    assert people.diagnostics(answer)


@pytest.mark.parametrize(
    ("asked", "status"),
    [("json", 200), ("application/fhir%2Bjson", 200), ("application/fhir+json", 200), ("xml", 406), ("", 406)],
)
def test_format_counts_for_more_than_accept(app, asked, status):
    assert app.get(f"/Observation?_format={asked}", Accept="application/fhir+xml").status_code == status


def test_format_in_a_form_is_read_too(app):
    assert app.post("/Observation/_search", "_format=xml").status_code == 406


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", "/" * 300])
def test_a_form_of_another_type_is_415(app, kind):
    answer = Client(headers={"Authorization": f"Bearer {app.token}"}).generic(
        "POST", f"{people.BASE}/Observation/_search", b"code=1", content_type=kind
    )

    assert answer.status_code == 415
    assert people.diagnostics(answer)


def test_a_charset_that_is_none_does_no_harm(app):
    for charset in ("hex", "rot13", "utf-16", "nonsense"):
        kind = f"application/x-www-form-urlencoded; charset={charset}"
        client = Client(headers={"Authorization": f"Bearer {app.token}"})
        answer = client.generic("POST", f"{people.BASE}/Observation/_search", b"status=final", content_type=kind)
        assert answer.status_code == 200
        answer = client.generic("GET", f"{people.BASE}/Observation?status=final", b"", content_type=kind)
        assert answer.status_code == 200


def test_a_body_too_large_is_413(app, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    answer = app.post("/Observation/_search", "code=" + "x" * 1000)

    assert answer.status_code == 413
    assert people.diagnostics(answer)


def test_a_withdrawn_consent_is_401(person, app):
    assert app.get("/Observation/one").status_code == 200

    ledger.withdraw(owner_id=person.id, grantee=app.application.client_id, actor=person, at=people.now())

    answer = app.get("/Observation/one")
    assert answer.status_code == 401
    assert "invalid_token" in answer["WWW-Authenticate"]


def test_an_ended_authorization_is_401(person, app):
    assert app.get("/Observation/one").status_code == 200

    authorizations.end(app.authorization, by=person, at=people.now())

    assert app.get("/Observation/one").status_code == 401


def test_a_launch_for_another_patient_is_401(app):
    assert app.get("/Observation/one").status_code == 200
    type(app.authorization).objects.filter(pk=app.authorization.pk).update(context={"patient": "someone-else"})

    assert app.get("/Observation/one").status_code == 401


def test_nothing_leaves_when_the_access_log_cannot_be_written(app, monkeypatch):
    assert app.get("/Observation/one").status_code == 200

    def fail(**_):
        raise OperationalError("disk full")

    monkeypatch.setattr(events, "append", fail)
    answer = app.get("/Observation/one")

    assert answer.status_code == 503
    assert b"718-7" not in answer.content


def test_a_failure_of_ours_is_an_outcome_too(app, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(views.InstanceView, "instance", fail)

    answer = app.get("/Observation/one")

    assert answer.status_code == 500
    assert people.diagnostics(answer) == "Something failed on our side; the request was not answered."


def test_django_finds_the_answer_for_its_own_refusals():
    assert errors.find(django_exceptions.TooManyFieldsSent()).status == 400
    assert errors.find(django_exceptions.RequestDataTooBig()).status == 413


def test_scopes_named_in_a_challenge_are_scopes():
    assert scopes.parse(errors.InsufficientScope("patient/Observation.s").needed)
