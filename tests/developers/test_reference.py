"""The OpenAPI document: every operation is called, and every answer is one it describes."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from developers import dynamic, reference
from gateway import logos, styles
from tests.developers import builders
from tests.fhirapi import datapoints, people
from tests.gateway import parties
from tests.gateway.parties import App
from tests.gateway.test_logos import png
from tests.sharing import makers

pytestmark = pytest.mark.django_db
DOCUMENT = reference.document()
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
HOST = "2001:db8::7"


def problems(value: Any, schema: dict[str, Any]) -> list[str]:
    """Where the value is not what the schema says: its references, types, required members."""
    if "$ref" in schema:
        return problems(value, DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    found = [problem for part in schema.get("allOf", []) for problem in problems(value, part)]
    if "type" in schema and not isinstance(value, TYPES[schema["type"]]):
        return [f"{value!r} is no {schema['type']}"]
    if isinstance(value, dict):
        found += [f"{name} is missing" for name in schema.get("required", []) if name not in value]
        for name, part in schema.get("properties", {}).items():
            found += problems(value[name], part) if name in value else []
    return found


@pytest.fixture
def calls() -> dict[str, Any]:
    """For each operation what is sent: method, path, and the rest for the client; taken in this order."""
    person = parties.sign_up()
    parties.store_observations(person, laboratory=1)
    app = App.register("patient/*.rs", *parties.IDENTITY, method="client_secret_basic")
    logos.keep(app.application, png())
    told = app.let_in(person, "openid fhirUser patient/Observation.rs offline_access")
    bearer = {"Authorization": f"Bearer {told['access_token']}"}
    writer = people.let_in(person, "patient/Observation.c")
    writing = {"Authorization": f"Bearer {writer.token}"}
    metadata = {"client_name": "Reference", "redirect_uris": [builders.REDIRECT], "scope": "openid"}
    by = builders.developer()
    made = dynamic.register(metadata, by=by, at=timezone.now())
    mine = {"Authorization": f"Bearer {made.body['registration_access_token']}"}
    initial = {"Authorization": f"Bearer {dynamic.issue_initial_token(by, at=timezone.now())}"}
    client_id = made.application.client_id
    changed = {**metadata, "client_id": client_id}
    refresh = app.refresh_form(told["refresh_token"])
    return {
        "smartConfiguration": {},
        "openidConfiguration": {},
        "oauthMetadata": {},
        "jwks": {},
        "authorize": {"query": app.request("openid patient/Observation.rs")},
        "authorizeByForm": {"form": app.request("openid patient/Observation.rs")},
        "introspect": {"form": {"token": told["access_token"]}, "headers": app.headers()},
        "userinfo": {"headers": bearer},
        "userinfoByPost": {"headers": bearer},
        "token": {"form": refresh, "headers": app.headers()},
        "revoke": {"form": {"token": told["access_token"]}, "headers": app.headers()},
        "push": {"form": app.request("openid patient/Observation.rs"), "headers": app.headers()},
        "logout": {"query": {"client_id": app.client_id}},
        "logoutByForm": {"form": {"client_id": app.client_id}},
        "style": {"path": {"digest": styles.digest()}},
        "brands": {},
        "logo": {"path": {"uid": str(app.application.uid)}},
        "register": {"json": metadata, "headers": initial},
        "readRegistration": {"path": {"client_id": client_id}, "headers": mine},
        "changeRegistration": {"path": {"client_id": client_id}, "json": changed, "headers": mine},
        "endRegistration": {"path": {"client_id": client_id}, "headers": mine},
        "dataPoints": {"json": [datapoints.point(), {}], "headers": writing},
        **health_links(),
        "alive": {},
        "ready": {},
    }


def health_links() -> dict[str, Any]:
    owner = makers.owner()
    direct, guarded = makers.receiver(makers.make(owner, passcode="")), makers.receiver(makers.make(owner))
    (file,) = guarded.manifest(passcode=makers.CODE, embeddedLengthMax=0)["files"]
    token, ticket = file["location"].split("/")[-2:]
    return {
        "healthLinkFile": {"path": {"token": direct.path.rpartition("/")[2]}, "query": {"recipient": "x"}},
        "healthLinkManifest": {"path": {"token": token}, "json": {"recipient": "x", "passcode": makers.CODE}},
        "healthLinkLocation": {"path": {"token": token, "ticket": ticket}},
        "healthCardKeys": {},
        "healthCardsTakenBack": {
            "path": {"kid": Client().get("/cards/.well-known/jwks.json").json()["keys"][0]["kid"]}
        },
    }


def call(method: str, path: str, sent: dict[str, Any]):
    address = path.format(**sent.get("path", {}))
    if "query" in sent:
        address += "?" + urlencode(sent["query"])
    body, kind = "", "application/octet-stream"
    if "form" in sent:
        body, kind = urlencode(sent["form"]), "application/x-www-form-urlencoded"
    if "json" in sent:
        body, kind = json.dumps(sent["json"]), "application/json"
    headers = sent.get("headers", {})
    return Client().generic(method, address, body, content_type=kind, headers=headers, REMOTE_ADDR=HOST)


def test_every_operation_answers_as_it_is_described(calls):
    described = {
        operation["operationId"]: (method, path, operation)
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }
    assert set(calls) == set(described)

    for name, sent in calls.items():
        method, path, operation = described[name]
        answer = call(method.upper(), path, sent)
        assert answer.status_code < 400, (name, answer.content)
        expected = operation["responses"][str(answer.status_code)]
        for media, content in expected.get("content", {}).items():
            assert answer["Content-Type"].startswith(media), name
            if media.endswith("json"):
                assert problems(answer.json(), content["schema"]) == [], name


def test_refusals_answer_as_they_are_described():
    for path, method, sent in (
        ("/oauth/token", "post", {"form": {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "x"}}),
        ("/oauth/userinfo", "get", {"headers": {"Authorization": "Bearer nonsense"}}),
        ("/oauth/register", "post", {"json": {}}),
        ("/oauth/introspect", "post", {"form": {"token": "x"}}),
        ("/shl/{token}", "post", {"path": {"token": "x"}, "json": {}}),
        ("/shl/{token}", "get", {"path": {"token": "x"}}),
    ):
        answer = call(method.upper(), path, sent)
        described = DOCUMENT["paths"][path][method]["responses"][str(answer.status_code)]
        assert answer.status_code in (400, 401)
        assert problems(answer.json(), described["content"]["application/json"]["schema"]) == []


def test_document_is_served_to_tools_of_any_origin(settings):
    answer = Client().get("/developers/openapi.json")

    assert answer["Access-Control-Allow-Origin"] == "*"
    assert (answer.json()["openapi"], answer.json()["servers"]) == ("3.1.0", [{"url": settings.PUBLIC_URL}])


def test_every_endpoint_of_the_authorization_server_is_in_it():
    """The pages people see are not endpoints that a program calls."""
    mounted = {
        re.sub(r"<\w+:(\w+)>", r"{\1}", path)
        for resolver in get_resolver().url_patterns
        if getattr(resolver, "app_name", "") in ("gateway", "developers", "sharing")
        for path in below(resolver, "/")
    }
    programs = {
        path for path in mounted if path.startswith(("/oauth/", "/.well-known", "/fhir", "/brands", "/shl", "/cards"))
    }

    assert {path for path in programs - set(DOCUMENT["paths"]) if not path.startswith("/oauth/consent/")} == {
        "/oauth/logout/confirm"
    }


def below(resolver, before):
    here = before + str(resolver.pattern)
    for one in getattr(resolver, "url_patterns", ()):
        yield from below(one, here)
    if not hasattr(resolver, "url_patterns"):
        yield here
