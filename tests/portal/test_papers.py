"""Files and papers to take along: what was chosen is in them, what was not is not, and a doctor can read them."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re

import pytest
from django.utils import timezone, translation

from audit import events
from consent import gate, ledger
from portal import papers
from records import labels
from sharing.models import HealthLink
from standards.fhir import validation
from sync.sources.wearables import observations
from sync.sources.wearables.readings import Device, DeviceKind
from tests.portal import people
from tests.sharing import makers
from tests.standards import ips_rules

pytestmark = pytest.mark.django_db


def take(person, form, *kinds, **more):
    client = people.browser_of(person)
    offered = re.findall(r'name="sources" value="(\d+)"', client.get("/share/take/").content.decode())
    said = {"answer": "take", "form": form, "kinds": kinds or ["everything"], "sources": offered, **more}
    answer = client.post("/share/take/", said)
    assert answer.status_code == 200, answer.content
    return answer


def body(answer):
    return b"".join(answer.streaming_content)


def rows(answer):
    return list(csv.DictReader(io.StringIO(body(answer).decode("utf-8-sig"))))


def test_document_is_a_pdf_with_the_summary_in_words():
    owner = makers.owner(name="Maximiliana Fernández")

    answer = take(owner, "pdf")
    data = body(answer)

    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'attachment; filename="health-summary.pdf"'
    assert data.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in data or b"ObjStm" in data
    seen = events.of(owner.pk)[0]
    assert (seen.interaction, seen.detail["form"], seen.detail["types"]["AllergyIntolerance"]) == (
        "take-file",
        "pdf",
        1,
    )


def test_table_has_a_line_for_every_record_and_no_formula():
    owner = makers.owner()
    people.store_records(owner, [people.condition(owner, "formula", code={"text": "=1+1"})])

    found = rows(take(owner, "csv"))

    assert {row["id"] for row in found} == {
        "pressure", "hb", "pulse", "penicillin", "flu", "formula", owner.patient_id,
    }  # fmt: skip
    (hb,) = [row for row in found if row["id"] == "hb"]
    assert (hb["what"], hb["value"], hb["date"], hb["from"]) == ("Hemoglobin", "13.5 g/dL", "2020-01-01", "Riverside")
    assert [row["what"] for row in found if row["id"] == "formula"] == ["'=1+1"]


def test_table_says_moments_in_her_time_as_a_spreadsheet_sorts_them():
    owner = makers.owner()
    owner.time_zone = "America/New_York"
    owner.save()
    dated = {"then": "2019", "day": "2020-02-03", "moment": "2020-02-03T02:00:00Z"}
    people.store_records(owner, [people.condition(owner, name, onsetDateTime=said) for name, said in dated.items()])

    data = body(take(owner, "csv"))

    assert data.startswith(codecs.BOM_UTF8)
    found = {row["id"]: row["date"] for row in csv.DictReader(io.StringIO(data.decode("utf-8-sig")))}
    assert {name: found[name] for name in dated} == {"then": "2019", "day": "2020-02-03", "moment": "2020-02-02 21:00"}


def test_papers_call_a_reading_by_what_was_measured_and_say_how_bad_a_reaction_is():
    owner = makers.owner()
    scale = {"resourceType": "Device", "id": "scale", "deviceName": [{"name": "Scale", "type": "model-name"}]}
    weight = people.observation(owner, "weight", category="vital-signs", valueQuantity={"value": 70, "unit": "kg"})
    weight["code"] = {"text": "Body weight"}
    weight["device"] = {"reference": "Device/scale"}
    risky = {"code": {"text": "Nuts"}, "criticality": "high", "patient": weight["subject"], "status": "active"}
    people.store_records(owner, [scale, weight, {"resourceType": "AllergyIntolerance", "id": "nuts", **risky}])
    reader = gate.Owner(owner.pk)
    records = gate.readable(owner_id=owner.pk, reader=reader, interaction="search", at=timezone.now())

    with translation.override("es"):
        sections = papers.summary(records, at=timezone.now()).sections
    told = {row.what: row.found for section in sections for row in section.rows}

    assert told["Body weight"].startswith("70 kg")
    assert "Scale" not in told
    assert told["Nuts"] == "riesgo: alto; activo"


@pytest.mark.parametrize("live", ["live", "frozen"])
def test_whoever_hid_her_own_details_is_told_why_there_is_no_summary(live):
    owner = makers.owner()
    client = people.browser_of(owner)
    offered = re.findall(r'name="sources" value="(\d+)"', client.get("/share/take/").content.decode())
    wish = {
        "kinds": ["everything"],
        "sources": offered,
        "label": "x",
        "content": "summary",
        "moving": live,
        "length": 7,
    }
    hidden = f"/record/Patient/{owner.patient_id}/hide/"
    assert client.get("/share/emergency/").status_code == 200

    client.post(hidden, {"hide": "everyone"})

    told = [
        client.post("/share/new/", wish),
        client.post("/share/take/", {"kinds": ["everything"], "sources": offered, "form": "pdf"}),
        client.get("/share/emergency/", follow=True),
    ]
    assert [answer.status_code for answer in told] == [200, 200, 200]
    assert [b"you hid your own details from everyone" in answer.content for answer in told] == [True, True, True]
    assert not HealthLink.objects.exists()


def test_fhir_files_are_what_they_say():
    owner = makers.owner()

    document, bundle = (json.loads(body(take(owner, form))) for form in ("ips", "bundle"))

    assert ips_rules.broken(document) == []
    assert (bundle["type"], len(bundle["entry"])) == ("collection", 6)
    assert [problem for entry in bundle["entry"] for problem in validation.problems(entry["resource"])] == []


@pytest.mark.parametrize("form", ["csv", "ips", "bundle"])
def test_sensitive_hidden_and_refused_kinds_are_left_out(form):
    owner = makers.owner()
    people.store_records(owner, [makers.sensitive(owner), people.condition(owner, "hidden", code={"text": "Zebra"})])
    every = {"labels": labels.names(labels.SENSITIVE)}
    whole = body(take(owner, form, **every)).decode()
    assert all(word in whole for word in ("HIV infection", "Zebra", "Penicillin"))
    ledger.hide(owner=owner, actor=owner, record="Condition/hidden", read=makers.READ, at=timezone.now())

    chosen = body(take(owner, form, "conditions")).decode()

    assert "High blood pressure" in chosen
    assert not any(word in chosen for word in ("HIV", "Zebra", "Penicillin"))


def test_emergency_card_says_what_matters_and_sensitive_records_only_when_asked():
    owner = makers.owner(name="Ana Example")
    contact = {"name": {"text": "Berta Example"}, "telecom": [{"system": "phone", "value": "555-0100"}]}
    group = {"coding": [{"system": "http://loinc.org", "code": "882-1"}]}
    people.store_records(
        owner,
        [
            makers.sensitive(owner),
            {"resourceType": "Patient", "id": "there", "contact": [contact]},
            people.observation(owner, "blood", code=group, valueCodeableConcept={"text": "O Rh positive"}),
        ],
    )
    client = people.browser_of(owner)

    said = client.get("/share/emergency/").content.decode()
    more = client.get("/share/emergency/?sensitive=1").content.decode()

    assert all(
        word in said for word in ("Penicillin", "High blood pressure", "Berta Example, 555-0100", "O Rh positive")
    )
    assert "HIV infection" not in said
    assert "HIV infection" in more
    assert [event.interaction for event in events.of(owner.pk)][:2] == ["take-file", "take-file"]


def test_emergency_card_says_once_what_two_sources_say_alike_and_how_to_take_it_in_words():
    owner = makers.owner()
    daily = {"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}, "asNeededBoolean": True}
    pill = {
        "resourceType": "MedicationRequest",
        "id": "pill",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": "Pill"},
        "subject": {"reference": f"Patient/{owner.patient_id}"},
        "dosageInstruction": [{"sequence": 1, **daily}],
    }
    twins = [people.condition(owner, f"twin{number}", code={"text": "Twin finding"}) for number in (1, 2)]
    people.store_records(owner, [pill, *twins])

    said = people.browser_of(owner).get("/share/emergency/").content.decode()

    assert said.count("Twin finding") == 1
    assert "once a day, as needed" in said
    assert "Step" not in said


def test_emergency_card_names_what_is_in_her_and_no_watch_and_no_phone():
    owner = makers.owner()
    whose = {"reference": f"Patient/{owner.patient_id}"}
    watch, phone = (
        observations.device(Device(name, name, kind, "Maker"), owner.patient_id)
        for name, kind in (("Runner Watch", DeviceKind.WATCH), ("Her Phone", DeviceKind.PHONE))
    )
    pacemaker = {
        "resourceType": "Device",
        "id": "pacemaker",
        "status": "active",
        "type": {"text": "Dual chamber pacemaker"},
        "patient": whose,
    }
    people.store_records(owner, [watch, phone, pacemaker])
    client = people.browser_of(owner)
    assert "Runner Watch" in client.get("/records/devices/").content.decode()

    said = client.get("/share/emergency/").content.decode()

    assert "Dual chamber pacemaker" in said
    assert "Runner Watch" not in said
    assert "Her Phone" not in said


def test_who_has_nothing_yet_is_told_so():
    nobody = people.sign_up(name="New Here")

    assert b"New Here" in people.browser_of(nobody).get("/share/emergency/").content
    assert json.loads(body(take(nobody, "ips")))["type"] == "document"
    assert body(take(nobody, "pdf")).startswith(b"%PDF-")
    assert makers.receiver(makers.make(nobody)).bundle(passcode=makers.CODE)["type"] == "document"


def test_pages_ask_for_a_proof_and_nothing_chosen_is_told():
    owner = makers.owner()
    client = people.browser_of(owner)

    answer = client.post("/share/take/", {"answer": "take", "form": "pdf"})

    assert answer.status_code == 200
    assert b"Choose at least one." in answer.content
    counted = client.post("/share/take/", {"answer": "count", "kinds": ["allergies"]}).content
    assert b"<strong>2</strong> records can be seen." in counted
    assert b"Choose" not in counted.split(b"</h1>")[1].split(b"<form")[0]
