"""Bulk export, clause by clause (Bulk Data Access 3.0.0): two services, people who let them have different things."""

from __future__ import annotations

import base64
import json
import logging
import uuid
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from audit import chains, events
from consent.terms import Terms
from fhirapi.bulk import exports, runs
from fhirapi.models import Export, ExportPart, ExportPiece, ExportState
from records import keys, labels, sources
from records.models import OwnerKey, Record, SourceKind
from tests.fhirapi import backends, people, population
from tests.fhirapi.backends import Service

pytestmark = pytest.mark.django_db
LAB = f"{population.OBSERVATION_CATEGORY}|laboratory"
BULK = "Bulk Data Access 3.0.0"


class Scene:
    """Three people: she gave all, he only laboratory results, they only visits; a second service has only hers."""

    def __init__(self) -> None:
        self.service, self.other = Service.register(), Service.register()
        self.she, self.he, self.they = (self.person(name) for name in ("she", "he", "they"))
        backends.let_in(self.she, self.service, "patient/*.rs", "offline_access")
        backends.let_in(self.he, self.service, f"patient/Observation.rs?category={LAB}")
        backends.let_in(self.they, self.service, "patient/Encounter.rs")
        backends.let_in(self.she, self.other, "patient/Condition.rs")

    def person(self, name: str) -> Person:
        person = people.sign_up()
        people.store_records(person, population.resources(person.patient_id, f"{name}-"))
        return person


@pytest.fixture
def scene() -> Scene:
    return Scene()


def ids(found: dict[str, list[dict[str, Any]]]) -> set[str]:
    return {f"{kind}/{one['id']}" for kind, resources in found.items() for one in resources}


def outcome(answer: Any) -> dict[str, Any]:
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    return dict(body["issue"][0])


# --- who gets what ---------------------------------------------------------------------------------------------------


def test_each_person_gives_what_she_granted_and_nothing_else(scene):
    found = scene.service.export()

    whole = {one["id"] for one in population.resources(scene.she.patient_id, "she-")}
    hers = {one for one in ids(found) if one.partition("/")[2] in whole}
    assert len(hers) == len(whole)
    his = {one for one in ids(found) if "/he-" in one}
    assert his == {
        f"Observation/{one['id']}"
        for one in population.resources("x", "he-")
        if one["resourceType"] == "Observation" and LAB.partition("|")[2] in json.dumps(one["category"])
    }
    assert len(his) == 17
    theirs = ids(found) - hers - his
    assert theirs == {f"Encounter/they-enc-{number}" for number in (1, 2, 3)}


def test_lines_are_the_resources_as_the_api_serves_them(scene):
    found = scene.service.export("/Patient/$export?_type=Condition")

    app = people.let_in(scene.she, "patient/Condition.rs")
    assert found == {"Condition": [app.get(f"/Condition/she-con-{number}").json() for number in (1, 2, 3, 4)]}


def test_the_other_service_gets_only_what_it_was_granted(scene):
    assert set(scene.other.export()) == {"Condition"}


def test_the_scopes_of_the_token_narrow_what_she_granted(scene):
    scene.service.scope = f"system/Observation.rs?category={population.OBSERVATION_CATEGORY}|vital-signs"

    found = scene.service.export()

    assert set(found) == {"Observation"}
    categories = [json.dumps(one["category"]) for one in found["Observation"]]
    assert categories
    assert all("vital-signs" in one for one in categories)
    # His consent says laboratory, the token says vital signs: only what is both at once is his to give.
    assert [one["id"] for one in found["Observation"] if one["id"].startswith("he-")] == ["he-obs-3"]


def test_reading_without_searching_is_no_export(scene):
    service = Service.register("system/Condition.r", "system/Encounter.rs", "patient/*.rs")
    backends.let_in(scene.she, service, "patient/*.rs")
    service.scope = "system/Condition.r system/Encounter.rs"

    assert set(service.export()) == {"Encounter"}


def test_terms_hold_as_everywhere(scene):
    other = sources.ensure(SourceKind.EHR, "Other", "https://other.example/fhir")
    backends.let_in(scene.they, scene.service, "patient/*.rs", terms=Terms(sources=frozenset({other.id})))
    window = int(datetime(2020, 6, 1, tzinfo=UTC).timestamp() * 1_000_000)
    backends.let_in(scene.he, scene.service, "patient/Encounter.rs", terms=Terms(since=window))
    backends.withdraw(scene.she, scene.service)

    assert ids(scene.service.export()) == {"Encounter/he-enc-3"}


def test_sensitive_records_stay_unless_she_included_them(scene):
    sensitive = {
        "resourceType": "Condition",
        "id": "hidden",
        "meta": {"security": [{"system": labels.ACT_CODE, "code": "HIV"}]},
        "code": population.concept((population.SNOMED, "86406008")),
        "subject": {"reference": f"Patient/{scene.they.patient_id}"},
    }
    people.store_records(scene.they, [sensitive])
    backends.let_in(scene.they, scene.service, "patient/Condition.rs", terms=Terms(labels=frozenset({"HIV"})))
    assert "Condition/hidden" in ids(scene.service.export())

    backends.let_in(scene.they, scene.service, "patient/Condition.rs")

    assert "Condition/hidden" not in ids(scene.service.export())


def test_a_grant_that_ended_gives_nothing(scene):
    backends.let_in(scene.he, scene.service, "patient/Encounter.rs", ends=timezone.now() + timedelta(hours=1))
    assert "Encounter/he-enc-1" in ids(scene.service.export("/$export?_type=Encounter"))

    decided = timezone.now() - timedelta(hours=2)
    backends.let_in(
        scene.he, scene.service, "patient/Encounter.rs", "offline_access", at=decided, ends=decided + timedelta(hours=1)
    )

    assert "Encounter/he-enc-1" not in ids(scene.service.export("/$export?_type=Encounter"))


def test_without_lasting_access_a_grant_is_good_for_an_hour(scene):
    """The consent page says so beside the box; a service that comes back by itself is told the same."""
    decided = timezone.now() - timedelta(minutes=61)
    backends.let_in(scene.he, scene.service, "patient/Encounter.rs", "offline_access", at=decided)
    assert "Encounter/he-enc-1" in ids(scene.service.export("/$export?_type=Encounter"))

    backends.let_in(scene.he, scene.service, "patient/Encounter.rs", at=decided)

    assert "Encounter/he-enc-1" not in ids(scene.service.export("/$export?_type=Encounter"))


def test_a_closed_account_gives_nothing(scene):
    scene.they.is_active = False
    scene.they.save(update_fields=["is_active"])

    assert not [one for one in ids(scene.service.export()) if "they-" in one]


# --- consent that ends meanwhile -------------------------------------------------------------------------------------


def test_whoever_withdraws_before_the_worker_comes_is_not_in_it(scene):
    address = scene.service.begin()
    backends.withdraw(scene.she, scene.service)

    runs.perform(backends.of(address).pk)

    found = ids(scene.service.everything(address))
    assert not [one for one in found if "she-" in one or scene.she.patient_id in one]
    assert "Encounter/they-enc-1" in found


def test_whoever_withdraws_while_it_runs_is_not_in_it(scene, monkeypatch):
    monkeypatch.setattr(runs, "RECORDS_AT_ONCE", 5)
    kept, done = runs._keep, []

    def keep_and_withdraw(claim, part, lines, upto):
        kept(claim, part, lines, upto)
        done.append(part)
        if part.owner_id == scene.she.pk and part.resource_type == "Observation" and len(done) > 3:
            monkeypatch.setattr(runs, "_keep", kept)
            backends.withdraw(scene.she, scene.service)

    monkeypatch.setattr(runs, "_keep", keep_and_withdraw)

    address = scene.service.complete()

    hers = ExportPart.objects.filter(owner=scene.she)
    assert hers.filter(state="withdrawn").exists()
    assert hers.filter(state="complete", lines__gt=0).exists()
    assert not [one for one in ids(scene.service.everything(address)) if "she-" in one]
    told = scene.service.manifest(address)["error"]
    assert [(one["type"], one["count"]) for one in told] == [("OperationOutcome", 1)]
    (said,) = backends.lines(scene.service.fetch(told[0]["url"]), 1)
    assert said["issue"][0]["diagnostics"].startswith("1 people ended or changed their consent")


@pytest.mark.parametrize("change", ["withdraw", "narrow"])
def test_whoever_withdraws_before_the_download_keeps_her_lines(scene, change):
    address = scene.service.complete("/$export?_type=Encounter")
    url = scene.service.manifest(address)["output"][0]["url"]
    assert len(backends.lines(scene.service.fetch(url), 6)) == 6

    if change == "withdraw":
        backends.withdraw(scene.she, scene.service)
    else:
        backends.let_in(scene.she, scene.service, "patient/Encounter.rs")

    assert [one["id"] for one in backends.lines(scene.service.fetch(url), 3)] == [
        f"they-enc-{number}" for number in (1, 2, 3)
    ]
    manifest = scene.service.manifest(address)
    assert [one["count"] for one in manifest["output"]] == [3]
    assert len(manifest["error"]) == 1


def test_whoever_withdraws_while_the_file_streams_ends_her_lines_there(scene, monkeypatch):
    monkeypatch.setattr(runs, "RECORDS_AT_ONCE", 10)
    address = scene.service.complete("/$export?_type=Observation")
    url = scene.service.manifest(address)["output"][0]["url"]
    stream = iter(scene.service.fetch(url).streaming_content)
    first = next(stream)
    assert first.count(b"\n") == 10

    backends.withdraw(scene.she, scene.service)

    assert b"she-" not in b"".join(stream)


def test_whoever_was_erased_is_gone_from_the_files(scene):
    address = scene.service.complete("/$export?_type=Encounter")
    url = scene.service.manifest(address)["output"][0]["url"]

    OwnerKey.unguarded.filter(owner=scene.she).delete()
    keys.forget(scene.she.pk)

    assert b"she-" not in b"".join(scene.service.fetch(url).streaming_content)


# --- kick-off --------------------------------------------------------------------------------------------------------


@pytest.mark.spec(BULK, "kick-off", "202, Content-Location absolute, empty body")
@pytest.mark.parametrize("path", ["/$export", "/Patient/$export", "/Group/{group}/$export"])
def test_kick_off_answers_202_with_the_status_address(scene, path):
    path = path.format(group=scene.service.application.uid)

    answer = scene.service.kick_off(path)

    assert (answer.status_code, answer.content) == (202, b"")
    assert answer["Content-Location"].startswith(f"{settings.FHIR_BASE}/_export/")
    runs.perform(backends.of(answer["Content-Location"]).pk)
    found = scene.service.everything(answer["Content-Location"])
    assert {"Patient", "Observation", "Encounter", "Practitioner"} <= set(found)


@pytest.mark.spec(BULK, "kick-off", "POST with a Parameters body equals GET")
def test_post_takes_a_parameters_body(scene):
    answer = scene.service.post("/Patient/$export", ("_type", "Encounter"), ("_outputFormat", "ndjson"))

    assert answer.status_code == 202, answer.content
    assert backends.of(answer["Content-Location"]).types == ["Encounter"]


def test_post_names_patients_that_are_the_services_own(scene):
    hers, stranger = {"reference": f"Patient/{scene.they.patient_id}"}, people.with_record()

    answer = scene.service.post("/Patient/$export", ("patient", hers))
    runs.perform(backends.of(answer["Content-Location"]).pk)

    assert set(scene.service.everything(answer["Content-Location"])) == {"Encounter"}
    refused = [
        scene.service.post("/Patient/$export", ("patient", {"reference": f"Patient/{named}"}))
        for named in (stranger.patient_id, "nobody")
    ]
    assert [one.status_code for one in refused] == [400, 400]
    assert refused[0].content == refused[1].content
    assert scene.service.post("/$export", ("patient", hers)).status_code == 400
    assert scene.service.kick_off(f"/Patient/$export?patient=Patient/{scene.they.patient_id}").status_code == 400


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '{"resourceType": "Patient"}', '{"resourceType": "Parameters", "parameter": 3}']
)
def test_a_body_that_is_no_parameters_is_refused(scene, body):
    answer = scene.service.http.post(
        f"{people.BASE}/$export", body, content_type="application/fhir+json", headers=scene.service.headers()
    )

    assert answer.status_code == (202 if body == "" else 400)


@pytest.mark.spec(BULK, "kick-off", "no token: 401")
@pytest.mark.parametrize("path", ["/$export", "/Patient/$export", "/Group/x/$export", f"/_export/{uuid.UUID(int=0)}"])
def test_without_a_token_nothing_is_answered(path):
    answer = Client().get(people.BASE + path)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert outcome(answer)["code"] == "login"


def test_a_persons_token_is_no_token_of_a_service(scene):
    app = people.let_in(scene.she, "patient/*.rs")

    assert app.get("/Patient").status_code == 200
    answer = app.get("/$export")
    assert (answer.status_code, outcome(answer)["code"]) == (403, "forbidden")


@pytest.mark.spec(BULK, "kick-off", "unknown group: 404")
def test_another_services_group_is_no_group(scene):
    for group in (scene.other.application.uid, uuid.uuid4(), "x"):
        answer = scene.service.kick_off(f"/Group/{group}/$export")
        assert (answer.status_code, outcome(answer)["code"]) == (404, "not-found")


@pytest.mark.spec(BULK, "kick-off", "_outputFormat in its three spellings, others refused")
@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("application/fhir%2Bndjson", 202),
        ("application/fhir+ndjson", 202),
        ("application/ndjson", 202),
        ("ndjson", 202),
        ("application/xml", 400),
        ("", 400),
    ],
)
def test_output_format(scene, given, status):
    answer = scene.service.kick_off(f"/$export?_outputFormat={given}")

    assert answer.status_code == status
    if status == 400:
        assert outcome(answer)["expression"] == ["http._outputFormat"]


@pytest.mark.parametrize(
    "since", ["2020", "2020-01-01", "2020-01-01T00:00:00", "2020-13-01T00:00:00Z", "yesterday", ""]
)
def test_a_malformed_since_is_refused(scene, since):
    answer = scene.service.kick_off(f"/$export?_since={since}")

    assert (answer.status_code, outcome(answer)["expression"]) == (400, ["http._since"])


@pytest.mark.spec(BULK, "kick-off", "an unsupported parameter is an error, unless handling=lenient")
@pytest.mark.parametrize(
    "parameter",
    ["_elements=id", "_until=2030-01-01T00:00:00Z", "includeAssociatedData=x", "organizeOutputBy=Patient", "foo=bar"],
)
def test_unsupported_parameters(scene, parameter):
    refused = scene.service.kick_off(f"/$export?{parameter}")
    assert (refused.status_code, outcome(refused)["code"]) == (400, "not-supported")
    assert outcome(refused)["expression"] == [f"http.{parameter.partition('=')[0]}"]

    assert scene.service.kick_off(f"/$export?{parameter}", Prefer="respond-async, handling=lenient").status_code == 202


@pytest.mark.spec(BULK, "kick-off", "_type outside the token's scope is an error")
def test_types(scene):
    service = Service.register("system/Observation.rs", "patient/*.rs")
    service.scope = "system/Observation.rs"

    assert service.kick_off("/$export?_type=Observation").status_code == 202
    assert service.kick_off("/$export?_type=Observation,Condition").status_code == 403
    for unknown in ("Nonsense", "Binary", "Observation,", "OperationOutcome"):
        assert service.kick_off(f"/$export?_type={unknown}").status_code == 400
    found = scene.service.export("/$export?_type=Condition,Encounter&_type=Immunization")
    assert set(found) == {"Condition", "Encounter", "Immunization"}


@pytest.mark.spec(BULK, "kick-off", "_typeFilter: searches of one type are alternatives")
def test_type_filters(scene):
    backends.withdraw(scene.they, scene.service)
    query = (
        "/$export?_type=Observation,Condition,Encounter"
        "&_typeFilter=Observation%3Fcategory%3Dlaboratory%26status%3Dfinal,amended,Observation%3Fstatus%3Dentered-in-error"
        "&_typeFilter=Condition%3Fclinical-status%3Dactive%26onset-date%3Dge2020"
    )

    found = scene.service.export(query)

    app = people.let_in(scene.she, "patient/*.rs")
    expected = set(app.ids("/Observation?category=laboratory&status=final,amended"))
    expected |= set(app.ids("/Observation?status=entered-in-error"))
    hers = {one for one in ids(found) if "/she-" in one}
    assert {one for one in hers if one.startswith("Observation/")} == expected
    assert {one for one in hers if one.startswith("Condition/")} == set(
        app.ids("/Condition?clinical-status=active&onset-date=ge2020")
    )
    assert len(found["Encounter"]) == 3
    assert len(expected) > 20


@pytest.mark.parametrize(
    "given",
    [
        "Observation",
        "Nonsense?x=y",
        "Observation?nonsense=1",
        "Observation?date=soon",
        "Observation?_count=5",
        "Observation?_include=Observation:subject",
        "Observation?_cursor=x",
        "Observation?_has:Provenance:target:recorded=2020",
        "Encounter?status=finished&_type=x",
    ],
)
def test_a_type_filter_that_cannot_be_kept_is_refused_always(scene, given):
    query = "/$export?_typeFilter=" + given.replace("&", "%26").replace("=", "%3D")

    assert scene.service.kick_off(query, Prefer="handling=lenient").status_code == 400


def test_a_type_filter_of_a_type_left_out_is_refused(scene):
    assert scene.service.kick_off("/$export?_type=Condition&_typeFilter=Encounter%3Fstatus%3Dx").status_code == 400


def test_no_more_than_five_at_once(scene):
    for _ in range(exports.AT_ONCE):
        assert scene.service.kick_off().status_code == 202

    answer = scene.service.kick_off()

    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert scene.other.kick_off().status_code == 202


def test_no_more_than_fifty_are_kept(scene, monkeypatch):
    monkeypatch.setattr(exports, "HELD", 2)
    first, _ = (scene.service.complete("/$export?_type=Goal") for _ in range(2))
    assert scene.service.kick_off().status_code == 429

    scene.service.cancel(first)

    assert scene.service.kick_off().status_code == 202


# --- status ----------------------------------------------------------------------------------------------------------


@pytest.mark.spec(BULK, "status", "202 with X-Progress and Retry-After while it runs; 429 when asked too often")
def test_status_while_it_waits_and_runs(scene):
    address = scene.service.begin()

    answer = scene.service.status(address)

    assert (answer.status_code, answer.content) == (202, b"")
    assert 0 < len(answer["X-Progress"]) < 100
    assert int(answer["Retry-After"]) > 0
    early = scene.service.status(address)
    assert (early.status_code, outcome(early)["code"]) == (429, "throttled")
    assert int(early["Retry-After"]) > 0
    Export.objects.update(polled=timezone.now() - timedelta(seconds=1))
    assert scene.service.status(address).status_code == 202


@pytest.mark.spec(BULK, "status", "200 application/json, Expires, and the five keys of the manifest")
def test_the_manifest(scene):
    before = timezone.now()
    address = scene.service.complete("/Patient/$export?_type=Encounter,Condition")

    answer = scene.service.status(address)

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert parsedate_to_datetime(answer["Expires"]) > timezone.now() + timedelta(hours=23)
    told = answer.json()
    assert set(told) == {"transactionTime", "request", "requiresAccessToken", "output", "deleted", "error"}
    assert told["request"] == f"{settings.FHIR_BASE}/Patient/$export?_type=Encounter,Condition"
    assert told["requiresAccessToken"] is True
    assert abs(datetime.fromisoformat(told["transactionTime"]) - before) < timedelta(seconds=30)
    assert [(one["type"], one["count"]) for one in told["output"]] == [("Condition", 4), ("Encounter", 6)]
    assert all(one["url"].startswith(f"{settings.FHIR_BASE}/_export/") for one in told["output"])
    assert (told["deleted"], told["error"]) == ([], [])


@pytest.mark.spec(BULK, "status", "an export of nothing is complete, with an empty output")
def test_an_export_of_nothing_is_a_valid_manifest(scene):
    empty = Service.register()

    told = empty.manifest(empty.complete())
    nothing = scene.service.manifest(scene.service.complete("/$export?_type=Goal"))

    for one in (told, nothing):
        assert (one["output"], one["deleted"], one["error"]) == ([], [], [])
        assert one["requiresAccessToken"] is True


@pytest.mark.spec(BULK, "delete", "202; afterwards 404 with an OperationOutcome")
@pytest.mark.parametrize("finished", [False, True])
def test_an_export_is_cancelled(scene, finished):
    address = scene.service.complete() if finished else scene.service.begin()
    url = scene.service.manifest(address)["output"][0]["url"] if finished else f"{address}/Encounter.ndjson"
    export = backends.of(address)

    assert scene.service.cancel(address).status_code == 202

    for answer in (scene.service.status(address), scene.service.fetch(url), scene.service.cancel(address)):
        assert (answer.status_code, outcome(answer)["code"]) == (404, "not-found")
    runs.perform(export.pk)
    exports.sweep(at=timezone.now())
    assert files_of(export) == []
    assert Export.objects.get(pk=export.pk).state == ExportState.CANCELLED


def files_of(export: Export) -> list[str]:
    try:
        return storages["exports"].listdir(str(export.uid))[1]
    except FileNotFoundError:
        return []


def test_an_export_that_cannot_be_made_says_so(scene, caplog):
    address = scene.service.begin()
    Export.objects.update(attempts=runs.MAX_ATTEMPTS)
    runs.perform(backends.of(address).pk)

    with caplog.at_level(logging.CRITICAL):
        answer = scene.service.status(address)

    assert (answer.status_code, outcome(answer)["code"]) == (500, "exception")
    assert scene.service.cancel(address).status_code == 202


def test_expired_files_are_gone_and_swept(scene):
    address = scene.service.complete()
    export, url = backends.of(address), scene.service.manifest(address)["output"][0]["url"]
    assert len(files_of(export)) == ExportPiece.objects.count() > 10
    assert scene.service.fetch(url).status_code == 200
    exports.sweep(at=timezone.now())
    assert len(files_of(export)) > 10

    Export.objects.update(expires=timezone.now())

    assert scene.service.status(address).status_code == 404
    assert scene.service.fetch(url).status_code == 404
    exports.sweep(at=timezone.now())
    assert files_of(export) == []
    exports.sweep(at=timezone.now() + exports.KEPT)
    assert (Export.objects.count(), ExportPart.objects.count(), ExportPiece.objects.count()) == (0, 0, 0)


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.spec(BULK, "files", "application/fhir+ndjson, one resource a line, one type a file")
def test_files(scene):
    address = scene.service.complete()

    for one in scene.service.manifest(address)["output"]:
        answer = scene.service.fetch(one["url"])
        assert answer["Content-Type"] == "application/fhir+ndjson"
        assert answer["Cache-Control"] == "no-store"
        found = backends.lines(answer, one["count"])
        assert {resource["resourceType"] for resource in found} == {one["type"]}
        assert len({resource["id"] for resource in found}) == len(found)


@pytest.mark.spec(BULK, "files", "gzip by Accept-Encoding")
@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("gzip;q=0", False), ("identity", False), ("*", False)],
)
def test_gzip(scene, accepted, zipped):
    address = scene.service.complete("/$export?_type=Observation")
    (one,) = scene.service.manifest(address)["output"]
    plain = backends.lines(scene.service.fetch(one["url"]), one["count"])

    answer = scene.service.fetch(one["url"], **{"Accept-Encoding": accepted})

    assert answer.headers.get("Content-Encoding") == ("gzip" if zipped else None)
    assert "Accept-Encoding" in answer["Vary"]
    assert backends.lines(answer, one["count"]) == plain


@pytest.mark.spec(BULK, "files", "requiresAccessToken: no token, no file; another client's token neither")
def test_files_and_status_are_for_the_client_that_asked(scene):
    address = scene.service.complete()
    url = scene.service.manifest(address)["output"][0]["url"]
    assert scene.service.fetch(url).status_code == 200

    assert Client().get(backends._path(url)).status_code == 401
    for answer in (scene.other.fetch(url), scene.other.status(address), scene.other.cancel(address)):
        assert (answer.status_code, outcome(answer)["code"]) == (404, "not-found")
    assert scene.service.fetch(url).status_code == 200
    assert people.let_in(scene.she, "patient/*.rs").get(backends._path(url)[len(people.BASE) :]).status_code == 403


def test_a_narrower_token_fetches_only_what_it_could_have_ordered(scene):
    address = scene.service.complete("/$export?_type=Observation,Condition")
    urls = {one["type"]: one["url"] for one in scene.service.manifest(address)["output"]}

    assert scene.service.fetch(urls["Observation"], scope="system/*.rs").status_code == 200
    for narrow in ("system/Condition.rs", f"system/Observation.rs?category={LAB}"):
        assert scene.service.fetch(urls["Observation"], scope=narrow).status_code == 403


@pytest.mark.parametrize("name", ["Patient", "Nonsense", "deleted", "errors", "Observation-1"])
def test_a_file_the_manifest_does_not_name_is_not_there(scene, name):
    address = scene.service.complete("/$export?_type=Observation")

    assert scene.service.fetch(f"{address}/{name}.ndjson").status_code == 404


def test_a_large_attachment_travels_inside_its_document(scene):
    data = base64.b64encode(b"%PDF" + bytes(range(256)) * 400).decode()
    document = {
        "resourceType": "DocumentReference",
        "id": "letter",
        "status": "current",
        "subject": {"reference": f"Patient/{scene.she.patient_id}"},
        "content": [{"attachment": {"contentType": "application/pdf", "data": data}}],
    }
    people.store_records(scene.she, [document])
    app = people.let_in(scene.she, "patient/*.rs")
    stored = app.get("/DocumentReference/letter").json()["content"][0]["attachment"]
    assert stored["url"].startswith("Binary/")

    found = scene.service.export("/$export?_type=DocumentReference")

    (letter,) = [one for one in found["DocumentReference"] if one["id"] == "letter"]
    assert letter["content"][0]["attachment"] == {"contentType": "application/pdf", "data": data}


def test_pieces_lie_sealed_under_the_key_of_their_person(scene):
    address = scene.service.complete("/$export?_type=Encounter")
    export = backends.of(address)

    for name in files_of(export):
        with storages["exports"].open(f"{export.uid}/{name}") as stored:
            assert b"Encounter" not in stored.read()
    (piece, *_) = ExportPiece.objects.filter(part__owner=scene.she)
    with storages["exports"].open(piece.name, "r+b") as stored:
        sealed = bytearray(stored.read())
        sealed[40] ^= 1
        stored.seek(0)
        stored.write(sealed)
    url = scene.service.manifest(address)["output"][0]["url"]
    answer = scene.service.fetch(url)
    with pytest.raises(runs.UNREADABLE):
        b"".join(answer.streaming_content)


def test_one_record_that_does_not_open_fails_only_its_part(scene, caplog):
    broken = Record.unguarded.filter(owner=scene.she, logical_id="she-con-2")
    broken.update(body=bytes(broken.get().body)[:-1] + b"\x00")

    with caplog.at_level(logging.CRITICAL):
        address = scene.service.complete()

    told = scene.service.manifest(address)
    assert "Condition" not in {one["type"] for one in told["output"]}
    assert "Encounter" in {one["type"] for one in told["output"]}
    (said,) = backends.lines(scene.service.fetch(told["error"][0]["url"]), 1)
    assert (
        said["issue"][0]["diagnostics"] == "The Condition records of 1 people could not be read and are missing here."
    )


# --- since, deleted --------------------------------------------------------------------------------------------------


@pytest.mark.spec(BULK, "kick-off", "_since: changed after that instant, and what was deleted")
def test_since_against_brute_force(scene):
    start = datetime(2026, 2, 1, tzinfo=UTC)
    for number in range(40):
        at = start + timedelta(milliseconds=number // 2, microseconds=number * 37)
        people.store_records(scene.she, [population.observation(scene.she.patient_id, f"s{number}")], at=at)
    whole = scene.service.export("/$export?_type=Observation,Condition")
    every = [one for resources in whole.values() for one in resources]

    for moment in (start - timedelta(days=1), start, start + timedelta(milliseconds=7), start + timedelta(days=1)):
        since = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        found = ids(scene.service.export(f"/$export?_type=Observation,Condition&_since={since}"))
        assert found == {
            f"{one['resourceType']}/{one['id']}"
            for one in every
            if datetime.fromisoformat(one["meta"]["lastUpdated"]) > moment
        }


def test_since_the_last_transaction_time_brings_what_is_new_and_only_that(scene):
    first = scene.service.complete("/$export?_type=Observation")
    since = scene.service.manifest(first)["transactionTime"]
    again = f"/$export?_type=Observation&_since={since}"
    assert scene.service.export(again) == {}

    people.store_records(
        scene.she,
        [
            population.observation(scene.she.patient_id, "new"),
            population.observation(scene.she.patient_id, "she-obs-7", note=[{"text": "changed"}]),
        ],
        at=timezone.now(),
    )

    assert ids(scene.service.export(again)) == {"Observation/new", "Observation/she-obs-7"}


def test_what_comes_after_the_kick_off_waits_for_the_next_export(scene):
    address = scene.service.begin("/$export?_type=Observation")
    late = timezone.now() + timedelta(seconds=1)
    people.store_records(
        scene.she,
        [
            population.observation(scene.she.patient_id, "late"),
            population.observation(scene.she.patient_id, "she-obs-7", note=[{"text": "changed"}]),
        ],
        at=late,
    )

    runs.perform(backends.of(address).pk)

    found = {one["id"]: one for one in scene.service.everything(address)["Observation"]}
    assert "late" not in found
    # One that was there is given as it is now, rather than not at all.
    assert found["she-obs-7"]["note"] == [{"text": "changed"}]


@pytest.mark.spec(BULK, "files", "deleted: transaction Bundles with DELETE requests")
def test_deleted_records_are_told_since_then(scene):
    since = scene.service.manifest(scene.service.complete())["transactionTime"]
    people.delete_record(scene.she, "Encounter", "she-enc-1")
    people.delete_record(scene.she, "Condition", "she-con-1")
    people.delete_record(scene.they, "Condition", "they-con-1")  # the service never had it

    told = scene.service.manifest(scene.service.complete(f"/$export?_since={since}"))
    narrow = scene.service.manifest(scene.service.complete(f"/$export?_type=Encounter&_since={since}"))
    without = scene.service.manifest(scene.service.complete("/$export"))

    assert (told["output"], without["deleted"]) == ([], [])
    assert deletions(scene.service, told) == ["Condition/she-con-1", "Encounter/she-enc-1"]
    assert deletions(scene.service, narrow) == ["Encounter/she-enc-1"]


def deletions(service: Service, manifest: dict[str, Any]) -> list[str]:
    (one,) = manifest["deleted"]
    assert one["type"] == "Bundle"
    bundles = backends.lines(service.fetch(one["url"]), one["count"])
    assert {bundle["type"] for bundle in bundles} == {"transaction"}
    requests = [entry["request"] for bundle in bundles for entry in bundle["entry"]]
    assert {request["method"] for request in requests} == {"DELETE"}
    return [request["url"] for request in requests]


# --- the access log --------------------------------------------------------------------------------------------------


def told_of(person: Person) -> list[Any]:
    return [event for event in events.of(person.pk, 1000) if event.interaction == "export"]


def test_the_access_log_has_each_persons_lines_when_they_leave(scene):
    address = scene.service.complete("/$export?_type=Encounter")
    url = scene.service.manifest(address)["output"][0]["url"]
    assert told_of(scene.she) == []  # nothing left yet

    b"".join(scene.service.fetch(url).streaming_content)

    for person in (scene.she, scene.they):
        (event,) = told_of(person)
        assert (event.action, event.outcome, event.agent) == ("R", "0", scene.service.client_id)
        assert event.detail["types"] == {"Encounter": 3}
        assert event.detail["records"] == 3
        part = ExportPart.objects.get(owner=person, resource_type="Encounter")
        assert event.consent_id == part.decision_id
        assert chains.verify(person.pk) == []
    assert told_of(scene.he) == []


def test_her_page_says_who_took_a_copy_of_what(scene):
    scene.service.export("/$export?_type=Encounter")
    browser = Client()
    browser.force_login(scene.she)

    page = browser.get("/access/").content.decode()

    assert scene.service.application.name in page
    assert "took a copy of" in page
    assert "3 × " in page


def test_the_access_log_has_nothing_of_whoever_withdrew(scene):
    address = scene.service.complete("/$export?_type=Encounter")
    url = scene.service.manifest(address)["output"][0]["url"]
    backends.withdraw(scene.she, scene.service)

    b"".join(scene.service.fetch(url).streaming_content)

    assert told_of(scene.she) == []
    assert len(told_of(scene.they)) == 1


def test_orders_refusals_and_cancellations_are_on_record(scene):
    address = scene.service.begin()
    scene.service.kick_off("/$export?_type=Nonsense")
    scene.service.cancel(address)

    chain = events.chain_of_app(scene.service.application.pk)
    told = [(e.interaction, e.detail["status"]) for e in events.of(chain, 20) if e.interaction != "token"]

    assert told[:3] == [("export-delete", 202), ("export", 400), ("export", 202)]


# --- how it is made --------------------------------------------------------------------------------------------------


def test_performing_twice_changes_nothing(scene):
    address = scene.service.complete()
    before = scene.service.everything(address)
    pieces = list(ExportPiece.objects.order_by("pk").values_list("pk", "name"))

    runs.perform(backends.of(address).pk)

    assert list(ExportPiece.objects.order_by("pk").values_list("pk", "name")) == pieces
    assert scene.service.everything(address) == before


def test_small_pieces_and_one_piece_say_the_same(scene, monkeypatch):
    whole = scene.service.export()
    monkeypatch.setattr(runs, "RECORDS_AT_ONCE", 3)
    monkeypatch.setattr(runs, "PEOPLE_AT_ONCE", 1)
    by_threes = scene.service.export()
    monkeypatch.setattr(runs, "PIECE_BYTES", 1)

    assert scene.service.export() == by_threes == whole


def test_metadata_tells_of_the_operations():
    statement = Client().get(f"{people.BASE}/metadata").json()

    definitions = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition"
    assert "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data" in statement["instantiates"]
    assert {"name": "export", "definition": f"{definitions}/export"} in statement["rest"][0]["operation"]
    by_type = {one["type"]: one.get("operation", []) for one in statement["rest"][0]["resource"]}
    assert {"name": "export", "definition": f"{definitions}/patient-export"} in by_type["Patient"]
    assert {"name": "export", "definition": f"{definitions}/group-export"} in by_type["Group"]
