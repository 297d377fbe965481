"""What an app adds, changes and removes: its own records only, checked to the last element, told and attributed."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection

from audit import events
from audit.models import Action, Outcome
from consent import contributions, ledger
from consent.terms import Terms
from fhirapi import catalogue
from records import planning
from records.query import Query
from standards.fhir import json, validation
from tests.fhirapi import people, population, writing
from tests.fhirapi.writing import LAB, VITALS, let_write, observation, path

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return people.with_observation()


@pytest.fixture
def app(person):
    return let_write(person)


# ---- create


@pytest.mark.spec("FHIR R4", "http.html#create", "201 with Location, ETag, Last-Modified; the id is the server's")
def test_create_answers_with_the_version_that_now_stands(app, person):
    answer = app.create(observation(person, id="mine"))

    made = answer.json()
    assert answer.status_code == 201
    assert made["id"] != "mine"
    assert answer["Location"].endswith(f"/fhir/r4{path(made)}/_history/1")
    assert answer["ETag"] == 'W/"1"'
    assert answer["Last-Modified"].endswith("GMT")
    assert made["meta"]["versionId"] == "1"
    assert app.get(path(made)).json() == made


@pytest.mark.spec("FHIR R4", "http.html#ops", "Prefer: return")
@pytest.mark.parametrize(
    ("prefer", "kind"),
    [
        ("return=minimal", None),
        ("return=representation", "Observation"),
        ("return=OperationOutcome", "OperationOutcome"),
    ],
)
def test_prefer_says_what_comes_back(app, person, prefer, kind):
    answer = app.create(observation(person), Prefer=prefer)

    assert answer.status_code == 201
    assert (answer.json()["resourceType"] if answer.content else None) == kind


def test_what_is_written_is_exact_to_the_digit(app, person):
    body = json.dumps(observation(person)).replace(b'"value":61', b'"value":61.500')
    made = app.send("POST", "/Observation", body).json()

    app.patch(path(made), [{"op": "replace", "path": "/status", "value": "amended"}])

    assert b'"value":61.500' in app.get(path(made)).content


def test_an_app_that_may_not_read_is_not_shown_what_it_wrote(person):
    blind = let_write(person, "patient/Observation.c")

    answer = blind.create(observation(person))

    assert answer.status_code == 201
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert answer.json()["issue"][0]["severity"] == "information"
    assert blind.get(answer["Location"].partition(people.BASE)[2].partition("/_history")[0]).status_code == 403


@pytest.mark.spec("FHIR R4", "http.html#ccreate", "If-None-Exist: none creates, one is found, several fail")
def test_if_none_exist(app, person):
    dated = observation(person, identifier=[{"system": "urn:x", "value": "1"}])
    first = app.create(dated, If_None_Exist="identifier=urn:x|1")
    again = app.create(dated, If_None_Exist="identifier=urn:x|1")
    app.created(dated)
    several = app.create(dated, If_None_Exist="Observation?identifier=urn:x|1")

    assert (first.status_code, again.status_code, several.status_code) == (201, 200, 412)
    assert again["Location"] == first["Location"]
    assert again["ETag"] == 'W/"1"'


@pytest.mark.parametrize("kind", contributions.ABOUT)
def test_what_is_there_already_is_looked_up_and_not_searched_through(person, kind):
    """``If-None-Exist`` by identifier opens no record, however many there are (docs/adr/0003-search-rows.md)."""
    query = Query.of(kind).where("identifier", "urn:x|1")

    made = planning.plan(query, owner_id=person.pk, patient_id=person.patient_id, blind_key=bytes(32))

    assert made.driver is not None
    assert made.tests == []


@pytest.mark.parametrize(
    "criteria",
    ["", "_count=1", "nothing=x", "status:odd=x", "\x01", "code=1&device.identifier=x", "_has:Provenance:target:_id=1"],
)
def test_if_none_exist_that_means_nothing_is_400(app, person, criteria):
    assert app.create(observation(person), If_None_Exist=criteria).status_code == 400


def test_if_none_exist_looks_only_where_the_app_may(person):
    """Without a search scope it finds its own records, and not that a hospital has such a one."""
    writer = let_write(person, "patient/Observation.c")
    code = population.observation(person.patient_id, "x")["code"]["coding"][0]["code"]
    searching = let_write(person)
    assert searching.create(observation(person), If_None_Exist=f"code={code}").status_code == 200

    first = writer.create(observation(person), If_None_Exist=f"code={code}")
    again = writer.create(observation(person), If_None_Exist="code=8867-4")

    assert (first.status_code, again.status_code) == (201, 200)
    assert again["Location"] == first["Location"]


def test_what_is_found_by_an_app_that_only_searches_is_named_and_not_shown(person):
    code = population.observation(person.patient_id, "x")["code"]["coding"][0]["code"]
    searching = let_write(person, "patient/Observation.cs")

    answer = searching.create(observation(person), If_None_Exist=f"code={code}")

    assert (answer.status_code, answer.json()["resourceType"]) == (200, "OperationOutcome")
    assert answer["Location"].endswith("/Observation/one/_history/1")


# ---- update, patch, delete


@pytest.mark.spec("FHIR R4", "http.html#update", "200 with the new version; If-Match of another version is 412")
def test_update_replaces_the_version_it_names(app, person):
    made = app.created(observation(person))

    stale = app.update({**made, "status": "amended"}, If_Match='W/"7"')
    fresh = app.update({**made, "status": "amended"}, If_Match='W/"1"')

    assert (stale.status_code, fresh.status_code) == (412, 200)
    assert (fresh["ETag"], fresh.json()["status"]) == ('W/"2"', "amended")
    assert app.get(f"{path(made)}/_history/1").json()["status"] == "final"


@pytest.mark.parametrize("tag", ['"1"', 'W/"1", W/"9"', "*"])
def test_if_match_in_other_spellings(app, person, tag):
    made = app.created(observation(person))

    assert app.update({**made, "status": "amended"}, If_Match=tag).status_code == 200


@pytest.mark.parametrize("tag", ["", "1", 'W/"x"', 'W/"' + "9" * 40 + '"'])
def test_if_match_that_is_no_tag_matches_nothing(app, person, tag):
    made = app.created(observation(person))

    assert app.update({**made, "status": "amended"}, If_Match=tag).status_code == 412


def test_an_update_that_says_the_same_leaves_the_version(app, person):
    made = app.created(observation(person))

    answer = app.update(made)

    assert (answer.status_code, answer["ETag"]) == (200, 'W/"1"')
    assert len(app.app.ids(f"/Provenance?target={path(made)[1:]}")) == 1


@pytest.mark.spec("FHIR R4", "http.html#upsert", "a server may refuse ids of the client's own with 405")
def test_update_as_create_is_refused(app, person):
    answer = app.update(observation(person, id="of-my-own"))

    assert answer.status_code == 405
    assert "ids are given here" in people.diagnostics(answer)


@pytest.mark.spec("FHIR R4", "http.html#patch", "JSON Patch, with If-Match")
def test_patch_changes_what_it_names(app, person):
    made = app.created(observation(person))
    patch = [{"op": "replace", "path": "/status", "value": "amended"}]

    assert app.patch(path(made), patch, If_Match='W/"2"').status_code == 412
    answer = app.patch(path(made), patch, If_Match='W/"1"')

    assert (answer.status_code, answer.json()["status"]) == (200, "amended")


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ({"op": "test", "path": "/status", "value": "amended"}, 422),
        ({"op": "replace", "path": "/id", "value": "other"}, 422),
        ({"op": "replace", "path": "/resourceType", "value": "Patient"}, 422),
        ({"op": "replace", "path": "", "value": {}}, 422),
        ({"op": "replace", "path": "/status", "value": "odd"}, 422),
        ({"op": "replace", "path": "/subject/reference", "value": "Patient/other"}, 422),
        ({"op": "remove", "path": "/subject"}, 422),
        ({"op": "fly", "path": "/status"}, 422),
    ],
)
def test_a_patch_that_spoils_the_resource_changes_nothing(app, person, operation, status):
    made = app.created(observation(person))

    assert app.patch(path(made), [operation]).status_code == status
    assert app.get(path(made)).json() == made


@pytest.mark.spec("FHIR R4", "http.html#delete", "204, and 204 again; then 410")
def test_delete_hides_the_record_once(app, person):
    made = app.created(observation(person))
    assert app.get(path(made)).status_code == 200

    assert [app.delete(path(made)).status_code for _ in range(2)] == [204, 204]
    assert app.get(path(made)).status_code == 410
    assert app.update(made).status_code == 410
    assert app.patch(path(made), []).status_code == 410
    assert app.app.ids(f"/Observation?_id={made['id']}") == []


def test_a_stale_delete_is_412(app, person):
    made = app.created(observation(person))

    assert app.delete(path(made), If_Match='W/"2"').status_code == 412
    assert app.get(path(made)).status_code == 200


# ---- whose it is


def test_an_app_never_touches_what_a_hospital_said(app, person):
    before = writing.of_hospitals(person)
    held = app.get("/Observation/one").json()

    answers = [
        app.update({**held, "status": "amended"}),
        app.patch("/Observation/one", [{"op": "replace", "path": "/status", "value": "amended"}]),
        app.delete("/Observation/one"),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert writing.of_hospitals(person) == before


def test_an_app_never_touches_what_another_app_wrote(app, person):
    made = app.created(observation(person))
    other = let_write(person)
    assert other.get(path(made)).status_code == 200

    assert other.update({**made, "status": "amended"}).status_code == 403
    assert other.delete(path(made)).status_code == 403
    assert app.get(path(made)).json() == made


def test_what_is_hidden_and_what_is_absent_answer_alike(person):
    """A record the app may not read: of another category, of another person, or none at all."""
    hers = people.sign_up()
    people.store_records(hers, [population.observation(hers.patient_id, "hers")])
    lab = let_write(person, f"patient/Observation.cruds?category={LAB}")
    people.store_records(person, [observation(person, VITALS, id="vital"), observation(person, LAB, id="lab")])
    assert lab.get("/Observation/lab").status_code == 200
    assert lab.get("/Observation/vital").status_code == 404

    for send in (
        lambda name: lab.update(observation(person, LAB, id=name)),
        lambda name: lab.update(observation(person, LAB, id=name), If_Match='W/"1"'),
        lambda name: lab.patch(f"/Observation/{name}", [{"op": "test", "path": "/status", "value": "final"}]),
        lambda name: lab.delete(f"/Observation/{name}"),
    ):
        answers = [send(name) for name in ("vital", "hers", "none")]
        assert len({(answer.status_code, answer.content) for answer in answers}) == 1
        assert answers[0].status_code in (404, 405)
        assert send("lab").status_code == 403


def test_two_people_with_the_same_app_write_into_their_own_records(person):
    other = people.sign_up()
    mine, theirs = let_write(person), let_write(other)
    made = mine.created(observation(person))

    assert theirs.update({**observation(other), "id": made["id"]}).status_code == 405
    assert theirs.delete(path(made)).status_code == 404
    assert theirs.create(observation(person)).status_code == 422
    assert mine.get(path(made)).json() == made


@pytest.mark.parametrize(
    "resource_type", ["Patient", "Provenance", "AuditEvent", "Consent", "Encounter", "MedicationRequest", "Binary"]
)
def test_what_a_person_cannot_tell_of_herself_is_not_written(app, person, resource_type):
    assert resource_type in catalogue.SERVED
    body = {"resourceType": resource_type, "id": person.patient_id}

    answers = [
        app.create(body),
        app.update(body),
        app.patch(f"/{resource_type}/{person.patient_id}", []),
        app.delete(f"/{resource_type}/{person.patient_id}"),
    ]

    assert [answer.status_code for answer in answers] == [405] * 4
    assert [answer["Allow"] for answer in answers] == ["GET, HEAD"] * 4


def test_every_type_that_apps_write_is_served_and_says_about_whom_it_is():
    assert contributions.ABOUT.keys() <= catalogue.SEARCHED
    for resource_type, element in contributions.ABOUT.items():
        body = {"resourceType": resource_type, element: {"reference": "Patient/1"}}
        assert not any(element in problem.path for problem in validation.problems(body))


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (("patient/Observation.c",), "c"),
        (("patient/Observation.cu",), "cu"),
        (("patient/Observation.d",), "d"),
        (("patient/Observation.write",), "cud"),
        (("patient/*.rs",), ""),
        (("patient/Condition.cud",), ""),
    ],
)
def test_each_letter_of_a_scope_allows_its_own_interaction(person, scopes, allowed):
    given = let_write(person, *scopes)

    answers = {
        "c": given.create(observation(person)),
        "u": given.update(observation(person, id="none")),
        "d": given.delete("/Observation/none"),
    }

    for letter, answer in answers.items():
        assert (answer.status_code != 403) is (letter in allowed), letter
        if letter not in allowed:
            assert f'scope="patient/Observation.{letter}"' in answer["WWW-Authenticate"]


@pytest.mark.spec("SMART App Launch", "scopes", "a category of a scope holds for writing too")
def test_a_category_of_the_scope_admits_only_such_resources(person):
    vitals = let_write(person, f"patient/Observation.cruds?category={VITALS}")
    made = vitals.created(observation(person, VITALS))

    assert vitals.create(observation(person, LAB)).status_code == 403
    assert vitals.update({**observation(person, LAB), "id": made["id"]}).status_code == 403
    assert vitals.patch(path(made), [{"op": "remove", "path": "/category"}]).status_code == 403
    assert vitals.get(path(made)).json() == made
    assert vitals.update({**made, "status": "amended"}).status_code == 200
    assert vitals.delete(path(made)).status_code == 204


def test_her_terms_are_about_reading_and_an_app_mends_its_own(person):
    narrow = let_write(person, terms=Terms(sources=frozenset()))
    answer = narrow.create(observation(person))
    where = answer["Location"].partition(people.BASE)[2].partition("/_history")[0]

    assert narrow.get(where).status_code == 404
    assert narrow.update(observation(person, id=where.rpartition("/")[2], status="amended")).status_code == 200
    assert narrow.delete(where).status_code == 204


def test_a_withdrawn_consent_ends_writing(app, person):
    made = app.created(observation(person))

    ledger.withdraw(owner_id=person.id, grantee=app.app.application.client_id, actor=person, at=people.now())

    assert app.create(observation(person)).status_code == 401
    assert app.delete(path(made)).status_code == 401


# ---- what is wrong with it


@pytest.mark.spec("FHIR R4", "validation", "every problem at once, each with its place")
def test_a_bad_resource_is_told_everything_that_is_wrong(app):
    answer = app.send("POST", "/Observation", {"resourceType": "Observation", "status": "odd", "issued": "x"})

    assert answer.status_code == 422
    places = {issue["expression"][0] for issue in answer.json()["issue"]}
    assert places == {"Observation.code", "Observation.status", "Observation.issued"}


def test_a_resource_about_nobody_is_told_which_element_is_missing(app, person):
    for about in (None, {}, {"display": "me"}, {"reference": "Group/1"}, {"reference": "#p"}, "x"):
        body = observation(person)
        body.pop("subject")
        answer = app.create(body if about is None else {**body, "subject": about})

        assert answer.status_code == 422
        assert any(issue["expression"][0].startswith("Observation.subject") for issue in answer.json()["issue"])


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"subject": {"reference": "Patient/somebody-else"}},
        {"subject": {"reference": "https://other.example/fhir/Patient/1"}},
        {"subject": {"reference": "Patient?name=Ana"}},
        {"performer": [{"reference": "Patient/somebody-else"}]},
        {"performer": [{"reference": "Practitioner?identifier=1"}]},
        {"derivedFrom": [{"reference": "urn:uuid:0c0a6a1e-8f0e-4f0b-b0a4-6f1f3c52a001"}]},
        {"contained": [{"resourceType": "Patient", "id": "p"}]},
        {"note": [{"text": "a\x00b"}]},
        {"meta": {"security": [{"system": "https://x.example/access", "code": "staff"}]}},
        {"meta": {"security": [{"code": "N"}]}},
        {"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode"}]}},
    ],
)
def test_what_may_not_be_kept_is_refused_with_its_place(app, person, elsewhere):
    answer = app.create({**observation(person), **elsewhere})

    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"][0].startswith(f"Observation.{next(iter(elsewhere))}")
    assert "somebody-else" not in answer.content.decode()


def test_the_person_may_be_named_by_our_own_address_and_is_kept_relative(app, person, settings):
    subject = {"reference": f"{settings.FHIR_BASE}/Patient/{person.patient_id}"}

    made = app.created({**observation(person), "subject": subject})

    assert made["subject"] == {"reference": f"Patient/{person.patient_id}"}


def test_meta_is_kept_but_for_what_is_ours(app, person):
    said = {"versionId": "9", "lastUpdated": "2000-01-01T00:00:00Z", "source": "urn:watch", "tag": [{"code": "home"}]}

    meta = app.created({**observation(person), "meta": said})["meta"]

    assert (meta["versionId"], meta["source"], meta["tag"]) == ("1", "urn:watch", [{"code": "home"}])
    assert meta["lastUpdated"] > "2026"


@pytest.mark.spec("PEERS", "5 (g)", "an app cannot lower a sensitivity that was stated")
def test_sensitivity_once_stated_stays(app, person):
    secret = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}
    answer = app.create({**observation(person), "meta": {"security": [secret]}})
    where = answer["Location"].partition(people.BASE)[2].partition("/_history")[0]
    assert app.get(where).status_code == 404  # withheld, from the app that wrote it too
    normal = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}

    for meta in ({}, {"meta": {"security": [normal]}}):
        body = {**observation(person, id=where.rpartition("/")[2], status="amended"), **meta}
        assert app.update(body).status_code == 200
        assert app.get(where).status_code == 404
    assert app.app.ids(f"/Provenance?target={where[1:]}") == []


def test_a_large_attachment_follows_its_document(app, person):
    data = base64.b64encode(b"x" * 100_000).decode()
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": f"Patient/{person.patient_id}"},
        "content": [{"attachment": {"contentType": "text/plain", "data": data}}],
    }
    made = app.created(document)
    binary = "/" + made["content"][0]["attachment"]["url"]
    assert app.get(binary).status_code == 200

    secret = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}
    assert app.update({**made, "meta": {"security": [secret]}}).status_code == 200
    assert app.get(binary).status_code == 404
    other = app.created(document)
    file = "/" + other["content"][0]["attachment"]["url"]
    assert app.get(file).status_code == 200
    assert app.delete(path(other)).status_code == 204
    assert app.get(file).status_code == 410


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", writing.FHIR, 400),
        (b" ", writing.FHIR, 400),
        (b"[]", writing.FHIR, 400),
        (b"null", writing.FHIR, 400),
        (b'{"resourceType":"Condition"}', writing.FHIR, 400),
        (b'{"resourceType":"Observation","resourceType":"Observation"}', writing.FHIR, 400),
        (b'{"a":NaN}', writing.FHIR, 400),
        (b'"\\ud800"', writing.FHIR, 400),
        (b"\xff\xfe", writing.FHIR, 400),
        (b"{}", "text/plain", 415),
        (b"{}", "application/fhir+xml", 415),
        (b"{}", writing.PATCH, 415),
        (b"{}", "application/fhir+json; charset=utf-16", 415),
        (b"{}", "application/fhir+json; fhirVersion=3.0", 415),
    ],
)
def test_a_body_that_cannot_be_read(app, body, kind, status):
    answer = app.send("POST", "/Observation", body, kind=kind)

    assert answer.status_code == status
    assert people.diagnostics(answer)


def test_a_body_of_another_id_or_an_unknown_type(app, person):
    made = app.created(observation(person))

    assert app.send("PUT", path(made), observation(person, id="other")).status_code == 400
    assert app.send("PUT", path(made), observation(person)).status_code == 400
    assert app.send("POST", "/Nothing", {"resourceType": "Nothing"}).status_code == 404
    assert app.send("PATCH", path(made), b"[]", kind=writing.FHIR).status_code == 415


def test_a_body_larger_than_the_settings_is_413(app, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    assert app.send("POST", "/Observation", b"{" + b" " * 1000 + b"}").status_code == 413


# ---- who wrote it, and that she is told


@pytest.mark.spec("FHIR R4", "provenance.html", "each version an app wrote has its Provenance")
def test_every_version_has_its_provenance(app, person):
    made = app.created(observation(person))
    app.update({**made, "status": "amended"})

    bundle = app.app.bundle(f"/Observation?_id={made['id']}&_revinclude=Provenance:target")
    found = [one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Provenance"]

    assert {one["target"][0]["reference"] for one in found} == {f"{path(made)[1:]}/_history/{n}" for n in (1, 2)}
    for one in found:
        assert validation.problems(one) == []
        agent = one["agent"][0]
        assert agent["who"]["display"] == app.app.application.name
        assert agent["who"]["identifier"]["value"] == f"urn:tributary:app:{app.app.application.client_id}"
        assert agent["onBehalfOf"]["reference"] == f"Patient/{person.patient_id}"


def test_every_change_is_one_event_under_its_decision(app, person):
    made = app.created(observation(person))
    app.update({**made, "status": "amended"})
    app.delete(path(made))
    app.create({"resourceType": "Observation"})

    told = list(events.of(person.id, 4))

    assert [event.action for event in told] == [Action.CREATE, Action.DELETE, Action.UPDATE, Action.CREATE]
    assert [event.outcome for event in told] == [Outcome.REFUSED, *[Outcome.SUCCESS] * 3]
    assert {event.consent_id for event in told} == {app.app.decision.pk}
    assert told[3].detail == {"records": 1, "types": {"Observation": 1}, "record": path(made)[1:]}


def test_nothing_is_written_when_the_access_log_cannot_be(app, person, monkeypatch):
    before = app.app.bundle("/Observation?_summary=count")["total"]

    def fail(**_):
        raise OperationalError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(events, "append", fail)
        assert app.create(observation(person)).status_code == 503

    assert app.app.bundle("/Observation?_summary=count")["total"] == before


def test_her_pages_say_which_app_added_a_record(app, person, client):
    app.created(observation(person))
    client.force_login(person)

    page = client.get("/records/vital-signs/")

    assert page.status_code == 200
    assert app.app.application.name in page.content.decode()


# ---- at the same time


def _at_once(work, times):
    def one(number):
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.spec("FHIR R4", "http.html#concurrency", "of eight updates of one version, one wins")
def test_of_eight_updates_of_one_version_one_wins(app, person):
    made = app.created(observation(person))
    unit = {"unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"}

    answers = _at_once(
        lambda n: app.update({**made, "valueQuantity": {"value": n, **unit}}, If_Match='W/"1"').status_code, 8
    )

    assert sorted(answers) == [200] + [412] * 7
    assert app.get(path(made))["ETag"] == 'W/"2"'


@pytest.mark.django_db(transaction=True)
def test_of_eight_conditional_creates_one_creates(app, person):
    dated = observation(person, identifier=[{"system": "urn:x", "value": "1"}])

    answers = _at_once(lambda _: app.create(dated, If_None_Exist="identifier=urn:x|1").status_code, 8)

    assert sorted(answers) == [200] * 7 + [201]


@pytest.mark.django_db(transaction=True)
def test_eight_creates_at_once_are_eight_records(app, person):
    answers = _at_once(lambda _: app.create(observation(person)).json()["id"], 8)

    assert len(set(answers)) == 8
    assert app.app.bundle("/Observation?_summary=count")["total"] == 9
