"""Questionnaires: asked as they are written or not at all, answered in FHIR, hers to correct and to take back."""

from __future__ import annotations

import json

import pytest
from django.db import transaction
from django.utils import timezone

from consent import gate
from local import seeding
from portal import questionnaires
from portal.questionnaires import AnswerForm
from records import sources, store
from records.models import SourceKind
from records.query import Query
from standards.fhir import validation
from tests.portal import people

pytestmark = pytest.mark.django_db
ANSWERS = {"q0": "Headache", "q1": "2025-05-06", "q2": "7", "q3": "2", "q4": "no", "q5": "Is it\nserious?"}
NEW = "/own/answers/new/before-a-visit/"


def records(person):
    return gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="search", at=timezone.now())


def given(person) -> list:
    return list(records(person).every(Query.of("QuestionnaireResponse")))


def questionnaire(*items: dict, **more) -> dict:
    return {"resourceType": "Questionnaire", "id": "asked", "status": "active", "title": "Sleep", "item": list(items),
            "url": "https://clinic.example/sleep", **more}  # fmt: skip


def test_ours_is_valid_in_both_languages_and_asks_the_same():
    both = json.loads(questionnaires.FILE.read_text("utf-8"))

    assert [validation.problems(both[language]) for language in ("en", "es")] == [[], []]
    shapes = [[(item["linkId"], item["type"]) for item in both[language]["item"]] for language in ("en", "es")]
    assert shapes[0] == shapes[1]
    assert questionnaires.ours().can


def test_answers_are_valid_fhir_of_her_own_with_a_provenance():
    person = people.sign_up()

    assert people.browser_of(person).post(NEW, ANSWERS).status_code == 302

    (stored,) = given(person)
    resource = stored.resource
    assert validation.problems(resource) == []
    assert stored.source_id == sources.hers().pk
    assert resource["questionnaire"] == "urn:tributary:questionnaire:before-a-visit|1"
    her = {"reference": f"Patient/{person.patient_id}"}
    assert (resource["status"], resource["subject"], resource["author"], resource["source"]) == (
        "completed",
        *[her] * 3,
    )
    assert {item["linkId"]: item["answer"][0] for item in resource["item"]} == {
        "1": {"valueString": "Headache"},
        "2": {"valueDate": "2025-05-06"},
        "3": {"valueInteger": 7},
        "4": {"valueString": "Worse"},
        "5": {"valueBoolean": False},
        "6": {"valueString": "Is it\nserious?"},
    }
    (told,) = records(person).every(Query.of("Provenance"))
    assert told.resource["target"] == [{"reference": f"QuestionnaireResponse/{stored.logical_id}/_history/1"}]


@pytest.mark.parametrize(
    "wrong",
    [{"q0": ""}, {"q2": "11"}, {"q2": "-1"}, {"q1": "soon"}, {"q3": "9"}, {"q4": "maybe"}, {"q5": "x" * 10_001}],
)
def test_a_slip_is_told_and_nothing_is_kept(wrong):
    person = people.sign_up()

    answer = people.browser_of(person).post(NEW, {**ANSWERS, **wrong})

    assert answer.status_code == 200
    assert b"errorlist" in answer.content
    assert given(person) == []


@pytest.mark.parametrize(
    "more",
    [
        {"version": "1 draft"},
        {"item": [{"linkId": "1", "type": "choice", "answerOption": [{"valueInteger": "7"}]}]},
        {"item": [{"linkId": "1", "type": "choice", "answerOption": [{"valueCoding": {"code": "a", "bogus": 3}}]}]},
    ],
)
def test_answers_that_a_mistaken_questionnaire_makes_impossible_are_not_kept_and_the_page_says_so(more):
    person = people.sign_up()
    asked = {**questionnaire({"linkId": "1", "text": "How?", "type": "string"}), **more}
    source = sources.ensure(SourceKind.EHR, "Riverside", "https://riverside.example/fhir")
    with transaction.atomic():
        store.put_page(owner_id=person.pk, source_id=source.pk, resources=[asked], at=timezone.now())

    answer = people.browser_of(person).post("/own/answers/new/asked/", {"q0": "0"})

    assert answer.status_code == 200
    assert "there is a mistake in the questionnaire itself" in answer.content.decode()
    assert given(person) == []


def test_nothing_answered_where_nothing_is_required_is_kept_as_that():
    form = AnswerForm(
        questionnaires._asked("asked", questionnaire({"linkId": "1", "text": "How?", "type": "string"})), {"q0": "\x01"}
    )

    assert form.is_valid()
    assert form.said() == {"questionnaire": "https://clinic.example/sleep"}


def test_what_is_not_answered_is_left_out():
    person = people.sign_up()

    people.browser_of(person).post(NEW, {"q0": "Headache"})

    assert [item["linkId"] for item in given(person)[0].resource["item"]] == ["1"]


def test_she_corrects_her_answers_and_takes_them_back():
    person = people.sign_up()
    client = people.browser_of(person)
    client.post(NEW, ANSWERS)
    address = f"/own/answers/{given(person)[0].logical_id}/"
    form = client.get(address).content.decode()

    corrected = client.post(address, {**ANSWERS, "q2": "3", "version": "1"})
    stale = client.post(f"{address}take-back/", {"version": "1"})
    taken = client.post(f"{address}take-back/", {"version": "2"})

    assert ('value="7"' in form, 'value="2025-05-06"' in form, '<option value="2" selected>' in form) == (True,) * 3
    assert (corrected.status_code, stale["Location"], taken.status_code) == (302, address, 302)
    history = records(person).history("QuestionnaireResponse", given(person)[0].logical_id)
    assert [each.resource["status"] for each in history] == ["entered-in-error", "amended", "completed"]
    assert history[1].resource["item"][2]["answer"] == [{"valueInteger": 3}]
    assert all(validation.problems(each.resource) == [] for each in history)
    assert client.get(address).status_code == 404
    assert "entered in error" in client.get("/own/answers/").content.decode()


def test_a_questionnaire_of_her_record_is_asked_with_its_groups_and_options():
    person = people.sign_up()
    coding = {"system": "http://loinc.org", "code": "LA6568-5", "display": "Not at all"}
    people.store_records(person, [
        questionnaire(
            {"linkId": "g", "type": "group", "text": "At night", "item": [
                {"linkId": "g1", "type": "choice", "text": "Do you wake up?",
                 "answerOption": [{"valueCoding": coding}]},
                {"linkId": "g2", "type": "decimal", "text": "Hours"}]},
            {"linkId": "d", "type": "display", "text": "Thank you"})])  # fmt: skip
    client = people.browser_of(person)

    page = client.get("/own/answers/new/asked/").content.decode()
    client.post("/own/answers/new/asked/", {"q1": "0", "q2": "6.50"})

    for words in ("Sleep", "At night", "Do you wake up?", "Not at all", "Thank you"):
        assert words in page
    (group,) = given(person)[0].resource["item"]
    assert group["linkId"] == "g"
    assert group["item"][0]["answer"] == [{"valueCoding": coding}]
    assert group["item"][1]["answer"][0]["valueDecimal"].literal == "6.50"


@pytest.mark.parametrize(
    "item",
    [
        {
            "linkId": "1",
            "type": "string",
            "enableWhen": [{"question": "2", "operator": "exists", "answerBoolean": True}],
        },
        {"linkId": "1", "type": "string", "repeats": True},
        {"linkId": "1", "type": "choice", "answerValueSet": "https://clinic.example/values"},
        {"linkId": "1", "type": "choice"},
        {"linkId": "1", "type": "attachment"},
        {"linkId": "1", "type": "reference"},
        {"type": "string"},
        {"linkId": "1", "type": "string", "item": [{"linkId": "2", "type": "string"}]},
        {"linkId": "1", "type": "display", "text": "nothing to answer"},
    ],
)
def test_what_cannot_be_asked_whole_is_named_and_not_asked(item):
    person = people.sign_up()
    people.store_records(person, [questionnaire(item)])
    client = people.browser_of(person)

    page = client.get("/own/answers/").content.decode()

    assert "Sleep" in page
    assert "cannot be answered here" in page
    assert client.get("/own/answers/new/asked/").status_code == 404


def test_nobody_else_answers_corrects_or_sees_them():
    person, other = people.sign_up(), people.sign_up()
    people.browser_of(person).post(NEW, ANSWERS)
    people.store_records(person, [questionnaire({"linkId": "1", "type": "string", "text": "Secret question"})])
    address, client = f"/own/answers/{given(person)[0].logical_id}/", people.browser_of(other)

    for path in (address, "/own/answers/new/asked/"):
        assert client.get(path).status_code == 404
        assert client.post(path, {**ANSWERS, "version": "1"}).status_code == 404
    assert client.post(f"{address}take-back/", {"version": "1"}).status_code == 404
    assert "Secret question" not in client.get("/own/answers/").content.decode()
    assert given(person)[0].version_id == 1


@pytest.mark.skipif(not seeding.SHARED_DATA.exists(), reason="the public data sets do not lie beside the checkout")
def test_published_questionnaires_are_asked_whole_or_not_at_all():
    asked = {}
    for name in (
        "Questionnaire-f201",
        "Questionnaire-AUDIT-C",
        "Questionnaire-phq-9-questionnaire",
        "Questionnaire-3141",
    ):
        path = next(seeding.SHARED_DATA.rglob(f"{name}.json"))
        found = questionnaires._asked("x", json.loads(path.read_text("utf-8")))
        asked[name.partition("-")[2]] = len(AnswerForm(found).fields) if found.can else 0

    # Of the last two the options stand elsewhere (answerValueSet), and one depends on another answer.
    assert asked == {"f201": 7, "AUDIT-C": 4, "phq-9-questionnaire": 0, "3141": 0}
