"""Her decisions as FHIR Consent: read and searched by an app she let see them, computed from the ledger."""

from __future__ import annotations

from datetime import timedelta

import pytest

from consent import ledger
from consent.terms import Terms
from gateway import authorizations
from standards.fhir import validation
from tests.fhirapi import people

pytestmark = pytest.mark.django_db
READ = ledger.Reading("2026-11", "en")


@pytest.fixture
def she(db):
    return people.sign_up()


def ids(app: people.App, path: str) -> list[str]:
    return [name.removeprefix("Consent/") for name in app.ids(path)]


def stored_consent(person):
    people.store_records(
        person,
        [
            {
                "resourceType": "Consent",
                "id": "advance-directive",
                "status": "active",
                "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "adr"}]},
                "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
                "patient": {"reference": f"Patient/{person.patient_id}"},
                "dateTime": "2019-01-01",
            }
        ],
    )


def test_an_app_that_may_see_consents_reads_what_she_decided(she):
    stored_consent(she)
    other = people.let_in(she, "patient/Observation.rs?category=http://a|b", terms=Terms(labels=frozenset({"HIV"})))
    app = people.let_in(she, "patient/Consent.rs")

    found = ids(app, "/Consent")

    assert set(found) == {"advance-directive", str(other.decision.uid), str(app.decision.uid)}
    consent = app.get(f"/Consent/{other.decision.uid}").json()
    assert (consent["status"], consent["patient"]) == ("active", {"reference": f"Patient/{she.patient_id}"})
    (recipient,) = consent["provision"]["actor"]
    assert recipient["reference"]["identifier"]["value"] == other.application.client_id
    permit, deny = consent["provision"]["provision"]
    assert permit["class"][0]["code"] == "Observation"
    assert permit["code"] == [{"coding": [{"system": "http://a", "code": "b"}]}]
    assert "HIV" not in [label["code"] for label in deny["securityLabel"]]
    assert "PSY" in [label["code"] for label in deny["securityLabel"]]


def test_a_scope_for_everything_does_not_tell_which_apps_she_uses(she):
    stored_consent(she)
    people.let_in(she, "patient/Observation.rs")

    app = people.let_in(she, "patient/*.rs")

    assert ids(app, "/Consent") == ["advance-directive"]
    assert app.get(f"/Consent/{app.decision.uid}").status_code == 404


def test_another_persons_decision_is_not_there(she):
    theirs = people.let_in(people.sign_up(), "patient/Consent.rs")
    assert theirs.get(f"/Consent/{theirs.decision.uid}").status_code == 200

    app = people.let_in(she, "patient/Consent.rs")

    assert app.get(f"/Consent/{theirs.decision.uid}").status_code == 404
    assert ids(app, "/Consent") == [str(app.decision.uid)]


@pytest.mark.parametrize("how", ["withdraw", "pause"])
def test_what_she_ended_is_inactive_from_then_on(she, how):
    other, app = people.let_in(she, "patient/Observation.rs"), people.let_in(she, "patient/Consent.rs")
    assert ids(app, "/Consent?status=inactive") == []
    act = {"withdraw": ledger.withdraw, "pause": ledger.pause}[how]

    act(owner_id=she.pk, grantee=other.application.client_id, actor=she, at=people.now())

    assert ids(app, "/Consent?status=inactive") == [str(other.decision.uid)]
    assert ids(app, "/Consent?status=active") == [str(app.decision.uid)]
    consent = app.get(f"/Consent/{other.decision.uid}").json()
    assert consent["meta"]["versionId"] == "2"


def test_one_that_came_to_its_end_is_inactive_without_anybody_doing_anything(she, monkeypatch):
    other, app = people.let_in(she, "patient/Observation.rs"), people.let_in(she, "patient/Consent.rs")
    ends = people.now() + timedelta(minutes=1)
    authorizations.renew(other.authorization, by=she, ends=ends, read=READ, at=people.now())
    assert len(ids(app, "/Consent?status=active")) == 2
    later = ends + timedelta(seconds=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)

    assert ids(app, "/Consent?status=active") == [str(app.decision.uid)]


def test_searches_find_and_page_her_decisions_like_stored_ones(she):
    stored_consent(she)
    for _ in range(3):
        people.let_in(she, "patient/Observation.rs")
    app = people.let_in(she, "patient/Consent.rs")
    every = ids(app, "/Consent")
    assert len(every) == 5

    assert ids(app, "/Consent?_count=2") == every
    assert every[-1] == "advance-directive", "newest first"
    assert app.bundle("/Consent?_summary=count")["total"] == 5
    assert app.bundle("/Consent?_total=accurate&_count=1")["total"] == 5
    assert ids(app, f"/Consent?patient={she.patient_id}&date=ge2020") == every[:-1]
    assert ids(app, "/Consent?date=2019") == ["advance-directive"]
    assert ids(app, f"/Consent?_id={every[1]},advance-directive") == [every[1], "advance-directive"]
    assert ids(app, "/Consent?category=http://terminology.hl7.org/CodeSystem/v3-ActCode|IDSCL") == every[:-1]
    assert ids(app, "/Consent?patient=somebody-else") == []
    assert ids(app, f"/Patient/{she.patient_id}/Consent") == every
    assert app.get("/Consent?_cursor=abc").status_code == 400
    assert app.get("/Consent?date=never").status_code == 400


def test_what_she_hid_is_in_no_consent(she):
    app = people.let_in(she, "patient/Consent.rs")
    before = ids(app, "/Consent")

    ledger.hide(owner=she, actor=she, record="Observation/secret", read=READ, at=people.now())

    assert ids(app, "/Consent") == before
    assert "secret" not in app.get("/Consent").content.decode()


def test_a_window_and_sources_count_for_her_decisions_too(she):
    other = people.let_in(she, "patient/Observation.rs")
    assert str(other.decision.uid) in ids(people.let_in(she, "patient/Consent.rs"), "/Consent")

    none = people.let_in(she, "patient/Consent.rs", terms=Terms(sources=frozenset()))
    past = people.let_in(she, "patient/Consent.rs", terms=Terms(until=1))

    assert ids(none, "/Consent") == ids(past, "/Consent") == []


def versions(app: people.App, path: str) -> list[tuple[str, str, str]]:
    """Id, version and status of each entry of a history."""
    told = [entry["resource"] for entry in app.bundle(path).get("entry", [])]
    return [(one["id"], one["meta"]["versionId"], one["status"]) for one in told]


def test_a_decision_has_its_versions(she):
    other, app = people.let_in(she, "patient/Observation.rs"), people.let_in(she, "patient/Consent.rs")
    uid = str(other.decision.uid)
    assert versions(app, f"/Consent/{uid}/_history") == [(uid, "1", "active")]
    as_decided = app.get(f"/Consent/{uid}").json()

    ledger.withdraw(owner_id=she.pk, grantee=other.application.client_id, actor=she, at=people.now())

    bundle = app.bundle(f"/Consent/{uid}/_history")
    assert versions(app, f"/Consent/{uid}/_history") == [(uid, "2", "inactive"), (uid, "1", "active")]
    assert validation.problems(bundle) == []
    assert app.get(f"/Consent/{uid}/_history/1").json() == as_decided
    assert app.get(f"/Consent/{uid}/_history/2").json() == app.get(f"/Consent/{uid}").json()
    assert app.get(f"/Consent/{uid}/_history/3").status_code == 404


def test_the_history_of_all_holds_hers_among_the_stored_ones(she):
    stored_consent(she)
    other, app = people.let_in(she, "patient/Observation.rs"), people.let_in(she, "patient/Consent.rs")
    ledger.withdraw(owner_id=she.pk, grantee=other.application.client_id, actor=she, at=people.now())

    whole = versions(app, "/Consent/_history")

    uid, own = str(other.decision.uid), str(app.decision.uid)
    assert whole == [
        (uid, "2", "inactive"), (own, "1", "active"), (uid, "1", "active"), ("advance-directive", "1", "active"),
    ]  # fmt: skip
    assert versions(app, "/Consent/_history?_since=2026-01-01T00:00:00Z")[:3] == whole[:3]
    paged, page = [], app.bundle("/Consent/_history?_count=1")
    while True:
        paged += [(entry["resource"]["id"], entry["resource"]["meta"]["versionId"]) for entry in page["entry"]]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            break
        page = app.bundle(following[0].partition("/fhir/r4")[2])
    assert paged == [one[:2] for one in whole]


def test_no_version_of_a_decision_is_told_to_who_may_not_see_it(she):
    app, other = people.let_in(she, "patient/*.rs"), people.let_in(people.sign_up(), "patient/Consent.rs")
    uid = app.decision.uid

    answers = [asker.get(f"/Consent/{uid}/{rest}").status_code for asker in (app, other)
               for rest in ("_history", "_history/1")]  # fmt: skip

    assert set(answers) == {404}
    assert versions(app, "/Consent/_history") == []
