"""Questionnaires: asked as they are written or not at all, answered in FHIR, hers to correct and to take back."""

from __future__ import annotations

import json

import pytest
from django.db import transaction
from django.utils import timezone

from consent import gate
from local import seeding
from portal import asking, questionnaires
from portal.asking import Unaskable, Why
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


def asks(resource: dict) -> list[tuple]:
    """Without its words."""
    found = asking.questions(resource)
    return [(each.item["linkId"], each.item["type"], len(each.item.get("answerOption", ()))) for each in found]


@pytest.mark.parametrize("name", questionnaires.OURS)
def test_each_of_ours_is_valid_in_both_languages_and_asks_the_same(name):
    english, spanish = (questionnaires.ours(name, language=language).resource for language in ("en", "es"))

    assert [validation.problems(each) for each in (english, spanish)] == [[], []]
    assert asks(english) == asks(spanish)
    assert (english["url"], english["title"]) != (spanish["url"], spanish["title"])
    assert questionnaires.ours(name).can


def given_by_a_clinic(*items: dict, **more) -> bytes:
    whole = {**questionnaire(*items, **more), "text": {"status": "generated", "div": "<div>Sleep</div>"}}
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode()


HOW = {"linkId": "1", "text": "How?", "type": "string"}


def test_what_a_clinic_gives_is_kept_without_what_asks_nothing():
    kept = questionnaires.taken(given_by_a_clinic(HOW, url=None), address="urn:uuid:1")

    assert kept == {
        "resourceType": "Questionnaire",
        "url": "urn:uuid:1",
        "version": "1",
        "status": "active",
        "title": "Sleep",
        "item": [HOW],
    }
    assert validation.problems(kept) == []


def nested(depth: int) -> dict:
    return {**HOW, "linkId": f"d{depth}"} if not depth else {
        "linkId": f"d{depth}", "type": "group", "text": "Group", "item": [nested(depth - 1)]}  # fmt: skip


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "It is no JSON"),
        (b"\x00\xff", "It is no JSON"),
        (b"[" * 60_000, "It is no JSON"),
        (b'{"resourceType": "Questionnaire", "version": 1' + b"0" * 5_000 + b"}", "It is no JSON"),
        (b" " * 65_537, "larger than 64 kB"),
        (b"[]", "no FHIR Questionnaire"),
        (b'{"resourceType": "Patient"}', "no FHIR Questionnaire"),
        (given_by_a_clinic({**HOW, "text": "a\x00b"}), "By FHIR R4 it is wrong at Questionnaire.item[0].text"),
        (given_by_a_clinic({**HOW, "type": "essay"}), "By FHIR R4 it is wrong at Questionnaire.item[0].type"),
        (given_by_a_clinic(HOW, title=None), "It needs a title"),
        (given_by_a_clinic(HOW, title="x" * 201), "It needs a title"),
        (given_by_a_clinic(HOW, url="urn:tributary:questionnaire:before-a-visit"), "Its url is none"),
        (given_by_a_clinic(HOW, status="retired"), "not in use"),
        (given_by_a_clinic(HOW, subjectType=["Practitioner"]), "not about a patient"),
    ],
)
def test_what_is_no_questionnaire_that_a_clinic_could_ask_is_told(data, told):
    with pytest.raises(questionnaires.Unusable) as caught:
        questionnaires.taken(data, address="urn:uuid:1")

    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("items", "why", "item"),
    [
        ([{**HOW, "repeats": True}], Why.SEVERAL, "How?"),
        ([HOW, {**HOW, "text": "Again"}], Why.LINK, "Again"),
        ([{**HOW, "type": "choice", "answerValueSet": "https://clinic.example/set"}], Why.ELSEWHERE, "How?"),
        ([{**HOW, "type": "choice", "answerOption": [{"valueString": str(n)} for n in range(101)]}], Why.OPTIONS,
         "How?"),
        ([{**HOW, "enableWhen": [{"question": "0", "operator": "exists", "answerBoolean": True}]}], Why.DEPENDS,
         "How?"),
        ([{**HOW, "modifierExtension": [{"url": "https://clinic.example/not", "valueBoolean": True}]}], Why.MODIFIED,
         "How?"),
        ([{**HOW, "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/questionnaire-hidden",
                                 "valueBoolean": True}]}], Why.FILLED, "How?"),
        ([{**HOW, "type": "integer", "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/minValue", "valueInteger": 9},
            {"url": "http://hl7.org/fhir/StructureDefinition/maxValue", "valueInteger": 1}]}], Why.LIMITS, "How?"),
        ([{"linkId": str(n), "type": "string"} for n in range(1000)], Why.MANY, ""),
        ([nested(7)], Why.DEPTH, "Group"),
        ([{"linkId": "1", "type": "display", "text": "Hello"}], Why.NOTHING, ""),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_with_the_item_named(items, why, item):
    with pytest.raises(Unaskable) as caught:
        questionnaires.taken(given_by_a_clinic(*items), address="urn:uuid:1")

    assert (caught.value.why, caught.value.item) == (why, item)


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
        questionnaires.asked(questionnaire({"linkId": "1", "text": "How?", "type": "string"})), {"q0": "\x01"}
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
        found = questionnaires.asked(json.loads(path.read_text("utf-8")))
        asked[name.partition("-")[2]] = len(AnswerForm(found).fields) if found.can else 0

    # Of the last two the options stand elsewhere (answerValueSet), and one depends on another answer.
    assert asked == {"f201": 7, "AUDIT-C": 4, "phq-9-questionnaire": 0, "3141": 0}
