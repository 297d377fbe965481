"""Nothing hidden shows anywhere: every route × method × parameter, in every kind of world with something to hide.

The routes are the URL map's, the types and parameters the CapabilityStatement's. Each request is made three times: by
an app that may see the hidden record, so that there is something to show; by one that may not; and by that one for a
record that does not exist. The last two answers have to be the same, byte for byte, apart from the ids in them, times
and the random id of a Bundle.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from consent import ledger
from fhirapi import capability, catalogue, urls
from gateway.authentication import SmartAuthentication
from standards.fhir import json
from tests import decisions
from tests.conformance import routes, worlds
from tests.conformance.worlds import WORD, hidden_id, shown_id
from tests.fhirapi import people, population, spelling

pytestmark = pytest.mark.django_db

STATED = {one["type"]: one for one in capability.statement()["rest"][0]["resource"]}
SHAPES = (
    "",
    "_summary=count",
    "_summary=data",
    "_count=0",
    "_total=accurate",
    "_elements=identifier",
    "_sort=-_lastUpdated",
)
MAIN = ("Observation", "Condition", "DocumentReference", "Encounter", "Provenance")
"""The types whose every parameter is tried in each run; the slow run takes all."""
ABOUT_OWNER = {"patient", "subject", "beneficiary"}
INCLUDES_EACH = 20
ABSENT = uuid.UUID(int=7)
VALUES = {
    "version_id": ("1", "2", "0"),
    "path": ("$nothing",),
    "uid": (str(ABSENT),),
    "name": ("Observation",),
    "group_id": (str(ABSENT),),
}
"""What the variable parts of addresses are filled with, besides types and ids."""
MOVING = re.compile(
    rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[0-9:.]+Z?", re.IGNORECASE
)
LINKS = re.compile(rb'"link":\[\{"relation".*?\]')
BODY = {"resourceType": "Observation", "status": "final"}


@pytest.fixture(params=worlds.WORLDS)
def world(request, db) -> worlds.World:
    return worlds.WORLDS[request.param]()


def ask(app: people.App, method: str, path: str, body: Any = None, **headers: str) -> Any:
    client = Client(headers={"Authorization": f"Bearer {app.token}", **headers}, raise_request_exception=False)
    kind = "application/json-patch+json" if method == "patch" else "application/fhir+json"
    if isinstance(body, str):
        kind = "application/x-www-form-urlencoded"
    sent = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body)
    return client.generic(method.upper(), f"{people.BASE}{path}", sent, content_type=kind)


def said(answer: Any, *names: str) -> tuple[int, bytes, dict[str, bytes]]:
    """An answer without what may differ: the names asked for, random ids, times."""

    def same(text: bytes) -> bytes:
        for name in filter(None, names):
            text = text.replace(name.encode(), b"NAME").replace(quote(name).encode(), b"NAME")
        return MOVING.sub(b"MOVING", text)

    headers = {
        name: same(value.encode()) for name, value in answer.items() if name not in ("Content-Length", "Last-Modified")
    }
    return answer.status_code, same(content(answer)), headers


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def shows_hidden(answer: Any) -> bool:
    """Whether a hidden record, or one standing in a Bundle under its address, is in the answer."""
    body = LINKS.sub(b"", content(answer))  # the self link says again what was asked
    return WORD.encode() in body or re.search(rb'"(fullUrl|id)":"[^"]*hidden-', body) is not None


def requests(kinds: tuple[str, ...], name_of: Any, patient_id: str) -> Iterator[tuple[str, str, Any, str]]:
    """(method, path, body, name asked for) for every route and every method of it that names a record."""
    for route in routes.every():
        for values in _fillings(route, kinds, name_of, patient_id):
            path, named = route.path(values), values.get("logical_id", "")
            for method in route.methods:
                yield from ((method, path + shape, body, named) for shape, body in _asked(route, method, values))


def _fillings(route: routes.Route, kinds: tuple[str, ...], name_of: Any, patient_id: str) -> Iterator[dict[str, str]]:
    unknown = route.groups - set(VALUES) - {"resource_type", "logical_id"}
    assert not unknown, f"the leak suite does not know what to put for {unknown} in {route.name}"
    fixed = {group: VALUES[group][0] for group in route.groups & set(VALUES)}
    if "resource_type" not in route.groups:
        names = [patient_id] if "logical_id" in route.groups else [""]
        yield from ({**fixed, "logical_id": name} for name in names)
        return
    for kind in kinds:
        for version in VALUES["version_id"] if "version_id" in route.groups else ("",):
            # Below Patient/[id] the id is the person's, elsewhere the record's.
            of_patient = route.path({**fixed, "resource_type": kind, "logical_id": "x", "version_id": "1"}).startswith(
                "/Patient/x"
            )
            filled = {**fixed, "resource_type": kind, "logical_id": patient_id if of_patient else name_of(kind)}
            yield {**filled, **({"version_id": version} if version else {})}


def _asked(route: routes.Route, method: str, values: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """(query, body) pairs that make sense for this method."""
    kind, name = values.get("resource_type", "Observation"), values.get("logical_id", "")
    if method in ("get", "head"):
        shapes = SHAPES if route.name == "search" else SHAPES[:2]
        yield from ((f"?{shape}" if shape else "", None) for shape in shapes)
    elif method == "put":
        yield "", {**BODY, "resourceType": kind, "id": name}
    elif method == "patch":
        yield "", [{"op": "replace", "path": "/status", "value": "final"}]
        yield "", [{"op": "test", "path": "/status", "value": "active"}]
    elif method == "post" and route.name == "base":
        yield "", _batch(["Observation/x"])
    elif method == "post":
        yield "", "_count=1000&_total=accurate"
    else:
        yield "", None


def _batch(urls_asked: list[str], kind: str = "batch") -> dict[str, Any]:
    entries = [{"request": {"method": "GET", "url": url}} for url in urls_asked]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def absent_id(kind: str) -> str:
    """As long as the hidden one's, of no record."""
    return hidden_id(kind).replace("hidden", "absent")


def is_for_services(route: routes.Route) -> bool:
    """Whether a person's app is not even asked for: bulk export, which tests/fhirapi/test_exports.py walks."""
    return route.view.authentication_classes not in ([SmartAuthentication], [])


# ---- the walk


def test_every_route_and_every_method_of_it_is_walked():
    walked = {(route.name, method) for route in routes.every() for method in route.methods}
    asked = set()
    for route in routes.every():
        for values in _fillings(route, ("Observation",), hidden_id, "me"):
            asked |= {(route.name, method) for method in route.methods for _ in _asked(route, method, values)}

    assert {route.name for route in routes.every()} == {pattern.name for pattern in urls.urlpatterns}
    assert asked == walked


def test_every_route_answers_for_a_hidden_record_as_for_one_that_is_not_there(world):
    answer_alike(world, main(world)[:2])


@pytest.mark.thorough
def test_every_route_answers_for_a_hidden_record_of_any_type_as_for_one_that_is_not_there(world):
    answer_alike(world, world.hidden)


def main(world: worlds.World) -> tuple[str, ...]:
    return tuple(kind for kind in MAIN if kind in world.hidden)


def answer_alike(world: worlds.World, kinds: tuple[str, ...]) -> None:
    patients = (world.hidden_patient, str(ABSENT)) if world.whole.person != world.reader.person else (str(ABSENT),) * 2
    hidden = list(requests(kinds, hidden_id, patients[0]))
    absent = list(requests(kinds, absent_id, patients[1]))
    shown = 0

    for (method, path, body, name), (_, other_path, other_body, other_name) in zip(hidden, absent, strict=True):
        if method not in routes.WRITES and "$" not in path:
            shown += shows_hidden(ask(world.whole, method, path, body))
        got, expected = ask(world.reader, method, path, body), ask(world.reader, method, other_path, other_body)
        assert not shows_hidden(got), (method, path)
        assert got.status_code < 500, (method, path)
        assert said(got, name, patients[0]) == said(expected, other_name, patients[1]), (method, path)

    assert shown >= 4 * len(kinds)


def test_nothing_asked_of_her_own_patient_brings_a_hidden_record(world):
    """Operations, compartments and searches of a whole record, page after page."""
    shown, own = set(), world.reader.person.patient_id
    for route in routes.every():
        if "get" not in route.methods or is_for_services(route):
            continue
        for kind in main(world)[:3] if "resource_type" in route.groups else ("",):
            path = route.path({"resource_type": kind, "logical_id": own, "version_id": "1", "path": "$nothing"})
            for query in (*WHOLE, f"patient={own}", "identifier=urn:oid:1.2.36|MRN%5C,7"):
                assert not any(shows_hidden(page) for page in pages(world.reader, f"{path}?{query}")), (path, query)
                if world.whole.person == world.reader.person:
                    seen = any(shows_hidden(page) for page in pages(world.whole, f"{path}?{query}"))
                    shown |= {route.name} if seen else set()

    assert shown >= {"everything", "search", "type-history", "compartment"} or world.whole.person != world.reader.person


WHOLE = ("", "_count=20", "start=1900&end=2100", "_since=2000-01-01T00:00:00Z", "_type=Observation,Condition")


def pages(app: people.App, path: str, most: int = 20) -> Iterator[Any]:
    """The answer and what its next links lead to."""
    for _ in range(most):
        answer = app.get(path)
        yield answer
        bundle = answer.json() if answer.status_code == 200 else {}
        following = people.link(bundle, "next") if "link" in bundle else None
        if following is None:
            return
        path = following.partition(people.BASE)[2]


def test_no_search_parameter_finds_a_hidden_record(world):
    find_nothing_hidden(world, main(world)[:1])


@pytest.mark.thorough
def test_no_search_parameter_of_any_type_finds_a_hidden_record(world):
    find_nothing_hidden(world, world.hidden)


def find_nothing_hidden(world: worlds.World, kinds: tuple[str, ...]) -> None:
    """By what it holds for every stated parameter, alone and with ``_id``; and by every modifier."""
    for kind in kinds:
        resource = ask(world.whole, "get", f"/{kind}/{hidden_id(kind)}").json()
        for parameter, value in stated_values(kind, resource):
            path = f"/{kind}?_id={hidden_id(kind)}&{parameter}={quote(value)}"
            own = ask(world.whole, "get", path)
            assert shows_hidden(own) or own.status_code == 400, path
            for asked in (
                path,
                f"{path}&_summary=count",
                f"{path}&_total=accurate",
                f"/{kind}?{parameter}={quote(value)}",
            ):
                got = ask(world.reader, "get", asked)
                assert not shows_hidden(got), asked
                if "_id=" in asked:
                    absent = asked.replace(hidden_id(kind), absent_id(kind))
                    names = (hidden_id(kind), absent_id(kind))
                    assert said(got, *names) == said(ask(world.reader, "get", absent), *names), asked


def stated_values(kind: str, resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What finds this resource, for every parameter that the CapabilityStatement says its type has."""
    for one in STATED[kind]["searchParam"]:
        parameter = spelling.search_parameters.for_type(kind).get(one["name"])
        if parameter is None:
            continue
        yield f"{one['name']}:missing", "false" if spelling.extraction.elements(parameter, resource) else "true"
        values = spelling.values(parameter, resource)
        if one["name"] in ABOUT_OWNER:  # a record is about its owner, whatever else it names beside
            values = [value for value in values if value.startswith("Patient/")]
        for value in values[:2]:
            yield one["name"], value
            if parameter.type == "string":
                yield f"{one['name']}:contains", value
        if parameter.type == "token":
            yield f"{one['name']}:not", "nothing-has-this"


def test_totals_are_of_what_the_pages_show(world):
    """A count that includes what is hidden tells of it as surely as showing it."""
    for kind in {*main(world), *world.hidden[::20]}:
        for query in ("", "status=active", "status:not=nothing", "identifier:missing=true", "identifier:missing=false"):
            whole, path = world.whole.get(f"/{kind}?{query}&_summary=count"), f"/{kind}?{query}"
            if whole.status_code != 200 or world.reader.get(path).status_code == 403:
                continue
            listed = world.reader.ids(f"{path}&_count=1")
            assert not any("hidden-" in name for name in listed), path
            for counting in ("_summary=count", "_count=0", "_total=accurate"):
                assert world.reader.bundle(f"{path}&{counting}")["total"] == len(listed), path


def test_no_include_brings_a_hidden_record(world):
    brought = 0
    for kind in {*MAIN, *world.shown[::10]}:
        if world.reader.get(f"/{kind}?_count=0").status_code != 200:
            continue
        for name in ("searchInclude", "searchRevInclude"):
            stated = STATED[kind].get(name, [])
            for start in range(0, len(stated), INCLUDES_EACH):
                asked = "&".join(
                    f"_{name.removeprefix('search').lower()}={path}" for path in stated[start : start + INCLUDES_EACH]
                )
                path = f"/{kind}?{asked}&_count=1000"
                assert not shows_hidden(ask(world.reader, "get", path)), path
                if world.whole.person == world.reader.person:
                    own = ask(world.whole, "get", f"{path}&_id={shown_id(kind)}")
                    brought += shows_hidden(own)

    assert brought >= 3 or world.whole.person != world.reader.person


def test_no_chain_goes_through_a_hidden_record(world):
    """A chain that matches tells what the record in between says, even when that is never shown."""
    told = 0
    for kind in {*MAIN, *world.shown[::10]}:
        if world.reader.get(f"/{kind}?_count=0").status_code != 200:
            continue
        for target, code in _pointing(world, kind):
            path = f"/{kind}?{code}:{target}.identifier={WORD}-{target}"
            told += world.whole.person == world.reader.person and world.whole.get(path).json().get("total", 0)
            got, absent = world.reader.get(path), world.reader.get(path.replace(WORD, "Nothing"))
            assert said(got, WORD) == said(absent, "Nothing"), path
            backwards = f"/{target}?_has:{kind}:{code}:_id={shown_id(kind)}"
            assert not shows_hidden(world.reader.get(backwards)), backwards

    assert told >= 5 or world.whole.person != world.reader.person


def _pointing(world: worlds.World, kind: str) -> Iterator[tuple[str, str]]:
    """(hidden type, parameter) for the references by which a shown record of the type points at hidden ones."""
    resource = ask(world.reader, "get", f"/{kind}/{shown_id(kind)}").json()
    for code, parameter in spelling.search_parameters.for_type(kind).items():
        if parameter.type == "reference":
            for reference in spelling.extraction.references(parameter, resource):
                target = reference.partition("/")[0]
                if target in world.hidden:
                    yield target, code


def test_a_batch_shows_no_more_than_its_entries_alone(world):
    for kind in ("batch", "transaction"):
        for entry in ("{0}/{1}", "{0}/{1}/_history/1", "{0}?_id={1}", "{0}?_id={1}&_summary=count"):
            asked = _batch([entry.format(one, hidden_id(one)) for one in world.hidden[:3]], kind)
            absent = _batch([entry.format(one, absent_id(one)) for one in world.hidden[:3]], kind)
            got = ask(world.reader, "post", "/", asked)
            assert shows_hidden(ask(world.whole, "post", "/", asked)) or "count" in entry
            assert not shows_hidden(got)
            names = [name for one in world.hidden[:3] for name in (hidden_id(one), absent_id(one))]
            assert said(got, *names) == said(ask(world.reader, "post", "/", absent), *names), (kind, entry)


@pytest.mark.parametrize("condition", ["If-Match", "If-None-Match", "If-Modified-Since"])
def test_no_condition_tells_a_hidden_version(world, condition):
    value = "Fri, 02 Jan 2026 03:04:05 GMT" if condition == "If-Modified-Since" else 'W/"1"'
    for kind in world.hidden[:10]:
        for method in ("get", "put", "delete", "patch"):
            body = {**BODY, "resourceType": kind, "id": hidden_id(kind)} if method == "put" else None
            other = {**BODY, "resourceType": kind, "id": absent_id(kind)} if method == "put" else None
            got = ask(world.reader, method, f"/{kind}/{hidden_id(kind)}", body, **{condition: value})
            absent = ask(world.reader, method, f"/{kind}/{absent_id(kind)}", other, **{condition: value})
            assert said(got, hidden_id(kind)) == said(absent, absent_id(kind)), (method, kind)


def test_a_conditional_create_does_not_find_a_hidden_record(world):
    kind = "Observation"
    if kind not in world.hidden:
        pytest.skip("Observations are not what this world hides")
    resource = population.observation(world.reader.person.patient_id, "new", category="laboratory")
    del resource["id"]
    header = {"If-None-Exist": f"identifier={WORD}-{kind}"}

    got = ask(world.reader, "post", f"/{kind}", resource, **header)

    assert got.status_code in (201, 403)
    assert not shows_hidden(got)


# ---- consent that does not stand


@pytest.mark.parametrize("how", ["withdrawn", "paused", "replaced", "expired"])
def test_without_standing_consent_every_route_says_only_that(how, monkeypatch):
    world = worlds.labelled_sensitive()
    app, person = world.whole, world.whole.person
    assert shows_hidden(app.get(f"/Observation/{hidden_id('Observation')}"))

    if how == "withdrawn":
        ledger.withdraw(owner_id=person.id, grantee=app.application.client_id, actor=person, at=people.now())
    elif how == "paused":
        ledger.pause(owner_id=person.id, grantee=app.application.client_id, actor=person, at=people.now())
    elif how == "expired":
        later = people.now() + timedelta(days=400)
        monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    else:
        replace_decision(app)

    hidden = requests(("Observation",), hidden_id, person.patient_id)
    absent = requests(("Observation",), absent_id, person.patient_id)
    refused = 0
    for (method, path, body, name), (_, other, other_body, other_name) in zip(hidden, absent, strict=True):
        if path.startswith("/metadata"):
            continue
        got = ask(app, method, path, body)
        assert got.status_code >= 400 or b'"401 Unauthorized"' in content(got), (method, path)
        assert said(got, name) == said(ask(app, method, other, other_body), other_name)
        refused += got.status_code == 401
    assert refused > 20


def replace_decision(app: people.App) -> None:
    """She decides anew and gives less; the token still names the old decision."""
    decisions.grant(app.person, app.application, "patient/Condition.rs")


# ---- what stands between


def test_the_types_walked_are_all_that_are_stated():
    assert set(STATED) == catalogue.SERVED
    assert set(worlds._kinds()) | {"Patient", "Binary"} == catalogue.SERVED


def test_bulk_routes_are_shut_to_an_app_of_a_person():
    world = worlds.labelled_sensitive()

    for route in filter(is_for_services, routes.every()):
        path = route.path({group: VALUES[group][0] for group in route.groups})
        for method in route.methods:
            assert ask(world.whole, method, path).status_code in (401, 403), (method, path)
